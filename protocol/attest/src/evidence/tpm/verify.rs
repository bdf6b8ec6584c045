//! The verifier of TPM evidence under one root, stage by stage: whose signing key, which
//! TPM, what it quoted, which registers, what the log makes of them. The first stage that
//! fails names the refusal; claims come out of the last one.

use autoclave_base::UnixTime;

use super::ak::AkCertificate;
use super::chain::{self, Endorsed};
use super::log::{self, Told};
use super::wire::{AkPublic, Attest, Signature};
use super::{Body, NONCE_BYTES, PCR_BOOTED, RootRefusal, TpmClaims, TpmRoot, replay};
use crate::evidence::certificate::Certificate;
use crate::evidence::{
    Claims, Endorsements, Evidence, EvidenceRefusal, TeeKind, Unbound, Verifier,
};
use crate::runtime::{REPORT_DATA_BYTES, ReportData};

/// Verifies TPM evidence under one root.
///
/// Evidence of a TPM carries no time that another machine could judge: it is as fresh as
/// the nonce that it is over, and the certificate of its key ends.
pub struct TpmVerifier {
    root: TpmRoot,
    ek_roots: Vec<Certificate>,
}

impl TpmVerifier {
    /// Trusts `root`.
    pub fn new(root: &TpmRoot) -> Result<Self, RootRefusal> {
        Ok(Self { ek_roots: root.check()?, root: root.clone() })
    }

    fn firmware(&self, body: &Body) -> Result<(), EvidenceRefusal> {
        let known = |one: &super::FirmwarePcr| {
            body.pcrs.get(usize::from(one.pcr)).is_some_and(|value| one.values.contains(value))
        };
        if self.root.firmware.iter().all(known) {
            Ok(())
        } else {
            Err(EvidenceRefusal::TpmFirmware)
        }
    }

    fn claims(&self, told: Told, endorsed: &Endorsed) -> Claims {
        Claims {
            hw_backed: !self.root.development && !endorsed.manufacturer.is_software(),
            debug: told.debug,
            svn: told.svn,
            tpm: Some(TpmClaims {
                manufacturer: endorsed.manufacturer,
                ek: endorsed.digest(),
                launcher: told.launcher,
                workload: told.workload,
            }),
            ..Claims::of_measured(TeeKind::Tpm, told.measured)
        }
    }
}

impl Verifier for TpmVerifier {
    fn kind(&self) -> TeeKind {
        TeeKind::Tpm
    }

    fn development(&self) -> bool {
        self.root.development
    }

    fn verify_unbound(
        &self,
        evidence: &Evidence,
        _endorsements: &Endorsements,
        now: UnixTime,
    ) -> Result<Unbound, EvidenceRefusal> {
        if evidence.kind != TeeKind::Tpm {
            return Err(EvidenceRefusal::Kind);
        }
        let body: Body =
            serde_json::from_str(&evidence.body).map_err(|_| EvidenceRefusal::Malformed)?;
        let certificate = AkCertificate::verify(&body.ak, &self.root.ak_issuers, now)?;
        let endorsed = chain::verify(&body.ek, &self.ek_roots, now)?;
        if certificate.ek != endorsed.digest() {
            return Err(EvidenceRefusal::TpmAk);
        }
        let report_data = quote(&body, &certificate.key()?)?;
        let told = told(&body)?;
        self.firmware(&body)?;
        Ok(Unbound::new(self.claims(told, &endorsed), report_data))
    }
}

/// That the TPM signed the registers that the body shows; over which nonce: the first half
/// of the report data, of which the other is zero.
fn quote(body: &Body, ak: &AkPublic) -> Result<ReportData, EvidenceRefusal> {
    let signature = Signature::parse(&body.signature).map_err(|_| EvidenceRefusal::Signature)?;
    if !signature.is_of(&body.quote, ak.key()) {
        return Err(EvidenceRefusal::Signature);
    }
    let attest = Attest::parse(&body.quote).map_err(|_| EvidenceRefusal::TpmQuote)?;
    let nonce: [u8; NONCE_BYTES] =
        attest.extra_data.as_slice().try_into().map_err(|_| EvidenceRefusal::ReportData)?;
    if !attest.selects_all() {
        return Err(EvidenceRefusal::TpmSelection);
    }
    if !attest.is_over(&body.pcrs) {
        return Err(EvidenceRefusal::TpmPcrs);
    }
    let mut report_data = [0; REPORT_DATA_BYTES];
    report_data[..NONCE_BYTES].copy_from_slice(&nonce);
    Ok(report_data)
}

/// What the log tells, if it makes the launcher's registers exactly.
fn told(body: &Body) -> Result<Told, EvidenceRefusal> {
    let told = log::read(&body.log).ok_or(EvidenceRefusal::TpmLog)?;
    let replayed = replay(&body.log);
    if replayed[PCR_BOOTED..] == body.pcrs[PCR_BOOTED..] {
        Ok(told)
    } else {
        Err(EvidenceRefusal::TpmLog)
    }
}
