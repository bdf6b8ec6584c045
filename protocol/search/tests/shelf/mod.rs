//! A store of a few vectors: what filters mean, said once more in the plainest way.

#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it, and fails by panicking"
)]

use std::collections::HashMap;

use autoclave_base::Secret;
use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_search::{
    Blind, Context, Filter, Handling, NoTerms, Query, QueryRefusal, Row, Scope, Terms, parse,
    patients, rows,
};

/// 2026-11-20T00:00:00Z
pub const NOW: i64 = 1_795_132_800_000;

pub struct Item {
    pub kind: Kind,
    pub id: String,
    pub text: Vec<u8>,
    pub rows: Vec<Row>,
    pub patients: Vec<String>,
    pub updated: i64,
}

pub struct Shelf {
    pub blind: Blind,
    pub items: Vec<Item>,
    keys: HashMap<i64, usize>,
    terms: Box<dyn Terms>,
    bases: Vec<String>,
}

impl Shelf {
    pub fn new() -> Self {
        Self {
            blind: Blind::new(&Secret::new([7; 32])),
            items: Vec::new(),
            keys: HashMap::new(),
            terms: Box::new(NoTerms),
            bases: vec!["https://here.example/fhir".to_owned()],
        }
    }

    pub fn with_terms(mut self, terms: impl Terms + 'static) -> Self {
        self.terms = Box::new(terms);
        self
    }

    pub fn of(texts: &[&str]) -> Self {
        let mut shelf = Self::new();
        for text in texts {
            shelf.put(text.as_bytes());
        }
        shelf
    }

    pub fn put(&mut self, text: &[u8]) {
        let node = Node::parse(text).unwrap();
        let kind: Kind = node.text_of("resourceType").unwrap().parse().unwrap();
        let id = node.text_of("id").unwrap_or("own").to_owned();
        let rows = rows(kind, &node, &self.blind);
        let patients = patients(kind, &id, &node);
        self.keys.insert(self.blind.reference(kind, &id), self.items.len());
        let updated = NOW - 1000 * i64::try_from(self.items.len()).unwrap();
        self.items.push(Item { kind, id, text: text.to_vec(), rows, patients, updated });
    }

    pub fn understand(&self, kind: &str, query: &str) -> Result<Query, QueryRefusal> {
        self.understand_as(kind, query, Handling::Strict)
    }

    pub fn understand_as(
        &self,
        kind: &str,
        query: &str,
        handling: Handling,
    ) -> Result<Query, QueryRefusal> {
        let pairs: Vec<(String, String)> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let context = Context {
            blind: &self.blind,
            handling,
            now: NOW,
            bases: &self.bases,
            terms: self.terms.as_ref(),
        };
        parse(&Scope { kind: Kind::known(kind), compartment: None }, &pairs, &context)
    }

    /// Ids of what a query finds, sorted.
    pub fn find(&self, kind: &str, query: &str) -> Vec<&str> {
        let understood =
            self.understand(kind, query).unwrap_or_else(|why| panic!("{query}: {why}"));
        let mut found: Vec<&str> = self
            .of_kind(Kind::known(kind))
            .filter(|item| self.means(&understood.filter, item))
            .filter(|item| !understood.needs_check() || confirms(&understood, item))
            .map(|item| item.id.as_str())
            .collect();
        found.sort_unstable();
        found
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(move |item| item.kind == kind)
    }

    pub fn means(&self, filter: &Filter, item: &Item) -> bool {
        match filter {
            Filter::Everything => true,
            Filter::Nothing => false,
            Filter::All(all) => all.iter().all(|one| self.means(one, item)),
            Filter::Any(any) => any.iter().any(|one| self.means(one, item)),
            Filter::Not(not) => !self.means(not, item),
            Filter::Keys(keys) => keys.contains(&self.blind.reference(item.kind, &item.id)),
            Filter::Updated { from, to } => {
                from.is_none_or(|from| item.updated >= from)
                    && to.is_none_or(|to| item.updated <= to)
            }
            Filter::Compartment { patient } => {
                let patients = item.patients.iter();
                let kind = Kind::known("Patient");
                patients.map(|id| self.blind.reference(kind, id)).any(|key| key == *patient)
            }
            Filter::Chain { parameter, kinds, target } => {
                item.rows.iter().any(|row| {
                    let Row::Term { parameter: own, term, .. } = row else { return false };
                    own == parameter
                        && self.keys.get(term).map(|at| &self.items[*at]).is_some_and(|item| {
                            kinds.contains(&item.kind) && self.means(target, item)
                        })
                })
            }
            Filter::Reverse { kind, parameter, source } => {
                let key = self.blind.reference(item.kind, &item.id);
                let refers = |row: &Row| matches!(row, Row::Term { parameter: own, term, .. } if own == parameter && *term == key);
                self.of_kind(*kind)
                    .any(|other| other.rows.iter().any(refers) && self.means(source, other))
            }
            by_row => item.rows.iter().any(|row| row_means(by_row, row)),
        }
    }
}

fn confirms(query: &Query, item: &Item) -> bool {
    query.confirms(&Node::parse(&item.text).unwrap())
}

fn row_means(filter: &Filter, row: &Row) -> bool {
    match (filter, *row) {
        (
            Filter::Term { parameter, term, system },
            Row::Term { parameter: own, term: is, system: of },
        ) => *parameter == own && *term == is && system.is_none_or(|system| system == of),
        (Filter::System { parameter, system }, Row::Term { parameter: own, system: of, .. }) => {
            *parameter == own && *system == of
        }
        (Filter::Present { parameter, is_span }, Row::Term { parameter: own, .. }) => {
            *parameter == own && !is_span
        }
        (Filter::Present { parameter, is_span }, Row::Span { parameter: own, .. }) => {
            *parameter == own && *is_span
        }
        (
            Filter::Span { parameter, unit, low_from, low_to, high_from, high_to },
            Row::Span { parameter: own, unit: of, low, high },
        ) => {
            *parameter == own
                && *unit == of
                && low_from.is_none_or(|bound| low >= bound)
                && low_to.is_none_or(|bound| low <= bound)
                && high_from.is_none_or(|bound| high >= bound)
                && high_to.is_none_or(|bound| high <= bound)
        }
        _ => false,
    }
}
