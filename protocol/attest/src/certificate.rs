//! Evidence in a certificate: an attestor that nobody vouches for shows, on the direct door,
//! a certificate with evidence over the very key that it is for, so that it is verified like
//! any other enclave before the first byte. The rules are the reader's. No certificate
//! authority has a say, and a certificate without evidence says nothing.

#[cfg(test)]
mod tests;

use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime, b64};
use p256::ecdsa::VerifyingKey;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use x509_cert::der::asn1::{ObjectIdentifier, Utf8StringRef};
use x509_cert::der::{Decode as _, Encode as _};

use crate::CLOCK_SKEW_SECONDS;
use crate::appraise::{Status, appraise};
use crate::evidence::{
    Claims, EVIDENCE_AGE_MAX_SECONDS, EVIDENCE_BYTES_MAX, Endorsements, EvidenceRefusal, Verified,
};
use crate::handshake::{EvidenceAnswer, Trust};
use crate::nonce::Nonce;
use crate::release::{ManifestRefusal, VerifiedManifest};
use crate::runtime::Runtime;

/// `id-pe-cmw` (draft-ietf-rats-msg-wrap, section 7): a conceptual message wrapper in a
/// certificate. Its JSON form is a `UTF8String` of `["media type", "base64url"]`.
pub const CMW_OID: &str = "1.3.6.1.5.5.7.1.35";
/// The wrapped message: canonical JSON of `{"evidence", "runtime"}`, as the enclave answers
/// a question for evidence.
pub const MEDIA_TYPE: &str = "application/vnd.autoclave.evidence+json";
/// How long a certificate with evidence lasts: as long as the oldest evidence is looked at.
pub const LIFE_SECONDS: u64 = EVIDENCE_AGE_MAX_SECONDS;

/// Longest certificate that is looked at: evidence in base64url, twice, and a little more.
pub const CERTIFICATE_BYTES_MAX: usize = EVIDENCE_BYTES_MAX * 2;
/// What the nonce is for.
const CONTEXT: &[u8] = b"autoclave certificate evidence v1";

/// Why a certificate is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRefusal {
    /// Longer than [`CERTIFICATE_BYTES_MAX`].
    #[error("the certificate is too large")]
    TooLarge,
    /// Not a certificate of a P-256 key.
    #[error("the certificate is malformed")]
    Malformed,
    /// It has no evidence in it, or something else.
    #[error("the certificate carries no evidence")]
    NoEvidence,
    /// It ended, begins in the future, or would last too long.
    #[error("the certificate is not valid now")]
    Validity,
    /// It is not signed by its own key.
    #[error("the certificate is not signed by the key that it is for")]
    Signature,
    /// The evidence is over another key, or was made for another certificate.
    #[error("the evidence is not over the key and the time of this certificate")]
    Binding,
    /// The evidence is refused.
    #[error("the evidence in the certificate is refused")]
    Evidence(#[source] EvidenceRefusal),
    /// No hardware stands behind it, and no root for development is trusted.
    #[error("no hardware stands behind the evidence in the certificate")]
    HardwareRequired,
    /// The manifest is out of its time.
    #[error("the release manifest is refused")]
    Manifest(#[source] ManifestRefusal),
    /// The manifest does not name this code, or as another workload.
    #[error("the release manifest does not name this code as that workload")]
    Workload,
}

impl CertificateRefusal {
    /// The stable code; a refusal further in has its own.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "certificate.too_large",
            Self::Malformed => "certificate.malformed",
            Self::NoEvidence => "certificate.no_evidence",
            Self::Validity => "certificate.validity",
            Self::Signature => "certificate.signature",
            Self::Binding => "certificate.binding",
            Self::Evidence(refusal) => refusal.code(),
            Self::HardwareRequired => "certificate.hardware_required",
            Self::Manifest(refusal) => refusal.code(),
            Self::Workload => "certificate.workload",
        }
    }
}

/// The nonce of the evidence in a certificate for `key` that begins at `not_before`: nobody
/// can have asked for it before that time was chosen, and no other certificate has it.
#[expect(clippy::expect_used, reason = "32 bytes in base64url are a nonce")]
pub fn nonce(not_before: UnixTime, key: &VerifyingKey) -> Nonce {
    let point = key.to_sec1_point(false);
    let parts = [CONTEXT, &not_before.seconds().to_be_bytes(), point.as_bytes()];
    let digest = Digest::of(parts.concat());
    b64::encode(digest.bytes()).parse().expect("32 bytes")
}

/// The wrapper around `answer`, as it stands in the extension.
pub fn wrapper(answer: &EvidenceAnswer) -> String {
    // Texts always have a JSON form; an empty message would be refused.
    let message = serde_json::to_vec(answer).unwrap_or_default();
    format!(r#"["{MEDIA_TYPE}","{}"]"#, b64::encode(message))
}

/// A certificate whose evidence verified. Only [`verify`] makes it.
#[derive(Clone, Debug)]
pub struct VerifiedCertificate {
    verified: Verified,
    runtime: Runtime,
    not_before: UnixTime,
}

impl VerifiedCertificate {
    /// What the evidence says.
    pub const fn claims(&self) -> &Claims {
        self.verified.claims()
    }

    /// The keys that it vouches for: on an attestor, the digest of those it signs tokens with.
    pub const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// When it was made.
    pub const fn made(&self) -> UnixTime {
        self.not_before
    }

    /// Checks that `manifest` names the code as `workload`, as of `now`.
    pub fn is_workload(
        &self,
        manifest: &VerifiedManifest,
        workload: &WorkloadName,
        now: UnixTime,
    ) -> Result<(), CertificateRefusal> {
        if now >= manifest.expires() {
            return Err(CertificateRefusal::Manifest(ManifestRefusal::Expired));
        }
        let appraisal = appraise(&self.verified, manifest);
        let named = appraisal.workload.as_ref() == Some(workload);
        if named && appraisal.status == Status::Affirming {
            Ok(())
        } else {
            Err(CertificateRefusal::Workload)
        }
    }
}

/// Checks a certificate (DER) at `now`: form, time, its own signature, evidence (with what
/// vendors say in it or in `endorsements`), and that it is over the certificate's key and time.
pub fn verify(
    der: &[u8],
    trust: &Trust,
    endorsements: &Endorsements,
    now: UnixTime,
) -> Result<VerifiedCertificate, CertificateRefusal> {
    if der.len() > CERTIFICATE_BYTES_MAX {
        return Err(CertificateRefusal::TooLarge);
    }
    let shown = Shown::parse(der)?;
    let (begins, ends) = (shown.not_before, shown.not_after);
    let lasts = ends.since(begins) <= LIFE_SECONDS;
    if !lasts || begins > now.plus(CLOCK_SKEW_SECONDS) || now >= ends {
        return Err(CertificateRefusal::Validity);
    }
    let point = shown.key.to_sec1_point(false);
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point.as_bytes())
        .verify(&shown.signed, &shown.signature)
        .map_err(|_| CertificateRefusal::Signature)?;
    let EvidenceAnswer { evidence, runtime } = shown.answer;
    let over_key = runtime.signing().verifying_key() == Some(&shown.key);
    if !over_key || *runtime.nonce() != nonce(begins, &shown.key) {
        return Err(CertificateRefusal::Binding);
    }
    let verified = trust
        .verifiers()
        .verify(&evidence, &runtime.report_data(), endorsements, now)
        .map_err(CertificateRefusal::Evidence)?;
    if trust.hardware_required() && !verified.claims().hw_backed {
        return Err(CertificateRefusal::HardwareRequired);
    }
    Ok(VerifiedCertificate { verified, runtime, not_before: begins })
}

/// A certificate as it was shown; nothing of it is believed yet.
struct Shown {
    key: VerifyingKey,
    signed: Vec<u8>,
    signature: Vec<u8>,
    not_before: UnixTime,
    not_after: UnixTime,
    answer: EvidenceAnswer,
}

impl Shown {
    fn parse(der: &[u8]) -> Result<Self, CertificateRefusal> {
        let malformed = |_| CertificateRefusal::Malformed;
        let parsed = x509_cert::Certificate::from_der(der).map_err(malformed)?;
        let tbs = parsed.tbs_certificate();
        // What stands around the signed part is signed by nobody: it has one form.
        let again = parsed.to_der().map_err(malformed)?;
        if again != der || tbs.signature() != parsed.signature_algorithm() {
            return Err(CertificateRefusal::Malformed);
        }
        let signature = parsed.signature().as_bytes().ok_or(CertificateRefusal::Malformed)?;
        let point = tbs.subject_public_key_info().subject_public_key.raw_bytes();
        let key = VerifyingKey::from_sec1_bytes(point);
        let key = key.map_err(|_| CertificateRefusal::Malformed)?;
        let time =
            |time: x509_cert::time::Time| UnixTime::from_seconds(time.to_unix_duration().as_secs());
        let validity = tbs.validity();
        Ok(Self {
            key,
            signed: tbs.to_der().map_err(malformed)?,
            signature: signature.to_vec(),
            not_before: time(validity.not_before),
            not_after: time(validity.not_after),
            answer: answer(tbs.extensions().map_or(&[], Vec::as_slice))?,
        })
    }
}

/// The message in the one wrapper that there is.
fn answer(extensions: &[x509_cert::ext::Extension]) -> Result<EvidenceAnswer, CertificateRefusal> {
    const NONE: CertificateRefusal = CertificateRefusal::NoEvidence;
    let cmw = ObjectIdentifier::new_unwrap(CMW_OID);
    let mut found = extensions.iter().filter(|extension| extension.extn_id == cmw);
    let (Some(extension), None) = (found.next(), found.next()) else { return Err(NONE) };
    let text = Utf8StringRef::from_der(extension.extn_value.as_bytes()).map_err(|_| NONE)?;
    let (media_type, message): (String, String) =
        serde_json::from_str(text.as_str()).map_err(|_| NONE)?;
    if media_type != MEDIA_TYPE {
        return Err(NONE);
    }
    let message = b64::decode(&message).map_err(|_| CertificateRefusal::Malformed)?;
    serde_json::from_slice(&message).map_err(|_| CertificateRefusal::Malformed)
}
