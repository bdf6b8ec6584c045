//! A small hospital, and where it is kept. The tests'.

use std::sync::Arc;

use autoclave_base::Secret;
use autoclave_fhir::json::Node;
use autoclave_fhir::{Document, Kind};
use autoclave_search::{Blind, Filter, Page, Parameter, Row};
use tempfile::TempDir;

use crate::Tenant;
use crate::keys::MemoryRoots;
use crate::store::sql::Sql as _;
use crate::store::{
    Change, Engine, Hidden, Hit, Indexer, Options, PostgresSettings, Presence, Put, Store,
    StoreError, Stored,
};

pub(super) const OURS: Tenant = Tenant(1);

/// Where a store is.
pub(in crate::store) struct Place {
    pub(in crate::store) engine: Box<dyn Fn() -> Engine>,
    pub(in crate::store) roots: Arc<MemoryRoots>,
    pub(in crate::store) folder: TempDir,
}

impl Place {
    pub(super) fn options(&self) -> Options {
        Options {
            engine: (self.engine)(),
            records: Secret::new([7; 32]),
            roots: self.roots.clone(),
            indexer: Arc::new(Simple),
            readers: 4,
        }
    }

    /// An empty place of the same engine.
    pub(super) fn another(&self) -> Self {
        match (self.engine)() {
            Engine::Sqlite { .. } => sqlite(),
            Engine::Postgres(settings) => postgres(&settings.database),
        }
    }

    pub(super) fn try_open(&self) -> Result<Store, StoreError> {
        Store::open(self.options())
    }

    pub(super) fn open(&self) -> Store {
        self.try_open().unwrap()
    }
}

/// A file of its own.
pub(super) fn sqlite() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.db");
    let engine = move || Engine::Sqlite { path: path.clone(), presence: Presence::Unknown };
    Place { engine: Box::new(engine), roots: Arc::default(), folder }
}

/// A database of its own on the server that the suite `replicas` started.
pub(super) fn postgres(test: &str) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("records_{}", &autoclave_base::Digest::of(test.as_bytes()).hex()[..16]);
    let runtime = crate::store::postgres::runtime().unwrap();
    let mut server = crate::store::postgres::connect(&runtime, &server("postgres")).unwrap();
    for statement in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
        server.run(&format!("{statement} {database}")).unwrap();
    }
    let engine = move || Engine::Postgres(self::server(&database));
    Place { engine: Box::new(engine), roots: Arc::default(), folder }
}

fn server(database: &str) -> PostgresSettings {
    let port = std::env::var_os("AUTOCLAVE_POSTGRES_PORT").expect("the suite `replicas` sets it");
    PostgresSettings {
        host: "127.0.0.1".to_owned(),
        port: port.to_str().unwrap().parse().unwrap(),
        database: database.to_owned(),
        user: "autoclave".to_owned(),
        password: None,
        presence: Presence::Unknown,
    }
}

/// Knows `code`, `system`, `tag`, `date`, `value` and `subject`.
pub(super) struct Simple;

pub(super) fn parameter(kind: &str, code: &str) -> Parameter {
    let digest = autoclave_base::Digest::of(format!("{kind}.{code}").as_bytes());
    let [a, b, c, d, ..] = *digest.bytes();
    // References are the odd ones.
    let number = u32::from_be_bytes([a, b, c, d]) >> 2;
    Parameter(number << 1 | u32::from(code == "subject"))
}

impl Indexer for Simple {
    fn rows(&self, kind: Kind, node: &Node<'_>, blind: &Blind) -> Vec<Row> {
        let mut rows = Vec::new();
        for (name, value) in node.members() {
            let parameter = parameter(kind.name(), name);
            for value in value.each() {
                match (name.as_ref(), value) {
                    ("code" | "tag", value) => {
                        let text = value.text_of("code").or(value.text()).unwrap();
                        let system = value.text_of("system").map_or(0, |it| blind.system(it));
                        let term = blind.term(parameter, text);
                        rows.push(Row::Term { parameter, term, system });
                    }
                    ("date" | "value", value) => {
                        let low: f64 = value.number().unwrap().parse().unwrap();
                        rows.push(Row::Span { parameter, unit: 0, low, high: low + 0.5 });
                    }
                    ("subject", value) => {
                        let (of, id) = value.text().unwrap().split_once('/').unwrap();
                        let term = blind.reference(Kind::known(of), id);
                        rows.push(Row::Term { parameter, term, system: 0 });
                    }
                    _ => {}
                }
            }
        }
        rows
    }

    fn patients(&self, kind: Kind, id: &str, node: &Node<'_>) -> Vec<String> {
        if kind.name() == "Patient" {
            return vec![id.to_owned()];
        }
        let subjects = node.get("subject").map(Node::each).unwrap_or_default();
        let patient =
            |subject: &Node<'_>| Some(subject.text()?.strip_prefix("Patient/")?.to_owned());
        subjects.iter().filter_map(patient).collect()
    }

    fn is_reference(&self, parameter: Parameter) -> bool {
        parameter.0 & 1 == 1
    }

    fn version(&self) -> u32 {
        1
    }
}

pub(super) fn patient() -> Kind {
    Kind::known("Patient")
}

pub(super) fn observation() -> Kind {
    Kind::known("Observation")
}

/// Puts a resource of these members.
pub(super) fn put_as(
    change: &mut Change<'_>,
    kind: &str,
    id: &str,
    members: &str,
    expected: Option<u32>,
    updated: i64,
) -> Result<Stored, StoreError> {
    let comma = if members.is_empty() { "" } else { "," };
    let text = format!("{{\"resourceType\":\"{kind}\"{comma}{members}}}").into_bytes();
    let document = Document::parse(text).unwrap();
    let node = document.node().unwrap();
    change.put(Put { id, expected, document: &document, node: &node, updated })
}

pub(super) fn put(store: &Store, kind: &str, id: &str, members: &str) -> Stored {
    store.change(OURS, |change| put_as(change, kind, id, members, None, 1_000)).unwrap()
}

/// Three patients (a, b, c), each with observations at times 1 to 4; the codes take turns.
pub(super) fn hospital(store: &Store) {
    store
        .change(OURS, |change| {
            for (at, id) in ["a", "b", "c"].into_iter().enumerate() {
                let tag = if at == 0 { "\"tag\":\"first\"" } else { "\"tag\":\"later\"" };
                put_as(change, "Patient", id, tag, None, 1_000)?;
                for time in 1..=4 {
                    let code = if time % 2 == 0 { "even" } else { "odd" };
                    let members = format!(
                        "\"subject\":\"Patient/{id}\",\"date\":{time},\
                         \"code\":{{\"system\":\"http://s\",\"code\":\"{code}\"}}"
                    );
                    let updated = 1_000 + time;
                    put_as(change, "Observation", &format!("{id}{time}"), &members, None, updated)?;
                }
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

/// The ids of what is found, in order.
pub(super) fn ids(store: &Store, kind: Kind, filter: &Filter) -> Vec<String> {
    ids_but(store, kind, filter, &Hidden::NOBODY)
}

pub(super) fn ids_but(store: &Store, kind: Kind, filter: &Filter, hidden: &Hidden) -> Vec<String> {
    store
        .read(OURS, |view| {
            let hits = view.search(kind, filter, hidden, &[], &Page::First, 1_000)?;
            assert_eq!(view.count(kind, filter, hidden)?, hits.len() as u64);
            let rows: Vec<i64> = hits.iter().map(|hit: &Hit| hit.row).collect();
            Ok::<_, StoreError>(view.open(&rows)?.into_iter().map(|stored| stored.id).collect())
        })
        .unwrap()
}

pub(super) fn text(stored: &Stored) -> String {
    String::from_utf8(stored.document.as_ref().unwrap().bytes().to_vec()).unwrap()
}
