//! What nobody should send.

use super::*;

#[tokio::test]
async fn hostile_json_is_refused_by_name() {
    let clinic = Clinic::new();
    let deep =
        format!("{{\"resourceType\":\"Basic\",\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    for (body, code) in [
        (deep.as_str(), "json.depth"),
        (r#"{"resourceType":"Patient","id":"1","id":"2"}"#, "json.twice"),
        (r#"{"resourceType":"Patient","id":"\ud800"}"#, "json.syntax"),
        (r#"{"resourceType":"Patient""#, "json.syntax"),
        ("null", "record.not_a_resource"),
    ] {
        for line in ["POST Patient", "PUT Patient/1"] {
            let answer = clinic.ask(line, &[], body).await;
            assert_eq!(answer.code(), 400, "{line} {}", answer.text());
            assert_eq!(answer.problem(), code, "{line}");
        }
    }
    let patient = r#"{"resourceType":"Patient","birthDate":"yesterday","secret-name":"Lindqvist"}"#;
    let form = clinic.post("Patient", patient).await;
    assert_eq!(form.code(), 422);
    assert!(!form.text().contains("yesterday") && !form.text().contains("Lindqvist"));
}

#[tokio::test]
async fn searches_that_try_the_database_find_nothing() {
    let clinic = Clinic::new();
    clinic.put("Patient/1", &patient("1", "Lind")).await;
    for value in
        ["' OR 1=1 --", "lind'; DROP TABLE resource; --", "%25", "_", "*", "?1", "\\", "\u{0}"]
    {
        let encoded: Vec<String> = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let encoded = encoded.concat();
        for name in ["name", "_id", "identifier", "name:contains", "name:exact", "_tag"] {
            let answer = clinic.get(&format!("Patient?{name}={encoded}")).await;
            assert!(matches!(answer.code(), 200 | 400), "{name}={value}: {}", answer.text());
            if answer.code() == 200 {
                assert!(answer.ids().is_empty(), "{name}={value}");
            }
        }
    }
    assert_eq!(clinic.get("Patient?name=lind").await.ids(), ["1"]);
    assert_eq!(clinic.get("Patient/1'").await.code(), 404);
}

#[tokio::test]
async fn other_formats_methods_and_operations_are_refused() {
    let clinic = Clinic::new();
    clinic.put("Patient/1", &patient("1", "A")).await;
    for (line, headers, status) in [
        ("GET Patient/1", &["accept: application/fhir+xml"][..], 406),
        ("GET Patient/1?_format=xml", &[], 406),
        ("PUT Patient/1", &["content-type: application/fhir+xml"], 415),
        ("POST Patient/1", &[], 405),
        ("GET Patient/1/$fly", &[], 404),
        ("GET Patient/1?_summary=some", &[], 400),
        ("GET Patient?name=%zz", &[], 400),
        ("GET Nobody", &[], 404),
        ("GET Patient/1/Nobody", &[], 404),
    ] {
        let answer = clinic.ask(line, headers, &patient("1", "A")).await;
        assert_eq!(answer.code(), status, "{line}: {}", answer.text());
        assert_eq!(answer.node().text_of("resourceType"), Some("OperationOutcome"), "{line}");
    }
    assert_eq!(clinic.ask("DELETE metadata", &[], "").await.header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn dates_at_every_precision_and_zone_are_kept_and_found() {
    let clinic = Clinic::new();
    for (at, date) in
        ["2020", "2020-05", "2020-05-05", "2020-05-05T10:00:00Z", "2020-05-05T10:00:00.123+05:30"]
            .iter()
            .enumerate()
    {
        let id = format!("d{at}");
        let text = observation(&id, "1", "1-1")
            .replace(r#""status""#, &format!(r#""effectiveDateTime":"{date}","status""#));
        assert_eq!(clinic.put(&format!("Observation/{id}"), &text).await.code(), 201, "{date}");
        assert!(clinic.get(&format!("Observation/{id}")).await.text().contains(date));
    }
    assert_eq!(clinic.get("Observation?date=2020").await.ids().len(), 5);
    assert_eq!(clinic.get("Observation?date=2020-05-05").await.ids(), ["d2", "d3", "d4"]);
    assert_eq!(clinic.get("Observation?date=2020-05-05T15:30:00%2B05:30").await.ids(), ["d3"]);
}
