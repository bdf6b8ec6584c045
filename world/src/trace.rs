//! What happened in one run, in order, and which rules were broken. The world's. It holds
//! no length and no random text, so that two runs of one seed have the same digest.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use autoclave_base::Digest;
use tokio::time::Instant;

/// Broken rules that are kept, each once; the first says what to mend.
const BROKEN_MAX: usize = 20;

/// The story of one run.
#[derive(Debug)]
pub(crate) struct Trace {
    began: Instant,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    lines: Vec<String>,
    broken: Vec<String>,
}

impl Trace {
    /// An empty one that begins now, by the simulation's time.
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), told: Mutex::default() }
    }

    /// Notes what happened.
    pub(crate) fn say(&self, what: impl AsRef<str>) {
        let line = format!("{:>9.3} {}", self.began.elapsed().as_secs_f64(), what.as_ref());
        self.told().lines.push(line);
    }

    /// Notes that a rule was broken.
    pub(crate) fn broken(&self, rule: impl AsRef<str>) {
        self.say(format!("BROKEN {}", rule.as_ref()));
        let mut told = self.told();
        let known = told.broken.iter().any(|known| known == rule.as_ref());
        if !known && told.broken.len() < BROKEN_MAX {
            told.broken.push(rule.as_ref().to_owned());
        }
    }

    /// Notes that a rule was broken, unless it holds.
    pub(crate) fn holds(&self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds {
            self.broken(rule());
        }
    }

    /// The broken rules.
    pub(crate) fn all_broken(&self) -> Vec<String> {
        self.told().broken.clone()
    }

    /// One digest over all that happened.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.told().lines.join("\n"))
    }

    /// The last `count` events, one on each line.
    pub(crate) fn tail(&self, count: usize) -> String {
        let told = self.told();
        let skipped = told.lines.len().saturating_sub(count);
        let mut text = String::new();
        for line in &told.lines[skipped..] {
            let _infallible = writeln!(text, "{line}");
        }
        text
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
