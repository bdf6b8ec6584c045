//! What the sealed store costs: import, reading by id, searches, size on disk. The arguments
//! are a folder of transaction bundles (Synthea's) and how often they are stored, each time
//! under new ids. One thread writes, one reads; rows of the index and sealing are part of it.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use autoclave_base::Secret;
use autoclave_fhir::json::Node;
use autoclave_fhir::{Document, Kind};
use autoclave_records::Tenant;
use autoclave_records::keys::MemoryRoots;
use autoclave_records::store::{
    Engine, FhirIndexer, Hidden, Options, Presence, Put, Store, StoreError,
};
use autoclave_search::{Context, Handling, NoTerms, Page, Scope, parse};

/// Reads and searches of each sort.
const ROUNDS: usize = 2_000;
const TENANT: Tenant = Tenant(1);

/// What is asked, of which type, by which parameters; `*` is a patient.
type Question<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);
type Any<T> = Result<T, Box<dyn Error>>;

/// A resource of a bundle.
struct Resource {
    id: String,
    document: Document,
}

#[expect(clippy::print_stdout, reason = "a benchmark tells its figures")]
fn main() -> Any<()> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().ok_or("bench_store FOLDER [TIMES] [DATABASE]")?;
    let times: u32 = words.next().map_or(Ok(1), |times| times.parse())?;
    let place = words.next().unwrap_or_else(|| "bench-store".to_owned());
    std::fs::create_dir_all(&place)?;
    let path = Path::new(&place).join("records.db");
    let store = open(&path)?;
    let mut bundles: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Any<_>>()?;
    bundles.sort();
    let (mut stored, mut ids) = (0, Vec::new());
    let begun = Instant::now();
    let (mut storing, mut parsing) = (0.0, 0.0);
    for time in 0..times {
        for bundle in &bundles {
            let text = std::fs::read_to_string(bundle)?;
            let at = Instant::now();
            let resources = resources(&text, time)?;
            parsing += at.elapsed().as_secs_f64();
            let at = Instant::now();
            import(&store, &resources)?;
            storing += at.elapsed().as_secs_f64();
            stored += resources.len();
            ids.extend(resources.into_iter().map(|it| (it.document.kind(), it.id)));
        }
        let bytes = std::fs::metadata(&path)?.len();
        println!(
            "{stored} resources: {:.0}/s stored ({storing:.1} s; reading bundles {parsing:.1} s; in all {:.1} s), {} bytes each",
            f64::from(u32::try_from(stored)?) / storing,
            begun.elapsed().as_secs_f64(),
            bytes / stored as u64
        );
    }
    reads(&store, &ids)?;
    searches(&store, &ids)
}

fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(Options {
        engine: Engine::Sqlite { path: path.to_owned(), presence: Presence::Unknown },
        records: Secret::new([7; 32]),
        roots: Arc::new(MemoryRoots::default()),
        indexer: Arc::new(FhirIndexer::new()),
        readers: 4,
    })
}

/// The resources of a bundle, each with an id of its own in this round, and what refers to
/// them does.
fn resources(text: &str, time: u32) -> Any<Vec<Resource>> {
    let bundle = Node::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let mut ids = std::collections::HashMap::new();
    for entry in bundle.get("entry").map(Node::items).unwrap_or_default() {
        let url = entry.text_of("fullUrl").ok_or("fullUrl")?;
        let kind = entry.at(&["resource"]).and_then(|it| it.text_of("resourceType"));
        let id = format!("{}-{time}", url.trim_start_matches("urn:uuid:"));
        ids.insert(url, (kind.ok_or("resourceType")?, id));
    }
    let mut resources = Vec::new();
    for entry in bundle.get("entry").map(Node::items).unwrap_or_default() {
        let mut resource = entry.get("resource").ok_or("resource")?.clone();
        relink(&mut resource, &ids);
        let document = Document::parse(resource.to_bytes())?;
        let (_, id) = ids.get(entry.text_of("fullUrl").ok_or("fullUrl")?).ok_or("id")?;
        resources.push(Resource { id: id.clone(), document });
    }
    Ok(resources)
}

fn relink(node: &mut Node<'_>, ids: &std::collections::HashMap<&str, (&str, String)>) {
    match node {
        Node::List(items) => items.iter_mut().for_each(|item| relink(item, ids)),
        Node::Object(members) => {
            for (name, value) in members {
                let target = value.text().and_then(|url| ids.get(url));
                match target {
                    Some((kind, id)) if name == "reference" => {
                        *value = Node::from_text(format!("{kind}/{id}"));
                    }
                    _ => relink(value, ids),
                }
            }
        }
        _ => {}
    }
}

fn import(store: &Store, resources: &[Resource]) -> Any<()> {
    Ok(store.change(TENANT, |change| {
        for Resource { id, document } in resources {
            let node = document.node().map_err(|_| StoreError::Malformed)?;
            change.put(Put { id, expected: None, document, node: &node, updated: 1_000 })?;
        }
        Ok::<_, StoreError>(())
    })?)
}

#[expect(clippy::print_stdout, reason = "a benchmark tells its figures")]
fn reads(store: &Store, ids: &[(Kind, String)]) -> Any<()> {
    let step = (ids.len() / ROUNDS.min(ids.len())) | 1;
    let begun = Instant::now();
    let mut bytes = 0;
    for at in 0..ROUNDS * 4 {
        let (kind, id) = &ids[at * step % ids.len()];
        let stored = store.read(TENANT, |view| view.get(*kind, id))?.ok_or("gone")?;
        bytes += stored.document.map_or(0, |document| document.bytes().len());
    }
    let seconds = begun.elapsed().as_secs_f64();
    let count = f64::from(u32::try_from(ROUNDS * 4)?);
    println!("read by id: {:.0}/s ({bytes} bytes)", count / seconds);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a benchmark tells its figures")]
fn searches(store: &Store, ids: &[(Kind, String)]) -> Any<()> {
    let patients: Vec<&str> = ids
        .iter()
        .filter(|(kind, _)| kind.name() == "Patient")
        .map(|(_, id)| id.as_str())
        .collect();
    let questions: [Question<'_>; 7] = [
        ("of a patient", "Observation", &[("patient", "*")]),
        (
            "of a patient, by code",
            "Observation",
            &[("patient", "*"), ("code", "http://loinc.org|8302-2")],
        ),
        ("of a patient, newest", "Observation", &[("patient", "*"), ("_sort", "-date")]),
        ("by name", "Patient", &[("name", "a")]),
        ("by code, over all", "Observation", &[("code", "http://loinc.org|8302-2")]),
        ("chained", "Observation", &[("patient.name", "ab")]),
        ("_has", "Patient", &[("_has:Observation:patient:code", "http://loinc.org|8302-2")]),
    ];
    for (what, kind, pairs) in questions {
        let kind = Kind::known(kind);
        let rounds = ROUNDS / 4;
        let (mut found, mut counted) = (0, 0);
        let begun = Instant::now();
        for round in 0..rounds {
            let patient = patients[round % patients.len()];
            let pairs: Vec<(String, String)> = pairs
                .iter()
                .map(|(name, value)| {
                    ((*name).to_owned(), value.replace('*', &format!("Patient/{patient}")))
                })
                .collect();
            let scope = Scope { kind, compartment: None };
            let context = Context {
                blind: store.blind(),
                handling: Handling::Strict,
                now: 0,
                bases: &[],
                terms: &NoTerms,
            };
            let query = parse(&scope, &pairs, &context).map_err(|error| error.to_string())?;
            let hits = store.read(TENANT, |view| {
                let none = Hidden::NOBODY;
                let hits =
                    view.search(kind, &query.filter, &none, &query.sort, &Page::First, 20)?;
                let rows: Vec<i64> = hits.iter().map(|hit| hit.row).collect();
                view.open(&rows)
            })?;
            found += hits.len();
            if round == 0 {
                let none = Hidden::NOBODY;
                counted = store.read(TENANT, |view| view.count(kind, &query.filter, &none))?;
            }
        }
        let microseconds = begun.elapsed().as_secs_f64() * 1e6 / f64::from(u32::try_from(rounds)?);
        println!("{what}: {microseconds:.0} µs, {} of {counted}", found / rounds);
    }
    Ok(())
}
