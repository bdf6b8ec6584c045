//! Writes: create, update, delete, patch, and each under a condition. One function does what
//! one entry asks, inside a change that somebody else began: alone, in a batch, or in a
//! transaction. Whatever can be refused is refused before anything is stored, so that in a
//! batch a refused entry leaves nothing behind.

use autoclave_fhir::json::Node;
use autoclave_fhir::{Document, Kind};
use autoclave_validate::{check, operation_outcome};
use http::StatusCode;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::caller::Action;
use super::fault::Fault;
use super::patch::Patch;
use super::reply;
use super::search::first;
use super::session::{Session, tree};
use super::targets;
use super::wanted::Pairs;
use crate::store::{Change, Put, Stored};

/// A resource as it came.
pub(crate) struct Body<'a> {
    pub(crate) node: Node<'a>,
    /// Its author's bytes, where nothing was changed since.
    pub(crate) text: Option<&'a [u8]>,
}

/// What a write does.
pub(crate) enum What<'a> {
    /// Makes a resource; under `unless` only where that means none.
    Create { id: String, body: Body<'a>, unless: Option<Pairs> },
    /// Puts a resource at its id.
    Update { id: String, body: Body<'a> },
    /// Puts a resource where the query says; `id` is for a new one.
    UpdateWhere { id: String, body: Body<'a>, query: Pairs },
    /// Changes parts.
    Patch { id: String, patch: Patch<'a> },
    /// Changes parts of what the query says.
    PatchWhere { query: Pairs, patch: Patch<'a> },
    /// Deletes.
    Delete { id: String },
    /// Deletes what the query says, where that is one.
    DeleteWhere { query: Pairs },
}

/// One write.
pub(crate) struct Write<'a> {
    pub(crate) kind: Kind,
    pub(crate) what: What<'a>,
    /// The version that must be there (`If-Match`).
    pub(crate) if_match: Option<u32>,
    /// Nothing may be there (`If-None-Match: *`).
    pub(crate) if_none: bool,
}

/// What came of it.
pub(crate) struct Done {
    pub(crate) status: StatusCode,
    /// What is there now; `None` where there is nothing to tell of.
    pub(crate) stored: Option<Stored>,
    /// Whether anything changed.
    pub(crate) is_change: bool,
    /// Whether the resource may be told: the caller wrote all of it, or may read it.
    pub(crate) tells: bool,
}

impl Done {
    /// There was nothing to do, and there is nothing to tell.
    pub(crate) const fn nothing() -> Self {
        let (status, stored) = (StatusCode::NO_CONTENT, None);
        Self { status, stored, is_change: false, tells: false }
    }

    /// What a condition found is there already.
    pub(crate) fn found(session: &Session<'_>, stored: Stored) -> Self {
        let tells = session.may(Action::Read, stored.kind).is_some();
        Self { status: StatusCode::OK, stored: Some(stored), is_change: false, tells }
    }

    fn changed(status: StatusCode, stored: Option<Stored>, tells: bool) -> Self {
        Self { status, stored, is_change: true, tells }
    }
}

/// Does one write.
pub(crate) fn write(
    session: &Session<'_>,
    change: &mut Change<'_>,
    write: Write<'_>,
) -> Result<Done, Fault> {
    let Write { kind, what, if_match, if_none } = write;
    let mut at = At { session, change, kind, if_match, if_none };
    match what {
        What::Create { id, body, unless: None } => at.create(&id, &body),
        What::Create { id, body, unless: Some(query) } => at.create_unless(&id, &body, &query),
        What::Update { id, body } => {
            same_id(&id, &body)?;
            at.update(&id, &body)
        }
        What::UpdateWhere { id, body, query } => at.update_where(&id, &body, &query),
        What::Patch { id, patch } => at.patch(&id, &patch),
        What::PatchWhere { query, patch } => {
            let one = at.only(Action::Update, &query)?.ok_or_else(Fault::not_found)?;
            at.patch(&one.id, &patch)
        }
        What::Delete { id } => at.delete(&id),
        What::DeleteWhere { query } => match at.only(Action::Delete, &query)? {
            Some(one) => at.delete(&one.id),
            None => Ok(Done::nothing()),
        },
    }
}

/// Where a write is under way.
struct At<'a, 's, 'c, 'v> {
    session: &'a Session<'s>,
    change: &'c mut Change<'v>,
    kind: Kind,
    if_match: Option<u32>,
    if_none: bool,
}

impl At<'_, '_, '_, '_> {
    fn create(&mut self, id: &str, body: &Body<'_>) -> Result<Done, Fault> {
        self.session.permit(Action::Create, Some(self.kind))?;
        let stored = self.put(Action::Create, id, body)?;
        Ok(Done::changed(StatusCode::CREATED, Some(stored), true))
    }

    fn create_unless(
        &mut self,
        id: &str,
        body: &Body<'_>,
        query: &[(String, String)],
    ) -> Result<Done, Fault> {
        // Whoever may make one may learn that there is one; nothing of it is told to others.
        self.session.permit(Action::Create, Some(self.kind))?;
        match self.only(Action::Create, query)? {
            None => self.create(id, body),
            Some(one) => Ok(Done::found(self.session, one)),
        }
    }

    fn update(&mut self, id: &str, body: &Body<'_>) -> Result<Done, Fault> {
        let fence = self.session.permit(Action::Update, Some(self.kind))?;
        let current = self.change.get(self.kind, id)?;
        self.conditions(current.as_ref())?;
        let is_there = match &current {
            Some(stored @ Stored { document: Some(document), .. }) => {
                let node = tree(document)?;
                if !self.session.shows(self.change, &fence, stored, &node)? {
                    return Err(withheld());
                }
                true
            }
            Some(deleted) if !self.session.shows_deleted(deleted) => return Err(withheld()),
            _ => false,
        };
        let stored = self.put(Action::Update, id, body)?;
        let status = if is_there { StatusCode::OK } else { StatusCode::CREATED };
        Ok(Done::changed(status, Some(stored), true))
    }

    fn update_where(
        &mut self,
        id: &str,
        body: &Body<'_>,
        query: &[(String, String)],
    ) -> Result<Done, Fault> {
        let own = body.node.text_of("id");
        match self.only(Action::Update, query)? {
            Some(one) if own.is_some_and(|own| own != one.id) => Err(id_mismatch()),
            Some(one) => self.update(&one.id, body),
            None => match own {
                Some(own) => self.update(own, body),
                None => self.create(id, body),
            },
        }
    }

    fn patch(&mut self, id: &str, patch: &Patch<'_>) -> Result<Done, Fault> {
        let fence = self.session.permit(Action::Update, Some(self.kind))?;
        let current = self.change.get(self.kind, id)?.ok_or_else(Fault::not_found)?;
        let Some(document) = &current.document else {
            let is_told = self.session.shows_deleted(&current);
            return Err(if is_told { reply::gone() } else { Fault::not_found() });
        };
        let node = tree(document)?;
        if !self.session.shows(self.change, &fence, &current, &node)? {
            return Err(Fault::not_found());
        }
        self.conditions(Some(&current))?;
        let body = Body { node: patch.apply(&node)?, text: None };
        let stored = self.put(Action::Update, id, &body)?;
        let tells = self.session.may(Action::Read, self.kind).is_some();
        Ok(Done::changed(StatusCode::OK, Some(stored), tells))
    }

    fn delete(&mut self, id: &str) -> Result<Done, Fault> {
        let fence = self.session.permit(Action::Delete, Some(self.kind))?;
        let Some(current) = self.change.get(self.kind, id)? else { return Ok(Done::nothing()) };
        let Some(document) = &current.document else { return Ok(Done::nothing()) };
        let node = tree(document)?;
        if !self.session.shows(self.change, &fence, &current, &node)? {
            return Err(Fault::not_found());
        }
        self.conditions(Some(&current))?;
        let deleted = self.change.delete(self.kind, id, None, self.session.now)?;
        if let Some(deleted) = &deleted {
            self.session.stored(Action::Delete, deleted);
        }
        Ok(Done::changed(StatusCode::NO_CONTENT, deleted, false))
    }

    /// The one resource that a condition means; more than one is refused.
    fn only(
        &mut self,
        action: Action,
        query: &[(String, String)],
    ) -> Result<Option<Stored>, Fault> {
        let fence = self.session.permit(action, Some(self.kind))?;
        let mut found = first(self.session, self.change, self.kind, &fence, query, 2)?;
        if found.len() > 1 { Err(many()) } else { Ok(found.pop()) }
    }

    fn conditions(&self, current: Option<&Stored>) -> Result<(), Fault> {
        let live = current.filter(|stored| stored.document.is_some());
        let is_other = |version| live.is_none_or(|stored| stored.version != version);
        if self.if_match.is_some_and(is_other) {
            let text = "The resource has another version than If-Match says.";
            let status = StatusCode::PRECONDITION_FAILED;
            return Err(Fault::new(status, "conflict", "condition.version", text));
        }
        if self.if_none && live.is_some() {
            let text = "The resource is there, and If-None-Match says that none may be.";
            let status = StatusCode::PRECONDITION_FAILED;
            return Err(Fault::new(status, "conflict", "condition.exists", text));
        }
        Ok(())
    }

    fn put(&mut self, action: Action, id: &str, body: &Body<'_>) -> Result<Stored, Fault> {
        let node = &body.node;
        acceptable(node)?;
        self.session.may_hold(self.kind, id, node)?;
        if self.session.server.settings().references_must_exist {
            let mut keys = self.session.targets.borrow_mut();
            targets::each(node, &mut |text| {
                let own = targets::relative(text);
                keys.extend(own.map(|(kind, id)| self.session.blind().reference(kind, id)));
            });
        }
        let text = body.text.map_or_else(|| node.to_bytes(), <[u8]>::to_vec);
        let document = Document::of_parsed(text, node)?;
        let updated = self.session.now;
        let put = Put { id, expected: None, document: &document, node, updated };
        let stored = self.change.put(put)?;
        let fence = self.session.permit(action, Some(self.kind))?;
        if !self.session.is_narrowed_to(self.change, &fence, &stored)? {
            return Err(outside());
        }
        self.session.stored(action, &stored);
        Ok(stored)
    }
}

/// Whether a resource has the form that FHIR says.
pub(crate) fn acceptable(node: &Node<'_>) -> Result<(), Fault> {
    let findings = check(node);
    if !findings.iter().any(autoclave_validate::Finding::is_error) {
        return Ok(());
    }
    let text = "The resource is not of the form that FHIR R4 says.";
    Err(Fault::unprocessable("record.form", text).with_outcome(&operation_outcome(&findings)))
}

/// A resource must carry the id that its URL says.
fn same_id(id: &str, body: &Body<'_>) -> Result<(), Fault> {
    if body.node.text_of("id") == Some(id) { Ok(()) } else { Err(id_mismatch()) }
}

/// 412: a condition means several.
pub(crate) fn many() -> Fault {
    let text = "The condition means more than one resource.";
    Fault::new(StatusCode::PRECONDITION_FAILED, "multiple-matches", "condition.many", text)
}

/// A new logical id: a random UUID (version 4).
pub(crate) fn new_id() -> Result<String, Fault> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Fault::internal("random"))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let number = u128::from_be_bytes(bytes);
    let text = format!("{number:032x}");
    let parts = [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]];
    Ok(parts.join("-"))
}

/// 400: a resource says another id than its URL.
pub(crate) fn id_mismatch() -> Fault {
    Fault::bad("record.id_mismatch", "The resource's id is not the one of its URL.").at("id")
}

/// The code of a refusal that comes after something was stored: all of the change is undone.
pub(crate) const OUTSIDE: &str = "permission.narrowed";

fn outside() -> Fault {
    let text = "The resource is outside of what your token was narrowed to.";
    Fault::new(StatusCode::FORBIDDEN, "forbidden", OUTSIDE, text)
}

/// There is something that this caller may not meet, and may not overwrite.
fn withheld() -> Fault {
    let text = "Your role, purpose or token does not permit this.";
    Fault::new(StatusCode::FORBIDDEN, "forbidden", "permission.refused", text)
}

/// Whether a resource is of the type that its URL says.
pub(crate) fn of_kind(kind: Kind, node: &Node<'_>) -> Result<(), Fault> {
    match node.text_of("resourceType") {
        Some(name) if name == kind.name() => Ok(()),
        Some(name) if name.parse::<Kind>().is_ok() => {
            let text = "The resource is of another type than its URL.";
            Err(Fault::bad("record.type_mismatch", text).at("resourceType"))
        }
        _ => {
            let text = "The body is not a resource of FHIR R4.";
            Err(Fault::bad("record.not_a_resource", text).at("resourceType"))
        }
    }
}
