//! The code systems, value sets and profiles of a tenant, read again when one of them changed.
//! The hospital's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use autoclave_fhir::Kind;
use autoclave_search::{Filter, Page, Sort, SortKey};
use autoclave_validate::{Profiles, Terminology};

use crate::Tenant;
use crate::store::{Hidden, Store, StoreError, View};

/// Resources that are opened at once.
const PAGE: u32 = 200;
const KINDS: [&str; 3] = ["CodeSystem", "ValueSet", "StructureDefinition"];

/// What tells one state of a type from another: how many there are, and which changed last.
type State = [(u64, i64, u32); KINDS.len()];

/// What a tenant has stored, with all that HL7 publishes.
#[derive(Default)]
pub(in crate::operations) struct Known {
    /// Code systems and value sets.
    pub(in crate::operations) terms: Terminology,
    /// Profiles.
    pub(in crate::operations) profiles: Profiles,
}

/// What is known, by tenant.
#[derive(Default)]
pub(in crate::operations) struct Vocabulary {
    known: Mutex<HashMap<Tenant, (State, Arc<Known>)>>,
}

impl Vocabulary {
    /// All that a tenant knows. Blocks.
    pub(in crate::operations) fn of(
        &self,
        store: &Store,
        tenant: Tenant,
    ) -> Result<Arc<Known>, StoreError> {
        store.read(tenant, |view| {
            let state = state(view)?;
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, terms)) = known.get(&tenant).filter(|(own, _)| *own == state) {
                return Ok(Arc::clone(terms));
            }
            drop(known);
            let terms = Arc::new(load(view)?);
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(tenant, (state, Arc::clone(&terms)));
            Ok(terms)
        })
    }
}

fn state(view: &mut View<'_>) -> Result<State, StoreError> {
    let mut state = State::default();
    for (name, state) in KINDS.iter().zip(&mut state) {
        let kind = Kind::known(name);
        let count = view.count(kind, &Filter::Everything, &Hidden::NOBODY)?;
        if count > 0 {
            let order = [Sort { key: SortKey::Updated, descending: true }];
            let hits =
                view.search(kind, &Filter::Everything, &Hidden::NOBODY, &order, &Page::First, 1)?;
            let rows: Vec<i64> = hits.iter().map(|hit| hit.row).collect();
            let newest = view.open(&rows)?;
            let newest = newest.first().map(|stored| (stored.row, stored.version));
            *state = newest.map_or((count, 0, 0), |(row, version)| (count, row, version));
        }
    }
    Ok(state)
}

fn load(view: &mut View<'_>) -> Result<Known, StoreError> {
    let mut all = Known::default();
    for name in KINDS {
        let (kind, mut page) = (Kind::known(name), Page::First);
        loop {
            let hidden = &Hidden::NOBODY;
            let hits = view.search(kind, &Filter::Everything, hidden, &[], &page, PAGE)?;
            let Some(last) = hits.last() else { break };
            page = Page::After(last.row);
            let rows: Vec<i64> = hits.iter().map(|hit| hit.row).collect();
            for stored in view.open(&rows)? {
                if let Some(Ok(node)) = stored.document.as_ref().map(autoclave_fhir::Document::node)
                {
                    // What is no profile of a type of R4 is kept, and asked of nobody.
                    if !all.terms.add(&node) {
                        let _ = all.profiles.add(&node);
                    }
                }
            }
        }
    }
    Ok(all)
}
