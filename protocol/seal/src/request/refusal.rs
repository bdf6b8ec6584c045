//! Why a message was not sealed or not opened. These errors cross into logs and answers, so
//! they carry kinds and never a byte of a message.

use std::io;

/// Why a request or answer was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenRefusal {
    /// No such key id, or its first chunk does not open: sealed to a retired key, or altered.
    /// The client should verify the enclave again and seal anew, once.
    #[error("not sealed to a key that this enclave holds")]
    KeyUnknown,
    /// Another key mechanism, KDF or AEAD than the key's own.
    #[error("sealed under a suite that this key does not offer")]
    Suite,
    /// The stream or the message in it ended before its end.
    #[error("the sealed message was cut short")]
    Truncated,
    /// A chunk does not open: altered, repeated, out of order, or of another message.
    #[error("the sealed message was altered on its way")]
    Broken,
    /// A chunk longer than [`super::CHUNK_BYTES_MAX`].
    #[error("a chunk of the sealed message is too long")]
    ChunkTooLarge,
    /// Authentic, but not a binary HTTP message that we take.
    #[error("the sealed message is not a valid HTTP message")]
    Malformed,
    /// More than [`super::HEAD_BYTES_MAX`] or [`super::FIELDS_MAX`].
    #[error("the head of the sealed message is too large")]
    HeadTooLarge,
    /// More than [`super::BODY_BYTES_MAX`], or than the reader asked for.
    #[error("the body of the sealed message is too large")]
    BodyTooLarge,
    /// The connection below failed.
    #[error("the connection failed: {0}")]
    Transport(io::ErrorKind),
}

impl OpenRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KeyUnknown => "seal.key_unknown",
            Self::Suite => "seal.suite",
            Self::Truncated => "seal.truncated",
            Self::Broken => "seal.broken",
            Self::ChunkTooLarge => "seal.chunk_too_large",
            Self::Malformed => "seal.malformed",
            Self::HeadTooLarge => "seal.head_too_large",
            Self::BodyTooLarge => "seal.body_too_large",
            Self::Transport(_) => "seal.transport",
        }
    }

    /// The refusal behind an error that a [`super::Body`] gave, whoever wrapped it since.
    pub fn of(error: &io::Error) -> Self {
        let Some(inner) = error.get_ref() else { return Self::of_kind(error.kind()) };
        if let Some(refusal) = inner.downcast_ref::<Self>() {
            return *refusal;
        }
        if let Some(nested) = inner.downcast_ref::<io::Error>() {
            return Self::of(nested);
        }
        inner.downcast_ref::<ohttp::Error>().map_or(Self::of_kind(error.kind()), Self::of_ohttp)
    }

    fn of_kind(kind: io::ErrorKind) -> Self {
        match kind {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            other => Self::Transport(other),
        }
    }

    fn of_ohttp(error: &ohttp::Error) -> Self {
        match error {
            ohttp::Error::Truncated => Self::Truncated,
            ohttp::Error::ChunkTooLarge => Self::ChunkTooLarge,
            ohttp::Error::KeyId => Self::KeyUnknown,
            ohttp::Error::InvalidKem | ohttp::Error::Unsupported => Self::Suite,
            ohttp::Error::Io(below) => Self::of(below),
            _ => Self::Broken,
        }
    }
}

impl From<OpenRefusal> for io::Error {
    fn from(refusal: OpenRefusal) -> Self {
        let kind = match refusal {
            OpenRefusal::Truncated => io::ErrorKind::UnexpectedEof,
            OpenRefusal::Transport(kind) => kind,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, refusal)
    }
}

/// Why a request or answer was not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealRefusal {
    /// The public key yields no shared secret.
    #[error("the public key cannot be sealed to")]
    KeyInvalid,
    /// No path, a status that HTTP does not have, or a head over its bounds.
    #[error("the head of the message cannot be sent")]
    Head,
    /// The body could not be read to its end.
    #[error("the body could not be read: {0}")]
    Body(io::ErrorKind),
}

impl SealRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KeyInvalid => "seal.key_invalid",
            Self::Head => "seal.head_unsendable",
            Self::Body(_) => "seal.body_unreadable",
        }
    }
}
