//! How a policy changes: a version is drafted, checked, proposed, approved by two people who
//! did not write it, waits for its time, and comes into force. These are the pure rules, the
//! institution's and the operator's: a state, a command and the time make a state and steps
//! for the ledger. No version is ever in force that two approvers did not sign for, and no
//! clock that steps makes it wait less.

mod apply;
mod approval;
mod charter;
mod draft;
mod meter;
mod open;
mod refusal;
mod step;
mod version;

#[cfg(test)]
mod tests;

pub use apply::{Command, Outcome, apply};
pub use approval::{APPROVAL_LIFE_SECONDS_MAX, Approval, TYP, VerifiedApproval};
pub use charter::{APPROVERS_MIN, Approver, Charter, CharterRefusal, LOCK_SECONDS_MIN, Person};
pub use draft::{Checked, TEXT_BYTES_MAX};
pub use meter::{Meter, Reading};
pub use open::{OpenRefusal, genesis, reopen};
pub use refusal::GovernRefusal;
pub use step::{Step, StepKind};
pub use version::{
    Approved, Author, Governed, HISTORY_MAX, Mode, PENDING_MAX, PolicyId, Predecessor, Proposal,
    Stage, Version,
};
