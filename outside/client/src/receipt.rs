//! Checking a receipt with all that stands behind it: attestor, token, signature, ledger line.
//! It belongs to whoever holds the receipt, years later and without a network.
//! Nothing is believed because the bundle says so.

use autoclave_attest::handshake::{HandshakeRefusal, Trust, VerifiedAttestor};
use autoclave_attest::receipt::{
    OfflineTrust, Receipt, ReceiptBundle, ReceiptRefusal, VerifiedReceipt, verify_chain_offline,
    verify_offline,
};
use autoclave_attest::token::{PASSPORT_AUDIENCE, VerifiedToken};
use autoclave_base::ids::WorkloadName;
use autoclave_ledger::{Entry, Event, KeyRefusal, LedgerProof, LogKey, ProofRefusal};

/// Why a receipt does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The bundle does not bring the attestor's own evidence.
    #[error("the receipt's file does not hold the attestor's evidence")]
    NoAttestor,
    /// The attestor behind it is not believed.
    #[error("the attestor behind the receipt is not believed: {0}")]
    Attestor(#[source] HandshakeRefusal),
    /// The receipt or the token beside it is refused.
    #[error("the receipt is refused: {0}")]
    Receipt(#[from] ReceiptRefusal),
    /// There is no ledger proof of the known form.
    #[error("the ledger proof is malformed")]
    ProofMalformed,
    /// The token names no ledger key, or the ledger has no proper name.
    #[error("the token names no key of a ledger")]
    NoLedgerKey,
    /// The ledger's name is not one.
    #[error("the ledger's name is refused: {0}")]
    LedgerName(#[from] KeyRefusal),
    /// The ledger did not sign a tree with this line.
    #[error("the ledger proof is refused: {0}")]
    Proof(#[from] ProofRefusal),
    /// The line that was proved is not the receipt's.
    #[error("the proven ledger line is not about this receipt")]
    Line,
}

impl ReceiptError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoAttestor => "receipt.no_attestor",
            Self::Attestor(refusal) => refusal.code(),
            Self::Receipt(ReceiptRefusal::Token(refusal)) => refusal.code(),
            Self::Receipt(refusal) => refusal.code(),
            Self::ProofMalformed => "receipt.proof_malformed",
            Self::NoLedgerKey => "receipt.no_ledger_key",
            Self::LedgerName(refusal) => refusal.code(),
            Self::Proof(refusal) => refusal.code(),
            Self::Line => "receipt.line",
        }
    }
}

/// A receipt that holds, with what stands behind it. Only [`verify`] makes it.
#[derive(Debug)]
pub struct CheckedReceipt {
    attestor: VerifiedAttestor,
    receipt: VerifiedReceipt,
    chain: Option<Vec<VerifiedToken>>,
    proof: LedgerProof,
    entry: Entry,
}

impl CheckedReceipt {
    /// The attestor that vouches for the enclave.
    pub const fn attestor(&self) -> &VerifiedAttestor {
        &self.attestor
    }

    /// The receipt and the token of the enclave that signed it.
    pub const fn receipt(&self) -> &VerifiedReceipt {
        &self.receipt
    }

    /// The tokens of the components that the request came through, first to last, each
    /// verified; nothing where the file holds digests only.
    pub fn chain(&self) -> Option<&[VerifiedToken]> {
        self.chain.as_deref()
    }

    /// The proof of its ledger line.
    pub const fn proof(&self) -> &LedgerProof {
        &self.proof
    }

    /// Its ledger line.
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }
}

/// Checks a bundle of `workload` from `trust` alone, as of the time of its receipt.
pub fn verify(
    bundle: &ReceiptBundle,
    trust: &Trust,
    workload: &WorkloadName,
) -> Result<CheckedReceipt, ReceiptError> {
    let transcript = bundle.attestor.clone().ok_or(ReceiptError::NoAttestor)?;
    let attestor = transcript.verify(trust).map_err(ReceiptError::Attestor)?;
    let expected = attestor.expectation_of(workload, PASSPORT_AUDIENCE);
    let keys = OfflineTrust::Keys(attestor.keys());
    let receipt = verify_offline(bundle, &keys, &expected)?;
    let any = attestor.expectation(PASSPORT_AUDIENCE);
    let chain = verify_chain_offline(bundle, &receipt, &keys, &any)?;
    let malformed = |_| ReceiptError::ProofMalformed;
    let proof: LedgerProof = serde_json::from_value(bundle.ledger.clone()).map_err(malformed)?;
    let entry = proof.verify(&ledger_key(&receipt)?)?;
    about(receipt.receipt(), &proof, &entry)?;
    Ok(CheckedReceipt { attestor, receipt, chain, proof, entry })
}

/// The key of the ledger that the receipt's enclave keeps, from its token.
fn ledger_key(receipt: &VerifiedReceipt) -> Result<LogKey, ReceiptError> {
    let public = receipt.token().ledger_key().ok_or(ReceiptError::NoLedgerKey)?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(&public);
    let key = key.map_err(|_| ReceiptError::NoLedgerKey)?;
    Ok(LogKey::new(&receipt.receipt().line.origin, key)?)
}

/// Whether the proven line is the one that the receipt names, and says the same.
fn about(receipt: &Receipt, proof: &LedgerProof, entry: &Entry) -> Result<(), ReceiptError> {
    let place = proof.origin == receipt.line.origin && proof.index == receipt.line.index;
    let same = match &entry.event {
        Event::Result { model, model_digest, request, response, token, .. } => {
            *model == receipt.model.name
                && *model_digest == receipt.model.digest
                && *request == receipt.request
                && *response == receipt.response
                && *token == receipt.token
        }
        _ => false,
    };
    if place && same { Ok(()) } else { Err(ReceiptError::Line) }
}

#[cfg(test)]
mod tests;
