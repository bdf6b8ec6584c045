//! A receipt with all that is needed to check it years later, without asking anyone.

use std::collections::BTreeSet;

use autoclave_base::{Digest, UnixTime};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ReceiptRefusal, TYP, VerifiedReceipt, verify};
use crate::handshake::AttestorTranscript;
use crate::jwk::Thumbprint;
use crate::jws::Unverified;
use crate::token::{self, Expectation, KeySet, VerifiedToken};

/// A receipt file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptBundle {
    /// The receipt.
    pub receipt: String,
    /// The token of the enclave that signed it.
    pub token: String,
    /// The tokens of the chain that the receipt names, first component to last, where they
    /// were kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
    /// The attestor's keys at that time.
    pub jwks: KeySet,
    /// The attestor's own evidence for these keys, where it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestor: Option<AttestorTranscript>,
    /// Proof of the ledger line, as the ledger gave it.
    pub ledger: Value,
    /// Digest of the answer, computed by whoever got it.
    pub response: Digest,
}

/// Which of an attestor's keys are believed, found without the bundle's word for it.
#[derive(Clone, Debug)]
pub enum OfflineTrust<'a> {
    /// These: from [`AttestorTranscript::verify`], or fetched and verified now.
    Keys(&'a KeySet),
    /// Those with these thumbprints.
    Thumbprints(&'a BTreeSet<Thumbprint>),
}

impl OfflineTrust<'_> {
    fn keys(&self, bundle: &ReceiptBundle) -> Result<KeySet, ReceiptRefusal> {
        let trusted = |found: &Thumbprint| match self {
            Self::Keys(keys) => keys.thumbprints().any(|key| key == *found),
            Self::Thumbprints(all) => all.contains(found),
        };
        let keys = bundle.jwks.keys().iter();
        let keys = keys.filter(|key| trusted(&key.thumbprint())).cloned().collect();
        KeySet::new(keys).map_err(|_| ReceiptRefusal::Keys)
    }
}

#[derive(Deserialize)]
struct IssuedAt {
    iat: UnixTime,
}

/// Checks a bundle: its token under trusted keys as of the receipt's time, the receipt
/// under its token, and that it is for the answer that the bundle names.
///
/// The tokens of the chain are [`verify_chain_offline`]'s; the ledger proof is the ledger's to check, with the key in the receipt's token.
pub fn verify_offline(
    bundle: &ReceiptBundle,
    trust: &OfflineTrust<'_>,
    expected: &Expectation,
) -> Result<VerifiedReceipt, ReceiptRefusal> {
    let keys = trust.keys(bundle)?;
    let unverified =
        Unverified::parse(&bundle.receipt, TYP).map_err(|_| ReceiptRefusal::Malformed)?;
    let IssuedAt { iat } = unverified.peek().ok_or(ReceiptRefusal::Malformed)?;
    let token =
        token::verify(&bundle.token, &keys, expected, iat).map_err(ReceiptRefusal::Token)?;
    let verified = verify(&bundle.receipt, &token)?;
    if verified.receipt().response != bundle.response {
        return Err(ReceiptRefusal::Response);
    }
    Ok(verified)
}

/// Checks the tokens of the chain behind a receipt that verified: they are those that it
/// names, in its order, each under trusted keys as of the receipt's time. `None` where the
/// bundle holds none, and the receipt alone names them, by digest.
///
/// `expected` names no workload: whose they are is what is found out.
pub fn verify_chain_offline(
    bundle: &ReceiptBundle,
    receipt: &VerifiedReceipt,
    trust: &OfflineTrust<'_>,
    expected: &Expectation,
) -> Result<Option<Vec<VerifiedToken>>, ReceiptRefusal> {
    if bundle.chain.is_empty() {
        return Ok(None);
    }
    let receipt = receipt.receipt();
    if bundle.chain.iter().map(Digest::of).ne(receipt.chain.iter().copied()) {
        return Err(ReceiptRefusal::Chain);
    }
    let keys = trust.keys(bundle)?;
    let tokens = bundle.chain.iter().map(|raw| token::verify(raw, &keys, expected, receipt.iat));
    tokens.collect::<Result<_, _>>().map(Some).map_err(ReceiptRefusal::Token)
}
