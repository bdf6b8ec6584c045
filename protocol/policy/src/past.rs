//! Past decisions as they were judged: the typed attributes that rules looked at, and what
//! they said. For dry-runs, and to answer why somebody was refused. Bounded; equal decisions
//! are one with a count. No token, no key and nothing of a patient is in one, because rules
//! see nothing of them.

use std::collections::VecDeque;

use autoclave_base::{Digest, UnixTime};
use autoclave_ledger::Label;
use serde::{Deserialize, Serialize};

use crate::{Ask, Explanation};

/// Different decisions that are kept, of granted and of refused ones each: what a deployment
/// of some dozen enclaves asks in a year.
pub const CLAIMS_KEPT_MAX: usize = 256;

/// Lines of the ledger that one decision remembers; the latest ones.
pub const LINES_KEPT_MAX: usize = 128;

/// The policy that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decider {
    /// Its version.
    pub version: u32,
    /// Its digest.
    pub digest: Digest,
    /// Since when it was in force.
    pub since: UnixTime,
    /// Who approved it; nobody where it is the configuration's.
    pub approved_by: Vec<Label>,
}

/// What a claim was compared with, and who stands behind that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Where it stands: a policy's version, a release manifest.
    pub source: String,
    /// The value.
    pub value: String,
    /// Who signed it.
    pub signers: Vec<String>,
}

/// One reason for a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The `@id` of the rule.
    pub rule: String,
    /// The claim that it looked at.
    pub claim: String,
    /// What it wants.
    pub expected: String,
    /// What was there.
    pub found: String,
    /// What the rule compared with.
    pub reference: Reference,
}

impl Reason {
    /// An explanation with what it rests on.
    pub fn new(why: Explanation, reference: Reference) -> Self {
        let Explanation { rule, claim, expected, found } = why;
        Self { rule, claim, expected, found, reference }
    }
}

/// One decision, or several equal ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// What was asked for: `release`, `appraise`.
    pub operation: Label,
    /// Whose policy decided; absent where nobody's did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Label>,
    /// Which of its versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Decider>,
    /// Who asked, as far as that was verified.
    pub caller: Label,
    /// The digest of the claims that were judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<Digest>,
    /// The question; absent where it came to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
    /// The answer.
    pub granted: bool,
    /// The stable code of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Label>,
    /// The rules that granted.
    #[serde(default)]
    pub rules: Vec<String>,
    /// The reasons of a refusal, nearest rule first.
    #[serde(default)]
    pub why: Vec<Reason>,
    /// When it was first decided so.
    pub first: UnixTime,
    /// When last.
    pub last: UnixTime,
    /// How often.
    pub count: u64,
    /// Its latest lines in the ledger.
    pub lines: VecDeque<u64>,
}

impl Past {
    fn same_as(&self, other: &Self) -> bool {
        let asked = |past: &Self| past.ask.as_ref().and_then(Ask::digest);
        (&self.operation, &self.owner, &self.caller, self.granted, &self.code)
            == (&other.operation, &other.owner, &other.caller, other.granted, &other.code)
            && self.policy == other.policy
            && self.why == other.why
            && asked(self) == asked(other)
    }

    fn again(&mut self, later: Self) {
        self.last = later.last;
        self.ask = later.ask;
        self.count = self.count.saturating_add(later.count);
        self.lines.extend(later.lines);
        while self.lines.len() > LINES_KEPT_MAX {
            self.lines.pop_front();
        }
    }

    /// Whether it was made, at least once, in that time. Ends belong to it.
    pub fn is_within(&self, since: UnixTime, until: UnixTime) -> bool {
        self.first <= until && self.last >= since
    }
}

/// The decisions that are kept.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decisions {
    granted: VecDeque<Past>,
    refused: VecDeque<Past>,
    strangers: VecDeque<Past>,
}

impl Decisions {
    /// Notes a decision. A stranger's refusal never pushes out that of verified code, and no
    /// refusal pushes out what was granted.
    pub fn note(&mut self, past: Past) {
        let ring = match (past.granted, past.claims) {
            (true, _) => &mut self.granted,
            (false, Some(_)) => &mut self.refused,
            (false, None) => &mut self.strangers,
        };
        let same = ring.iter().position(|known| known.same_as(&past));
        let kept = match same.and_then(|at| ring.remove(at)) {
            Some(mut known) => {
                known.again(past);
                known
            }
            None => past,
        };
        while ring.len() >= CLAIMS_KEPT_MAX {
            ring.pop_front();
        }
        ring.push_back(kept);
    }

    /// What an administrator of `institution` may read of it, the latest first: what its
    /// policy decided, and what was nobody's.
    pub fn of<'a>(&'a self, institution: &'a Label) -> Vec<&'a Past> {
        let all = self.granted.iter().chain(&self.refused).chain(&self.strangers);
        let mut visible: Vec<_> = all
            .filter(|past| past.owner.as_ref().is_none_or(|owner| owner == institution))
            .collect();
        visible.sort_by_key(|past| std::cmp::Reverse((past.last, past.lines.back().copied())));
        visible
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Thing;

    fn label(text: &str) -> Label {
        Label::parse(text).unwrap()
    }

    fn past(svn: u32, granted: bool, at: u64) -> Past {
        let principal = Thing::new("Workload", "x").with("svn", svn);
        let claims = principal.digest();
        let ask = Ask::new(principal, "release", Thing::new("Key", "k")).in_context("now", at);
        Past {
            operation: label("release"),
            owner: Some(label("acme")),
            policy: None,
            caller: label("clinic"),
            claims,
            ask: Some(ask),
            granted,
            code: None,
            rules: Vec::new(),
            why: Vec::new(),
            first: UnixTime::from_seconds(at),
            last: UnixTime::from_seconds(at),
            count: 1,
            lines: [at].into(),
        }
    }

    #[test]
    fn equal_decisions_are_one_with_a_count_whatever_the_time() {
        let mut decisions = Decisions::default();
        for at in 0..1000 {
            decisions.note(past(1, false, at));
        }
        decisions.note(past(2, false, 1000));
        let acme = label("acme");
        let kept = decisions.of(&acme);
        assert_eq!(kept.len(), 2);
        assert_eq!((kept[1].count, kept[1].lines.len()), (1000, LINES_KEPT_MAX));
        assert!(kept[1].lines.contains(&999) && !kept[1].lines.contains(&0));
        assert_eq!(kept[1].first.seconds(), 0);
        assert!(decisions.of(&label("mercy")).is_empty(), "another institution reads nothing");
    }

    #[test]
    fn the_ring_is_bounded_and_refusals_push_out_nothing_granted() {
        let mut decisions = Decisions::default();
        decisions.note(past(0, true, 0));
        for svn in 1..1000 {
            decisions.note(past(svn, false, 1));
        }
        let acme = label("acme");
        assert_eq!(decisions.of(&acme).len(), CLAIMS_KEPT_MAX + 1);
        assert!(decisions.of(&acme).iter().any(|past| past.granted));
    }
}
