//! Studies in the records: found through the sealed index, opened, and shown only where
//! grant, consent and labels let this asker see them. The hospital's. Every study that leaves
//! this enclave came through [`Shelf::studies`].

mod filing;
mod outcome;

use std::sync::Arc;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_records::Tenant;
use autoclave_records::server::{Caller, Granted};
use autoclave_records::store::{Store, StoreError, Stored, View};
use autoclave_records::visible::{Consents, Visible};
use autoclave_search::{Context, Filter, Handling, NoTerms, Page, Query, Scope, parse};

use crate::blobs::{self, BlobError, Blobs, Owner};
use crate::entry::Entry;
use crate::identity::Identities;
use crate::study::{Listed, Study};

pub use filing::Incoming;
pub(crate) use filing::instant;
pub use outcome::{Failure, Filed, Outcome, Warning};

/// Bytes of one entry's metadata.
const ENTRY_BYTES_MAX: usize = 2 * crate::instance::METADATA_BYTES_MAX;

/// Why studies are not found, read or filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShelfError {
    /// The records fail.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The images fail.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A study or an entry is not what this program writes, or the search is not understood.
    #[error("a study is not as it was written")]
    Malformed,
}

/// The records and the images.
#[derive(Clone)]
pub struct Shelf {
    pub(crate) store: Store,
    pub(crate) consents: Consents,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) identities: Arc<Identities>,
    /// The id of the `Endpoint` that studies name, where they name one.
    pub(crate) endpoint: Option<Arc<str>>,
    /// Whether filing leaves a `Provenance`.
    pub(crate) provenance: bool,
}

/// Who asks, and what they may meet.
pub struct Asker<'a> {
    /// Who.
    pub caller: &'a Caller,
    /// What the rules granted.
    pub granted: &'a Granted,
    /// What consent and labels leave.
    pub visible: &'a Visible,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// Some studies, in the order of storing.
pub struct Found {
    /// The studies, without those that this asker must not see.
    pub studies: Vec<Study>,
    /// Behind which row the next ones are; `None` where there are no more.
    pub next: Option<i64>,
}

impl Shelf {
    /// Studies that FHIR search parameters of `ImagingStudy` mean.
    pub fn studies(
        &self,
        asker: &Asker<'_>,
        pairs: &[(String, String)],
        after: Option<i64>,
        limit: u32,
    ) -> Result<Found, ShelfError> {
        let kind = Kind::known("ImagingStudy");
        let queries = self.queries(asker, kind, pairs)?;
        let filter = asker.visible.narrow(kind, queries.filter());
        let page = after.map_or(Page::First, Page::After);
        let hidden = asker.visible.hidden();
        let stored = self.store.read::<_, StoreError>(asker.caller.tenant, |view| {
            let hits = view.search(kind, &filter, hidden, &[], &page, limit)?;
            let rows: Vec<i64> = hits.iter().map(|hit| hit.row).collect();
            let is_full = rows.len() >= limit as usize;
            Ok((view.open(&rows)?, rows.last().copied().filter(|_| is_full)))
        })?;
        let (stored, next) = stored;
        let shown = stored.iter().filter_map(|one| shown(asker, &queries, one));
        Ok(Found { studies: shown.collect(), next })
    }

    /// One study by its UID.
    pub fn study(&self, asker: &Asker<'_>, uid: &str) -> Result<Option<Study>, ShelfError> {
        let pair = (
            "identifier".to_owned(),
            token(Some(crate::study::UID_SYSTEM), &format!("urn:oid:{uid}")),
        );
        let found = self.studies(asker, &[pair], None, 8)?;
        Ok(found.studies.into_iter().find(|study| study.uid.as_str() == uid))
    }

    /// The entry of a listed instance; `None` where it was not stored as an image here.
    pub fn entry(
        &self,
        tenant: Tenant,
        study: &Study,
        listed: &Listed,
    ) -> Result<Option<Entry>, ShelfError> {
        let Some(digest) = &listed.metadata else { return Ok(None) };
        let owner = Owner { tenant, patient: &study.patient };
        let bytes = self.all(owner, digest)?;
        Entry::parse(&bytes).map(Some).ok_or(ShelfError::Malformed)
    }

    /// All parts, up to one that is not full.
    fn all(
        &self,
        owner: Owner<'_>,
        digest: &autoclave_base::Digest,
    ) -> Result<Vec<u8>, ShelfError> {
        let mut bytes = Vec::new();
        for part in 0.. {
            let clear = self.blobs.part(owner, digest, part)?;
            let is_last = clear.len() < blobs::PART_BYTES;
            bytes.extend(clear);
            if is_last {
                break;
            }
            if bytes.len() > ENTRY_BYTES_MAX {
                return Err(ShelfError::Malformed);
            }
        }
        Ok(bytes)
    }

    fn queries(
        &self,
        asker: &Asker<'_>,
        kind: Kind,
        pairs: &[(String, String)],
    ) -> Result<Queries, ShelfError> {
        let scope = Scope { kind, compartment: asker.caller.patient.clone() };
        let wanted = self.query(&scope, pairs, asker.now)?;
        let narrowed = asker
            .granted
            .narrowed
            .iter()
            .map(|text| self.query(&scope, &crate::query::pairs(text), asker.now));
        Ok(Queries { asked: wanted, narrowed: narrowed.collect::<Result<_, _>>()? })
    }

    fn query(
        &self,
        scope: &Scope,
        pairs: &[(String, String)],
        now: i64,
    ) -> Result<Query, ShelfError> {
        let context = Context {
            blind: self.store.blind(),
            handling: Handling::Strict,
            now,
            bases: &[],
            terms: &NoTerms,
        };
        parse(scope, pairs, &context).map_err(|_| ShelfError::Malformed)
    }

    /// Resources that search parameters mean, whoever asks: for filing, which shows nothing.
    fn matching(
        &self,
        view: &mut View<'_>,
        kind: Kind,
        pair: (&str, String),
        limit: u32,
    ) -> Result<Vec<Stored>, ShelfError> {
        let scope = Scope { kind, compartment: None };
        let query = self.query(&scope, &[(pair.0.to_owned(), pair.1)], 0)?;
        let hidden = autoclave_records::store::Hidden::NOBODY;
        let hits = view.search(kind, &query.filter, &hidden, &[], &Page::First, limit)?;
        let rows: Vec<i64> = hits.iter().map(|hit| hit.row).collect();
        Ok(view.open(&rows)?)
    }
}

/// What was asked, and the queries of which one must mean what is met.
struct Queries {
    asked: Query,
    narrowed: Vec<Query>,
}

impl Queries {
    fn filter(&self) -> Filter {
        let asked = self.asked.filter.clone();
        if self.narrowed.is_empty() {
            return asked;
        }
        let any = self.narrowed.iter().map(|query| query.filter.clone()).collect();
        Filter::All(vec![asked, Filter::Any(any)])
    }

    fn confirm(&self, node: &Node<'_>) -> bool {
        let sure = |query: &Query| !query.needs_check() || query.confirms(node);
        sure(&self.asked) && (self.narrowed.is_empty() || self.narrowed.iter().any(sure))
    }
}

fn shown(asker: &Asker<'_>, queries: &Queries, stored: &Stored) -> Option<Study> {
    let document = stored.document.as_ref()?;
    let node = document.node().ok()?;
    if !asker.visible.admits(stored, &node) || !queries.confirm(&node) {
        return None;
    }
    let study = Study::of(&node)?;
    // The compartment is in the filter already; a patient's app is held to it twice.
    let confined = asker.caller.patient.as_ref().is_none_or(|own| *own == study.patient);
    confined.then_some(study)
}

/// A token of a search, with what means something in one escaped.
pub(crate) fn token(system: Option<&str>, value: &str) -> String {
    match system {
        Some(system) => format!("{}|{}", escaped(system), escaped(value)),
        None => escaped(value),
    }
}

/// A value in which nothing means anything (FHIR R4, 3.1.1.4.0.1).
pub(crate) fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '\\' | '|' | ',' | '$') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}
