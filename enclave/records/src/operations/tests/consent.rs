//! Consent and labels on every way to a record: who is denied meets nothing, counts nothing,
//! and cannot tell that there is anything.

use serde_json::json;

use super::world::{With, World, breaking, chief, clinician, consent, observation, patient};

/// A hospital in which `hidden` denies everything to Practitioner/1, and `open` nothing.
async fn hospital() -> World {
    let world = World::new();
    world
        .put(&json!({"resourceType": "Practitioner", "id": "1", "name": [{"family": "Weiss"}]}))
        .await;
    world.put(&patient("open", "Moss")).await;
    world.put(&patient("hidden", "Zquorn")).await;
    world.put(&observation("seen", "open", "1-1")).await;
    world.put(&observation("unseen-o", "hidden", "9-9")).await;
    world
        .put(&json!({"resourceType": "Condition", "id": "unseen-c", "subject": {"reference": "Patient/hidden"},
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "22298006"}]}}))
        .await;
    world
        .put(&json!({"resourceType": "Encounter", "id": "unseen-e", "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": {"reference": "Patient/hidden"}}))
        .await;
    world
}

fn denial() -> serde_json::Value {
    json!({"type": "deny", "actor": [{
        "role": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]},
        "reference": {"reference": "Practitioner/1"}}]})
}

/// Ways to a record, each of which leads somewhere for who is not denied.
const WAYS: &[&str] = &[
    "Patient/hidden",
    "Patient/hidden/_history",
    "Patient/hidden/_history/1",
    "Observation/unseen-o",
    "Observation/unseen-o/_history/1",
    "Patient",
    "Patient?_id=hidden",
    "Patient?name=zquorn",
    "Patient?family=Zquorn&_total=accurate",
    "Patient?identifier=urn:mrn|mrn-hidden",
    "Observation?code=9-9",
    "Observation?subject=Patient/hidden",
    "Observation?patient=hidden&_include=Observation:subject",
    "Observation?code=9-9&_elements=status",
    "Condition?patient=hidden",
    "Practitioner?_id=1&_revinclude=Observation:performer",
    "Practitioner?_has:Observation:performer:code=9-9",
    "Observation?subject:Patient.name=Zquorn",
    "Observation?patient.birthdate=1984-03-02&code=9-9",
    "Patient/hidden/$everything",
    "Patient/hidden/Observation",
    "Patient/hidden/*",
    "_history",
    "Patient/_history",
    "Observation/_history?_count=100",
    "?_type=Patient,Observation",
    "Patient/hidden/$validate",
];

/// What must not stand in an answer: planted names, ids and codes. Ids and codes that the
/// question itself has are no answer.
fn leaks(way: &str, text: &str) -> bool {
    let words = ["Zquorn", "unseen-o", "unseen-c", "unseen-e", "mrn-hidden"];
    words.iter().any(|word| !way.contains(word) && text.contains(word))
        || text.contains("\"family\":\"Zquorn\"")
        || text.contains("\"id\":\"unseen")
        || text.contains("\"id\":\"hidden\"")
}

#[tokio::test]
async fn who_is_denied_meets_the_patient_nowhere() {
    let world = hospital().await;
    for way in WAYS {
        let answer = world.get(&clinician(), way).await;
        assert_eq!(answer.status, 200, "{way}: {}", answer.text);
    }
    world.put(&consent("hidden", &denial())).await;
    for way in WAYS {
        let answer = world.get(&clinician(), way).await;
        assert!(matches!(answer.status, 200 | 404), "{way}: {}", answer.status);
        assert!(!leaks(way, &answer.text), "{way}: {}", answer.text);
        let others = world.get(&chief(), way).await;
        assert_eq!(others.status, 200, "{way}: {}", others.text);
    }
    assert!(leaks("Patient", &world.get(&chief(), "Patient").await.text));
}

#[tokio::test]
async fn who_is_denied_counts_nothing() {
    let world = hospital().await;
    let counted = [
        ("Patient?_summary=count", 1),
        ("Patient?_total=accurate", 1),
        ("Observation?_summary=count", 1),
        ("Observation?code=9-9&_summary=count", 0),
        ("Observation?subject:Patient.name=Zquorn&_summary=count", 0),
        ("Practitioner?_has:Observation:performer:code=9-9&_summary=count", 0),
        ("Condition?_summary=count", 0),
        ("Encounter?_summary=count", 0),
    ];
    let before = [2, 2, 2, 1, 1, 1, 1, 1];
    for ((way, _), before) in counted.iter().zip(before) {
        assert_eq!(world.get(&clinician(), way).await.json()["total"], before, "{way}");
    }
    // Whether all is denied or a part of it, what is denied is not counted.
    let part = json!({"type": "permit", "provision": [
        {"type": "deny", "class": [
            {"system": "http://hl7.org/fhir/resource-types", "code": "Patient"},
            {"system": "http://hl7.org/fhir/resource-types", "code": "Observation"},
            {"system": "http://hl7.org/fhir/resource-types", "code": "Condition"},
            {"system": "http://hl7.org/fhir/resource-types", "code": "Encounter"}]}]});
    for provision in [denial(), part] {
        world.put(&consent("hidden", &provision)).await;
        for (way, after) in &counted {
            let answer = world.get(&clinician(), way).await;
            assert_eq!(answer.json()["total"], *after, "{way}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn who_is_denied_changes_nothing_that_they_would_have_to_read() {
    let world = hospital().await;
    world.put(&consent("hidden", &denial())).await;
    let patch = br#"[{"op":"replace","path":"/gender","value":"male"}]"#.to_vec();
    let headers = [("content-type", "application/json-patch+json")];
    let with = || With { body: patch.clone(), headers: &headers };
    let answer = world.ask(&clinician(), "PATCH", "Patient/hidden", with()).await;
    assert_eq!(answer.status, 404, "{}", answer.text);
    assert!(!leaks("", &answer.text));
    let answer =
        world.ask(&clinician(), "PATCH", "Patient?identifier=urn:mrn|mrn-hidden", with()).await;
    assert!(answer.status >= 400 && !leaks("", &answer.text), "{}", answer.text);
    let answer = world
        .ask(&clinician(), "DELETE", "Patient?identifier=urn:mrn|mrn-hidden", With::default())
        .await;
    assert!(!leaks("", &answer.text));
    assert_eq!(world.get(&chief(), "Patient/hidden").await.status, 200, "it is still there");
}

#[tokio::test]
async fn a_batch_and_a_transaction_read_no_more_than_a_search() {
    let world = hospital().await;
    world.put(&consent("hidden", &denial())).await;
    for kind in ["batch", "transaction"] {
        let entries: Vec<_> = ["Patient?name=zquorn", "Observation?code=9-9"]
            .iter()
            .map(|url| json!({"request": {"method": "GET", "url": url}}))
            .collect();
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
        let answer = world.post(&clinician(), "", &bundle).await;
        assert!(
            !answer.text.contains("\"family\"") && !answer.text.contains("unseen"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_consent_is_in_force_when_its_answer_is_there_and_its_end_as_well() {
    let world = hospital().await;
    assert_eq!(world.get(&clinician(), "Patient/hidden").await.status, 200);
    world.put(&consent("hidden", &denial())).await;
    assert_eq!(world.get(&clinician(), "Patient/hidden").await.status, 404);
    let mut withdrawn = consent("hidden", &denial());
    withdrawn["status"] = json!("inactive");
    world.put(&withdrawn).await;
    assert_eq!(world.get(&clinician(), "Patient/hidden").await.status, 200);
    world.put(&consent("hidden", &denial())).await;
    assert_eq!(world.get(&clinician(), "Patient/hidden").await.status, 404);
    let gone = world.ask(&chief(), "DELETE", "Consent/consent-hidden", With::default()).await;
    assert!(gone.status < 300);
    assert_eq!(world.get(&clinician(), "Patient/hidden").await.status, 200);
}

#[tokio::test]
async fn consents_are_in_force_after_a_new_start() {
    let world = hospital().await;
    world.put(&consent("hidden", &denial())).await;
    let world = world.restarted();
    assert_eq!(world.get(&clinician(), "Patient/hidden").await.status, 404);
    assert_eq!(world.get(&chief(), "Patient/hidden").await.status, 200);
}

#[tokio::test]
async fn a_consent_ends_with_its_period() {
    let world = hospital().await;
    let mut provision = denial();
    // The clock of the tests stands at 2026-11-18T11:06:40Z.
    provision["period"] = json!({"end": "2026-11-18T11:06:50Z"});
    world.put(&consent("hidden", &provision)).await;
    assert_eq!(world.get(&clinician(), "Patient/hidden").await.status, 404);
    world.later(20_000);
    assert_eq!(world.get(&clinician(), "Patient/hidden").await.status, 200);
}

#[tokio::test]
async fn a_part_that_is_denied_is_denied_and_the_rest_is_there() {
    let world = hospital().await;
    let provision = json!({"type": "permit", "provision": [{"type": "deny",
        "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Condition"}]}]});
    world.put(&consent("hidden", &provision)).await;
    assert_eq!(world.get(&clinician(), "Patient/hidden").await.status, 200);
    assert_eq!(world.get(&clinician(), "Observation/unseen-o").await.status, 200);
    assert_eq!(world.get(&clinician(), "Condition/unseen-c").await.status, 404);
    let all = world.get(&clinician(), "Patient/hidden/$everything").await;
    assert!(all.text.contains("unseen-o") && !all.text.contains("unseen-c"), "{}", all.text);
    assert_eq!(world.get(&clinician(), "Condition?_summary=count").await.json()["total"], 0);
    // Through a chain nobody opens anything: there the patient is not met at all.
    let chained = world.get(&clinician(), "Patient?_has:Condition:patient:code=22298006").await;
    assert!(!chained.text.contains("Zquorn"), "{}", chained.text);
}

#[tokio::test]
async fn who_breaks_the_glass_meets_everything_and_it_is_written_down() {
    let world = hospital().await;
    world.put(&consent("hidden", &denial())).await;
    assert_eq!(world.get(&breaking(), "Patient/hidden").await.status, 200);
    assert!(world.has_broken_glass());
    assert_eq!(world.get(&breaking(), "Patient/open").await.status, 200);
    assert!(!world.has_broken_glass());
}

#[tokio::test]
async fn labels_beyond_the_clearance_are_met_nowhere() {
    let world = hospital().await;
    let mut labelled = observation("unseen-l", "open", "8-8");
    labelled["meta"] = json!({"security": [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]});
    world.put(&labelled).await;
    let cleared = |codes: &[&str]| crate::server::Caller {
        clearance: codes.iter().map(|code| (*code).to_owned()).collect(),
        ..clinician()
    };
    let ways = [
        "Observation/unseen-l",
        "Observation?code=8-8",
        "Observation?code=8-8&_summary=count",
        "Patient/open/$everything",
        "Practitioner?_has:Observation:performer:code=8-8",
        "Patient?_has:Observation:patient:code=8-8",
    ];
    for _ in 0..2 {
        for way in ways {
            let denied = world.get(&cleared(&["N"]), way).await;
            let is_empty = denied.json()["total"] == 0 || denied.status == 404;
            assert!(is_empty || !denied.text.contains("unseen-l"), "{way}: {}", denied.text);
            let met = world.get(&cleared(&["PSY"]), way).await;
            assert_ne!(met.text, denied.text, "{way}");
        }
        let count = world.get(&cleared(&[]), "Observation?code=8-8&_summary=count").await;
        assert_eq!(count.json()["total"], 0);
    }
}
