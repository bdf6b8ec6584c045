//! The EAR of Trustee's profile: what its relying parties read, and beside it what they would
//! need to refuse a token that is not theirs, not fresh, or made under another policy. The
//! attestor signs it. No status in it is better than our own appraisal.

use autoclave_attest::appraise::{POLICY_ID, Status, TrustVector, policy_digest};
use autoclave_attest::evidence::{Claims, TeeKind};
use autoclave_attest::runtime::ReportData;
use autoclave_attest::token::{TOKEN_LIFE_SECONDS, UNKNOWN_WORKLOAD};
use autoclave_base::{Digest, HexBytes, b64};
use autoclave_cell::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng as _;
use serde_json::{Map, Value, json};

use super::binding::{Bound, init_data_of};
use super::claims;
use super::request::Request;
use crate::foreign::Judged;
use crate::service::Attestor;
use crate::signing::{SigningError, sign_es256};

/// `eat_profile` of Trustee's tokens.
const PROFILE: &str = "tag:github.com,2024:confidential-containers/Trustee";

/// For whom a token is where the request does not say.
const AUDIENCE: &str = "kbs";

/// Nonces that an EAT may carry (RFC 9711, section 4.1).
const NONCE_BYTES: std::ops::RangeInclusive<usize> = 8..=88;

/// The part of the token about one device, and what the token says of all.
pub(super) struct Submodule {
    ear: Value,
    workload: Option<String>,
    hw_backed: bool,
    debug: bool,
    measurement: Digest,
    policy: Digest,
    nonce: Option<String>,
}

impl Submodule {
    pub(super) fn of(judged: &Judged, report_data: &ReportData, bound: &Bound) -> Self {
        let (claims, appraisal) = (judged.verified.claims(), &judged.appraisal);
        let evidence = annotated(claims, report_data, bound);
        Self {
            ear: ear(appraisal.status, appraisal.vector, &evidence),
            workload: appraisal.workload.as_ref().map(ToString::to_string),
            hw_backed: claims.hw_backed,
            debug: claims.debug,
            measurement: claims.measurement,
            policy: appraisal.policy,
            nonce: nonce(bound),
        }
    }

    /// What Trustee's own verifier says of its sample, and that nothing stands behind it.
    pub(super) fn of_sample(
        attestor: &Attestor,
        svn: &str,
        report_data: &ReportData,
        bound: &Bound,
    ) -> Self {
        let claims = json!({
            "svn": svn, "launch_digest": "abcde", "debug": false,
            "platform_version": {"major": 1, "minor": 4},
        });
        let mut evidence = common(bound, &STANDARD.encode(report_data));
        evidence.insert("sample".to_owned(), claims);
        Self {
            ear: ear(Status::Contraindicated, SAMPLE_VECTOR, &evidence),
            workload: None,
            hw_backed: false,
            debug: false,
            measurement: sample_measurement(),
            policy: policy_digest(&attestor.policy.in_force()),
            nonce: nonce(bound),
        }
    }
}

/// Unrecognised code without hardware.
const SAMPLE_VECTOR: TrustVector = TrustVector {
    instance_identity: 0,
    configuration: 32,
    executables: 33,
    file_system: 0,
    hardware: 97,
    runtime_opaque: 96,
    storage_opaque: 0,
    sourced_data: 0,
};

/// Every sample is the same as every other.
pub(super) fn sample_measurement() -> Digest {
    Digest::of("sample")
}

fn ear(status: Status, vector: TrustVector, evidence: &Map<String, Value>) -> Value {
    json!({
        "ear.status": status,
        "ear.trustworthiness-vector": vector,
        "ear.appraisal-policy-id": POLICY_ID,
        "ear.veraison.annotated-evidence": evidence,
    })
}

fn annotated(claims: &Claims, report_data: &ReportData, bound: &Bound) -> Map<String, Value> {
    // Trustee writes SNP's bytes in base64 and all others' in hexadecimal digits.
    let text = |bytes: &[u8]| match claims.kind {
        TeeKind::Snp => STANDARD.encode(bytes),
        _ => HexBytes::of(bytes).to_string(),
    };
    let mut evidence = common(bound, &text(report_data));
    if let Some(init_data) = init_data_of(claims) {
        evidence.insert("init_data".to_owned(), json!(text(&init_data)));
    }
    evidence.insert(claims::name(claims.kind).to_owned(), claims::of(claims));
    evidence
}

fn common(bound: &Bound, report_data: &str) -> Map<String, Value> {
    let mut evidence = Map::new();
    evidence.insert("report_data".to_owned(), json!(report_data));
    if let Some(runtime) = &bound.runtime_claims {
        evidence.insert("runtime_data_claims".to_owned(), runtime.clone());
    }
    if let Some(init) = &bound.init_claims {
        evidence.insert("init_data_claims".to_owned(), init.clone());
    }
    evidence
}

/// The nonce of the KBS protocol, once the evidence vouched for it.
fn nonce(bound: &Bound) -> Option<String> {
    let nonce = bound.runtime_claims.as_ref()?.get("nonce")?.as_str()?;
    NONCE_BYTES.contains(&nonce.len()).then(|| nonce.to_owned())
}

/// The claims of the token. What it says of all devices it says of the weakest.
pub(super) fn payload<'s>(
    attestor: &Attestor,
    request: &Request,
    parts: impl Iterator<Item = &'s Submodule>,
) -> Value {
    let parts: Vec<_> = parts.collect();
    let submods = parts.iter().enumerate().map(|(at, part)| (format!("cpu{at}"), part.ear.clone()));
    let submods: Map<_, _> = submods.collect();
    let first = parts.first();
    let workload = first.and_then(|part| part.workload.as_deref()).unwrap_or(UNKNOWN_WORKLOAD);
    let debug = parts.iter().any(|part| part.debug);
    let now = attestor.cell().now();
    let mut payload = json!({
        "iss": attestor.issuer(),
        "sub": workload,
        "aud": request.audience.as_deref().unwrap_or(AUDIENCE),
        "iat": now, "nbf": now, "exp": now.plus(TOKEN_LIFE_SECONDS),
        "jti": attestor.random_id(),
        "eat_profile": PROFILE,
        "ear.verifier-id": {"developer": "autoclave", "build": attestor.build()},
        "submods": submods,
        "hw_backed": parts.iter().all(|part| part.hw_backed),
        "dbgstat": if debug { "enabled" } else { "disabled" },
    });
    if let (Some(members), Some(first)) = (payload.as_object_mut(), first) {
        members.insert("measurement".to_owned(), json!(first.measurement));
        let policy = b64::encode(first.policy.bytes());
        members.insert("x-ms-policy-hash".to_owned(), json!(policy));
        if let Some(nonce) = &first.nonce {
            members.insert("eat_nonce".to_owned(), json!(nonce));
        }
    }
    payload
}

impl Attestor {
    /// Signs a token of another profile with the key of this moment.
    pub(crate) fn sign(&self, payload: &Value) -> Result<String, Refusal> {
        let in_use = self.keys.in_use();
        let signed = in_use
            .certificate(self.issuer())
            .and_then(|certificate| sign_es256(payload, in_use.ring.current(), &certificate));
        signed.map_err(|_| Refusal::internal(SigningError::CODE))
    }

    /// A random name for a token: 128 bits.
    pub(crate) fn random_id(&self) -> String {
        let mut bytes = [0; 16];
        self.cell().rng().fill_bytes(&mut bytes);
        b64::encode(bytes)
    }
}
