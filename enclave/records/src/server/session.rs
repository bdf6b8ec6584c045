//! One request under way: who asks, what was granted, what may be met, and what is to be
//! written down about it. Every resource that leaves and every filter passes through here.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use autoclave_fhir::json::Node;
use autoclave_fhir::{Document, Kind};
use autoclave_record::consent::Act;
use autoclave_search::{self as search, Blind, Context, Filter, Handling, Page, Query};
use http::StatusCode;

use super::Server;
use super::caller::{Access, Action, Caller, Granted, SUBJECTS_MAX};
use super::fault::Fault;
use super::terms::KnownTerms;
use super::wanted::{Pairs, Wanted, pairs};
use crate::store::{Stored, View};
use crate::visible::{Touched, Visible};

/// What was granted for one action on one type.
pub(crate) struct Fence {
    rules: Vec<autoclave_ledger::Label>,
    /// Of which one must mean a resource, where there are any.
    narrowed: Vec<Pairs>,
}

type Fences = HashMap<(Action, Option<Kind>), Rc<Fence>>;

/// One request.
pub(crate) struct Session<'a> {
    pub(crate) server: &'a Server,
    pub(crate) caller: &'a Caller,
    pub(crate) base: &'a str,
    pub(crate) wanted: Wanted,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
    pub(crate) visible: Visible,
    fences: RefCell<Fences>,
    lines: RefCell<Vec<Access>>,
    touched: RefCell<Touched>,
    /// Conditional references that were resolved already.
    pub(crate) references: RefCell<HashMap<String, String>>,
    /// Resources that must be there when the change ends.
    pub(crate) targets: RefCell<HashSet<i64>>,
}

impl<'a> Session<'a> {
    /// Begins a request; reads the consents in force.
    pub(crate) fn new(
        server: &'a Server,
        caller: &'a Caller,
        base: &'a str,
        wanted: Wanted,
    ) -> Result<Self, Fault> {
        let now = server.guard().now_ms();
        let visible = server.consents().visible(caller, Act::Access, now)?;
        Ok(Self {
            server,
            caller,
            base,
            wanted,
            now,
            visible,
            fences: RefCell::default(),
            lines: RefCell::default(),
            touched: RefCell::default(),
            references: RefCell::default(),
            targets: RefCell::default(),
        })
    }

    /// Asks the rules, once for each action and type; a refusal gets its line.
    pub(crate) fn permit(&self, action: Action, kind: Option<Kind>) -> Result<Rc<Fence>, Fault> {
        if let Some(fence) = self.fences.borrow().get(&(action, kind)) {
            return Ok(Rc::clone(fence));
        }
        let fence = match self.server.guard().allow(self.caller, action, kind) {
            Ok(Granted { rules, narrowed }) => {
                let narrowed = narrowed.iter().map(|query| pairs(query));
                Rc::new(Fence { rules, narrowed: narrowed.collect::<Result<_, _>>()? })
            }
            Err(refused) => {
                let mut line = line(action, kind, refused.rules);
                line.granted = false;
                self.lines.borrow_mut().push(line);
                return Err(forbidden());
            }
        };
        self.fences.borrow_mut().insert((action, kind), Rc::clone(&fence));
        self.lines.borrow_mut().push(line(action, kind, fence.rules.clone()));
        Ok(fence)
    }

    /// As [`Session::permit`], where a refusal only leaves something out.
    pub(crate) fn may(&self, action: Action, kind: Kind) -> Option<Rc<Fence>> {
        if let Some(fence) = self.fences.borrow().get(&(action, Some(kind))) {
            return Some(Rc::clone(fence));
        }
        let granted = self.server.guard().allow(self.caller, action, Some(kind)).ok()?;
        let narrowed: Result<_, _> = granted.narrowed.iter().map(|query| pairs(query)).collect();
        let fence = Rc::new(Fence { rules: granted.rules, narrowed: narrowed.ok()? });
        self.fences.borrow_mut().insert((action, Some(kind)), Rc::clone(&fence));
        Some(fence)
    }

    /// Notes that a resource leaves or was changed.
    pub(crate) fn note(&self, action: Action, kind: Option<Kind>, owner: Option<i64>) {
        let mut lines = self.lines.borrow_mut();
        let is_it = |line: &&mut Access| line.granted && (line.action, line.kind) == (action, kind);
        if !lines.iter_mut().any(|line| is_it(&line)) {
            lines.push(line(action, kind, Vec::new()));
        }
        let Some(line) = lines.iter_mut().find(is_it) else { return };
        line.count += 1;
        if let Some(owner) = owner
            && line.subjects.len() < SUBJECTS_MAX
            && !line.subjects.contains(&owner)
        {
            line.subjects.push(owner);
        }
    }

    /// The lines of this request.
    pub(crate) fn into_lines(self) -> Vec<Access> {
        let glass = self.visible.breaks_glass();
        let mut lines = self.lines.into_inner();
        for line in &mut lines {
            line.glass = glass && line.granted;
        }
        lines
    }

    /// Makes terms.
    pub(crate) fn blind(&self) -> &Blind {
        self.server.store().blind()
    }

    /// Reads a query on a type.
    pub(crate) fn query(
        &self,
        kind: Kind,
        compartment: Option<&str>,
        pairs: &[(String, String)],
        handling: Handling,
    ) -> Result<Query, Fault> {
        let context = Context {
            blind: self.blind(),
            handling,
            now: self.now,
            bases: &self.server.settings().bases,
            terms: &KnownTerms,
        };
        let scope = search::Scope { kind, compartment: compartment.map(str::to_owned) };
        Ok(search::parse(&scope, pairs, &context)?)
    }

    /// What of a filter this caller may be told: in the patient's compartment, within what the
    /// token was narrowed to, without labels beyond the clearance.
    pub(crate) fn within(
        &self,
        fence: &Fence,
        kind: Kind,
        filter: Filter,
    ) -> Result<Filter, Fault> {
        let mut all = vec![filter];
        if let Some(patient) = self.patient()
            && search::is_of_patients(kind)
        {
            all.push(Filter::Compartment { patient });
        }
        if !fence.narrowed.is_empty() {
            let mut any = Vec::new();
            for pairs in &fence.narrowed {
                let query = self.query(kind, None, pairs, Handling::Strict)?;
                // Rows alone would let more through than the token says.
                if query.needs_check() {
                    return Err(forbidden());
                }
                any.push(query.filter);
            }
            all.push(Filter::Any(any));
        }
        let filter = if all.len() == 1 { all.remove(0) } else { Filter::All(all) };
        Ok(self.visible.narrow(kind, filter))
    }

    /// The key of the patient to whom this caller is confined.
    fn patient(&self) -> Option<i64> {
        let id = self.caller.patient.as_deref()?;
        Some(self.blind().reference(Kind::known("Patient"), id))
    }

    /// Whether an opened resource may be told at all.
    pub(crate) fn shows(
        &self,
        view: &mut View<'_>,
        fence: &Fence,
        stored: &Stored,
        node: &Node<'_>,
    ) -> Result<bool, Fault> {
        if !self.visible.admits(stored, node) || !self.is_inside(stored, node) {
            return Ok(false);
        }
        self.is_narrowed_to(view, fence, stored)
    }

    /// Whether a stored resource is one of those that the token was narrowed to.
    pub(crate) fn is_narrowed_to(
        &self,
        view: &mut View<'_>,
        fence: &Fence,
        stored: &Stored,
    ) -> Result<bool, Fault> {
        if fence.narrowed.is_empty() {
            return Ok(true);
        }
        let filter = self.within(fence, stored.kind, Filter::Keys(vec![stored.key]))?;
        let hidden = self.visible.hidden();
        Ok(!view.search(stored.kind, &filter, hidden, &[], &Page::First, 1)?.is_empty())
    }

    /// What stands behind one of our own bases; the one that the client used is one.
    pub(crate) fn relative<'t>(&self, url: &'t str) -> Option<&'t str> {
        let behind = |base: &str| url.strip_prefix(base)?.strip_prefix('/');
        let known = self.server.settings().bases.iter().map(String::as_str);
        known.chain([self.base]).find_map(behind)
    }

    /// Notes what was stored or deleted, for the ledger line and the consents in force.
    pub(crate) fn stored(&self, action: Action, stored: &Stored) {
        self.touched.borrow_mut().note(stored);
        self.note(action, Some(stored.kind), stored.owner);
    }

    /// Puts in force what a committed change touched.
    pub(crate) fn committed(&self) -> Result<(), Fault> {
        let touched = self.touched.borrow();
        self.server.consents().refresh(self.caller.tenant, &touched)?;
        for operation in self.server.operations() {
            operation.committed(self.caller, &touched);
        }
        Ok(())
    }

    /// Whether this caller may store such a resource: one of the patient in context.
    pub(crate) fn may_hold(&self, kind: Kind, id: &str, node: &Node<'_>) -> Result<(), Fault> {
        let Some(patient) = self.caller.patient.as_deref() else { return Ok(()) };
        let is_inside = search::is_of_patients(kind)
            && search::patients(kind, id, node).iter().any(|own| own == patient);
        if is_inside { Ok(()) } else { Err(forbidden()) }
    }

    /// As [`Session::shows`], reading the tree only where something depends on it.
    pub(crate) fn shows_stored(
        &self,
        view: &mut View<'_>,
        fence: &Fence,
        stored: &Stored,
    ) -> Result<bool, Fault> {
        let Some(document) = &stored.document else { return Ok(self.shows_deleted(stored)) };
        let is_open = self.visible.looks_into(stored)
            || self.caller.patient.is_some()
            || !fence.narrowed.is_empty();
        if is_open {
            return self.shows(view, fence, stored, &tree(document)?);
        }
        Ok(self.visible.admits(stored, &Node::Null))
    }

    fn is_inside(&self, stored: &Stored, node: &Node<'_>) -> bool {
        let Some(patient) = self.caller.patient.as_deref() else { return true };
        !search::is_of_patients(stored.kind)
            || search::patients(stored.kind, &stored.id, node).iter().any(|id| id == patient)
    }

    /// Whether it may be told that this resource, which is deleted, once was.
    pub(crate) fn shows_deleted(&self, stored: &Stored) -> bool {
        let hidden = self.visible.hidden();
        let is_hidden = stored
            .owner
            .is_some_and(|owner| hidden.owners.contains(&owner) || hidden.partly.contains(&owner));
        let is_outside = search::is_of_patients(stored.kind)
            && self.patient().is_some_and(|patient| stored.owner != Some(patient));
        !is_hidden && !is_outside
    }
}

/// A line that nothing was counted in yet.
pub(crate) fn line(
    action: Action,
    kind: Option<Kind>,
    rules: Vec<autoclave_ledger::Label>,
) -> Access {
    Access { action, kind, subjects: Vec::new(), count: 0, granted: true, glass: false, rules }
}

fn forbidden() -> Fault {
    let text = "Your role, purpose or token does not permit this.";
    Fault::new(StatusCode::FORBIDDEN, "forbidden", "permission.refused", text)
}

/// The tree of a stored resource.
pub(crate) fn tree(document: &Document) -> Result<Node<'_>, Fault> {
    document.node().map_err(|_| Fault::internal("record.malformed"))
}
