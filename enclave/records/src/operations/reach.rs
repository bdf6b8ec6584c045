//! How far an operation reaches for its caller: consent, labels, the patient in context and
//! what the rules narrowed it to, for searches and for each opened resource. The server's
//! interactions have the same of their own; no operation reads past it.

use std::collections::BTreeSet;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_record::consent::Act;
use autoclave_search::{Context, Filter, Handling, Page, Query, Scope, parse};

use super::run::fault;
use crate::server::{Access, Action, Caller, Fault, Granted, KnownTerms, SUBJECTS_MAX, Server};
use crate::store::Stored;
use crate::visible::Visible;

/// What one call may meet, and what it has met.
pub(super) struct Reach {
    pub(super) server: Server,
    pub(super) caller: Caller,
    pub(super) granted: Granted,
    pub(super) visible: Visible,
    pub(super) now: i64,
    met: BTreeSet<i64>,
    count: u64,
}

impl Reach {
    /// Blocks at a tenant's first request.
    pub(super) fn new(
        server: &Server,
        caller: &Caller,
        granted: Granted,
        act: Act,
    ) -> Result<Self, Fault> {
        let now = server.guard().now_ms();
        let visible = server.consents().visible(caller, act, now).map_err(fault)?;
        Ok(Self {
            server: server.clone(),
            caller: caller.clone(),
            granted,
            visible,
            now,
            met: BTreeSet::new(),
            count: 0,
        })
    }

    /// Understands a query of one type.
    pub(super) fn query(&self, kind: Kind, pairs: &[(String, String)]) -> Result<Query, Fault> {
        let context = Context {
            blind: self.server.store().blind(),
            handling: Handling::Strict,
            now: self.now,
            bases: &self.server.settings().bases,
            terms: &KnownTerms,
        };
        parse(&Scope { kind, compartment: None }, pairs, &context)
            .map_err(|_| Fault::bad("search.refused", "The query is not understood."))
    }

    /// The filter within reach.
    pub(super) fn filter(&self, kind: Kind, filter: Filter) -> Result<Filter, Fault> {
        let mut all = vec![filter];
        if let Some(patient) = &self.caller.patient {
            let patient = self.server.store().blind().reference(Kind::known("Patient"), patient);
            all.push(Filter::Compartment { patient });
        }
        if !self.granted.narrowed.is_empty() {
            let queries = self.narrowed(kind)?;
            all.push(if queries.is_empty() {
                Filter::Nothing
            } else {
                Filter::Any(queries.into_iter().map(|query| query.filter).collect())
            });
        }
        let filter = match all.len() {
            1 => all.remove(0),
            _ => Filter::All(all),
        };
        Ok(self.visible.narrow(kind, filter))
    }

    /// One resource, where it is there and within reach.
    pub(super) fn read(&mut self, kind: Kind, id: &str) -> Result<Option<Stored>, Fault> {
        let key = self.server.store().blind().reference(kind, id);
        let filter = self.filter(kind, Filter::Keys(vec![key]))?;
        let hidden = self.visible.hidden();
        let found = self.server.store().read(self.caller.tenant, |view| {
            let hits = view.search(kind, &filter, hidden, &[], &Page::First, 1)?;
            view.open(&hits.iter().map(|hit| hit.row).collect::<Vec<_>>())
        });
        let Some(stored) = found.map_err(fault)?.into_iter().next() else { return Ok(None) };
        let Some(document) = &stored.document else { return Ok(None) };
        let node = document.node().map_err(|_| Fault::internal("a stored resource"))?;
        Ok(self.tells(&stored, &node).then(|| stored.clone()))
    }

    /// Whether an opened resource may be told; counts it where it is.
    pub(super) fn tells(&mut self, stored: &Stored, node: &Node<'_>) -> bool {
        if !self.visible.admits(stored, node) {
            return false;
        }
        if let Some(owner) = stored.owner
            && self.met.len() < SUBJECTS_MAX
        {
            self.met.insert(owner);
        }
        self.count += 1;
        true
    }

    /// What was met, for the ledger.
    pub(super) fn access(&self, name: &'static str, kind: Option<Kind>) -> Access {
        Access {
            action: Action::Operation(name),
            kind,
            subjects: self.met.iter().copied().collect(),
            count: self.count,
            granted: true,
            glass: self.visible.breaks_glass(),
            rules: self.granted.rules.clone(),
        }
    }

    /// What the rules narrowed the caller to, of one type. A query that rows alone cannot decide
    /// opens nothing: its filter means more than it does.
    fn narrowed(&self, kind: Kind) -> Result<Vec<Query>, Fault> {
        let each = self.granted.narrowed.iter();
        let queries = each.map(|text| self.query(kind, &crate::server::pairs(text)?));
        let queries: Vec<Query> = queries.collect::<Result<_, _>>()?;
        Ok(queries.into_iter().filter(|query| !query.needs_check()).collect())
    }
}
