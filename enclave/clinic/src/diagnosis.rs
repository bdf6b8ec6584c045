//! The diagnosis enclave's answer: read, and verified against its receipt before anything
//! of it is filed. The clinic's. An answer whose receipt is not for exactly this image and
//! exactly this result never reaches a record.

use autoclave_attest::receipt::{self, Receipt, ReceiptRefusal};
use autoclave_attest::token::VerifiedToken;
use autoclave_base::ids::ModelName;
use autoclave_base::{Digest, Phi, b64, jcs};
use autoclave_ledger::{Event, LedgerProof, LogKey};
use autoclave_record::build::Finding;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::outside::Vouched;

/// Why an answer is not filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerRefusal {
    /// Not the JSON that the diagnosis enclave promises.
    #[error("the answer is malformed")]
    Malformed,
    /// The receipt is refused.
    #[error("the receipt is refused")]
    Receipt(#[source] ReceiptRefusal),
    /// The receipt is for another image.
    #[error("the receipt is for another image")]
    Request,
    /// The receipt is for another result.
    #[error("the receipt is for another result")]
    Response,
    /// The receipt is for another model.
    #[error("the receipt is for another model")]
    Model,
    /// The tokens beside the receipt are not those of its chain.
    #[error("the chain's tokens are not those that the receipt names")]
    Chain,
    /// The ledger's proof does not show the receipt's line.
    #[error("the ledger proof does not show the receipt's line")]
    Ledger,
}

impl AnswerRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "answer.malformed",
            Self::Receipt(refusal) => refusal.code(),
            Self::Request => "answer.request",
            Self::Response => "answer.response",
            Self::Model => "answer.model",
            Self::Chain => "answer.chain",
            Self::Ledger => "answer.ledger",
        }
    }
}

/// What the diagnosis enclave sends; stored whole, so that the receipt can be checked for
/// ever.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) result: Value,
    pub(crate) receipt: String,
    pub(crate) ledger: LedgerProof,
    /// The token that the receipt names: the diagnosis enclave's own.
    pub(crate) token: String,
    /// The tokens of the chain, as the receipt names them by digest; none where they could
    /// not be verified together with the rest.
    #[serde(default)]
    pub(crate) chain: Vec<String>,
    /// Set here, when the answer is believed: see [`Vouched`].
    #[serde(default)]
    pub(crate) jwks: Value,
    /// As `jwks`.
    #[serde(default)]
    pub(crate) attestor: Value,
}

#[derive(Deserialize)]
struct ResultParts {
    findings: FoundParts,
    mask: MaskParts,
}

#[derive(Deserialize)]
struct FoundParts {
    pixels: u64,
    area_mm2: Option<f64>,
    probability_max: f64,
}

#[derive(Deserialize)]
struct MaskParts {
    content_type: String,
    data: String,
}

/// An answer that verified; made by [`verify`] only.
pub(crate) struct VerifiedAnswer {
    pub(crate) finding: Finding,
    pub(crate) mask_bytes: usize,
    pub(crate) receipt: Receipt,
    pub(crate) answer: Answer,
}

/// Verifies an answer of the holder of the vouched token about the image with digest `image`.
pub(crate) fn verify(
    mut answer: Answer,
    image: Digest,
    model: &ModelName,
    vouched: Vouched,
) -> Result<VerifiedAnswer, AnswerRefusal> {
    let token = &vouched.token;
    let verified = receipt::verify(&answer.receipt, token).map_err(AnswerRefusal::Receipt)?;
    let receipt = verified.receipt().clone();
    about(&receipt, &answer.result, image, model)?;
    line(&receipt, &answer.ledger, token)?;
    if answer.chain.iter().map(Digest::of).ne(receipt.chain.iter().copied()) {
        return Err(AnswerRefusal::Chain);
    }
    if !vouched.chain_holds {
        answer.chain.clear();
    }
    let (finding, mask) = parts(&answer.result)?;
    (answer.jwks, answer.attestor) = (vouched.jwks, vouched.attestor);
    Ok(VerifiedAnswer { finding, mask_bytes: mask.expose().len(), receipt, answer })
}

fn about(
    receipt: &Receipt,
    result: &Value,
    image: Digest,
    model: &ModelName,
) -> Result<(), AnswerRefusal> {
    if receipt.request != image {
        return Err(AnswerRefusal::Request);
    }
    if jcs::digest(result) != Ok(receipt.response) {
        return Err(AnswerRefusal::Response);
    }
    if receipt.model.name != *model {
        return Err(AnswerRefusal::Model);
    }
    Ok(())
}

fn line(
    receipt: &Receipt,
    proof: &LedgerProof,
    token: &VerifiedToken,
) -> Result<(), AnswerRefusal> {
    let refused = AnswerRefusal::Ledger;
    let key = token.ledger_key().ok_or(refused)?;
    let key = VerifyingKey::from_bytes(&key).map_err(|_| refused)?;
    let key = LogKey::new(&receipt.line.origin, key).map_err(|_| refused)?;
    let entry = proof.verify(&key).map_err(|_| refused)?;
    let place = (&proof.origin, proof.index) == (&receipt.line.origin, receipt.line.index);
    if place && says_the_same(receipt, &entry.event) { Ok(()) } else { Err(refused) }
}

fn says_the_same(receipt: &Receipt, event: &Event) -> bool {
    let Event::Result { model, model_digest, request, response, token, .. } = event else {
        return false;
    };
    *model == receipt.model.name
        && *model_digest == receipt.model.digest
        && *request == receipt.request
        && *response == receipt.response
        && *token == receipt.token
}

fn parts(result: &Value) -> Result<(Finding, Phi<Vec<u8>>), AnswerRefusal> {
    let parts = ResultParts::deserialize(result).map_err(|_| AnswerRefusal::Malformed)?;
    let mask = b64::decode(&parts.mask.data).map_err(|_| AnswerRefusal::Malformed)?;
    if parts.mask.content_type != "image/png" {
        return Err(AnswerRefusal::Malformed);
    }
    let FoundParts { pixels, area_mm2, probability_max } = parts.findings;
    Ok((Finding { pixels, area_mm2, probability_max }, Phi::new(mask)))
}

impl Answer {
    /// Reads an answer, from the wire or from the store; believes nothing.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, AnswerRefusal> {
        serde_json::from_slice(body).map_err(|_| AnswerRefusal::Malformed)
    }

    /// To be stored.
    pub(crate) fn to_stored(&self) -> Phi<Vec<u8>> {
        Phi::new(serde_json::to_vec(self).unwrap_or_default())
    }

    /// The mask, a PNG.
    pub(crate) fn mask(&self) -> Result<Phi<Vec<u8>>, AnswerRefusal> {
        parts(&self.result).map(|(_, mask)| mask)
    }
}

#[cfg(test)]
mod tests;
