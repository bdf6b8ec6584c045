//! The book of refusals, for administrators: which rule, which claim, what it wanted and
//! what it found. It is the broker's, kept in sealed state and bounded. A caller never
//! reads it, and a stranger's attempts never push out those of attested code.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use autoclave_base::ids::{KeyName, WorkloadName};
use autoclave_base::{Digest, UnixTime};
use autoclave_cell::policy::Explanation;
use autoclave_cell::{SealedState, StateError};
use autoclave_ledger::Label;
use serde::{Deserialize, Serialize};

use crate::release::RecordedRefusal;

/// Refusals of attested code that are kept: some days of a misconfigured deployment.
pub const REFUSALS_MAX: usize = 256;

/// Refusals of strangers that are kept, in memory only: enough to see what they try.
pub const STRANGERS_MAX: usize = 64;

/// Where the state keeps them.
const PLACE: &str = "refusals";

/// One refusal as administrators read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// When.
    pub time: UnixTime,
    /// Its line in the ledger.
    pub line: u64,
    /// The stable code: `release.refused`, or why the caller was not believed.
    pub code: String,
    /// The key that was asked for, where it was the name of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyName>,
    /// The resource that was asked for, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Label>,
    /// The key's owner; where there is none, every administrator sees the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Label>,
    /// Who asked, where that was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadName>,
    /// What runs there, where that was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measurement: Option<Digest>,
    /// The token that it showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Digest>,
    /// The reasons, nearest rule first.
    pub why: Vec<Explanation>,
}

impl Refused {
    /// The entry for attested code that the rules refused.
    pub fn by_rules(recorded: &RecordedRefusal, code: &str, owner: Option<Label>) -> Self {
        let caller = recorded.caller();
        Self {
            time: recorded.time(),
            line: recorded.line(),
            code: code.to_owned(),
            key: recorded.key().cloned(),
            resource: None,
            owner,
            workload: caller.workload().cloned(),
            measurement: caller.measurement(),
            token: Some(caller.token()),
            why: recorded.why().to_vec(),
        }
    }

    /// The entry for a guest of the KBS protocol that the rules refused.
    pub(crate) fn of_guest(recorded: &crate::kbs::RecordedRefusal, owner: Option<Label>) -> Self {
        let guest = recorded.guest();
        Self {
            time: recorded.time(),
            line: recorded.line(),
            code: crate::kbs::REFUSED.to_owned(),
            key: None,
            resource: Some(Label::of(recorded.path())),
            owner,
            workload: Some(guest.workload.clone()),
            measurement: Some(guest.measurement),
            token: Some(guest.token),
            why: recorded.why().to_vec(),
        }
    }

    /// The entry for somebody whose chain does not verify.
    pub fn of_stranger(line: u64, code: &str, time: UnixTime) -> Self {
        Self {
            time,
            line,
            code: code.to_owned(),
            key: None,
            resource: None,
            owner: None,
            workload: None,
            measurement: None,
            token: None,
            why: Vec::new(),
        }
    }

    fn visible_to(&self, institution: &Label) -> bool {
        self.owner.as_ref().is_none_or(|owner| owner == institution)
    }
}

/// The latest refusals.
#[derive(Default)]
pub struct Refusals {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    attested: VecDeque<Refused>,
    strangers: VecDeque<Refused>,
}

impl Refusals {
    /// Those that the state remembers. What cannot be read is forgotten: it decides nothing.
    pub fn open(state: &SealedState) -> Self {
        let bytes = state.get(PLACE);
        let attested = bytes.and_then(|bytes| serde_json::from_slice(bytes.expose()).ok());
        let entries = Entries { attested: attested.unwrap_or_default(), ..Entries::default() };
        Self { entries: Mutex::new(entries) }
    }

    /// Notes a refusal of attested code, and keeps it.
    pub fn note(&self, refused: Refused, state: &SealedState) -> Result<(), StateError> {
        let mut entries = self.lock();
        push(&mut entries.attested, refused, REFUSALS_MAX);
        // Plain data always has a JSON form.
        let bytes = serde_json::to_vec(&entries.attested).unwrap_or_default();
        state.put(PLACE, &bytes)
    }

    /// Notes a refusal of a stranger.
    pub fn note_stranger(&self, refused: Refused) {
        push(&mut self.lock().strangers, refused, STRANGERS_MAX);
    }

    /// What an administrator of `institution` may read, latest first.
    pub fn visible_to(&self, institution: &Label) -> Vec<Refused> {
        let entries = self.lock();
        let all = entries.attested.iter().chain(&entries.strangers);
        let mut visible: Vec<_> =
            all.filter(|refused| refused.visible_to(institution)).cloned().collect();
        visible.sort_by_key(|refused| std::cmp::Reverse(refused.line));
        visible
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push(entries: &mut VecDeque<Refused>, refused: Refused, max: usize) {
    while entries.len() >= max {
        entries.pop_front();
    }
    entries.push_back(refused);
}
