//! Which sensitive labels are in use, so that a search need not ask for those that nobody has.
//! The hospital's. Labels are few; most hospitals have none on most types.

use std::collections::BTreeSet;

use autoclave_fhir::Kind;
use autoclave_record::Purpose;
use autoclave_record::label::{ACT_CODE, CONFIDENTIALITY, Clearance, Confidentiality, Labels};
use autoclave_search::{Context, Filter, Handling, NoTerms, Scope, parse};

use crate::store::Store;

/// Labels above normal, and sensitivities, by the types that have them.
#[derive(Clone, Default)]
pub(super) struct InUse(BTreeSet<(Kind, &'static str, &'static str)>);

impl InUse {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn note(&mut self, kind: Kind, labels: &Labels) {
        if let Some(level) = labels.confidentiality
            && level > Confidentiality::Normal
        {
            self.0.insert((kind, CONFIDENTIALITY, level.code()));
        }
        self.0.extend(labels.sensitivities.iter().map(|code| (kind, ACT_CODE, *code)));
    }

    pub(super) fn extend(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    pub(super) fn insert(&mut self, kind: Kind, system: &'static str, code: &'static str) {
        self.0.insert((kind, system, code));
    }

    /// What must not be met under a clearance.
    pub(super) fn guard(&self, store: &Store, clearance: &Clearance, purpose: Purpose) -> Guard {
        // Who breaks the glass meets everything, one by one and marked.
        if self.0.is_empty() || clearance.is_full() || purpose == Purpose::BreakTheGlass {
            return Guard(Vec::new());
        }
        let withheld: BTreeSet<_> = clearance.withheld().into_iter().collect();
        let met = self.0.iter().filter(|(_, system, code)| withheld.contains(&(*system, *code)));
        let filters = met.filter_map(|(kind, system, code)| {
            Some((*kind, labelled(store, *kind, system, code)?))
        });
        Guard(filters.collect())
    }
}

/// Whether a resource may have a label, by a look at its bytes.
pub(super) fn may_have(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.contains("\"security\""))
}

/// The filter of one label on one type.
pub(super) fn labelled(store: &Store, kind: Kind, system: &str, code: &str) -> Option<Filter> {
    let context = Context {
        blind: store.blind(),
        handling: Handling::Strict,
        now: 0,
        bases: &[],
        terms: &NoTerms,
    };
    let scope = Scope { kind, compartment: None };
    let pairs = [("_security".to_owned(), format!("{system}|{code}"))];
    parse(&scope, &pairs, &context).ok().map(|query| query.filter)
}

/// What must not be met, by type.
pub(super) struct Guard(Vec<(Kind, Filter)>);

impl Guard {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn narrow(&self, kind: Kind, filter: Filter) -> Filter {
        if self.0.is_empty() { filter } else { self.without(&[kind], self.inside(filter)) }
    }

    /// The same on the way of chains.
    fn inside(&self, filter: Filter) -> Filter {
        let each = |filters: Vec<Filter>| filters.into_iter().map(|at| self.inside(at)).collect();
        match filter {
            Filter::All(filters) => Filter::All(each(filters)),
            Filter::Any(filters) => Filter::Any(each(filters)),
            Filter::Not(filter) => Filter::Not(Box::new(self.inside(*filter))),
            Filter::Chain { parameter, kinds, target } => {
                let target = Box::new(self.without(&kinds, self.inside(*target)));
                Filter::Chain { parameter, kinds, target }
            }
            Filter::Reverse { kind, parameter, source } => {
                let source = Box::new(self.without(&[kind], self.inside(*source)));
                Filter::Reverse { kind, parameter, source }
            }
            other => other,
        }
    }

    /// Without those that are labelled, of any of the types.
    fn without(&self, kinds: &[Kind], filter: Filter) -> Filter {
        let met = self.0.iter().filter(|(kind, _)| kinds.contains(kind));
        let labelled: Vec<Filter> = met.map(|(_, filter)| filter.clone()).collect();
        if labelled.is_empty() {
            return filter;
        }
        Filter::All(vec![filter, Filter::Not(Box::new(Filter::Any(labelled)))])
    }
}
