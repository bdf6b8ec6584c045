//! Batches and transactions.

use super::*;

fn entry(full_url: &str, method: &str, url: &str, resource: &str) -> String {
    let full_url =
        if full_url.is_empty() { String::new() } else { format!(r#""fullUrl":"{full_url}","#) };
    let resource =
        if resource.is_empty() { String::new() } else { format!(r#""resource":{resource},"#) };
    format!(r#"{{{full_url}{resource}"request":{{"method":"{method}","url":"{url}"}}}}"#)
}

fn bundle(kind: &str, entries: &[String]) -> String {
    format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#, entries.join(","))
}

#[tokio::test]
async fn references_between_entries_lead_to_what_was_made() {
    let clinic = Clinic::new();
    let (one, two) = ("urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a", "urn:uuid:2");
    let seen = observation("x", "y", "1-1").replace("Patient/y", one);
    let body = bundle(
        "transaction",
        &[
            entry(two, "POST", "Observation", &seen),
            entry(one, "POST", "Patient", &patient("x", "A")),
        ],
    );
    let done = clinic.post("", &body).await;
    assert_eq!((done.code(), done.statuses()), (200, vec![201, 201]), "{}", done.text());
    assert_eq!(done.node().text_of("type"), Some("transaction-response"));
    let found = clinic.get("Observation?_include=Observation:subject").await;
    assert_eq!(found.ids().len(), 2, "{}", found.text());
    assert!(!found.text().contains("urn:uuid"));
}

#[tokio::test]
async fn a_transaction_is_all_or_nothing() {
    let clinic = Clinic::new();
    clinic.put("Patient/1", &patient("1", "A")).await;
    for (last, status) in [
        (entry("", "PUT", "Patient/3", r#"{"resourceType":"Patient","id":"3","colour":1}"#), 422),
        (entry("", "POST", "Patient", r#"{"resourceType":"Group"}"#), 400),
        (entry("", "PUT", "Patient/2", &patient("2", "C")), 400),
        (entry("", "GET", "Patient/never", ""), 404),
        (entry("", "DELETE", "Patient?_id=1,2", ""), 204),
    ] {
        let body = bundle(
            "transaction",
            &[
                entry("", "DELETE", "Patient/1", ""),
                entry("", "PUT", "Patient/2", &patient("2", "B")),
                last.clone(),
            ],
        );
        let done = clinic.post("", &body).await;
        if status == 204 {
            assert_eq!(done.code(), 400, "one resource twice: {}", done.text());
        } else {
            assert_eq!(done.code(), status, "{last}: {}", done.text());
        }
        assert_eq!(clinic.get("Patient/1").await.code(), 200, "{last}");
        assert_eq!(clinic.get("Patient/2").await.code(), 404, "{last}");
    }
}

#[tokio::test]
async fn a_transaction_deletes_makes_changes_and_reads_in_that_order() {
    let clinic = Clinic::new();
    clinic.put("Patient/1", &patient("1", "A")).await;
    clinic.put("Patient/2", &patient("2", "A")).await;
    let body = bundle(
        "transaction",
        &[
            entry("", "GET", "Patient/1", ""),
            entry("", "GET", "Patient?_id=1,2", ""),
            entry("", "PUT", "Patient/1", &patient("1", "Changed")),
            entry("", "DELETE", "Patient/2", ""),
        ],
    );
    let done = clinic.post("", &body).await;
    assert_eq!(done.statuses(), [200, 200, 200, 204], "{}", done.text());
    let node = done.node();
    let entries = node.get("entry").unwrap().items();
    assert_eq!(entries[0].at(&["response", "etag"]).unwrap().text(), Some("W/\"2\""));
    assert_eq!(entries[1].at(&["resource", "total"]).unwrap().number(), Some("1"));
    assert_eq!(entries[3].at(&["response", "etag"]).unwrap().text(), Some("W/\"2\""));
}

#[tokio::test]
async fn in_a_batch_each_entry_stands_alone() {
    let clinic = Clinic::new();
    let body = bundle(
        "batch",
        &[
            entry("", "PUT", "Patient/1", &patient("1", "A")),
            entry("", "PUT", "Patient/2", &patient("other", "A")),
            entry("", "GET", "Patient/never", ""),
            entry("", "POST", "Nobody", &patient("3", "A")),
            r#"{"resource":{"resourceType":"Patient"}}"#.to_owned(),
            entry("", "GET", "Patient?name=a", ""),
        ],
    );
    let done = clinic.post("", &body).await;
    assert_eq!(
        (done.code(), done.statuses()),
        (200, vec![201, 400, 404, 404, 400, 200]),
        "{}",
        done.text()
    );
    assert_eq!(clinic.get("Patient/1").await.code(), 200);
}

#[tokio::test]
async fn conditions_in_bundles_are_decided_before_anything_is_stored() {
    let clinic = Clinic::new();
    let with = r#"{"resourceType":"Patient","identifier":[{"system":"http://x","value":"1"}]}"#;
    clinic.put("Patient/known", &with.replace("{\"res", "{\"id\":\"known\",\"res")).await;
    let unless = r#""request":{"ifNoneExist":"identifier=http://x|1","#;
    let seen = observation("x", "y", "1-1").replace("Patient/y", "urn:uuid:1");
    let named = observation("x", "y", "2-2").replace("Patient/y", "Patient?identifier=http://x|1");
    let body = bundle(
        "transaction",
        &[
            entry("urn:uuid:1", "POST", "Patient", with).replace(r#""request":{"#, unless),
            entry("", "POST", "Observation", &seen),
            entry("", "POST", "Observation", &named),
        ],
    );
    let done = clinic.post("", &body).await;
    assert_eq!(done.statuses(), [200, 201, 201], "{}", done.text());
    assert_eq!(clinic.get("Observation?patient=known").await.ids().len(), 2);
    let nobody = observation("x", "y", "2-2").replace("Patient/y", "Patient?identifier=http://x|9");
    let body = bundle("transaction", &[entry("", "POST", "Observation", &nobody)]);
    let failed = clinic.post("", &body).await;
    assert_eq!((failed.code(), failed.problem().as_str()), (412, "condition.reference"));
}

#[tokio::test]
async fn bundles_answer_as_preferred() {
    let clinic = Clinic::new();
    let body = bundle("transaction", &[entry("", "PUT", "Patient/1", &patient("1", "A"))]);
    let short = clinic.post("", &body).await;
    assert!(!short.text().contains("resource\":"), "{}", short.text());
    let whole = clinic.ask("POST ", &["prefer: return=representation"], &body).await;
    assert!(whole.text().contains(r#""family":"A""#));
}

#[tokio::test]
async fn what_is_no_bundle_to_post_is_refused() {
    let clinic = Clinic::new();
    for (body, code) in [
        (patient("1", "A"), "bundle.not_a_bundle"),
        (bundle("searchset", &[]), "bundle.type"),
        (r#"{"resourceType":"Bundle","type":"batch","entry":{}}"#.to_owned(), "bundle.entry"),
        (
            bundle("transaction", &[r#"{"resource":{"resourceType":"Patient"}}"#.to_owned()]),
            "bundle.no_request",
        ),
        (bundle("transaction", &[entry("", "POST", "Patient", "")]), "bundle.no_resource"),
    ] {
        let answer = clinic.post("", &body).await;
        assert_eq!((answer.code(), answer.problem().as_str()), (400, code), "{body}");
    }
    assert_eq!(clinic.post("", &bundle("transaction", &[])).await.code(), 200);
}

#[tokio::test]
async fn a_bundle_of_thirty_thousand_entries_passes() {
    let clinic = Clinic::new();
    let entries: Vec<String> = (0..30_000)
        .map(|at| {
            entry(
                "",
                "POST",
                "Basic",
                &format!(r#"{{"resourceType":"Basic","code":{{"text":"{at}"}}}}"#),
            )
        })
        .collect();
    let done = clinic.post("", &bundle("transaction", &entries)).await;
    assert_eq!(done.code(), 200);
    assert_eq!(clinic.get("Basic?_summary=count").await.total(), Some(30_000));
}

#[tokio::test]
async fn a_write_leaves_one_provenance() {
    let clinic = Clinic::with(|settings| settings.provenance = true);
    let body = bundle(
        "transaction",
        &[
            entry("", "PUT", "Patient/1", &patient("1", "A")),
            entry("", "PUT", "Observation/a", &observation("a", "1", "1-1")),
        ],
    );
    assert_eq!(clinic.post("", &body).await.code(), 200);
    let found = clinic.get("Patient?_id=1&_revinclude=Provenance:target").await;
    assert_eq!(found.ids().len(), 2, "{}", found.text());
    for part in
        ["Patient/1/_history/1", "Observation/a/_history/1", "Practitioner/1", "TREAT", "CREATE"]
    {
        assert!(found.text().contains(part), "{part}: {}", found.text());
    }
    assert_eq!(clinic.get("Provenance").await.ids().len(), 1);
    clinic.ask("DELETE Observation/a", &[], "").await;
    assert!(clinic.get("Provenance?_sort=-_lastUpdated&_count=1").await.text().contains("DELETE"));
}

#[tokio::test]
async fn references_to_nowhere_are_refused_where_a_clinic_wants_it_so() {
    let clinic = Clinic::with(|settings| settings.references_must_exist = true);
    let lost = clinic.put("Observation/a", &observation("a", "1", "1-1")).await;
    assert_eq!((lost.code(), lost.problem().as_str()), (422, "record.reference"));
    let body = bundle(
        "transaction",
        &[
            entry("", "PUT", "Observation/a", &observation("a", "1", "1-1")),
            entry("", "PUT", "Patient/1", &patient("1", "A")),
        ],
    );
    assert_eq!(clinic.post("", &body).await.code(), 200);
    assert_eq!(Clinic::new().put("Observation/a", &observation("a", "1", "1-1")).await.code(), 201);
}

#[tokio::test]
async fn references_below_our_own_base_become_relative() {
    let clinic = Clinic::new();
    clinic.put("Patient/1", &patient("1", "A")).await;
    let absolute = observation("a", "1", "1-1").replace("Patient/1", &format!("{BASE}/Patient/1"));
    clinic.put("Observation/a", &absolute).await;
    assert_eq!(clinic.get("Observation?patient=1").await.ids(), ["a"]);
}
