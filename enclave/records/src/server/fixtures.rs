//! What tests of the server share: a guard that can be told to refuse, and a caller.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use autoclave_cell::Refusal;
use autoclave_fhir::Kind;
use autoclave_ledger::Label;
use autoclave_record::Purpose;
use futures::future::BoxFuture;

use super::caller::{Access, Action, Caller, Granted, Guard, Refused};
use crate::Tenant;

/// Somebody who may ask.
pub(crate) fn caller() -> Caller {
    Caller {
        tenant: Tenant(1),
        actor: Label::code("staff/1"),
        role: Label::code("clinician"),
        purpose: Purpose::Treatment,
        scopes: None,
        patient: None,
        clearance: Vec::new(),
        reference: Some("Practitioner/1".to_owned()),
    }
}

/// Grants what it was not told to refuse, remembers every line, and moves the clock.
#[derive(Default)]
pub(crate) struct TestGuard {
    pub(crate) refuse: Mutex<Vec<(Action, Option<Kind>)>>,
    pub(crate) narrowed: Mutex<Vec<String>>,
    pub(crate) lines: Mutex<Vec<Access>>,
    pub(crate) clock: AtomicI64,
}

impl Guard for TestGuard {
    fn allow(&self, _: &Caller, action: Action, kind: Option<Kind>) -> Result<Granted, Refused> {
        if self.refuse.lock().unwrap().contains(&(action, kind)) {
            return Err(Refused::default());
        }
        let narrowed = self.narrowed.lock().unwrap().clone();
        Ok(Granted { rules: vec![Label::code("test")], narrowed })
    }

    fn record<'a>(&'a self, _: &'a Caller, access: Access) -> BoxFuture<'a, Result<(), Refusal>> {
        self.lines.lock().unwrap().push(access);
        Box::pin(std::future::ready(Ok(())))
    }

    fn now_ms(&self) -> i64 {
        1_795_000_000_000 + self.clock.fetch_add(1, Ordering::Relaxed)
    }
}
