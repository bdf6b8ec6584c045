//! `doctor`: what this machine offers, and whether a demo on it is well.
//! It belongs to the administrator at night.
//! It changes nothing, and asks only what anybody may ask.

mod endorsements;
mod machine;
mod parties;
mod refused;
mod tees;
mod tpms;

use serde::Serialize;

use crate::cli::Doctor;
use crate::failure::{Failure, Outcome};
use crate::terminal;

/// One finding.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// How it is.
    pub state: State,
    /// In words.
    pub detail: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Well.
    Good,
    /// Not there, which may be well.
    Absent,
    /// Something is to be done.
    Bad,
}

impl Finding {
    fn new(what: impl Into<String>, state: State, detail: impl Into<String>) -> Self {
        Self { what: what.into(), state, detail: detail.into(), advice: None }
    }

    fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// Runs the command: fails if something is bad.
pub async fn run(command: Doctor) -> Outcome {
    let mut findings = machine::look(&command.dir);
    findings.push(endorsements::look(&command.dir));
    findings.extend(tees::look());
    findings.extend(tpms::look(&command.dir));
    findings.extend(refused::look(&command.dir));
    findings.extend(parties::look(&command.dir).await);
    if command.json {
        terminal::out(serde_json::json!({ "findings": findings }));
    } else {
        findings.iter().for_each(show);
    }
    match findings.iter().find(|finding| finding.state == State::Bad) {
        None => Ok(()),
        Some(bad) => Err(Failure::new("doctor.unwell", format!("{}: {}", bad.what, bad.detail))),
    }
}

fn show(finding: &Finding) {
    let mark = match finding.state {
        State::Good => "✓",
        State::Absent => "–",
        State::Bad => "✗",
    };
    terminal::out(format_args!("{mark} {:<24} {}", finding.what, finding.detail));
    if let Some(advice) = &finding.advice {
        terminal::out(format_args!("    {advice}"));
    }
}
