//! Recording: the line of what was decided, durable before anything happens. The broker's.
//! What is recorded here is the only thing that a key is wrapped for.

use autoclave_base::ids::KeyName;
use autoclave_base::{Digest, UnixTime};
use autoclave_cell::ledger::{AppendError, Ledger};
use autoclave_cell::policy::Explanation;
use autoclave_cell::release::REFUSED;
use autoclave_ledger::{Event, Label, RULES_MAX};

use super::{Action, Caller, Decided, GrantedRelease, OPERATION, RefusedRelease};

/// The decision is in the ledger, durably.
#[derive(Debug)]
pub enum Recorded {
    /// The key may be wrapped now.
    Release(RecordedRelease),
    /// The key may be used now, or a lease confirmed.
    Use(RecordedUse),
    /// The caller may be told now.
    Refusal(RecordedRefusal),
}

/// A granted release whose line is durable. Only [`record`] makes it.
#[derive(Debug)]
pub struct RecordedRelease {
    pub(super) release: GrantedRelease,
    line: u64,
}

/// A granted use that lets no key out. Only [`record`] makes it.
#[derive(Debug)]
pub struct RecordedUse {
    used: GrantedRelease,
}

/// A refusal whose line is durable. Only [`record`] makes it.
#[derive(Debug)]
pub struct RecordedRefusal {
    pub(super) refusal: RefusedRelease,
    line: u64,
}

/// Writes the decision into the ledger. When this returns `Ok`, the line is durable. A case
/// that was used has its own line first; a lease that is confirmed has none.
pub(crate) async fn record(decided: Decided, ledger: &Ledger) -> Result<Recorded, AppendError> {
    let granted = match decided {
        Decided::Granted(granted) => *granted,
        Decided::Refused(refusal) => {
            let line = ledger.append(refusal.event()).await?.index;
            return Ok(Recorded::Refusal(RecordedRefusal { refusal: *refusal, line }));
        }
    };
    if let Some(case) = granted.case.as_ref().filter(|_| granted.action != Action::Lease) {
        ledger.append(case.used()).await?;
    }
    match granted.action {
        Action::Release => {
            let line = ledger.append(granted.event()).await?.index;
            Ok(Recorded::Release(RecordedRelease { release: granted, line }))
        }
        Action::Wrap | Action::Unwrap => {
            ledger.append(granted.event()).await?;
            Ok(Recorded::Use(RecordedUse { used: granted }))
        }
        Action::Lease => Ok(Recorded::Use(RecordedUse { used: granted })),
    }
}

impl GrantedRelease {
    fn event(&self) -> Event {
        let rules = self.rules.iter().take(RULES_MAX);
        let rules = rules.map(|rule| Label::of_claim(rule)).collect();
        let (key, version, token) = (self.key.clone(), self.version, self.caller.token());
        let institution = self.institution.clone();
        match &self.caller {
            Caller::Workload(caller) if self.action == Action::Release => Event::Release {
                institution: self.named.then_some(institution),
                key,
                version,
                workload: caller.workload().clone(),
                measurement: caller.measurement(),
                token,
                policy: self.policy,
                rules,
            },
            Caller::Workload(caller) => Event::KeyUse {
                institution,
                key,
                version,
                action: Label::code(self.action.as_str()),
                workload: caller.workload().clone(),
                token,
                rules,
            },
            Caller::Authority(caller, wrapping, by) => Event::SecureRelease {
                institution,
                key,
                version,
                authority: Digest::of(caller.issuer()),
                token,
                policy: self.policy,
                target: caller.target().digest(),
                wrapping: Label::code(wrapping.as_str()),
                by: by.clone(),
            },
        }
    }
}

impl RefusedRelease {
    /// The ledger is public, and the caller reads it too: rule and claim stand in it, what
    /// the rule wants and what was found are for the administrator.
    fn event(&self) -> Event {
        let first = self.why.first();
        Event::Refusal {
            operation: Label::of_claim(OPERATION),
            code: Label::of_claim(REFUSED),
            rule: first.map(|why| Label::of_claim(&why.rule)),
            claim: first.map(|why| Label::of_claim(&why.claim)),
            expected: None,
            found: None,
            workload: self.asked.caller.workload().cloned(),
            token: Some(self.asked.caller.token()),
        }
    }
}

impl RecordedRelease {
    /// The line of the release.
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// Which version leaves.
    pub const fn version(&self) -> u32 {
        self.release.version
    }
}

impl RecordedUse {
    /// Which version is used.
    pub const fn version(&self) -> u32 {
        self.used.version
    }
}

impl RecordedRefusal {
    /// The line of the refusal.
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// Who was refused.
    pub const fn caller(&self) -> &Caller {
        &self.refusal.asked.caller
    }

    /// Whose key was asked for, where that is known.
    pub const fn institution(&self) -> Option<&Label> {
        self.refusal.asked.institution.as_ref()
    }

    /// What was asked for, where that was the name of a key.
    pub const fn key(&self) -> Option<&KeyName> {
        self.refusal.asked.key.as_ref()
    }

    /// When.
    pub const fn time(&self) -> UnixTime {
        self.refusal.asked.now
    }

    /// Why, for the administrator only.
    pub fn why(&self) -> &[Explanation] {
        &self.refusal.why
    }
}
