//! The verifier of Nitro documents, stage by stage: form, chain from the pinned root, time,
//! signature, age, debug mode. The first stage that fails names the refusal.

use autoclave_base::{Digest, UnixTime};
use ring::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};

use super::{Document, NitroRefusal};
use crate::CLOCK_SKEW_SECONDS;
use crate::evidence::certificate::Certificate;
use crate::evidence::{EVIDENCE_AGE_MAX_SECONDS, EvidenceRefusal};

/// SHA-256 of AWS's root certificate (G1), as AWS publishes it.
const AWS_ROOT: [u8; 32] = [
    0x64, 0x1a, 0x03, 0x21, 0xa3, 0xe2, 0x44, 0xef, 0xe4, 0x56, 0x46, 0x31, 0x95, 0xd6, 0x06, 0x31,
    0x7e, 0xd7, 0xcd, 0xcc, 0x3c, 0x17, 0x56, 0xe0, 0x98, 0x93, 0xf3, 0xc6, 0x8f, 0x79, 0xbb, 0x5b,
];

/// Verifies Nitro documents under AWS's root key.
pub struct NitroVerifier {
    root: Digest,
}

impl Default for NitroVerifier {
    fn default() -> Self {
        Self::new()
    }
}

impl NitroVerifier {
    /// Trusts AWS.
    pub const fn new() -> Self {
        Self { root: Digest::from_bytes(AWS_ROOT) }
    }

    /// Trusts a root of tests. No configuration names any.
    #[cfg(test)]
    pub(super) const fn under(root: Digest) -> Self {
        Self { root }
    }

    /// Verifies a document at `now`.
    ///
    /// Its own time must be recent as well: the certificates hold for hours.
    pub fn verify_document(
        &self,
        bytes: &[u8],
        now: UnixTime,
    ) -> Result<Document, EvidenceRefusal> {
        let document = Document::parse(bytes)?;
        self.verify_signed(&document, now)?;
        let signed_at = UnixTime::from_seconds(document.timestamp_ms / 1000);
        if signed_at > now.plus(CLOCK_SKEW_SECONDS) {
            return Err(EvidenceRefusal::NotYetValid);
        }
        if now.since(signed_at) > EVIDENCE_AGE_MAX_SECONDS {
            return Err(EvidenceRefusal::Stale);
        }
        if document.is_debug() {
            return Err(NitroRefusal::Debug.into());
        }
        Ok(document)
    }

    fn verify_signed(&self, document: &Document, now: UnixTime) -> Result<(), NitroRefusal> {
        let parse = |der: &Vec<u8>| Certificate::parse(der).map_err(|_| NitroRefusal::Certificate);
        let above: Vec<Certificate> =
            document.bundle.iter().map(parse).collect::<Result<_, _>>()?;
        let leaf = parse(&document.certificate)?;
        if above.first().map(Certificate::digest) != Some(self.root) {
            return Err(NitroRefusal::Root);
        }
        links(&above, &leaf)?;
        if !above.iter().chain([&leaf]).all(|one| one.is_valid_at(now)) {
            return Err(NitroRefusal::Validity);
        }
        let point = leaf.p384_key().ok_or(NitroRefusal::Algorithm)?;
        UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
            .verify(&document.signed(), document.signature())
            .map_err(|_| NitroRefusal::Signature)
    }
}

/// That each certificate is signed by the one before it, which may do so.
fn links(above: &[Certificate], leaf: &Certificate) -> Result<(), NitroRefusal> {
    let below = above.iter().skip(1).chain([leaf]);
    for (at, (issuer, certificate)) in above.iter().zip(below).enumerate() {
        let sound = issuer.is_authority()
            && issuer.allows_below(above.len() - 1 - at)
            && certificate.names_issuer(issuer)
            && certificate.is_signed_by(issuer);
        if !sound {
            return Err(NitroRefusal::Chain);
        }
    }
    if leaf.is_authority() { Err(NitroRefusal::Chain) } else { Ok(()) }
}
