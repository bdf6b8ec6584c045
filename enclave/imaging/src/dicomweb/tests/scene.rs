//! A records store in a folder, images in memory, and somebody who may do everything.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use autoclave_base::Secret;
use autoclave_cell::Refusal;
use autoclave_fhir::{Document, Kind};
use autoclave_ledger::Label;
use autoclave_records::Tenant;
use autoclave_records::keys::MemoryRoots;
use autoclave_records::server::{Refused, Scopes};
use autoclave_records::store::{
    Engine, FhirIndexer, Hidden, Options, Presence, Put, StoreError, Stored,
};
use autoclave_search::{Filter, Page};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use http::StatusCode;
use serde_json::Value;

use super::super::*;
use crate::blobs::MemoryBlobs;
use crate::multipart::{close, part_head};

pub(super) const BASE: &str = "https://clinic.test/dicom-web";
pub(super) const TENANT: Tenant = Tenant(1);

/// Grants what it was not told to refuse, and remembers every line.
#[derive(Default)]
pub(super) struct TestGuard {
    pub(super) refuses: AtomicBool,
    pub(super) lines: Mutex<Vec<Access>>,
    clock: AtomicI64,
}

impl Guard for TestGuard {
    fn allow(&self, _: &Caller, _: Action, _: Option<Kind>) -> Result<Granted, Refused> {
        if self.refuses.load(Ordering::Relaxed) {
            return Err(Refused::default());
        }
        Ok(Granted::default())
    }

    fn record<'a>(&'a self, _: &'a Caller, access: Access) -> BoxFuture<'a, Result<(), Refusal>> {
        self.lines.lock().unwrap().push(access);
        Box::pin(std::future::ready(Ok(())))
    }

    fn now_ms(&self) -> i64 {
        1_795_000_000_000 + self.clock.fetch_add(1, Ordering::Relaxed)
    }
}

pub(super) struct Scene {
    pub(super) web: Dicomweb,
    pub(super) store: Store,
    pub(super) consents: Consents,
    pub(super) blobs: Arc<MemoryBlobs>,
    pub(super) guard: Arc<TestGuard>,
    pub(super) folder: tempfile::TempDir,
}

/// An answer, all of it.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answered {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn media_type(&self) -> &str {
        self.headers[http::header::CONTENT_TYPE].to_str().unwrap()
    }

    /// The parts of a multipart body.
    pub(super) fn parts(&self) -> Vec<crate::multipart::Part> {
        let media = crate::media::Media::parse(self.media_type()).unwrap();
        let boundary = media.boundary.unwrap();
        let mut parser = crate::multipart::Parser::new(&boundary, usize::MAX).unwrap();
        parser.push(&self.body);
        let parts = std::iter::from_fn(|| parser.next_part().unwrap()).collect();
        parser.finish().unwrap();
        parts
    }
}

pub(super) fn caller() -> Caller {
    Caller {
        tenant: TENANT,
        actor: Label::code("staff/1"),
        role: Label::code("clinician"),
        purpose: Purpose::Treatment,
        scopes: None::<Arc<dyn Scopes>>,
        patient: None,
        clearance: Vec::new(),
        reference: Some("Practitioner/1".to_owned()),
    }
}

impl Scene {
    /// With one patient, `p1`, of identifier `MRN-1`.
    pub(super) fn new() -> Self {
        let scene = Self::with(Settings::default());
        scene.patient("p1", "MRN-1");
        scene
    }

    pub(super) fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Options {
            engine: Engine::Sqlite {
                path: folder.path().join("records"),
                presence: Presence::Unknown,
            },
            records: Secret::new([7; 32]),
            roots: Arc::new(MemoryRoots::default()),
            indexer: Arc::new(FhirIndexer::new()),
            readers: 2,
        })
        .unwrap();
        let (blobs, guard) = (Arc::new(MemoryBlobs::default()), Arc::new(TestGuard::default()));
        let consents = Consents::new(store.clone());
        let own: Arc<dyn Blobs> = Arc::clone(&blobs) as _;
        let guarding: Arc<dyn Guard> = Arc::clone(&guard) as _;
        let web = Dicomweb::new(store.clone(), consents.clone(), own, guarding, settings);
        Self { web, store, consents, blobs, guard, folder }
    }

    /// The same, its images in the store.
    pub(super) fn sealed() -> Self {
        let scene = Self::new();
        let images: Arc<dyn Blobs> = Arc::new(scene.store.clone());
        let guard: Arc<dyn Guard> = Arc::clone(&scene.guard) as _;
        let (store, consents) = (scene.store.clone(), scene.consents.clone());
        let web = Dicomweb::new(store, consents, images, guard, Settings::default());
        Self { web, ..scene }
    }

    pub(super) fn put(&self, id: &str, text: &str) -> Stored {
        let document = Document::parse(text.as_bytes().to_vec()).unwrap();
        let node = document.node().unwrap();
        let put = Put { id, expected: None, document: &document, node: &node, updated: 1 };
        self.store.change::<_, StoreError>(TENANT, |change| change.put(put)).unwrap()
    }

    pub(super) fn patient(&self, id: &str, identifier: &str) {
        self.put(id, &format!(
            r#"{{"resourceType":"Patient","identifier":[{{"system":"urn:mrn","value":"{identifier}"}}],"name":[{{"family":"Muster","given":["Anna"]}}],"gender":"female","birthDate":"1970-01-02"}}"#
        ));
    }

    /// All resources of a type, as JSON.
    pub(super) fn all(&self, kind: &str) -> Vec<Value> {
        let kind = Kind::known(kind);
        let stored = self.store.read::<_, StoreError>(TENANT, |view| {
            let hits =
                view.search(kind, &Filter::Everything, &Hidden::NOBODY, &[], &Page::First, 1000)?;
            view.open(&hits.iter().map(|hit| hit.row).collect::<Vec<_>>())
        });
        let stored = stored.unwrap().into_iter();
        stored.map(|one| serde_json::from_slice(one.document.unwrap().bytes()).unwrap()).collect()
    }

    pub(super) async fn get(&self, path: &str, accept: &str) -> Answered {
        self.get_as(&caller(), path, accept).await
    }

    pub(super) async fn get_as(&self, caller: &Caller, path: &str, accept: &str) -> Answered {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(http::header::ACCEPT, accept.parse().unwrap());
        }
        self.send(caller, Method::GET, path, headers, Vec::new()).await
    }

    /// Stores files; the body arrives in odd pieces.
    pub(super) async fn stow(&self, path: &str, files: &[Vec<u8>]) -> Answered {
        self.stow_as(&caller(), path, files).await
    }

    pub(super) async fn stow_as(&self, caller: &Caller, path: &str, files: &[Vec<u8>]) -> Answered {
        let mut body = Vec::new();
        for file in files {
            body.extend(part_head("b0", "application/dicom", None).as_bytes());
            body.extend(file);
        }
        body.extend(close("b0").as_bytes());
        let mut headers = HeaderMap::new();
        let media = "multipart/related; type=\"application/dicom\"; boundary=b0";
        headers.insert(http::header::CONTENT_TYPE, media.parse().unwrap());
        self.send(caller, Method::POST, path, headers, body).await
    }

    pub(super) async fn send(
        &self,
        caller: &Caller,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Answered {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let pieces: Vec<_> =
            body.chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let request = DicomRequest {
            method,
            path: path.split('/').map(str::to_owned).collect(),
            query: Some(query.to_owned()),
            headers,
            body: futures::stream::iter(pieces).boxed(),
            base: BASE.to_owned(),
        };
        let answer = self.web.handle(caller, request).await;
        let (head, body) = answer.into_parts();
        let mut bytes = Vec::new();
        let mut chunks = body.into_chunks();
        while let Some(chunk) = chunks.next().await {
            bytes.extend(chunk.unwrap());
        }
        Answered { status: head.status, headers: head.headers, body: bytes }
    }
}
