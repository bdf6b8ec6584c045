//! A small hospital with a server, and how to ask it. The tests'.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use autoclave_base::Secret;
use autoclave_record::Purpose;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::{Operations, OperationsSettings, Sender, SubscriptionSettings};
use crate::keys::MemoryRoots;
use crate::server::fixtures::{TestGuard, caller};
use crate::server::{Caller, FhirRequest, Server, ServerSettings};
use crate::store::{Engine, FhirIndexer, Options, Presence, Store};

pub(crate) const BASE: &str = "https://clinic.example/fhir";

/// The hospital.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) guard: Arc<TestGuard>,
    pub(crate) operations: Operations,
    roots: Arc<MemoryRoots>,
    pub(crate) folder: TempDir,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The path behind the base in a header.
    pub(crate) fn path(&self, name: &str) -> String {
        self.header(name).strip_prefix(BASE).unwrap().trim_start_matches('/').to_owned()
    }
}

/// What is asked, beyond method and path.
#[derive(Default)]
pub(crate) struct With<'a> {
    pub(crate) body: Vec<u8>,
    pub(crate) headers: &'a [(&'a str, &'a str)],
}

impl World {
    /// A new one; inside a runtime.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::made(folder, Arc::default(), Arc::default(), None)
    }

    /// One whose subscribers are told by this.
    pub(crate) fn telling(sender: Arc<dyn Sender>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::made(folder, Arc::default(), Arc::default(), Some(sender))
    }

    /// The same after a new start: what was in memory is gone.
    pub(crate) fn restarted(self) -> Self {
        let Self { folder, roots, guard, server, operations } = self;
        drop((server, operations));
        Self::made(folder, roots, guard, None)
    }

    fn made(
        folder: TempDir,
        roots: Arc<MemoryRoots>,
        guard: Arc<TestGuard>,
        sender: Option<Arc<dyn Sender>>,
    ) -> Self {
        let path = folder.path().join("records.db");
        let store = Store::open(Options {
            engine: Engine::Sqlite { path, presence: Presence::Unknown },
            records: Secret::new([7; 32]),
            roots: roots.clone(),
            indexer: Arc::new(FhirIndexer::new()),
            readers: 2,
        })
        .unwrap();
        let operations = Operations::open(OperationsSettings {
            folder: folder.path().join("operations"),
            key: Secret::new([8; 32]),
            imports: Some(folder.path().to_owned()),
            subscriptions: SubscriptionSettings {
                hosts: vec!["hooks.example".into()],
                plain: false,
            },
            sender,
        })
        .unwrap();
        let settings = ServerSettings {
            bases: vec![BASE.into()],
            provenance: true,
            references_must_exist: false,
            security: Vec::new(),
            paging_key: Secret::new([9; 32]),
        };
        let server = Server::new(store, guard.clone(), settings, operations.all());
        Self { server, guard, operations, roots, folder }
    }

    /// Asks; `path` may have a query.
    pub(crate) async fn ask(
        &self,
        caller: &Caller,
        method: &str,
        path: &str,
        with: With<'_>,
    ) -> Answer {
        let (path, query) =
            path.split_once('?').map_or((path, None), |(at, query)| (at, Some(query)));
        let mut headers = HeaderMap::new();
        if !with.body.is_empty() {
            let json = HeaderValue::from_static("application/fhir+json");
            headers.insert(http::header::CONTENT_TYPE, json);
        }
        for (name, value) in with.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let request = FhirRequest {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            path: path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            query: query.map(str::to_owned),
            headers,
            body: with.body.into(),
            base: BASE.to_owned(),
        };
        let answer = self.server.handle(caller, request).await;
        let (head, body) = answer.into_parts();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: head.status.as_u16(), headers: head.headers, text }
    }

    pub(crate) async fn get(&self, caller: &Caller, path: &str) -> Answer {
        self.ask(caller, "GET", path, With::default()).await
    }

    pub(crate) async fn post(&self, caller: &Caller, path: &str, body: &Value) -> Answer {
        self.ask(caller, "POST", path, With { body: body.to_string().into(), headers: &[] }).await
    }

    /// Stores a resource under its id, as somebody whom nothing stops.
    pub(crate) async fn put(&self, resource: &Value) -> Answer {
        let kind = resource["resourceType"].as_str().unwrap();
        let path = format!("{kind}/{}", resource["id"].as_str().unwrap());
        let body = resource.to_string().into_bytes();
        let answer = self.ask(&chief(), "PUT", &path, With { body, headers: &[] }).await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {} {}", answer.status, answer.text);
        answer
    }

    /// Moves the clock on.
    pub(crate) fn later(&self, ms: i64) {
        self.guard.clock.fetch_add(ms, Ordering::Relaxed);
    }

    /// Whether the last line says that the glass was broken.
    pub(crate) fn has_broken_glass(&self) -> bool {
        self.guard.lines.lock().unwrap().last().is_some_and(|line| line.glass)
    }
}

/// A clinician, treating.
pub(crate) fn clinician() -> Caller {
    caller()
}

/// The same, breaking the glass.
pub(crate) fn breaking() -> Caller {
    Caller { purpose: Purpose::BreakTheGlass, ..caller() }
}

/// Somebody whom no label stops, and against whom nobody has anything.
pub(crate) fn chief() -> Caller {
    Caller { clearance: vec!["*".into()], reference: Some("Practitioner/chief".into()), ..caller() }
}

/// A patient with a name.
pub(crate) fn patient(id: &str, family: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "identifier": [{"system": "urn:mrn", "value": format!("mrn-{id}")}],
        "name": [{"family": family, "given": ["Adaeze"]}], "gender": "female", "birthDate": "1984-03-02"})
}

/// An observation of a patient.
pub(crate) fn observation(id: &str, patient: &str, code: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": format!("Patient/{patient}")},
        "performer": [{"reference": "Practitioner/1"}], "effectiveDateTime": "2026-05-01"})
}

/// A consent of a patient with this provision.
pub(crate) fn consent(patient: &str, provision: &Value) -> Value {
    let coding = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
    json!({"resourceType": "Consent", "id": format!("consent-{patient}"), "status": "active",
        "scope": coding("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [coding("http://loinc.org", "59284-0")],
        "patient": {"reference": format!("Patient/{patient}")}, "dateTime": "2026-11-01",
        "policyRule": coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN"),
        "provision": provision})
}
