//! Histories.

use super::*;

#[tokio::test]
async fn every_version_is_told_newest_first() {
    let clinic = Clinic::new();
    clinic.put("Patient/1", &patient("1", "A")).await;
    clinic.put("Patient/1", &patient("1", "B")).await;
    clinic.ask("DELETE Patient/1", &[], "").await;
    clinic.put("Patient/2", &patient("2", "C")).await;
    let past = clinic.get("Patient/1/_history").await;
    assert_eq!(past.node().text_of("type"), Some("history"));
    assert_eq!(past.statuses(), [204, 200, 201]);
    let node = past.node();
    let entries = node.get("entry").unwrap().items();
    assert_eq!(entries[0].at(&["request", "method"]).unwrap().text(), Some("DELETE"));
    assert!(entries[0].get("resource").is_none());
    assert_eq!(entries[2].at(&["response", "etag"]).unwrap().text(), Some("W/\"1\""));
    assert_eq!(clinic.get("Patient/_history").await.statuses().len(), 4);
    assert_eq!(clinic.get("_history").await.statuses().len(), 4);
    assert_eq!(clinic.get("Patient/never/_history").await.code(), 404);
    assert_eq!(clinic.get("Patient/1/_history?colour=red").await.code(), 400);
}

#[tokio::test]
async fn histories_are_paged_and_bounded_in_time() {
    let clinic = Clinic::new();
    let mut times = Vec::new();
    for family in ["A", "B", "C", "D", "E"] {
        let made = clinic.put("Patient/1", &patient("1", family)).await;
        let at = made.node().at(&["meta", "lastUpdated"]).unwrap().text().unwrap().to_owned();
        times.push(at);
    }
    let (mut versions, mut next) = (Vec::new(), Some("Patient/1/_history?_count=2".to_owned()));
    while let Some(url) = next {
        let page = clinic.get(&url).await;
        let node = page.node();
        for entry in node.get("entry").unwrap().items() {
            versions.push(entry.at(&["response", "etag"]).unwrap().text().unwrap().to_owned());
        }
        next = page.link("next");
    }
    assert_eq!(versions, ["W/\"5\"", "W/\"4\"", "W/\"3\"", "W/\"2\"", "W/\"1\""]);
    let since = clinic.get(&format!("Patient/1/_history?_since={}", times[3])).await;
    assert_eq!(since.statuses().len(), 2, "{}", since.text());
    let at = clinic.get(&format!("Patient/1/_history?_at={}", times[1])).await;
    assert!(at.text().contains(r#"W/\"2\""#), "{}", at.text());
    assert_eq!(clinic.get("Patient/1/_history?_since=yesterday").await.code(), 400);
}
