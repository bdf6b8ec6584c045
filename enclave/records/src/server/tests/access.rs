//! Permission, its lines, patients in context, consent and labels.

use autoclave_fhir::Kind;

use super::*;
use crate::server::caller::Action;

async fn two_patients() -> Clinic {
    let clinic = Clinic::new();
    for id in ["1", "2"] {
        clinic.put(&format!("Patient/{id}"), &patient(id, "Lind")).await;
        let observed = format!("o{id}");
        clinic.put(&format!("Observation/{observed}"), &observation(&observed, id, "1-1")).await;
    }
    clinic.guard.lines.lock().unwrap().clear();
    clinic
}

#[tokio::test]
async fn every_answer_leaves_its_line_first() {
    let clinic = two_patients().await;
    let key = clinic.server.store().blind().reference(Kind::known("Patient"), "1");
    let taken = || std::mem::take(&mut *clinic.guard.lines.lock().unwrap());
    clinic.get("Observation/o1").await;
    let lines = taken();
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].action, lines[0].count), (Action::Read, 1));
    assert_eq!((lines[0].subjects.as_slice(), lines[0].granted), (&[key][..], true));
    clinic.get("Observation?code=1-1").await;
    let lines = taken();
    assert_eq!((lines[0].action, lines[0].count, lines[0].subjects.len()), (Action::Search, 2, 2));
    clinic.get("Observation/never").await;
    assert_eq!(taken()[0].count, 0);
    clinic.put("Patient/1", &patient("1", "Berg")).await;
    assert_eq!((taken()[0].action, key), (Action::Update, key));
}

#[tokio::test]
async fn what_rules_refuse_is_refused_everywhere_and_written_down() {
    let clinic = two_patients().await;
    let patient_kind = Some(Kind::known("Patient"));
    for action in [
        Action::Read,
        Action::Create,
        Action::Update,
        Action::Delete,
        Action::Search,
        Action::History,
    ] {
        clinic.guard.refuse.lock().unwrap().push((action, patient_kind));
    }
    for (line, body) in [
        ("GET Patient/1", String::new()),
        ("GET Patient/1/_history/1", String::new()),
        ("GET Patient/1/_history", String::new()),
        ("GET Patient", String::new()),
        ("GET ?_type=Patient", String::new()),
        ("POST Patient", patient("x", "A")),
        ("PUT Patient/1", patient("1", "A")),
        ("PUT Patient?name=lind", patient("1", "A")),
        ("PATCH Patient/1", r#"{"resourceType":"Parameters"}"#.to_owned()),
        ("DELETE Patient/1", String::new()),
        ("DELETE Patient?_id=1", String::new()),
    ] {
        let answer = clinic.ask(line, &[], &body).await;
        assert_eq!(
            (answer.code(), answer.problem().as_str()),
            (403, "permission.refused"),
            "{line}"
        );
        let lines = std::mem::take(&mut *clinic.guard.lines.lock().unwrap());
        assert!(lines.iter().any(|line| !line.granted), "{line}");
    }
    let body = r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/1"}},{"request":{"method":"GET","url":"Observation/o1"}}]}"#;
    assert_eq!(clinic.post("", body).await.statuses(), [403, 200]);
    let included = clinic.get("Observation?_include=Observation:subject").await;
    assert_eq!(included.ids(), ["o1", "o2"]);
}

#[tokio::test]
async fn a_patient_in_context_is_the_only_one() {
    let mut clinic = two_patients().await;
    let doctor = r#"{"resourceType":"Practitioner","id":"p","active":true}"#;
    clinic.put("Practitioner/p", doctor).await;
    clinic.caller.patient = Some("1".to_owned());
    assert_eq!(clinic.get("Patient").await.ids(), ["1"]);
    assert_eq!(clinic.get("Observation").await.ids(), ["o1"]);
    assert_eq!(clinic.get("Observation?_summary=count").await.total(), Some(1));
    assert_eq!(clinic.get("Practitioner/p").await.code(), 200);
    for path in [
        "Patient/2",
        "Observation/o2",
        "Observation/o2/_history/1",
        "Observation/o2/_history",
        "Patient/2/$everything",
    ] {
        assert_eq!(clinic.get(path).await.code(), 404, "{path}");
    }
    assert!(clinic.get("Patient/2/Observation").await.ids().is_empty());
    assert_eq!(clinic.get("Observation/_history").await.statuses().len(), 1);
    let theirs = clinic.put("Observation/o2", &observation("o2", "1", "1-1")).await;
    assert_eq!(theirs.code(), 403, "what is another's is not taken over");
    assert_eq!(clinic.post("Observation", &observation("x", "2", "1-1")).await.code(), 403);
    assert_eq!(clinic.post("Observation", &observation("x", "1", "1-1")).await.code(), 201);
    assert_eq!(clinic.ask("DELETE Observation/o2", &[], "").await.code(), 404);
}

#[tokio::test]
async fn a_token_that_is_narrowed_meets_nothing_else() {
    let clinic = two_patients().await;
    clinic.put("Observation/o3", &observation("o3", "1", "2-2")).await;
    *clinic.guard.narrowed.lock().unwrap() = vec!["code=2-2".to_owned()];
    assert_eq!(clinic.get("Observation").await.ids(), ["o3"]);
    assert_eq!(clinic.get("Observation?code=1-1").await.ids(), Vec::<String>::new());
    assert_eq!(clinic.get("Observation/o3").await.code(), 200);
    let made = clinic.put("Observation/o1", &observation("o1", "1", "2-2")).await;
    assert_eq!(made.code(), 403, "what is outside is not taken in");
    let made = clinic.put("Observation/o4", &observation("o4", "1", "1-1")).await;
    assert_eq!((made.code(), made.problem().as_str()), (403, "permission.narrowed"));
    let body = observation("o4", "1", "1-1");
    let batch = format!(
        r#"{{"resourceType":"Bundle","type":"batch","entry":[{{"resource":{body},"request":{{"method":"PUT","url":"Observation/o4"}}}}]}}"#
    );
    assert_eq!(clinic.post("", &batch).await.code(), 403);
    let made = clinic.put("Observation/o4", &observation("o4", "1", "2-2")).await;
    assert_eq!((made.code(), made.header("etag")), (201, "W/\"1\""), "nothing was left");
    assert_eq!(clinic.get("Observation/o1").await.code(), 404);
}

#[tokio::test]
async fn a_token_that_rows_cannot_narrow_opens_nothing() {
    let clinic = two_patients().await;
    *clinic.guard.narrowed.lock().unwrap() = vec!["code:text=anything".to_owned()];
    assert_eq!(clinic.get("Observation").await.code(), 403);
    assert_eq!(clinic.get("Observation/o1").await.code(), 403);
}

#[tokio::test]
async fn who_may_not_read_learns_nothing_from_a_condition_or_a_patch() {
    let clinic = two_patients().await;
    let patient_kind = Some(Kind::known("Patient"));
    clinic.guard.refuse.lock().unwrap().push((Action::Read, patient_kind));
    let found = clinic.ask("POST Patient", &["if-none-exist: _id=1"], &patient("x", "A")).await;
    assert_eq!((found.code(), found.body.len()), (200, 0), "{}", found.text());
    let json = ["content-type: application/json-patch+json"];
    let patch = r#"[{"op":"add","path":"/active","value":true}]"#;
    let patched = clinic.ask("PATCH Patient/1", &json, patch).await;
    assert_eq!((patched.code(), patched.body.len()), (200, 0));
}

#[tokio::test]
async fn who_withdraws_is_nowhere_for_whom_it_concerns() {
    let clinic = two_patients().await;
    let consent = r#"{"resourceType":"Consent","id":"c","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/1"},"policyRule":{"text":"x"},"provision":{"type":"deny"}}"#;
    let mut keeper = caller();
    keeper.clearance = vec!["*".to_owned()];
    let filed = clinic.put("Consent/c", consent).await;
    assert_eq!(filed.code(), 201, "{}", filed.text());
    for path in ["Patient/1", "Observation/o1", "Observation/o1/_history", "Patient/1/$everything"]
    {
        assert_eq!(clinic.get(path).await.code(), 404, "{path}");
    }
    assert_eq!(clinic.get("Patient").await.ids(), ["2"]);
    assert_eq!(clinic.get("Patient?_summary=count").await.total(), Some(1));
    assert_eq!(clinic.get("Observation?subject:Patient.name=lind").await.ids(), ["o2"]);
    assert_eq!(
        clinic.get("Observation?_include=Observation:subject").await.ids(),
        ["o2", "include:2"]
    );
    assert_eq!(clinic.get("_history").await.statuses().len(), 2);
    let patch = r#"{"resourceType":"Parameters"}"#;
    assert_eq!(clinic.ask("PATCH Patient/1", &[], patch).await.code(), 404);
    assert_eq!(clinic.put("Patient/1", &patient("1", "Berg")).await.code(), 403);
    let mut breaking = caller();
    breaking.purpose = autoclave_record::Purpose::BreakTheGlass;
    clinic.guard.lines.lock().unwrap().clear();
    assert_eq!(clinic.ask_as(&breaking, "GET Patient/1", &[], "").await.code(), 200);
    assert!(clinic.guard.lines.lock().unwrap()[0].glass);
}

#[tokio::test]
async fn another_institution_sees_nothing() {
    let clinic = two_patients().await;
    let mut other = caller();
    other.tenant = crate::Tenant(2);
    assert_eq!(clinic.ask_as(&other, "GET Patient/1", &[], "").await.code(), 404);
    assert!(clinic.ask_as(&other, "GET Patient", &[], "").await.ids().is_empty());
    assert!(clinic.ask_as(&other, "GET _history", &[], "").await.statuses().is_empty());
    let made = clinic.ask_as(&other, "PUT Patient/1", &[], &patient("1", "Z")).await;
    assert_eq!(made.code(), 201);
    assert!(clinic.get("Patient/1").await.text().contains("Lind"));
}
