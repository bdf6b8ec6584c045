//! The rules: a command on a policy at a time. Each gives the whole new state and the steps
//! that the ledger is told first; a refusal changes nothing.

use autoclave_attest::CLOCK_SKEW_SECONDS;
use autoclave_base::{Digest, UnixTime};

use super::approval::{APPROVAL_LIFE_SECONDS_MAX, VerifiedApproval};
use super::charter::{APPROVERS_MIN, Charter, Person};
use super::draft::Checked;
use super::refusal::GovernRefusal;
use super::step::{Step, StepKind};
use super::version::{
    Approved, Author, Governed, Mode, PENDING_MAX, Predecessor, Proposal, Stage, Version,
};

/// What somebody wants done, or that time has passed.
#[derive(Clone, Debug)]
pub enum Command {
    /// Keep a text that was checked.
    Draft {
        /// The text.
        draft: Checked,
        /// An emergency's text is that of the version in force, with more forbidden
        /// ([`Checked::emergency`]).
        mode: Mode,
        /// Who.
        by: Person,
    },
    /// Ask for approvals.
    Propose {
        /// Of which version.
        version: u32,
        /// It comes into force no earlier.
        not_before: UnixTime,
        /// Who.
        by: Person,
    },
    /// Approve.
    Approve(Box<VerifiedApproval>),
    /// Give up a version that is not in force.
    Withdraw {
        /// Which.
        version: u32,
        /// Who.
        by: Person,
    },
    /// So many seconds passed, by a [`super::Meter`].
    Pass {
        /// How many.
        seconds: u64,
    },
}

/// What a command makes of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The new state.
    pub state: Governed,
    /// What the ledger is told before the new state is.
    pub steps: Vec<Step>,
}

/// Applies a command.
pub fn apply(
    state: &Governed,
    command: &Command,
    charter: &Charter,
    now: UnixTime,
) -> Result<Outcome, GovernRefusal> {
    let mut change = Change { state: state.clone(), steps: Vec::new(), charter, now };
    match command {
        Command::Draft { draft, mode, by } => change.draft(draft, *mode, by)?,
        Command::Propose { version, not_before, by } => {
            change.propose(*version, *not_before, by)?;
        }
        Command::Approve(approval) => change.approve(approval)?,
        Command::Withdraw { version, by } => change.withdraw(*version, by)?,
        Command::Pass { seconds } => change.pass(*seconds),
    }
    change.state.prune();
    Ok(Outcome { state: change.state, steps: change.steps })
}

struct Change<'a> {
    state: Governed,
    steps: Vec<Step>,
    charter: &'a Charter,
    now: UnixTime,
}

impl Change<'_> {
    fn draft(&mut self, draft: &Checked, mode: Mode, by: &Person) -> Result<(), GovernRefusal> {
        self.own(by)?;
        let pending = self.state.versions.iter().filter(|version| version.stage.is_pending());
        if pending.count() >= PENDING_MAX {
            return Err(GovernRefusal::Busy);
        }
        let base = match mode {
            Mode::Ordinary => None,
            Mode::Emergency => Some(self.predecessor()?),
        };
        let number = self.state.next;
        let author = self.author(by);
        let (digest, text) = (draft.digest(), draft.text().to_owned());
        let version = Version { number, digest, mode, text, author, base, stage: Stage::Checked };
        self.steps.push(Step::of(StepKind::Drafted, &version).by(&by.name));
        self.state.next = number.saturating_add(1);
        self.state.versions.push(version);
        Ok(())
    }

    fn propose(
        &mut self,
        number: u32,
        not_before: UnixTime,
        by: &Person,
    ) -> Result<(), GovernRefusal> {
        self.own(by)?;
        if self.charter.approvers_of(&self.state.id.owner).count() < APPROVERS_MIN {
            return Err(GovernRefusal::NoApprovers);
        }
        let (predecessor, author) = (self.predecessor()?, self.author(by));
        let version = self.state.version_mut(number).ok_or(GovernRefusal::Unknown)?;
        if version.stage != Stage::Checked {
            return Err(GovernRefusal::Stage);
        }
        if version.base.is_some_and(|base| base != predecessor) {
            return Err(GovernRefusal::Predecessor);
        }
        let proposal = Proposal { author, predecessor, not_before };
        let step = Step::of(StepKind::Proposed, version).by(&by.name);
        self.steps.push(step.after(Some(predecessor.digest)));
        version.stage = Stage::Proposed { proposal, approvals: Vec::new() };
        Ok(())
    }

    fn approve(&mut self, verified: &VerifiedApproval) -> Result<(), GovernRefusal> {
        let predecessor = self.predecessor()?;
        self.fits(verified)?;
        let (now, lock) = (self.now, self.charter.lock_seconds());
        let number = verified.approval.version;
        let version = self.state.version_mut(number).ok_or(GovernRefusal::ApprovalVersion)?;
        let Stage::Proposed { proposal, approvals } = &mut version.stage else {
            return Err(GovernRefusal::Stage);
        };
        agree(verified, version.digest, version.mode, proposal)?;
        if proposal.predecessor != predecessor {
            return Err(GovernRefusal::Predecessor);
        }
        let jkt = verified.approver.jkt;
        if [&version.author, &proposal.author].iter().any(|author| author.jkt == Some(jkt)) {
            return Err(GovernRefusal::SelfApproval);
        }
        approvals.retain(|approved| now < approved.expires);
        let same =
            |approved: &Approved| approved.jkt == jkt || approved.by == verified.approver.name;
        if approvals.iter().any(same) {
            return Err(GovernRefusal::ApprovedAlready);
        }
        approvals.push(received(verified, now));
        let (proposal, approvals) = (proposal.clone(), approvals.clone());
        let mut step = Step::of(StepKind::Approved, version).by(&verified.approver.name);
        step.approval = Some(verified.digest);
        self.steps.push(step.after(Some(predecessor.digest)));
        if approvals.len() < APPROVERS_MIN {
            return Ok(());
        }
        let is_due = version.mode == Mode::Emergency && proposal.not_before <= now;
        self.steps.push(Step::of(StepKind::Locked, version).after(Some(predecessor.digest)));
        let served_seconds = if version.mode == Mode::Emergency { lock } else { 0 };
        version.stage = Stage::Locked { proposal, approvals, since: now, served_seconds };
        if is_due {
            self.enforce(number);
        }
        Ok(())
    }

    fn withdraw(&mut self, number: u32, by: &Person) -> Result<(), GovernRefusal> {
        self.own(by)?;
        let now = self.now;
        let version = self.state.version_mut(number).ok_or(GovernRefusal::Unknown)?;
        if !version.stage.is_pending() {
            return Err(GovernRefusal::Stage);
        }
        self.steps.push(Step::of(StepKind::Withdrawn, version).by(&by.name));
        version.stage = Stage::Withdrawn { at: now };
        Ok(())
    }

    /// What became due comes into force, the oldest first; the others followed another one.
    fn pass(&mut self, seconds: u64) {
        let (now, lock) = (self.now, self.charter.lock_seconds());
        let mut due = None;
        for version in &mut self.state.versions {
            let mode = version.mode;
            let Stage::Locked { proposal, since, served_seconds, .. } = &mut version.stage else {
                continue;
            };
            *served_seconds = served_seconds.saturating_add(seconds);
            let waited = mode == Mode::Emergency || now >= since.plus(lock);
            if *served_seconds >= lock && waited && now >= proposal.not_before {
                due = due.or(Some(version.number));
            }
        }
        if let Some(number) = due {
            self.enforce(number);
        }
    }

    /// Puts a locked version into force, the one before out of it, and ends what was to
    /// follow that one.
    fn enforce(&mut self, number: u32) {
        let (now, before) = (self.now, self.state.in_force().map(|version| version.digest));
        let mut ended = Vec::new();
        for version in &mut self.state.versions {
            match &version.stage {
                Stage::InForce { since, approvals } => {
                    let (since, approvals) = (*since, approvals.clone());
                    version.stage = Stage::Superseded { since, until: now, approvals };
                }
                Stage::Locked { approvals, .. } if version.number == number => {
                    let kind = Step::into_force(version.mode);
                    let approvals = approvals.clone();
                    self.steps.push(Step::of(kind, version).after(before));
                    version.stage = Stage::InForce { since: now, approvals };
                }
                stage if stage.is_pending() && follows(version) => {
                    ended.push(Step::of(StepKind::Withdrawn, version));
                    version.stage = Stage::Withdrawn { at: now };
                }
                _ => {}
            }
        }
        self.steps.extend(ended);
    }

    /// Whether the approval is by somebody of this institution, for this deployment, policy
    /// and time.
    fn fits(&self, verified: &VerifiedApproval) -> Result<(), GovernRefusal> {
        let (approval, id) = (&verified.approval, &self.state.id);
        if verified.approver.institution != id.owner {
            return Err(GovernRefusal::ApproverUnknown);
        }
        if approval.aud != self.charter.audience() {
            return Err(GovernRefusal::ApprovalAudience);
        }
        if approval.policy != id.name || approval.owner != id.owner {
            return Err(GovernRefusal::ApprovalVersion);
        }
        if approval.iat > self.now.plus(CLOCK_SKEW_SECONDS) {
            return Err(GovernRefusal::ApprovalNotYetValid);
        }
        let longest = approval.iat.plus(APPROVAL_LIFE_SECONDS_MAX);
        if self.now >= approval.exp || approval.exp > longest {
            return Err(GovernRefusal::ApprovalExpired);
        }
        Ok(())
    }

    /// Another institution's policy looks like none.
    fn own(&self, by: &Person) -> Result<(), GovernRefusal> {
        if by.institution == self.state.id.owner { Ok(()) } else { Err(GovernRefusal::Unknown) }
    }

    fn predecessor(&self) -> Result<Predecessor, GovernRefusal> {
        self.state.in_force().map(Version::as_predecessor).ok_or(GovernRefusal::Unknown)
    }

    fn author(&self, by: &Person) -> Author {
        Author { by: by.name.clone(), jkt: Some(by.jkt), at: self.now }
    }
}

/// A draft that is complete in itself may follow any version.
fn follows(version: &Version) -> bool {
    version.stage != Stage::Checked || version.base.is_some()
}

fn received(verified: &VerifiedApproval, now: UnixTime) -> Approved {
    Approved {
        by: verified.approver.name.clone(),
        jkt: verified.approver.jkt,
        at: now,
        expires: verified.approval.exp,
        approval: verified.digest,
    }
}

/// Whether what was signed is what was proposed.
fn agree(
    verified: &VerifiedApproval,
    digest: Digest,
    mode: Mode,
    proposal: &Proposal,
) -> Result<(), GovernRefusal> {
    let approval = &verified.approval;
    if approval.digest != digest {
        return Err(GovernRefusal::ApprovalDigest);
    }
    if approval.predecessor != proposal.predecessor {
        return Err(GovernRefusal::ApprovalPredecessor);
    }
    if approval.not_before != proposal.not_before || approval.mode != mode {
        return Err(GovernRefusal::ApprovalTerms);
    }
    Ok(())
}
