//! The verifier of TPM evidence under one root, stage by stage: whose signing key, which
//! TPM, what it quoted, which registers, what the log makes of them. The first stage that
//! fails names the refusal; claims come out of the last one.

use autoclave_base::UnixTime;

use super::ak::AkCertificate;
use super::certificate::Certificate;
use super::chain::{self, Endorsed};
use super::log::{self, Told};
use super::wire::{AkPublic, Attest, Signature};
use super::{
    Body, NONCE_BYTES, PCR_BOOTED, RootRefusal, TpmClaims, TpmRoot, qualifying_data, replay,
};
use crate::evidence::{Claims, Evidence, EvidenceRefusal, TeeKind, Verified, Verifier};
use crate::runtime::ReportData;

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
            kind: TeeKind::Tpm,
            hw_backed: !self.root.development && !endorsed.manufacturer.is_software(),
            debug: told.debug,
            measurement: told.measured.measurement(),
            measured: told.measured,
            svn: told.svn,
            tpm: Some(TpmClaims {
                manufacturer: endorsed.manufacturer,
                ek: endorsed.digest(),
                launcher: told.launcher,
                workload: told.workload,
            }),
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

    fn verify(
        &self,
        evidence: &Evidence,
        report_data: &ReportData,
        now: UnixTime,
    ) -> Result<Verified, EvidenceRefusal> {
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
        quote(&body, &certificate.key()?, report_data)?;
        let told = told(&body)?;
        self.firmware(&body)?;
        Ok(Verified::new(self.claims(told, &endorsed)))
    }
}

/// That the TPM signed, over our nonce, the registers that the body shows.
fn quote(body: &Body, ak: &AkPublic, report_data: &ReportData) -> Result<(), EvidenceRefusal> {
    let signature = Signature::parse(&body.signature).map_err(|_| EvidenceRefusal::Signature)?;
    if !signature.is_of(&body.quote, ak.key()) {
        return Err(EvidenceRefusal::Signature);
    }
    let attest = Attest::parse(&body.quote).map_err(|_| EvidenceRefusal::TpmQuote)?;
    let rest_is_zero = report_data[NONCE_BYTES..].iter().all(|byte| *byte == 0);
    if !rest_is_zero || !attest.answers(&qualifying_data(report_data)) {
        return Err(EvidenceRefusal::ReportData);
    }
    if !attest.selects_all() {
        return Err(EvidenceRefusal::TpmSelection);
    }
    if attest.is_over(&body.pcrs) { Ok(()) } else { Err(EvidenceRefusal::TpmPcrs) }
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
