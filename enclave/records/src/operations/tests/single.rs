//! Operations that are done when they answer: matching, validation, terminology, erasing.

use serde_json::json;

use super::world::{World, chief, clinician, consent, observation, patient};

#[tokio::test]
async fn a_patient_is_matched_with_a_score_and_a_grade() {
    let world = World::new();
    world.put(&patient("a", "Okonkwo")).await;
    world.put(&patient("b", "Moss")).await;
    let asked = json!({"resourceType": "Parameters", "parameter": [
        {"name": "resource", "resource": {"resourceType": "Patient", "birthDate": "1984-03-02", "gender": "female",
            "name": [{"family": "Okonkwo", "given": ["Adaeze"]}]}},
        {"name": "count", "valueInteger": 3}]});
    let found = world.post(&clinician(), "Patient/$match", &asked).await.json();
    let best = &found["entry"][0];
    assert_eq!(best["resource"]["id"], "a", "{found}");
    assert_eq!(best["search"]["extension"][0]["valueCode"], "certain");
    assert!(best["search"]["score"].as_f64().unwrap() > 0.7);
    world.put(&consent("a", &json!({"type": "deny"}))).await;
    let found = world.post(&clinician(), "Patient/$match", &asked).await;
    assert!(!found.text.contains("Okonkwo"), "{}", found.text);
}

#[tokio::test]
async fn only_certain_matches_are_told_where_only_they_are_asked_for() {
    let world = World::new();
    world.put(&patient("a", "Okonkwo")).await;
    let asked = |family: &str, certain: bool| {
        json!({"resourceType": "Parameters", "parameter": [
            {"name": "resource", "resource": {"resourceType": "Patient", "birthDate": "1984-03-02",
                "name": [{"family": family}]}},
            {"name": "onlyCertainMatches", "valueBoolean": certain}]})
    };
    let count = |answer: super::world::Answer| answer.json()["total"].clone();
    assert_eq!(
        count(world.post(&clinician(), "Patient/$match", &asked("Okonkwo", false)).await),
        1
    );
    assert_eq!(count(world.post(&clinician(), "Patient/$match", &asked("Okonkwo", true)).await), 0);
    let refused =
        world.post(&clinician(), "Patient/$match", &json!({"resourceType": "Parameters"})).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn validation_says_what_is_wrong_and_where() {
    let world = World::new();
    world.put(&patient("a", "Moss")).await;
    let good = world.post(&clinician(), "Patient/$validate", &patient("x", "Y")).await;
    assert_eq!(good.status, 200);
    assert!(!good.text.contains("\"error\""), "{}", good.text);
    let bad = json!({"resourceType": "Patient", "gender": "Zquorn", "unheard": 1});
    let told = world.post(&clinician(), "Patient/$validate", &bad).await;
    assert!(
        told.text.contains("\"error\"") && told.text.contains("Patient.gender"),
        "{}",
        told.text
    );
    assert!(!told.text.contains("Zquorn"));
    let stored = world.get(&clinician(), "Patient/a/$validate").await;
    assert_eq!(stored.status, 200, "{}", stored.text);
    assert_eq!(world.get(&clinician(), "Patient/none/$validate").await.status, 404);
    assert_eq!(
        world.post(&clinician(), "Observation/$validate", &patient("x", "Y")).await.status,
        400
    );
}

#[tokio::test]
async fn codes_are_looked_up_expanded_and_validated() {
    let world = World::new();
    let gender = "http://hl7.org/fhir/administrative-gender";
    let set = "http://hl7.org/fhir/ValueSet/administrative-gender";
    let ask = async |path: String| world.get(&clinician(), &path).await;
    let looked = ask(format!("CodeSystem/$lookup?system={gender}&code=female")).await;
    assert_eq!(looked.status, 200, "{}", looked.text);
    assert!(looked.text.contains("Female"));
    assert_eq!(ask(format!("CodeSystem/$lookup?system={gender}&code=none")).await.status, 404);
    let expanded = ask(format!("ValueSet/$expand?url={set}")).await.json();
    assert_eq!(expanded["expansion"]["total"], 4);
    let valid =
        |path: String| async { ask(path).await.json()["parameter"][0]["valueBoolean"].clone() };
    assert_eq!(
        valid(format!("ValueSet/$validate-code?url={set}&code=male&system={gender}")).await,
        true
    );
    assert_eq!(
        valid(format!("ValueSet/$validate-code?url={set}&code=none&system={gender}")).await,
        false
    );
    assert_eq!(valid(format!("CodeSystem/$validate-code?url={gender}&code=male")).await, true);
    assert_eq!(ask("ValueSet/$expand?url=http://none.example".into()).await.status, 404);
    assert_eq!(ask("ValueSet/$expand".into()).await.status, 400);
}

#[tokio::test]
async fn a_stored_value_set_is_known_at_once() {
    let world = World::new();
    let set = |code: &str| {
        json!({"resourceType": "ValueSet", "id": "own", "url": "urn:own", "status": "active", "compose": {"include": [
            {"system": "urn:codes", "concept": [{"code": code, "display": "Ours"}]}]}})
    };
    for code in ["one", "two"] {
        world.put(&set(code)).await;
        for path in ["ValueSet/$expand?url=urn:own", "ValueSet/own/$expand"] {
            let expanded = world.get(&clinician(), path).await.json();
            assert_eq!(expanded["expansion"]["contains"][0]["code"], code, "{expanded}");
        }
    }
}

#[tokio::test]
async fn erasing_is_confirmed_and_leaves_nothing() {
    let world = World::new();
    for id in ["a", "b"] {
        world.put(&patient(id, "Moss")).await;
        world.put(&observation(&format!("o-{id}"), id, "1-1")).await;
    }
    world.put(&patient("a", "Mossier")).await;
    let confirm = |id: &str| json!({"resourceType": "Parameters", "parameter": [{"name": "confirm", "valueString": id}]});
    assert_eq!(world.post(&chief(), "Patient/a/$erase", &confirm("b")).await.status, 422);
    assert_eq!(world.get(&chief(), "Patient/a/$erase?confirm=a").await.status, 405);
    let done = world.post(&chief(), "Patient/a/$erase", &confirm("a")).await;
    assert_eq!(done.status, 200, "{}", done.text);
    for path in ["Patient/a", "Patient/a/_history/1", "Observation/o-a"] {
        let answer = world.get(&chief(), path).await;
        assert!(matches!(answer.status, 404 | 410), "{path}: {}", answer.text);
        assert!(!answer.text.contains("Moss"));
    }
    assert_eq!(world.get(&chief(), "Patient?_summary=count").await.json()["total"], 1);
    assert!(!world.get(&chief(), "_history").await.text.contains("Mossier"));
    assert_eq!(world.get(&chief(), "Patient/b").await.status, 200);
    assert_eq!(world.post(&chief(), "Patient/none/$erase", &confirm("none")).await.status, 404);
}

#[tokio::test]
async fn validation_knows_the_profiles_of_us_core() {
    let world = World::new();
    let nameless = json!({"resourceType": "Patient", "gender": "female",
        "identifier": [{"system": "urn:mrn", "value": "1"}]});
    let profile = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient";
    let base = world.post(&clinician(), "Patient/$validate", &nameless).await;
    assert!(!base.text.contains("\"error\""), "{}", base.text);
    let path = format!("Patient/$validate?profile={profile}");
    let told = world.post(&clinician(), &path, &nameless).await;
    assert!(told.text.contains("\"error\"") && told.text.contains("Patient.name"), "{}", told.text);
}

#[tokio::test]
async fn a_view_is_a_table_of_what_the_caller_may_meet() {
    let world = World::new();
    world.put(&patient("a", "Okonkwo")).await;
    world.put(&patient("b", "Moss")).await;
    let view = json!({"resourceType": "Parameters", "parameter": [
        {"name": "_format", "valueCode": "csv"},
        {"name": "viewResource", "resource": {"resourceType": "ViewDefinition", "status": "active",
            "name": "people", "resource": "Patient", "select": [{"column": [
                {"name": "id", "path": "getResourceKey()"},
                {"name": "family", "path": "name.first().family"}]}]}}]});
    let run = async || world.post(&clinician(), "$viewdefinition-run", &view).await;
    let table = run().await;
    assert_eq!(table.status, 200, "{}", table.text);
    assert!(table.header("content-type").starts_with("text/csv"));
    let lines: Vec<&str> = table.text.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0], "id,family");
    assert!(table.text.contains("Okonkwo") && table.text.contains("Moss"));
    world.put(&consent("b", &json!({"type": "deny"}))).await;
    let table = run().await;
    assert!(table.text.contains("Okonkwo") && !table.text.contains("Moss"), "{}", table.text);
    let broken = json!({"resourceType": "Parameters", "parameter": [
        {"name": "viewResource", "resource": {"resourceType": "ViewDefinition", "resource": "Patient"}}]});
    assert_eq!(world.post(&clinician(), "$viewdefinition-run", &broken).await.status, 422);
}
