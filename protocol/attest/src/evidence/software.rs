//! Software evidence: a development root signs what a real TEE would. It belongs to
//! machines without one; it says `hw_backed: false`, and it keeps nothing confidential.
//! Nothing else differs from hardware, and no production configuration can name its root.

use autoclave_base::{UnixTime, b64};
use p256::ecdsa::SigningKey;
use serde::{Deserialize, Serialize};

use super::{
    Claims, Endorsements, Evidence, EvidenceRefusal, Measured, TeeKind, Unbound, Verifier,
};
use crate::CLOCK_SKEW_SECONDS;
use crate::jwk::{Jwk, JwkRefusal};
use crate::jws::{self, JwsRefusal, Unverified};
use crate::runtime::ReportData;

/// `typ` of software evidence.
pub const TYP: &str = "autoclave-software-evidence+jwt";

#[derive(Serialize, Deserialize)]
struct Quote {
    report_data: String,
    #[serde(flatten)]
    measured: Measured,
    debug: bool,
    svn: u32,
    iat: UnixTime,
}

/// What the "TEE" knows about the process that asks it for a quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Program, configuration and libraries.
    pub measured: Measured,
    /// Whether the process is open to a debugger.
    pub debug: bool,
    /// The security version of the program.
    pub svn: u32,
}

/// Signs a quote with the development root `key`, as hardware would.
pub fn quote(
    subject: &Subject,
    report_data: &ReportData,
    now: UnixTime,
    key: &SigningKey,
) -> Evidence {
    let quote = Quote {
        report_data: b64::encode(report_data),
        measured: subject.measured.clone(),
        debug: subject.debug,
        svn: subject.svn,
        iat: now,
    };
    let kid = Jwk::signing(key.verifying_key()).thumbprint().to_string();
    Evidence { kind: TeeKind::Software, body: jws::sign(TYP, &kid, &quote, key) }
}

/// Verifies software evidence under one development root.
pub struct SoftwareVerifier {
    root: Jwk,
    kid: String,
}

impl SoftwareVerifier {
    /// Trusts the ES256 key `root`.
    pub fn new(root: &Jwk) -> Result<Self, JwkRefusal> {
        root.verifying_key().ok_or(JwkRefusal::Unsupported)?;
        Ok(Self { root: root.clone(), kid: root.thumbprint().to_string() })
    }

    fn open(&self, body: &str) -> Result<Quote, EvidenceRefusal> {
        let parsed = Unverified::parse(body, TYP).map_err(of_jws)?;
        if parsed.kid() != Some(&self.kid) {
            return Err(EvidenceRefusal::Root);
        }
        let key = self.root.verifying_key().ok_or(EvidenceRefusal::Root)?;
        let payload = parsed.verify(key).map_err(of_jws)?;
        serde_json::from_slice(&payload).map_err(|_| EvidenceRefusal::Malformed)
    }
}

const fn of_jws(refusal: JwsRefusal) -> EvidenceRefusal {
    match refusal {
        JwsRefusal::TooLarge => EvidenceRefusal::TooLarge,
        JwsRefusal::Signature => EvidenceRefusal::Signature,
        _ => EvidenceRefusal::Malformed,
    }
}

impl Verifier for SoftwareVerifier {
    fn kind(&self) -> TeeKind {
        TeeKind::Software
    }

    fn development(&self) -> bool {
        true
    }

    fn verify_unbound(
        &self,
        evidence: &Evidence,
        _endorsements: &Endorsements,
        now: UnixTime,
    ) -> Result<Unbound, EvidenceRefusal> {
        if evidence.kind != TeeKind::Software {
            return Err(EvidenceRefusal::Kind);
        }
        let quote = self.open(&evidence.body)?;
        let report_data: ReportData =
            b64::decode_array(&quote.report_data).map_err(|_| EvidenceRefusal::ReportData)?;
        fresh(quote.iat, now)?;
        if quote.measured.libraries.len() > super::LIBRARIES_MAX {
            return Err(EvidenceRefusal::Malformed);
        }
        let claims = Claims {
            debug: quote.debug,
            svn: quote.svn,
            ..Claims::of_measured(TeeKind::Software, quote.measured)
        };
        Ok(Unbound::new(claims, report_data))
    }
}

fn fresh(made: UnixTime, now: UnixTime) -> Result<(), EvidenceRefusal> {
    if made > now.plus(CLOCK_SKEW_SECONDS) {
        return Err(EvidenceRefusal::NotYetValid);
    }
    if now > made.plus(super::EVIDENCE_AGE_MAX_SECONDS) {
        return Err(EvidenceRefusal::Stale);
    }
    Ok(())
}
