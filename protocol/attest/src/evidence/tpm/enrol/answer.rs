//! The answer of a machine on its way to the station: what its TPM opened. Whoever reads it
//! learns that one challenge was answered, and nothing of use for another.

use autoclave_base::{Secret, b64};
use serde::{Deserialize, Serialize};

use super::ANSWER_BYTES;

/// `{"secret"}`: what `TPM2_ActivateCredential` gave, in base64url.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    #[serde(with = "b64::serde_bytes")]
    secret: Vec<u8>,
}

impl Answer {
    /// As the TPM gave it.
    pub fn new(secret: &Secret<[u8; ANSWER_BYTES]>) -> Self {
        Self { secret: secret.expose().to_vec() }
    }

    /// For [`super::certify`]. An answer of another length is none: it is compared as zeros,
    /// which no challenge asks for.
    pub fn secret(&self) -> Secret<[u8; ANSWER_BYTES]> {
        Secret::new(self.secret.as_slice().try_into().unwrap_or([0; ANSWER_BYTES]))
    }
}
