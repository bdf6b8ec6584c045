//! The records as a FHIR server, as ordinary clients and as staff reach it.

use autoclave_ledger::{Decision, Event};
use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};

use crate::fixtures::{Hospital, Reply};

const FHIR: &str = "application/fhir+json";

impl Hospital {
    /// Sends with a token of the service for everything.
    async fn as_service(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let jti = format!("{}", self.events().len());
        let token = self.service_token(&jti, "system/*.cruds").await;
        assert_eq!(token.status, StatusCode::OK, "{}", token.text());
        let token = token.json()["access_token"].as_str().unwrap().to_owned();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, FHIR);
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    /// Stores a patient; gives the id.
    async fn patient(&self, family: &str) -> String {
        let patient = json!({"resourceType": "Patient", "name": [{"family": family}]});
        let made = self.as_service("POST", "/fhir/Patient", Some(&patient)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        let location = made.headers[header::LOCATION].to_str().unwrap().to_owned();
        location.split("/Patient/").nth(1).unwrap().split('/').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn an_ordinary_client_writes_reads_and_finds_with_a_token() {
    let hospital = Hospital::new();
    let id = hospital.patient("Moreau").await;
    let read = hospital.as_service("GET", &format!("/fhir/Patient/{id}"), None).await;
    assert_eq!(read.status, StatusCode::OK, "{}", read.text());
    assert_eq!(read.headers[header::CONTENT_TYPE], FHIR);
    assert_eq!(read.headers[header::ETAG], "W/\"1\"");
    assert_eq!(read.json()["name"][0]["family"], "Moreau");
    let found = hospital.as_service("GET", "/fhir/Patient?family=moreau", None).await;
    assert_eq!(found.status, StatusCode::OK, "{}", found.text());
    assert_eq!(found.json()["entry"][0]["resource"]["id"], id);
    let mut changed = read.json();
    changed["gender"] = json!("female");
    let path = format!("/fhir/Patient/{id}");
    let put = hospital.as_service("PUT", &path, Some(&changed)).await;
    assert_eq!(
        (put.status, put.headers[header::ETAG].to_str().unwrap()),
        (StatusCode::OK, "W/\"2\"")
    );
    let gone = hospital.as_service("DELETE", &path, None).await;
    assert!(gone.status.is_success(), "{}", gone.text());
    assert_eq!(hospital.as_service("GET", &path, None).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn what_is_stored_survives_a_restart() {
    let hospital = Hospital::new();
    let id = hospital.patient("Moreau").await;
    let hospital = hospital.restarted();
    let read = hospital.as_service("GET", &format!("/fhir/Patient/{id}"), None).await;
    assert_eq!(read.json()["name"][0]["family"], "Moreau");
}

#[tokio::test]
async fn nobody_reads_without_a_token_but_everybody_learns_what_the_server_is() {
    let hospital = Hospital::new();
    let open =
        async |path: &str| hospital.send(Request::get(path).body(Body::empty()).unwrap()).await;
    let reply = open("/fhir/Patient").await;
    assert_eq!((reply.status, reply.code()), (StatusCode::UNAUTHORIZED, "token.missing".into()));
    assert_eq!(reply.json()["resourceType"], "OperationOutcome");
    assert_eq!(reply.headers[header::WWW_AUTHENTICATE], "Bearer");
    assert_eq!(hospital.bearer("guess", "/fhir/Patient").await.code(), "token.refused");
    let metadata = open("/fhir/metadata").await;
    assert_eq!(metadata.status, StatusCode::OK, "{}", metadata.text());
    assert_eq!(metadata.json()["resourceType"], "CapabilityStatement");
}

#[tokio::test]
async fn a_token_counts_for_five_minutes_and_for_its_scopes() {
    let hospital = Hospital::new();
    let id = hospital.patient("Moreau").await;
    let path = format!("/fhir/Patient/{id}");
    let token = hospital.service_token("a", "system/Observation.rs").await;
    let token = token.json()["access_token"].as_str().unwrap().to_owned();
    let reply = hospital.bearer(&token, &path).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN, "{}", reply.text());
    let reply = hospital.bearer(&token, "/fhir/Observation").await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    hospital.outside.clock.advance(300);
    assert_eq!(hospital.bearer(&token, "/fhir/Observation").await.code(), "token.refused");
}

#[tokio::test]
async fn staff_in_a_session_read_and_search_by_their_role() {
    let hospital = Hospital::new();
    let id = hospital.patient("Moreau").await;
    let (eve, ada) =
        (hospital.at_work("eve", "clinician").await, hospital.at_work("ada", "clerk").await);
    let path = format!("/fhir/Patient/{id}");
    assert_eq!(hospital.get(&eve, &path).await.status, StatusCode::OK);
    assert_eq!(hospital.get(&ada, &path).await.status, StatusCode::FORBIDDEN);
    assert_eq!(hospital.get(&eve, "/fhir/Patient").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_admission_is_found_as_fhir_and_is_one_patient_whatever_is_repeated() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let study = hospital.admit(&clerk, "one").await;
    assert_eq!(hospital.admit(&clerk, "one").await, study);
    let found = hospital.as_service("GET", "/fhir/Patient?family=okafor", None).await;
    assert_eq!(found.json()["entry"].as_array().unwrap().len(), 1, "{}", found.text());
    let found = hospital.as_service("GET", &format!("/fhir/ImagingStudy?_id={study}"), None).await;
    assert_eq!(found.json()["entry"][0]["resource"]["id"], study);
}

/// As if the process was killed between the FHIR store and the clinic's own.
#[tokio::test]
async fn an_admission_that_broke_off_is_finished_by_its_repetition_and_doubles_nobody() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let study = hospital.admit(&clerk, "one").await;
    let patient = hospital.get(&clerk, "/patients").await.json()["patients"][0]["patient"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    // All that the clinic itself has of the admission goes, and the FHIR store stays.
    hospital.clinic.store.erase(&patient).unwrap();
    assert_eq!(hospital.admit(&clerk, "one").await, study, "the same ids");
    let found = hospital.as_service("GET", "/fhir/Patient?family=okafor", None).await;
    assert_eq!(found.json()["entry"].as_array().unwrap().len(), 1, "{}", found.text());
    assert_eq!(found.json()["entry"][0]["resource"]["meta"]["versionId"], "1");
}

#[tokio::test]
async fn whoever_breaks_the_glass_says_why_in_a_line_of_its_own() {
    let hospital = Hospital::new();
    let id = hospital.patient("Moreau").await;
    let eve = hospital.at_work("eve", "clinician").await;
    let path = format!("/fhir/Patient/{id}");
    let ask = async |reason: Option<&str>| {
        let session = eve.session.as_deref().unwrap();
        let mut request = Request::get(&path)
            .header(header::AUTHORIZATION, format!("DPoP {session}"))
            .header("dpop", hospital.proof(&eve.key, "GET", &path, Some(session)))
            .header("purpose-of-use", "BTG");
        if let Some(reason) = reason {
            request = request.header("break-glass-reason", reason);
        }
        hospital.send(request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(ask(None).await.code(), "break_glass.reason");
    assert_eq!(ask(Some("because she is my neighbour")).await.code(), "break_glass.reason");
    let before = hospital.events().len();
    assert_eq!(ask(Some("unconscious")).await.status, StatusCode::OK);
    let lines = hospital.events().split_off(before);
    let Event::Access { action, resource, .. } = &lines[0] else { panic!("{lines:?}") };
    assert_eq!((action.as_str(), resource.as_str()), ("break_glass", "Reason/unconscious"));
}

#[tokio::test]
async fn every_access_is_an_audit_event_that_an_auditor_finds_by_patient() {
    let hospital = Hospital::new();
    let (one, other) = (hospital.patient("Moreau").await, hospital.patient("Okafor").await);
    let eve = hospital.at_work("eve", "clinician").await;
    for id in [&one, &one, &other] {
        hospital.get(&eve, &format!("/fhir/Patient/{id}")).await;
    }
    let auditor = hospital.at_work("aud", "auditor").await;
    let audit = async |query: &str| {
        let path = "/fhir/AuditEvent";
        let session = auditor.session.as_deref().unwrap();
        let request = Request::get(format!("{path}?{query}"))
            .header(header::AUTHORIZATION, format!("DPoP {session}"))
            .header("dpop", hospital.proof(&auditor.key, "GET", path, Some(session)))
            .header("purpose-of-use", "HOPERAT");
        hospital.send(request.body(Body::empty()).unwrap()).await
    };
    let found = audit(&format!("patient=Patient/{one}&subtype=read")).await;
    assert_eq!(found.status, StatusCode::OK, "{}", found.text());
    let bundle = found.json();
    let entries = bundle["entry"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "{}", found.text());
    let event = &entries[0]["resource"];
    assert_eq!((&event["resourceType"], &event["action"]), (&json!("AuditEvent"), &json!("R")));
    assert!(entries.iter().all(|entry| !entry.to_string().contains(&one)), "a line names nobody");
    let first = audit(&format!("patient={one}&subtype=read&_count=1")).await.json();
    let next = first["link"][1]["url"].as_str().unwrap().split_once('?').unwrap().1.to_owned();
    let second = audit(&next).await.json();
    assert_ne!(first["entry"][0]["resource"]["id"], second["entry"][0]["resource"]["id"]);
    assert_eq!(audit("colour=red").await.code(), "search.parameter");
    let refused = hospital.get(&eve, "/fhir/AuditEvent").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "no auditor, no audit");
}

#[tokio::test]
async fn a_search_that_shows_several_patients_names_each_in_its_line() {
    let hospital = Hospital::new();
    for family in ["Moreau", "Okafor", "Petrova"] {
        hospital.patient(family).await;
    }
    let before = hospital.events().len();
    hospital.as_service("GET", "/fhir/Patient", None).await;
    let lines = hospital.events().split_off(before);
    let found = lines.iter().find_map(|line| match line {
        Event::Records { subjects, count, decision, .. } => {
            Some((subjects.len(), *count, *decision))
        }
        _ => None,
    });
    assert_eq!(found, Some((3, 3, Decision::Granted)), "{lines:?}");
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused() {
    let hospital = Hospital::new();
    let token = hospital.service_token("a", "system/*.cruds").await;
    let token = token.json()["access_token"].as_str().unwrap().to_owned();
    let request = Request::post("/fhir")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, FHIR)
        .body(Body::from(vec![b' '; crate::http::BUNDLE_BYTES_MAX + 1]));
    let reply = hospital.send(request.unwrap()).await;
    let expected = (StatusCode::PAYLOAD_TOO_LARGE, "fhir.too_large".to_owned());
    assert_eq!((reply.status, reply.code()), expected);
}

#[tokio::test]
async fn erasing_a_patient_erases_what_the_clinic_keeps_beside() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    hospital.admit(&clerk, "one").await;
    let patient = hospital.get(&clerk, "/patients").await.json()["patients"][0]["patient"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/fhir/Patient/{patient}/$erase");
    let unconfirmed = hospital.as_service("POST", &path, None).await;
    assert!(unconfirmed.status.is_client_error(), "{}", unconfirmed.text());
    let confirm = json!({"resourceType": "Parameters", "parameter": [
        {"name": "confirm", "valueString": patient}]});
    let erased = hospital.as_service("POST", &path, Some(&confirm)).await;
    assert!(erased.status.is_success(), "{}", erased.text());
    let list = hospital.get(&clerk, "/patients").await.json();
    assert_eq!(list["patients"], json!([]));
}
