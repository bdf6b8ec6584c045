//! A policy at the start of an enclave: begun from the measured configuration, or taken up
//! where it was. Pure. Rules that people brought into force are not undone by a restart or
//! by another configuration, and a state that these rules did not make is refused.

use autoclave_base::{Digest, UnixTime};
use autoclave_ledger::Label;

use super::apply::Outcome;
use super::draft::Checked;
use super::step::{Step, StepKind};
use super::version::{Author, Governed, Mode, PolicyId, Stage, Version};
use crate::PolicyError;

/// Who drafted what stands in the configuration.
const CONFIGURATION: &str = "configuration";

/// Why what is kept of a policy cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub enum OpenRefusal {
    /// Not one version is in force, or two are.
    #[error("what is kept of a policy was not made by its rules")]
    Damaged,
    /// The text in force does not fit the schema of this program.
    #[error("the policy in force does not fit this program's schema")]
    Text(#[from] PolicyError),
}

impl OpenRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Damaged => "governance.state_damaged",
            Self::Text(_) => "governance.text_refused",
        }
    }
}

/// A policy that was never governed: version 1 is the configuration's.
pub fn genesis(id: PolicyId, configured: &Checked, now: UnixTime) -> Outcome {
    let mut state = Governed { id, next: 1, versions: Vec::new() };
    let step = configure(&mut state, configured, None, now);
    Outcome { state, steps: vec![step] }
}

/// A policy as it was kept, under the configuration and the schema of today.
pub fn reopen(
    kept: &Governed,
    configured: &Checked,
    schema: &str,
    now: UnixTime,
) -> Result<Outcome, OpenRefusal> {
    let in_force = |version: &&Version| matches!(version.stage, Stage::InForce { .. });
    if kept.versions.iter().filter(in_force).count() != 1 {
        return Err(OpenRefusal::Damaged);
    }
    let (mut state, mut steps) = (kept.clone(), Vec::new());
    restate(&mut state, &mut steps, schema, now)?;
    let Some(current) = state.in_force().cloned() else { return Err(OpenRefusal::Damaged) };
    if current.is_configured() && current.digest != configured.digest() {
        supersede(&mut state, &mut steps, now);
        steps.push(configure(&mut state, configured, Some(current.digest), now));
        state.prune();
    }
    Ok(Outcome { state, steps })
}

/// The digests cover the schema. Under another one the text in force stays, if it fits; what
/// waits was approved as something else, and ends.
fn restate(
    state: &mut Governed,
    steps: &mut Vec<Step>,
    schema: &str,
    now: UnixTime,
) -> Result<(), OpenRefusal> {
    for version in &mut state.versions {
        let is_in_force = matches!(version.stage, Stage::InForce { .. });
        if !is_in_force && !version.stage.is_pending() {
            continue;
        }
        let digest = match Checked::of(&version.text, schema) {
            Ok(checked) => Some(checked.digest()),
            // The configuration's own text is replaced by today's, whatever it says.
            Err(_) if !is_in_force || version.is_configured() => None,
            Err(error) => return Err(error.into()),
        };
        if digest == Some(version.digest) {
            continue;
        }
        match digest {
            Some(digest) if is_in_force && !version.is_configured() => {
                let before = std::mem::replace(&mut version.digest, digest);
                steps.push(Step::of(StepKind::Restated, version).after(Some(before)));
            }
            _ if is_in_force => {}
            _ => {
                steps.push(Step::of(StepKind::Withdrawn, version));
                version.stage = Stage::Withdrawn { at: now };
            }
        }
    }
    Ok(())
}

fn supersede(state: &mut Governed, steps: &mut Vec<Step>, now: UnixTime) {
    for version in &mut state.versions {
        match &version.stage {
            Stage::InForce { since, approvals } => {
                let (since, approvals) = (*since, approvals.clone());
                version.stage = Stage::Superseded { since, until: now, approvals };
            }
            waiting if waiting.is_pending() => {
                steps.push(Step::of(StepKind::Withdrawn, version));
                version.stage = Stage::Withdrawn { at: now };
            }
            _ => {}
        }
    }
}

fn configure(
    state: &mut Governed,
    configured: &Checked,
    before: Option<Digest>,
    now: UnixTime,
) -> Step {
    let version = Version {
        number: state.next,
        digest: configured.digest(),
        mode: Mode::Ordinary,
        text: configured.text().to_owned(),
        author: Author { by: Label::code(CONFIGURATION), jkt: None, at: now },
        base: None,
        stage: Stage::InForce { since: now, approvals: Vec::new() },
    };
    let step = Step::of(StepKind::Configured, &version).after(before);
    state.next = state.next.saturating_add(1);
    state.versions.push(version);
    step
}
