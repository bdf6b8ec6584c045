//! A caller as a job remembers it, so that the job can go on after a new start with the same
//! reach. Scopes are not among it: they are asked again when what a job made is fetched.

use autoclave_ledger::Label;
use serde::{Deserialize, Serialize};

use crate::Tenant;
use crate::server::Caller;

/// Who started a job. No `Debug`: it may name a patient.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Identity {
    tenant: u16,
    actor: String,
    role: String,
    purpose: String,
    patient: Option<String>,
    clearance: Vec<String>,
    reference: Option<String>,
}

impl Identity {
    pub(super) fn of(caller: &Caller) -> Self {
        Self {
            tenant: caller.tenant.0,
            actor: caller.actor.as_str().to_owned(),
            role: caller.role.as_str().to_owned(),
            purpose: caller.purpose.code().to_owned(),
            patient: caller.patient.clone(),
            clearance: caller.clearance.clone(),
            reference: caller.reference.clone(),
        }
    }

    /// The caller again; `None` where what was kept is none of ours.
    pub(super) fn caller(&self) -> Option<Caller> {
        Some(Caller {
            tenant: Tenant(self.tenant),
            actor: Label::parse(&self.actor).ok()?,
            role: Label::parse(&self.role).ok()?,
            purpose: self.purpose.parse().ok()?,
            scopes: None,
            patient: self.patient.clone(),
            clearance: self.clearance.clone(),
            reference: self.reference.clone(),
        })
    }

    /// Whether that caller is the one who started it.
    pub(super) fn is(&self, caller: &Caller) -> bool {
        self.tenant == caller.tenant.0
            && self.actor == caller.actor.as_str()
            && self.patient == caller.patient
    }

    pub(super) const fn tenant(&self) -> Tenant {
        Tenant(self.tenant)
    }
}
