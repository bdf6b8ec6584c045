//! The records as a FHIR server: who asks it, who guards it, what the clinic files in it. The
//! clinic's. No handler of the server knows a session or a token, and no session is believed
//! that the clinic did not establish.

pub(crate) mod audit;
pub(crate) mod filing;
pub(crate) mod guard;
pub(crate) mod scopes;

use std::path::Path;
use std::sync::Arc;

use autoclave_ledger::Label;
use autoclave_record::{Purpose, Role};
use autoclave_records::Tenant;
use autoclave_records::operations::{
    Operations, OperationsSettings, SubscriptionSettings, VaultError,
};
use autoclave_records::server::{Caller, Server, ServerSettings};
use autoclave_records::store::Store;

use crate::keys::RecordsKeys;
use crate::permit::Actor;
use crate::smart::{Access, Holder, SmartSettings};
use guard::{APPLICATION, RulesGuard};
use scopes::Held;

/// The server over the clinic's records.
pub(crate) fn server(
    smart: &SmartSettings,
    records: Store,
    guard: Arc<RulesGuard>,
    operations: &Operations,
    own: &crate::Store,
) -> Server {
    let base = smart.base.as_deref().unwrap_or_default();
    let at = |name, path: &str| (name, format!("{base}{path}"));
    let security = match smart.base {
        Some(_) => vec![
            at("authorize", "/auth/authorize"),
            at("token", "/auth/token"),
            at("introspect", "/auth/introspect"),
            at("revoke", "/auth/revoke"),
        ],
        None => Vec::new(),
    };
    let settings = ServerSettings {
        bases: vec![format!("{base}/fhir")],
        provenance: true,
        references_must_exist: false,
        security,
        paging_key: own.keys().paging().clone(),
    };
    Server::new(records, guard, settings, operations.all())
}

/// The operations, which remember their jobs in this folder. Nobody is told of changes yet:
/// this clinic has no way out to others' servers.
pub(crate) fn operations(folder: &Path, keys: &RecordsKeys) -> Result<Operations, VaultError> {
    Operations::open(OperationsSettings {
        folder: folder.to_owned(),
        key: keys.operations().clone(),
        imports: None,
        subscriptions: SubscriptionSettings::default(),
        sender: None,
    })
}

/// The one institution of this clinic.
pub(crate) const TENANT: Tenant = Tenant(1);

/// A member of staff in a session.
pub(crate) fn staff(actor: Actor, purpose: Purpose) -> Caller {
    let role = actor.role();
    Caller {
        tenant: TENANT,
        actor: actor.label(),
        role: Label::of(&role),
        purpose,
        scopes: None,
        patient: None,
        clearance: clearance(role, purpose),
        reference: actor.staff().ok().map(|id| format!("Practitioner/{id}")),
    }
}

/// The holder of an access token; `purpose` where the request states another one.
pub(crate) fn application(
    access: &Access,
    clearance: &[String],
    purpose: Option<Purpose>,
) -> Caller {
    let grant = &access.grant;
    let purpose = purpose.unwrap_or(grant.purpose);
    let patient = grant.scopes.is_confined().then(|| grant.patient.clone().unwrap_or_default());
    let scopes: Option<Arc<dyn autoclave_records::server::Scopes>> =
        Some(Arc::new(Held(grant.scopes.clone())));
    match grant.holder {
        Holder::Staff { id, role } => {
            Caller { scopes, patient, ..staff(Actor::Staff { id, role }, purpose) }
        }
        Holder::Application => Caller {
            tenant: TENANT,
            actor: Label::of_claim(&grant.client),
            role: Label::code(APPLICATION),
            purpose,
            scopes,
            patient,
            clearance: clearance.to_vec(),
            reference: Some(format!("Device/{}", grant.client)),
        },
    }
}

/// Somebody who may ask what the server is, and nothing else.
pub(crate) fn nobody() -> Caller {
    Caller {
        tenant: TENANT,
        actor: Label::code("unknown"),
        role: Label::code("unknown"),
        purpose: Purpose::Treatment,
        scopes: None,
        patient: None,
        clearance: Vec::new(),
        reference: None,
    }
}

/// Labels that a role may see for a purpose: who treats sees what is restricted, and in an
/// emergency everything.
fn clearance(role: Role, purpose: Purpose) -> Vec<String> {
    match (role, purpose) {
        (Role::Clinician, Purpose::EmergencyTreatment | Purpose::BreakTheGlass) => {
            vec!["*".to_owned()]
        }
        (Role::Clinician, Purpose::Treatment) => vec!["R".to_owned()],
        _ => Vec::new(),
    }
}
