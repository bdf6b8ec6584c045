//! Why a Nitro document is refused: one code for each check, in the order of the checks. The
//! verifier's; no text here comes from the evidence.

/// Why a Nitro document is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NitroRefusal {
    /// Not a document of the form that AWS describes.
    #[error("the bytes are no Nitro attestation document")]
    Document,
    /// Signed by another algorithm than ES384.
    #[error("the document is signed by an algorithm that Nitro does not use")]
    Algorithm,
    /// A certificate is malformed.
    #[error("a certificate of the document is malformed")]
    Certificate,
    /// The chain does not begin with AWS's root.
    #[error("the document does not stand under a known root")]
    Root,
    /// A certificate is not signed by the one above, or not allowed to stand where it does.
    #[error("the certificate chain of the document is broken")]
    Chain,
    /// A certificate ended, or begins in the future.
    #[error("a certificate of the document is not valid now")]
    Validity,
    /// The signature is wrong.
    #[error("the signature of the document is wrong")]
    Signature,
    /// The host may look inside: what would be measured is zero.
    #[error("the enclave runs in debug mode")]
    Debug,
}

impl NitroRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Document => "evidence.nitro_document",
            Self::Algorithm => "evidence.nitro_algorithm",
            Self::Certificate => "evidence.nitro_certificate",
            Self::Root => "evidence.nitro_root",
            Self::Chain => "evidence.nitro_chain",
            Self::Validity => "evidence.nitro_validity",
            Self::Signature => "evidence.nitro_signature",
            Self::Debug => "evidence.nitro_debug",
        }
    }
}
