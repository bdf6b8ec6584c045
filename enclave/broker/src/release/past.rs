//! What is remembered of a decision by the rules, to explain it and to try other policies on
//! it. The institution's. A decision by a key's own policy is not among them: no governed
//! rules were asked.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use autoclave_attest::token::VerifiedToken;
use autoclave_base::UnixTime;
use autoclave_cell::governance::InForce;
use autoclave_cell::policy::{Ask, Explanation, Past, Reason, Reference, workload};
use autoclave_cell::release::REFUSED;
use autoclave_ledger::Label;

use super::{CONFIGURED_KEYS, Caller, OPERATION, Recorded};

/// By which policy a question was judged.
#[derive(Clone)]
pub(super) struct Judged {
    pub(super) owner: Label,
    pub(super) policy: Arc<InForce>,
    pub(super) ask: Ask,
}

impl fmt::Debug for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judged").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl Recorded {
    /// What is remembered of the decision, where attested code asked.
    pub(crate) fn past(&self) -> Option<Past> {
        match self {
            Self::Release(recorded) => {
                let release = &recorded.release;
                let Caller::Workload(caller) = &release.caller else { return None };
                let mut past = past(caller, release.judged.as_deref(), release.now);
                past.granted = true;
                past.rules.clone_from(&release.rules);
                past.lines.push_back(recorded.line());
                Some(past)
            }
            Self::Use(_) => None,
            Self::Refusal(recorded) => {
                let refusal = &recorded.refusal;
                let Caller::Workload(caller) = &refusal.asked.caller else { return None };
                let judged = refusal.judged.as_deref();
                let mut past = past(caller, judged, refusal.asked.now);
                let reference = judged.map_or_else(keys_reference, |it| it.policy.reference());
                let reason = |why: &Explanation| Reason::new(why.clone(), reference.clone());
                past.code = Some(Label::of_claim(REFUSED));
                past.why = refusal.why.iter().map(reason).collect();
                past.lines.push_back(recorded.line());
                Some(past)
            }
        }
    }
}

fn past(caller: &VerifiedToken, judged: Option<&Judged>, now: UnixTime) -> Past {
    let principal = workload(caller);
    Past {
        operation: Label::of_claim(OPERATION),
        owner: judged.map(|it| it.owner.clone()),
        policy: judged.map(|it| it.policy.decider().clone()),
        caller: Label::of(caller.workload()),
        claims: principal.digest(),
        ask: judged.map(|it| it.ask.clone()),
        granted: false,
        code: None,
        rules: Vec::new(),
        why: Vec::new(),
        first: now,
        last: now,
        count: 1,
        lines: VecDeque::new(),
    }
}

/// What the rule about configured keys rests on.
fn keys_reference() -> Reference {
    let (source, value) = ("the broker's keys".to_owned(), CONFIGURED_KEYS.to_owned());
    Reference { source, value, signers: vec!["configuration".to_owned()] }
}
