//! Why an event log is refused.

/// Why an event log is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventLogRefusal {
    /// Longer than [`super::LOG_BYTES_MAX`].
    #[error("the event log is too large")]
    TooLarge,
    /// Not of TCG's form, cut off, or with something else behind its end.
    #[error("the event log is malformed")]
    Malformed,
    /// An event names a register that there is not.
    #[error("the event log names a register that there is not")]
    Register,
    /// An event has no digest of the hash that the registers are of.
    #[error("the event log lacks digests of the registers' hash")]
    Algorithm,
    /// Its events make other registers than the signed ones.
    #[error("the event log does not explain the signed registers")]
    Unexplained,
}

impl EventLogRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "evidence.event_log_too_large",
            Self::Malformed => "evidence.event_log_malformed",
            Self::Register => "evidence.event_log_register",
            Self::Algorithm => "evidence.event_log_algorithm",
            Self::Unexplained => "evidence.event_log_unexplained",
        }
    }
}
