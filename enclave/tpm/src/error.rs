//! What can go wrong with a TPM, and what to do about it.

use crate::code;

/// The TPM did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum TpmError {
    /// It cannot be reached at all.
    #[error("the TPM cannot be reached: look whether its device is there and may be opened")]
    Unreachable(#[source] std::io::Error),
    /// It does not answer. A software TPM serves one client at a time.
    #[error("the TPM does not answer in time: end the other program that holds its connection")]
    Timeout,
    /// Its answer is not one.
    #[error("the TPM's answer is malformed")]
    Malformed,
    /// It refused a command; `code` is the response code of Part 2, section 6.6.
    #[error("the TPM refuses {command} with {code:#x}{}", advice(*code))]
    Refused {
        /// The command's name.
        command: &'static str,
        /// The response code.
        code: u32,
    },
    /// Its SHA-256 registers are not active.
    #[error("the TPM's SHA-256 bank is not active: switch it on in the firmware's setup")]
    NoBank,
    /// There is no certificate of the endorsement key in the TPM.
    #[error("the TPM holds no endorsement certificate: ask its maker, or use another machine")]
    NoCertificate,
}

impl TpmError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "tpm.unreachable",
            Self::Timeout => "tpm.timeout",
            Self::Malformed => "tpm.malformed",
            Self::Refused { code, .. } => match bare(*code) {
                code::RC_AUTH_FAIL | code::RC_BAD_AUTH => "tpm.password",
                code::RC_POLICY_FAIL => "tpm.policy",
                code::RC_INTEGRITY => "tpm.integrity",
                code::RC_LOCKOUT => "tpm.lockout",
                _ => "tpm.refused",
            },
            Self::NoBank => "tpm.no_bank",
            Self::NoCertificate => "tpm.no_certificate",
        }
    }

    /// Whether it is this response code.
    pub(crate) const fn is(&self, wanted: u32) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == wanted)
    }
}

/// The response code without the number of the handle, session or parameter that it is
/// about (bits 6 and 8 to 11 of a code with bit 7).
const fn bare(code: u32) -> u32 {
    if code & 0x80 == 0 { code } else { code & 0xbf }
}

const fn advice(code: u32) -> &'static str {
    match bare(code) {
        code::RC_AUTH_FAIL | code::RC_BAD_AUTH => {
            ": a hierarchy has a password; it must be the empty one here"
        }
        code::RC_POLICY_FAIL => ": its PCRs are not those that the object was made for",
        code::RC_INTEGRITY => ": the challenge was made for another TPM or another key",
        code::RC_LOCKOUT => ": it is locked out; wait, or tpm2_dictionarylockout --clear-lockout",
        code::RC_INITIALIZE => ": it was not started",
        _ => "",
    }
}
