//! Whether one opened resource is what a query means, without a store. It belongs to the crate.
//! What lies behind a chain is not in the resource: then nobody here can tell.

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

use crate::instant::interval;
use crate::{Blind, Filter, Query, Row, patients, rows};

impl Query {
    /// Whether a resource is one of the query, as far as the resource alone says; none: a chain
    /// or `_has` would have to be followed. Wherever one resource is decided on (a narrowed
    /// scope, the criteria of a subscription), this is the whole question, checks and all.
    pub fn means(&self, kind: Kind, id: &str, node: &Node<'_>, blind: &Blind) -> Option<bool> {
        One::new(kind, id, node, blind).is_of(self)
    }
}

/// One resource with its rows.
pub(crate) struct One<'a, 'n> {
    kind: Kind,
    id: &'a str,
    node: &'a Node<'n>,
    blind: &'a Blind,
    rows: Vec<Row>,
}

impl<'a, 'n> One<'a, 'n> {
    pub(crate) fn new(kind: Kind, id: &'a str, node: &'a Node<'n>, blind: &'a Blind) -> Self {
        Self { kind, id, node, blind, rows: rows(kind, node, blind) }
    }

    pub(crate) fn is_of(&self, query: &Query) -> Option<bool> {
        match self.is(&query.filter) {
            Some(true) => Some(query.confirms(self.node)),
            other => other,
        }
    }

    fn is(&self, filter: &Filter) -> Option<bool> {
        match filter {
            Filter::Everything => Some(true),
            Filter::Nothing => Some(false),
            Filter::All(all) => decide(all.iter().map(|one| self.is(one)), false),
            Filter::Any(any) => decide(any.iter().map(|one| self.is(one)), true),
            Filter::Not(not) => self.is(not).map(|is| !is),
            Filter::Keys(keys) => Some(keys.contains(&self.blind.reference(self.kind, self.id))),
            Filter::Updated { from, to } => Some(self.is_updated(*from, *to)),
            Filter::Compartment { patient } => {
                let kind = Kind::known("Patient");
                let ids = patients(self.kind, self.id, self.node);
                Some(ids.iter().any(|id| self.blind.reference(kind, id) == *patient))
            }
            Filter::Chain { .. } | Filter::Reverse { .. } => None,
            of_row => Some(self.rows.iter().any(|row| has(of_row, row))),
        }
    }

    fn is_updated(&self, from: Option<i64>, to: Option<i64>) -> bool {
        let updated = self.node.at(&["meta", "lastUpdated"]).and_then(Node::text);
        updated.and_then(interval).is_some_and(|(time, _)| {
            from.is_none_or(|from| time >= from) && to.is_none_or(|to| time <= to)
        })
    }
}

/// One that decides is enough; else all must be known.
fn decide(each: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut all = Some(!decisive);
    for one in each {
        match one {
            Some(is) if is == decisive => return Some(decisive),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}

fn has(filter: &Filter, row: &Row) -> bool {
    match (filter, row) {
        (
            Filter::Term { parameter, term, system },
            Row::Term { parameter: own, term: is, system: of },
        ) => parameter == own && term == is && system.is_none_or(|system| system == *of),
        (Filter::System { parameter, system }, Row::Term { parameter: own, system: of, .. }) => {
            parameter == own && system == of
        }
        (Filter::Present { parameter, is_span: false }, Row::Term { parameter: own, .. })
        | (Filter::Present { parameter, is_span: true }, Row::Span { parameter: own, .. }) => {
            parameter == own
        }
        (
            Filter::Span { parameter, unit, low_from, low_to, high_from, high_to },
            Row::Span { parameter: own, unit: of, low, high },
        ) => {
            parameter == own
                && unit == of
                && low_from.is_none_or(|bound| *low >= bound)
                && low_to.is_none_or(|bound| *low <= bound)
                && high_from.is_none_or(|bound| *high >= bound)
                && high_to.is_none_or(|bound| *high <= bound)
        }
        _ => false,
    }
}
