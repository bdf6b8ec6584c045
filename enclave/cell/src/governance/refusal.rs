//! What people who govern are told, as problems with stable codes.

use autoclave_policy::PolicyError;
use autoclave_policy::govern::GovernRefusal;
use http::StatusCode;

use crate::Refusal;

/// Another institution's, or none.
pub(super) const UNKNOWN: Refusal =
    Refusal::not_found("policy.unknown", "There is no such policy or version of your institution.");

pub(super) const MALFORMED: Refusal =
    Refusal::bad_request("request.malformed", "The body is not what this route takes.");

pub(super) const NOT_RECORDED: Refusal =
    Refusal::unavailable("policy.not_recorded", "The step could not be recorded, nor taken.");

pub(super) const NOT_KEPT: Refusal =
    Refusal::unavailable("policy.not_kept", "The step could not be kept; nothing has changed.");

/// What is kept of a policy was not made by its rules.
pub(super) const DAMAGED: Refusal = Refusal::internal("governance.state_damaged");

/// A rule of governance says no.
pub(super) const fn of_rule(refusal: GovernRefusal) -> Refusal {
    let status = match refusal {
        GovernRefusal::Unknown => StatusCode::NOT_FOUND,
        GovernRefusal::ApproverUnknown | GovernRefusal::SelfApproval => StatusCode::FORBIDDEN,
        GovernRefusal::Busy
        | GovernRefusal::Stage
        | GovernRefusal::Predecessor
        | GovernRefusal::NoApprovers
        | GovernRefusal::ApprovedAlready => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Refusal::new(status, refusal.code(), refusal.sentence())
}

/// A text is no policy. What is wrong with it is said by `autoclave policy check`, to whoever
/// wrote it: an answer never repeats what it was sent.
pub(super) const fn of_text(error: &PolicyError) -> Refusal {
    let title = "The text is not a policy; `autoclave policy check` says why.";
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error.code(), title)
}
