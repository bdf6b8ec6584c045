//! Searches, and what comes along with them.

use super::*;

async fn hospital() -> Clinic {
    let clinic = Clinic::new();
    for (id, family) in [("1", "Lind"), ("2", "Berg"), ("3", "Lindgren")] {
        clinic.put(&format!("Patient/{id}"), &patient(id, family)).await;
    }
    for (id, of, code) in [("a", "1", "1-1"), ("b", "1", "2-2"), ("c", "2", "1-1")] {
        clinic.put(&format!("Observation/{id}"), &observation(id, of, code)).await;
    }
    clinic
}

#[tokio::test]
async fn searches_answer_bundles_that_say_what_was_understood() {
    let clinic = hospital().await;
    let found = clinic.get("Observation?code=http://loinc.org|1-1").await;
    assert_eq!((found.code(), found.ids()), (200, vec!["a".to_owned(), "c".to_owned()]));
    assert_eq!(found.node().text_of("type"), Some("searchset"));
    assert_eq!(found.total(), Some(2));
    let url = format!("{BASE}/Observation?code=http://loinc.org|1-1");
    assert_eq!(found.link("self").as_deref(), Some(url.as_str()));
    let node = found.node();
    let entry = &node.get("entry").unwrap().items()[0];
    assert_eq!(entry.text_of("fullUrl"), Some(format!("{BASE}/Observation/a").as_str()));
    assert_eq!(clinic.get("Patient?name=lind").await.ids(), ["1", "3"]);
    assert_eq!(clinic.get("Patient?name:exact=Lind").await.ids(), ["1"]);
    assert_eq!(clinic.get("Patient?name:contains=ndgr").await.ids(), ["3"]);
    assert_eq!(clinic.get("Observation?patient=1&code=1-1").await.ids(), ["a"]);
    assert_eq!(clinic.get("Observation?subject:Patient.name=berg").await.ids(), ["c"]);
    assert_eq!(clinic.get("Patient?_has:Observation:patient:code=2-2").await.ids(), ["1"]);
    assert!(clinic.get("Patient?name=nobody").await.ids().is_empty());
}

#[tokio::test]
async fn forms_compartments_and_the_whole_system_are_searched() {
    let clinic = hospital().await;
    let form = ["content-type: application/x-www-form-urlencoded"];
    let found = clinic.ask("POST Patient/_search", &form, "name=lind&_count=1").await;
    assert_eq!(found.ids(), ["1"], "{}", found.text());
    assert_eq!(clinic.get("Patient/1/Observation?code=1-1").await.ids(), ["a"]);
    assert_eq!(clinic.get("Patient/1/Observation").await.ids(), ["a", "b"]);
    let mut all = clinic.get("Patient/2/*").await.ids();
    all.sort_unstable();
    assert_eq!(all, ["2", "c"]);
    let both = clinic.get("?_type=Patient,Observation&_id=1,a").await;
    assert_eq!(both.ids(), ["a", "1"], "{}", both.text());
    let wrong = clinic.get("?_type=Nobody").await;
    assert_eq!((wrong.code(), wrong.problem().as_str()), (400, "search.type_unknown"));
    let json = clinic.ask("POST Patient/_search", &[], "{}").await;
    assert_eq!(json.code(), 415);
}

#[tokio::test]
async fn an_unknown_parameter_is_refused_unless_the_client_is_lenient() {
    let clinic = hospital().await;
    let strict = clinic.get("Patient?name=lind&colour=red").await;
    assert_eq!(strict.code(), 400);
    assert!(strict.text().contains("colour") && !strict.text().contains("red"));
    let lenient = clinic.ask("GET Patient?name=lind&colour=red", &["prefer: handling=lenient"], "");
    let lenient = lenient.await;
    assert_eq!(lenient.ids(), ["1", "3", "outcome:-"]);
    assert!(lenient.text().contains("search.ignored"));
}

#[tokio::test]
async fn what_refers_and_what_is_referred_to_comes_along_once() {
    let clinic = hospital().await;
    let found = clinic.get("Observation?code=1-1&_include=Observation:subject").await;
    assert_eq!(found.ids(), ["a", "c", "include:1", "include:2"]);
    assert_eq!(found.total(), Some(2));
    let found = clinic.get("Patient?_id=1&_revinclude=Observation:subject").await;
    assert_eq!(found.ids(), ["1", "include:a", "include:b"]);
    let found = clinic.get("Observation?patient=1&_include=*").await;
    assert_eq!(found.ids(), ["a", "b", "include:1"]);
}

#[tokio::test]
async fn what_came_along_brings_its_own_only_where_that_was_asked() {
    let clinic = hospital().await;
    let organization = r#"{"resourceType":"Organization","id":"o","name":"H","partOf":{"reference":"Organization/p"}}"#;
    clinic.put("Organization/o", organization).await;
    let parent = r#"{"resourceType":"Organization","id":"p","name":"P","partOf":{"reference":"Organization/o"}}"#;
    clinic.put("Organization/p", parent).await;
    let managed = patient("1", "Lind")
        .replace(r#""name""#, r#""managingOrganization":{"reference":"Organization/o"},"name""#);
    clinic.put("Patient/1", &managed).await;
    let all = "_include=Observation:subject&_include:iterate=Patient:organization";
    let found = clinic.get(&format!("Observation?_id=a&{all}")).await;
    assert_eq!(found.ids(), ["a", "include:1", "include:o"], "{}", found.text());
    let plain = "_include=Observation:subject";
    let found = clinic.get(&format!("Observation?_id=a&{plain}")).await;
    assert_eq!(found.ids(), ["a", "include:1"]);
    let circle = "Organization?_id=o&_include:iterate=Organization:partof";
    assert_eq!(clinic.get(circle).await.ids(), ["o", "include:p"]);
}

#[tokio::test]
async fn counts_parts_and_order_are_as_asked() {
    let clinic = hospital().await;
    let count = clinic.get("Observation?_summary=count").await;
    assert_eq!((count.total(), count.ids().len()), (Some(3), 0));
    assert_eq!(clinic.get("Observation?_count=0").await.total(), Some(3));
    let page = clinic.get("Observation?_count=1&_total=accurate").await;
    assert_eq!((page.total(), page.ids().len()), (Some(3), 1));
    assert_eq!(clinic.get("Observation?_count=1").await.total(), None);
    let part = clinic.get("Observation?_id=a&_elements=status").await;
    assert!(part.text().contains("SUBSETTED") && !part.text().contains("valueQuantity"));
    let part = clinic.get("Observation/a?_summary=text").await;
    assert!(part.text().contains("SUBSETTED") && !part.text().contains("valueQuantity"));
    assert_eq!(clinic.get("Patient?_sort=family").await.ids(), ["2", "1", "3"]);
    assert_eq!(clinic.get("Patient?_sort=-family").await.ids(), ["3", "1", "2"]);
    assert_eq!(clinic.get("Patient?_sort=-_lastUpdated").await.ids(), ["3", "2", "1"]);
    assert!(clinic.get("Patient/1?_pretty=true").await.text().contains("\n  \"id\""));
}

#[tokio::test]
async fn everything_about_a_patient_is_told_page_by_page() {
    let clinic = hospital().await;
    let doctor = r#"{"resourceType":"Practitioner","id":"p","active":true}"#;
    clinic.put("Practitioner/p", doctor).await;
    let seen = observation("d", "1", "3-3").replace(
        r#""subject""#,
        r#""effectiveDateTime":"2020-05-05","performer":[{"reference":"Practitioner/p"}],"subject""#,
    );
    clinic.put("Observation/d", &seen).await;
    let all = clinic.get("Patient/1/$everything").await;
    assert_eq!(all.ids(), ["1", "a", "b", "d", "include:p"], "{}", all.text());
    let mut ids = Vec::new();
    let mut next = Some("Patient/1/$everything?_count=2".to_owned());
    while let Some(url) = next {
        let page = clinic.get(&url).await;
        ids.extend(page.ids());
        next = page.link("next");
    }
    assert_eq!(ids, ["1", "a", "b", "d", "include:p"]);
    assert_eq!(
        clinic.get("Patient/1/$everything?_type=Observation&start=2021").await.ids(),
        ["a", "b"]
    );
    let body = r#"{"resourceType":"Parameters","parameter":[{"name":"_count","valueInteger":2}]}"#;
    assert_eq!(clinic.post("Patient/1/$everything", body).await.ids(), ["1", "a"]);
    assert_eq!(clinic.get("Patient/never/$everything").await.code(), 404);
    assert_eq!(clinic.get("Patient/1/$everything?colour=red").await.code(), 400);
}
