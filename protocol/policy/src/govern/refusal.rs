//! Why a step is not taken.

/// A command was refused; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GovernRefusal {
    /// Another institution's, or none: both look alike.
    #[error("there is no such policy or version of your institution")]
    Unknown,
    /// Too many versions wait already.
    #[error("too many versions wait already")]
    Busy,
    /// The version is not at the stage where this can be done.
    #[error("the version is not at that stage")]
    Stage,
    /// Another version came into force since.
    #[error("the version follows one that is not in force any more")]
    Predecessor,
    /// The institution has fewer than two approvers.
    #[error("the configuration names fewer than two approvers of the institution")]
    NoApprovers,
    /// Nobody of that name may approve for this institution.
    #[error("the approval is nobody's who may approve this policy")]
    ApproverUnknown,
    /// Who drafted or proposed a version is not who approves it.
    #[error("whoever drafted or proposed a version does not approve it")]
    SelfApproval,
    /// This approver approved it before.
    #[error("this approver approved the version already")]
    ApprovedAlready,
    /// Not an approval.
    #[error("the approval is malformed")]
    ApprovalMalformed,
    /// Not signed by the approver's key.
    #[error("the approval's signature is wrong")]
    ApprovalSignature,
    /// Of another deployment or enclave.
    #[error("the approval is for another deployment")]
    ApprovalAudience,
    /// Of another policy or another version of it.
    #[error("the approval is for another policy or version")]
    ApprovalVersion,
    /// The text approved is not this one.
    #[error("the approval is for another text")]
    ApprovalDigest,
    /// It was to follow another version.
    #[error("the approval is for a version that follows another one")]
    ApprovalPredecessor,
    /// Another earliest time, or another way to come into force.
    #[error("the approval is for another time or another way to come into force")]
    ApprovalTerms,
    /// It ended, or lives longer than approvals may.
    #[error("the approval has expired, or is good for longer than an approval may be")]
    ApprovalExpired,
    /// It was signed in the future.
    #[error("the approval is not valid yet")]
    ApprovalNotYetValid,
}

impl GovernRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "policy.unknown",
            Self::Busy => "policy.busy",
            Self::Stage => "policy.stage",
            Self::Predecessor => "policy.predecessor",
            Self::NoApprovers => "policy.no_approvers",
            Self::ApproverUnknown => "policy.approver_unknown",
            Self::SelfApproval => "policy.self_approval",
            Self::ApprovedAlready => "policy.approved_already",
            Self::ApprovalMalformed => "policy.approval_malformed",
            Self::ApprovalSignature => "policy.approval_signature",
            Self::ApprovalAudience => "policy.approval_audience",
            Self::ApprovalVersion => "policy.approval_version",
            Self::ApprovalDigest => "policy.approval_digest",
            Self::ApprovalPredecessor => "policy.approval_predecessor",
            Self::ApprovalTerms => "policy.approval_terms",
            Self::ApprovalExpired => "policy.approval_expired",
            Self::ApprovalNotYetValid => "policy.approval_not_yet_valid",
        }
    }

    /// One sentence for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Unknown => "There is no such policy or version of your institution.",
            Self::Busy => "Too many versions wait already; withdraw one.",
            Self::Stage => "The version is not at the stage where this can be done.",
            Self::Predecessor => "Another version came into force since; propose it anew.",
            Self::NoApprovers => "The configuration names fewer than two approvers.",
            Self::ApproverUnknown => "The approval is nobody's who may approve this policy.",
            Self::SelfApproval => "Whoever drafted or proposed a version does not approve it.",
            Self::ApprovedAlready => "This approver approved the version already.",
            Self::ApprovalMalformed => "The approval is malformed.",
            Self::ApprovalSignature => "The approval's signature is wrong.",
            Self::ApprovalAudience => "The approval is for another deployment.",
            Self::ApprovalVersion => "The approval is for another policy or version.",
            Self::ApprovalDigest => "The approval is for another text.",
            Self::ApprovalPredecessor => "The approval is for a version that follows another one.",
            Self::ApprovalTerms => "The approval is for another time or way to come into force.",
            Self::ApprovalExpired => "The approval has expired, or lives longer than it may.",
            Self::ApprovalNotYetValid => "The approval is not valid yet.",
        }
    }
}
