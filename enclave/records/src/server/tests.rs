//! The server over a real store, one request after the other.

mod access;
mod bundles;
mod crud;
mod found;
mod hospital;
mod hostile;
mod paging;
mod past;
mod served;

use std::sync::Arc;

use autoclave_base::Secret;
use autoclave_fhir::json::Node;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tempfile::TempDir;

use super::caller::Caller;
use super::fixtures::{TestGuard, caller};
use super::message::FhirRequest;
use super::{Server, ServerSettings};
use crate::keys::MemoryRoots;
use crate::store::{Engine, FhirIndexer, Options, Presence, Store};

const BASE: &str = "https://clinic.example/fhir";

/// A server with a store of its own.
struct Clinic {
    server: Server,
    guard: Arc<TestGuard>,
    caller: Caller,
    _folder: TempDir,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Clinic {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut ServerSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.db");
        let store = Store::open(Options {
            engine: Engine::Sqlite { path, presence: Presence::Unknown },
            records: Secret::new([7; 32]),
            roots: Arc::new(MemoryRoots::default()),
            indexer: Arc::new(FhirIndexer::new()),
            readers: 2,
        })
        .unwrap();
        let guard = Arc::new(TestGuard::default());
        let mut settings = ServerSettings {
            bases: vec![BASE.to_owned()],
            provenance: false,
            references_must_exist: false,
            security: vec![("token", format!("{BASE}/token"))],
            paging_key: Secret::new([8; 32]),
        };
        change(&mut settings);
        let server = Server::new(store, guard.clone(), settings, Vec::new());
        Self { server, guard, caller: caller(), _folder: folder }
    }

    /// Sends `METHOD path?query` with headers (`name: value`) and a body.
    async fn ask(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        self.ask_as(&self.caller, line, headers, body).await
    }

    async fn ask_as(&self, caller: &Caller, line: &str, headers: &[&str], body: &str) -> Answer {
        let (method, target) = line.split_once(' ').unwrap();
        let target = target.strip_prefix(BASE).unwrap_or(target);
        let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
        let header = |line: &&str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        };
        let request = FhirRequest {
            method: method.parse().unwrap(),
            path: path.trim_matches('/').split('/').map(str::to_owned).collect(),
            query: query.map(str::to_owned),
            headers: headers.iter().map(header).collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            base: BASE.to_owned(),
        };
        let (parts, body) = self.server.handle(caller, request).await.into_parts();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, target: &str) -> Answer {
        self.ask(&format!("GET {target}"), &[], "").await
    }

    async fn put(&self, target: &str, body: &str) -> Answer {
        self.ask(&format!("PUT {target}"), &[], body).await
    }

    async fn post(&self, target: &str, body: &str) -> Answer {
        self.ask(&format!("POST {target}"), &[], body).await
    }
}

impl Answer {
    fn code(&self) -> u16 {
        self.status.as_u16()
    }

    fn node(&self) -> Node<'_> {
        Node::parse(&self.body).unwrap()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Our stable code in an `OperationOutcome`.
    fn problem(&self) -> String {
        let node = self.node();
        let issue = &node.get("issue").unwrap().items()[0];
        let coding = &issue.at(&["details", "coding"]).unwrap().items()[0];
        coding.text_of("code").unwrap().to_owned()
    }

    /// Ids of the entries of a bundle, with their modes where they are no matches.
    fn ids(&self) -> Vec<String> {
        let node = self.node();
        let entries = node.get("entry").map(Node::items).unwrap_or_default();
        let id = |entry: &Node<'_>| {
            let id = entry.at(&["resource", "id"]).and_then(Node::text).unwrap_or("-").to_owned();
            match entry.at(&["search", "mode"]).and_then(Node::text) {
                Some("match") | None => id,
                Some(mode) => format!("{mode}:{id}"),
            }
        };
        entries.iter().map(id).collect()
    }

    fn total(&self) -> Option<u64> {
        self.node().get("total").and_then(Node::number).map(|digits| digits.parse().unwrap())
    }

    fn link(&self, relation: &str) -> Option<String> {
        let node = self.node();
        let links = node.get("link").map(Node::items).unwrap_or_default();
        let link = links.iter().find(|link| link.text_of("relation") == Some(relation))?;
        link.text_of("url").map(str::to_owned)
    }

    /// The statuses of a bundle's answers.
    fn statuses(&self) -> Vec<u16> {
        let node = self.node();
        let status = |entry: &Node<'_>| {
            let status = entry.at(&["response", "status"]).unwrap().text().unwrap();
            status[..3].parse().unwrap()
        };
        node.get("entry").map(Node::items).unwrap_or_default().iter().map(status).collect()
    }
}

fn patient(id: &str, family: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"{family}"}}]}}"#)
}

fn observation(id: &str, patient: &str, code: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}},"subject":{{"reference":"Patient/{patient}"}},"valueQuantity":{{"value":1.50}}}}"#
    )
}
