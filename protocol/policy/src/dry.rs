//! Dry-runs: what another policy would say to what was asked before. For whoever
//! administers a policy. Nothing is decided here, and nobody who asks learns of it.

use serde::{Deserialize, Serialize};

use crate::past::Past;
use crate::{Ask, Decision, Explanation, PolicyBook};

/// Most changes that one answer lists; the summary counts all.
const CHANGES_MAX: usize = 200;

/// What a policy says to an ask, with the rules that determined it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Whether it is granted.
    pub granted: bool,
    /// The rules that determined it, sorted.
    pub rules: Vec<String>,
    /// Why not, where it is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<Explanation>,
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Granted(granted) => {
                Self { granted: true, rules: granted.rules().to_vec(), why: Vec::new() }
            }
            Decision::Refused(why) => {
                let mut rules: Vec<_> = why.iter().map(|why| why.rule.clone()).collect();
                rules.sort_unstable();
                rules.dedup();
                Self { granted: false, rules, why }
            }
        }
    }
}

impl Verdict {
    /// What `book` says to `ask`.
    pub fn of(book: &PolicyBook, ask: &Ask) -> Self {
        book.decide(ask).into()
    }
}

/// A past decision that would be another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What was decided then.
    pub past: Past,
    /// What would be.
    pub new: Verdict,
}

/// How many decisions stay, and how many change. Each counts as often as it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// All that were asked again.
    pub decisions: u64,
    /// Granted then, and still.
    pub still_granted: u64,
    /// Refused then, and still.
    pub still_refused: u64,
    /// Granted then, refused now.
    pub would_be_refused: u64,
    /// Refused then, granted now.
    pub would_be_granted: u64,
    /// Refused before any rule was asked: no policy changes them.
    pub not_by_rules: u64,
}

/// What another policy would change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DryRun {
    /// In numbers.
    pub summary: Summary,
    /// One by one, the latest first, at most 200.
    pub changes: Vec<Change>,
}

impl DryRun {
    /// Asks `book` again what was asked in `past` (the latest first).
    pub fn of<'a>(book: &PolicyBook, past: impl IntoIterator<Item = &'a Past>) -> Self {
        let mut run = Self::default();
        for past in past {
            run.add(book, past);
        }
        run
    }

    fn add(&mut self, book: &PolicyBook, past: &Past) {
        let (summary, count) = (&mut self.summary, past.count);
        summary.decisions += count;
        let Some(ask) = &past.ask else {
            summary.not_by_rules += count;
            return;
        };
        let new = Verdict::of(book, ask);
        *match (past.granted, new.granted) {
            (true, true) => &mut summary.still_granted,
            (false, false) => &mut summary.still_refused,
            (true, false) => &mut summary.would_be_refused,
            (false, true) => &mut summary.would_be_granted,
        } += count;
        if past.granted != new.granted && self.changes.len() < CHANGES_MAX {
            self.changes.push(Change { past: past.clone(), new });
        }
    }
}
