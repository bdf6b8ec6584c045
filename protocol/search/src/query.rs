//! What a client asked for, understood: a filter, an order, what is to come along, and how the
//! answer is to look. It belongs to the crate. A query holds what was typed where rows cannot
//! decide, so it has no `Debug`; refusals name parameters, never values.

pub(crate) mod asked;
mod chain;
mod check;
mod compare;
mod condition;
mod control;
mod refusal;
mod value;

use std::cell::Cell;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

use crate::{Blind, Filter, Include, Sort};
use asked::filter::all;
use chain::Chain;
use check::Check;

pub use refusal::{Named, QueryRefusal};

/// Parameters of one query: far more than anybody types, few enough for one statement.
pub const PARAMETERS_MAX: usize = 64;
/// Alternatives of one parameter.
pub const VALUES_MAX: usize = 256;
/// Codes of one value set that a query may ask for.
pub const CODES_MAX: usize = 1_000;
/// Links of one chain, forward and backward.
pub const CHAIN_MAX: usize = 4;
/// Types that one link of a chain may lead to when none is named.
pub const KINDS_MAX: usize = 16;
/// Rows that one query may ask for, all alternatives of all parameters together.
pub const TERMS_MAX: usize = 4_096;
/// Keys of one order.
pub const SORTS_MAX: usize = 8;
/// `_include` and `_revinclude` of one query.
pub const INCLUDES_MAX: usize = 32;
/// `_elements` of one query.
pub const ELEMENTS_MAX: usize = 64;

/// Where is searched.
#[derive(Clone)]
pub struct Scope {
    /// Resources of this type.
    pub kind: Kind,
    /// Only in the compartment of the patient with this id.
    pub compartment: Option<String>,
}

/// What happens with parameters that nobody knows (`Prefer: handling=…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// They are refused.
    Strict,
    /// They stand in [`Query::ignored`].
    Lenient,
}

/// What a terminology service says; codes stand with their systems.
pub trait Terms {
    /// All codes of a value set, as (system, code); none where it is unknown or not enumerated.
    fn codes_of(&self, value_set: &str) -> Option<Vec<(String, String)>>;
    /// A code and all codes below it.
    fn below(&self, system: &str, code: &str) -> Option<Vec<String>>;
    /// A code and all codes above it.
    fn above(&self, system: &str, code: &str) -> Option<Vec<String>>;
}

/// A terminology service that knows nothing: `:in`, `:below` and the like are refused.
pub struct NoTerms;

impl Terms for NoTerms {
    fn codes_of(&self, _: &str) -> Option<Vec<(String, String)>> {
        None
    }

    fn below(&self, _: &str, _: &str) -> Option<Vec<String>> {
        None
    }

    fn above(&self, _: &str, _: &str) -> Option<Vec<String>> {
        None
    }
}

/// With what a query is understood.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Makes the terms.
    pub blind: &'a Blind,
    /// What happens with unknown parameters.
    pub handling: Handling,
    /// Milliseconds since 1970, for `ap` on dates.
    pub now: i64,
    /// Our own base URLs, without a slash at the end: references below them are relative ones.
    pub bases: &'a [String],
    /// Knows value sets and hierarchies.
    pub terms: &'a dyn Terms,
}

/// How exactly matches are counted (`_total`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Total {
    /// The server decides.
    #[default]
    Unasked,
    /// Not at all.
    None,
    /// About.
    Estimate,
    /// Exactly.
    Accurate,
}

/// Which part of resources is answered (`_summary`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summary {
    /// The summary elements.
    True,
    /// The narrative and what is mandatory.
    Text,
    /// All but the narrative.
    Data,
    /// Only how many there are.
    Count,
    /// All.
    False,
}

/// A query, understood.
#[derive(Clone)]
pub struct Query {
    /// Which resources are meant, before [`Query::confirms`].
    pub filter: Filter,
    /// In which order; empty: as stored.
    pub sort: Vec<Sort>,
    /// Matches on a page, where asked.
    pub count: Option<u32>,
    /// How exactly they are counted.
    pub total: Total,
    /// What comes along.
    pub includes: Vec<Include>,
    /// Which part is answered, where asked.
    pub summary: Option<Summary>,
    /// The elements that are answered; empty: all.
    pub elements: Vec<String>,
    /// Names of parameters that were not understood ([`Handling::Lenient`]).
    pub ignored: Vec<String>,
    /// What rows cannot decide.
    checks: Vec<Check>,
}

impl Query {
    fn new() -> Self {
        Self {
            filter: Filter::Everything,
            sort: Vec::new(),
            count: None,
            total: Total::default(),
            includes: Vec::new(),
            summary: None,
            elements: Vec::new(),
            ignored: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// Whether matches of the filter must be opened and asked [`Query::confirms`].
    pub fn needs_check(&self) -> bool {
        !self.checks.is_empty()
    }

    /// Whether a match of the filter is one of the query.
    pub fn confirms(&self, node: &Node<'_>) -> bool {
        self.checks.iter().all(|check| check.holds(node))
    }
}

/// Reads a query: names and values, percent-decoded, in the order of the request. `_type` is
/// the caller's affair and passed over, as are `_format` and `_pretty`.
pub fn parse(
    scope: &Scope,
    pairs: &[(String, String)],
    context: &Context<'_>,
) -> Result<Query, QueryRefusal> {
    let mut query = Query::new();
    let mut filters = Vec::new();
    let left = Cell::new(TERMS_MAX);
    if let Some(patient) = &scope.compartment {
        let patient = context.blind.reference(Kind::known("Patient"), patient);
        filters.push(Filter::Compartment { patient });
    }
    for (at, (name, value)) in pairs.iter().enumerate() {
        if at == PARAMETERS_MAX {
            return Err(QueryRefusal::TooMuch(Named::new(name)));
        }
        match query.take(scope.kind, (name, value), context, &left) {
            Ok(filter) => filters.extend(filter),
            Err(refusal) if context.handling == Handling::Lenient && refusal.is_ignorable() => {
                query.ignored.push(Named::new(name).as_str().to_owned());
            }
            Err(refusal) => return Err(refusal),
        }
    }
    query.filter = all(filters);
    Ok(query)
}

impl Query {
    fn take(
        &mut self,
        kind: Kind,
        (name, value): (&str, &str),
        context: &Context<'_>,
        left: &Cell<usize>,
    ) -> Result<Option<Filter>, QueryRefusal> {
        if self.control(kind, name, value)? {
            return Ok(None);
        }
        let chain = Chain { context, name, value, left };
        chain.filter(kind, name, 0, &mut self.checks).map(Some)
    }
}
