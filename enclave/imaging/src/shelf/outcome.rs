//! What becomes of an instance that is sent to be filed. The hospital's. No value of an
//! image stands in any of it but UIDs, for the sender.

use crate::uid::Uid;

/// Why an instance is not filed, with the reason code of the answer (PS3.18, table I.2-2 and
/// codes of our own in the range that it leaves).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Not a sound DICOM file.
    #[error("not a sound DICOM file")]
    Unsound,
    /// The transfer syntax is not supported.
    #[error("the transfer syntax is not supported")]
    Syntax,
    /// The file contradicts itself, or the study that it is sent to.
    #[error("the file contradicts itself or where it is sent")]
    Contradiction,
    /// There is another instance under its UID.
    #[error("there is another instance under this UID")]
    Duplicate,
    /// This asker may not file images of this patient.
    #[error("not authorised")]
    Forbidden,
    /// The image names no patient, or by an issuer that nobody knows.
    #[error("the image names no patient")]
    Nobody,
    /// No patient has the identifier.
    #[error("the patient is unknown")]
    Unknown,
    /// Several patients have it.
    #[error("the patient is not certain")]
    Ambiguous,
    /// The study or series is another patient's, or another study's.
    #[error("the study or series belongs elsewhere")]
    Elsewhere,
    /// There is no room.
    #[error("out of resources")]
    Full,
    /// The store failed.
    #[error("the store failed")]
    Failed,
}

impl Failure {
    /// Failure Reason (0008,1197).
    pub const fn reason(self) -> u16 {
        match self {
            Self::Failed => 0x0110,
            Self::Duplicate => 0x0111,
            Self::Forbidden => 0x0124,
            Self::Full => 0xa700,
            Self::Contradiction => 0xa900,
            Self::Unsound => 0xc000,
            Self::Syntax => 0xc122,
            Self::Nobody => 0xc401,
            Self::Unknown => 0xc402,
            Self::Ambiguous => 0xc403,
            Self::Elsewhere => 0xc404,
        }
    }
}

/// What is odd about an instance that was filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Birth date or sex are not those of the record.
    Demographics,
}

impl Warning {
    /// Warning Reason (0008,1196).
    pub const fn reason(self) -> u16 {
        match self {
            Self::Demographics => 0xb0f1,
        }
    }
}

/// An instance that was filed, or was already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filed {
    /// What is odd about it.
    pub warning: Option<Warning>,
}

/// What became of one instance.
pub struct Outcome {
    /// SOP Class, SOP Instance, Study and Series Instance UID, where the file says them.
    pub uids: Option<[Uid; 4]>,
    /// Filed or not.
    pub result: Result<Filed, Failure>,
    /// The patient's logical id, where it was filed.
    pub patient: Option<String>,
}
