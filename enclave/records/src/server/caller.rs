//! Who asks, who decides, and who writes it down: the server's border to the clinic. The
//! clinic's sessions, rules and ledger stand behind [`Guard`]; nothing here knows a token.

use std::sync::Arc;

use autoclave_base::LogSafe;
use autoclave_cell::Refusal;
use autoclave_fhir::Kind;
use autoclave_ledger::Label;
use autoclave_record::Purpose;
use futures::future::BoxFuture;

use crate::Tenant;

/// Most patients that one access names; a longer one says how many it touched.
pub const SUBJECTS_MAX: usize = 64;

/// What a token was granted. The clinic reads scopes and enforces them in its [`Guard`].
pub trait Scopes: Send + Sync {
    /// Whether an action is granted; where it is, only for resources that one of the queries
    /// (as in `category=laboratory`) means, or for all where there is none.
    fn permits(&self, action: Action, kind: Option<Kind>) -> Option<Vec<String>>;
}

/// Who asks: established by the clinic, believed here. No `Debug`: it may name a patient.
#[derive(Clone)]
pub struct Caller {
    /// Whose records.
    pub tenant: Tenant,
    /// A member of staff, or a client, by id.
    pub actor: Label,
    /// In which role.
    pub role: Label,
    /// Why.
    pub purpose: Purpose,
    /// What the token grants; `None` for a session of staff, where rules alone decide.
    pub scopes: Option<Arc<dyn Scopes>>,
    /// The patient in context, by logical id: nobody else's compartment is met.
    pub patient: Option<String>,
    /// Codes of confidentiality and sensitivity that this caller may see, as in `N`, `R`, `PSY`.
    pub clearance: Vec<String>,
    /// The caller as a FHIR reference, as in `Practitioner/…`, for provenance and consent.
    pub reference: Option<String>,
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Make a resource.
    Create,
    /// Read one, or one version of it.
    Read,
    /// Replace or patch one.
    Update,
    /// Delete one.
    Delete,
    /// Find some.
    Search,
    /// Read what was.
    History,
    /// An operation, by its name without the `$`.
    Operation(&'static str),
}

impl Action {
    /// The name in rules and ledger lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Search => "search",
            Self::History => "history",
            Self::Operation(name) => name,
        }
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl LogSafe for Action {}

/// The rules grant it. Made by a [`Guard`] only.
#[derive(Clone, Default)]
#[must_use]
pub struct Granted {
    /// The rules that decided.
    pub rules: Vec<Label>,
    /// Queries of which one must mean a resource that is met; empty: all are.
    pub narrowed: Vec<String>,
}

/// The rules refuse it.
#[derive(Clone, Default)]
#[must_use]
pub struct Refused {
    /// The rules that decided.
    pub rules: Vec<Label>,
}

/// What became of a request, for its ledger line. It names patients by key only.
#[derive(Clone)]
pub struct Access {
    /// What was asked.
    pub action: Action,
    /// Of which type; `None`: of several.
    pub kind: Option<Kind>,
    /// Patients whose resources left or were changed, by key, at most [`SUBJECTS_MAX`].
    pub subjects: Vec<i64>,
    /// How many resources left or were changed.
    pub count: u64,
    /// Whether it was granted.
    pub granted: bool,
    /// Whether a rule of consent was overridden by breaking the glass.
    pub glass: bool,
    /// The rules that decided.
    pub rules: Vec<Label>,
}

/// Decides and remembers. The clinic's.
pub trait Guard: Send + Sync {
    /// Whether the caller may; quick, and no line yet.
    fn allow(
        &self,
        caller: &Caller,
        action: Action,
        kind: Option<Kind>,
    ) -> Result<Granted, Refused>;

    /// Writes the line of an access; ready when it is durable. No answer leaves before.
    fn record<'a>(
        &'a self,
        caller: &'a Caller,
        access: Access,
    ) -> BoxFuture<'a, Result<(), Refusal>>;

    /// Milliseconds since 1970.
    fn now_ms(&self) -> i64;
}
