//! Create, read, update, patch, delete, and each under a condition.

use super::*;

#[tokio::test]
async fn a_resource_is_made_read_changed_and_deleted() {
    let clinic = Clinic::new();
    let made = clinic.post("Patient", &patient("theirs", "Lind")).await;
    assert_eq!(made.code(), 201, "{}", made.text());
    assert_eq!(made.header("etag"), "W/\"1\"");
    let id = made.node().text_of("id").unwrap().to_owned();
    assert_ne!(id, "theirs");
    assert_eq!(made.header("location"), format!("{BASE}/Patient/{id}/_history/1"));
    assert!(made.header("last-modified").ends_with("GMT"));

    let path = format!("Patient/{id}");
    let read = clinic.get(&path).await;
    assert_eq!((read.code(), read.header("etag")), (200, "W/\"1\""));
    assert_eq!(read.header("content-type"), "application/fhir+json");
    assert_eq!(read.node().at(&["meta", "versionId"]).unwrap().text(), Some("1"));

    let changed = clinic.put(&path, &patient(&id, "Berg")).await;
    assert_eq!((changed.code(), changed.header("etag")), (200, "W/\"2\""));
    assert!(clinic.get(&format!("{path}/_history/1")).await.text().contains("Lind"));
    assert!(clinic.get(&path).await.text().contains("Berg"));

    let deleted = clinic.ask(&format!("DELETE {path}"), &[], "").await;
    assert_eq!((deleted.code(), deleted.header("etag")), (204, "W/\"3\""));
    let gone = clinic.get(&path).await;
    assert_eq!((gone.code(), gone.problem().as_str()), (410, "record.deleted"));
    assert_eq!(clinic.ask(&format!("DELETE {path}"), &[], "").await.code(), 204);
    assert_eq!(clinic.ask("DELETE Patient/never", &[], "").await.code(), 204);
    let again = clinic.put(&path, &patient(&id, "Dahl")).await;
    assert_eq!((again.code(), again.header("etag")), (201, "W/\"4\""));
    assert_eq!(clinic.get("Patient/never").await.code(), 404);
    assert_eq!(clinic.get(&format!("{path}/_history/9")).await.code(), 404);
}

#[tokio::test]
async fn bytes_and_decimals_come_back_as_they_were_written() {
    let clinic = Clinic::new();
    let text = r#"{"resourceType":"Observation","id":"d","status" : "final","code":{"text":"é\u0041"},"valueQuantity":{"value":0.010,"unit":"x"},"component":[{"code":{"text":"y"},"valueQuantity":{"value":123456789012345678901234567890.123456789}}]}"#;
    assert_eq!(clinic.put("Observation/d", text).await.code(), 201);
    let read = clinic.get("Observation/d").await;
    for part in [r#""value":0.010,"unit""#, "123456789012345678901234567890.123456789", r"é\u0041"]
    {
        assert!(read.text().contains(part), "{part} in {}", read.text());
    }
}

#[tokio::test]
async fn preferences_decide_what_a_write_answers() {
    let clinic = Clinic::new();
    let minimal =
        clinic.ask("PUT Patient/1", &["prefer: return=minimal"], &patient("1", "A")).await;
    assert_eq!((minimal.code(), minimal.body.len()), (201, 0));
    assert!(!minimal.header("location").is_empty());
    let outcome = ["prefer: return=OperationOutcome"];
    let outcome = clinic.ask("PUT Patient/1", &outcome, &patient("1", "B")).await;
    assert_eq!(outcome.problem(), "record.stored");
    let whole = ["prefer: return=representation"];
    let whole = clinic.ask("PUT Patient/1", &whole, &patient("1", "C")).await;
    assert_eq!(whole.node().text_of("id"), Some("1"));
}

#[tokio::test]
async fn reads_are_conditional() {
    let clinic = Clinic::new();
    let made = clinic.put("Patient/1", &patient("1", "A")).await;
    let modified = format!("if-modified-since: {}", made.header("last-modified"));
    for (header, status) in [
        ("if-none-match: W/\"1\"", 304),
        ("if-none-match: W/\"2\"", 200),
        ("if-none-match: W/\"2\", W/\"1\"", 304),
        ("if-none-match: *", 304),
        (modified.as_str(), 304),
        ("if-modified-since: Thu, 01 Jan 1970 00:00:00 GMT", 200),
    ] {
        let read = clinic.ask("GET Patient/1", &[header], "").await;
        assert_eq!(read.code(), status, "{header}");
        assert_eq!(read.body.is_empty(), status == 304);
    }
    let head = clinic.ask("HEAD Patient/1", &[], "").await;
    assert_eq!((head.code(), head.body.len(), head.header("etag")), (200, 0, "W/\"1\""));
}

#[tokio::test]
async fn a_stale_version_is_not_overwritten() {
    let clinic = Clinic::new();
    let one = patient("1", "A");
    assert_eq!(clinic.ask("PUT Patient/1", &["if-match: W/\"1\""], &one).await.code(), 412);
    assert_eq!(clinic.put("Patient/1", &one).await.code(), 201);
    assert_eq!(clinic.ask("PUT Patient/1", &["if-match: W/\"1\""], &one).await.code(), 200);
    let stale = clinic.ask("PUT Patient/1", &["if-match: W/\"1\""], &one).await;
    assert_eq!((stale.code(), stale.problem().as_str()), (412, "condition.version"));
    assert_eq!(clinic.ask("DELETE Patient/1", &["if-match: W/\"1\""], "").await.code(), 412);
    assert_eq!(clinic.ask("PUT Patient/1", &["if-none-match: *"], &one).await.code(), 412);
    assert_eq!(clinic.ask("PUT Patient/1", &["if-match: one"], &one).await.code(), 400);
    assert_eq!(clinic.ask("DELETE Patient/1", &["if-match: W/\"2\""], "").await.code(), 204);
}

#[tokio::test]
async fn of_two_writers_on_one_version_one_wins() {
    let clinic = Clinic::new();
    clinic.put("Patient/1", &patient("1", "A")).await;
    let (left, right) = (patient("1", "L"), patient("1", "R"));
    let header = ["if-match: W/\"1\""];
    let (left, right) = futures::join!(
        clinic.ask("PUT Patient/1", &header, &left),
        clinic.ask("PUT Patient/1", &header, &right),
    );
    let mut codes = [left.code(), right.code()];
    codes.sort_unstable();
    assert_eq!(codes, [200, 412]);
}

#[tokio::test]
async fn ids_and_types_must_fit_the_url() {
    let clinic = Clinic::new();
    for (line, body, status, code) in [
        ("PUT Patient/1", patient("2", "A"), 400, "record.id_mismatch"),
        ("PUT Patient/1", r#"{"resourceType":"Patient"}"#.to_owned(), 400, "record.id_mismatch"),
        ("PUT Group/1", patient("1", "A"), 400, "record.type_mismatch"),
        ("POST Patient", r#"{"resourceType":"Nobody"}"#.to_owned(), 400, "record.not_a_resource"),
        ("POST Patient", "{}".to_owned(), 400, "record.not_a_resource"),
        ("POST Patient", String::new(), 400, "request.no_body"),
        ("PUT Patient/a_b", patient("a_b", "A"), 400, "request.id"),
    ] {
        let answer = clinic.ask(line, &[], &body).await;
        assert_eq!((answer.code(), answer.problem().as_str()), (status, code), "{line} {body}");
    }
}

#[tokio::test]
async fn conditional_writes_find_none_one_or_many() {
    let clinic = Clinic::new();
    let with = |family: &str, number: &str| {
        format!(
            r#"{{"resourceType":"Patient","identifier":[{{"system":"http://x","value":"{number}"}}],"name":[{{"family":"{family}"}}]}}"#
        )
    };
    let unless = ["if-none-exist: identifier=http://x|1"];
    assert_eq!(clinic.ask("POST Patient", &unless, &with("A", "1")).await.code(), 201);
    let there = clinic.ask("POST Patient", &unless, &with("B", "1")).await;
    assert_eq!((there.code(), there.header("etag")), (200, "W/\"1\""));
    let query = "Patient?identifier=http://x|1";
    let changed = clinic.put(query, &with("B", "1")).await;
    assert_eq!((changed.code(), changed.header("etag")), (200, "W/\"2\""));
    let new = clinic.put("Patient?identifier=http://x|2", &with("C", "2")).await;
    assert_eq!(new.code(), 201, "{}", new.text());
    assert_eq!(clinic.post("Patient", &with("A", "1")).await.code(), 201);
    for line in ["PUT Patient", "DELETE Patient", "PATCH Patient"] {
        let patch = r#"{"resourceType":"Parameters"}"#;
        let body = if line.starts_with("PATCH") { patch.to_owned() } else { with("D", "1") };
        let many = clinic.ask(&format!("{line}?identifier=http://x|1"), &[], &body).await;
        assert_eq!((many.code(), many.problem().as_str()), (412, "condition.many"), "{line}");
    }
    let many = clinic.ask("POST Patient", &unless, &with("A", "1")).await;
    assert_eq!(many.code(), 412);
    assert_eq!(clinic.ask("DELETE Patient?identifier=http://x|2", &[], "").await.code(), 204);
    assert_eq!(clinic.ask("DELETE Patient?identifier=http://x|2", &[], "").await.code(), 204);
    let empty = clinic.ask("DELETE Patient", &[], "").await;
    assert_eq!((empty.code(), empty.problem().as_str()), (412, "condition.empty"));
    let unknown = clinic.ask("DELETE Patient?colour=red", &[], "").await;
    assert_eq!(unknown.code(), 400);
}

#[tokio::test]
async fn patches_of_both_kinds_are_applied() {
    let clinic = Clinic::new();
    clinic.put("Patient/1", &patient("1", "A")).await;
    let json = ["content-type: application/json-patch+json"];
    let patch = r#"[{"op":"replace","path":"/name/0/family","value":"B"}]"#;
    let done = clinic.ask("PATCH Patient/1", &json, patch).await;
    assert_eq!((done.code(), done.header("etag")), (200, "W/\"2\""), "{}", done.text());
    assert!(done.text().contains(r#""family":"B""#));
    let patch = r#"{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},{"name":"path","valueString":"Patient.name[0].family"},{"name":"value","valueString":"C"}]}]}"#;
    let done = clinic.ask("PATCH Patient/1", &[], patch).await;
    assert!(done.text().contains(r#""family":"C""#), "{}", done.text());
    let test = r#"[{"op":"test","path":"/name/0/family","value":"X"}]"#;
    let failed = clinic.ask("PATCH Patient/1", &json, test).await;
    assert_eq!((failed.code(), failed.problem().as_str()), (422, "patch.test"));
    let other = r#"[{"op":"replace","path":"/id","value":"2"}]"#;
    assert_eq!(clinic.ask("PATCH Patient/1", &json, other).await.problem(), "patch.identity");
    let broken = r#"[{"op":"add","path":"/colour","value":"red"}]"#;
    assert_eq!(clinic.ask("PATCH Patient/1", &json, broken).await.code(), 422);
    assert_eq!(clinic.get("Patient/1").await.header("etag"), "W/\"3\"");
    assert_eq!(clinic.ask("PATCH Patient/2", &json, test).await.code(), 404);
}

#[tokio::test]
async fn tags_are_added_and_taken_away() {
    let clinic = Clinic::new();
    clinic.put("Patient/1", &patient("1", "A")).await;
    let body = r#"{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"system":"http://t","code":"x"}]}}]}"#;
    let added = clinic.post("Patient/1/$meta-add", body).await;
    assert!(added.text().contains(r#""code":"x""#), "{}", added.text());
    assert_eq!(clinic.get("Patient?_tag=http://t|x").await.ids(), ["1"]);
    assert!(clinic.get("Patient/1/$meta").await.text().contains(r#""code":"x""#));
    let taken = clinic.post("Patient/1/$meta-delete", body).await;
    assert!(!taken.text().contains(r#""code":"x""#));
    assert_eq!(clinic.get("Patient/1").await.header("etag"), "W/\"3\"");
    assert_eq!(clinic.get("Patient/1/$meta-add").await.code(), 405);
}
