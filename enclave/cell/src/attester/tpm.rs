//! A TPM from the inside: the launcher measured this enclave into it before it began, and
//! the TPM signs the registers. The cell's. What the cell measures by itself must be what
//! the launcher's log tells, or the enclave does not start.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use autoclave_attest::evidence::tpm::{Body, Event, qualifying_data, replay};
use autoclave_attest::evidence::{Evidence, Measured, TeeKind};
use autoclave_attest::runtime::ReportData;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, Secret, UnixTime};
use autoclave_seal::kdf;
use autoclave_tpm::{Device, FIRST_OURS, Tpm, platform};

use super::{Attester, AttesterError};

/// A machine with a TPM. One conversation with it at a time.
pub(super) struct Measuring {
    device: Device,
    log: Vec<Event>,
    ak: String,
    ek: Vec<Vec<u8>>,
    turn: Mutex<()>,
}

impl Measuring {
    /// The machine that the file at `path` describes.
    pub(super) fn open(path: &Path) -> Result<Self, AttesterError> {
        let platform = platform::Platform::read(path)?;
        let log = serde_json::from_slice(&platform::read(&platform.log)?)
            .map_err(|_| AttesterError::Log)?;
        let ak = platform::read_text(&platform.ak_certificate)?.trim().to_owned();
        let mut ek = vec![Tpm::open(&platform.device)?.ek_certificate()?];
        ek.extend(platform.intermediates()?);
        Ok(Self { device: platform.device, log, ak, ek, turn: Mutex::new(()) })
    }

    /// Asks the TPM. A software TPM serves one client after the other, and a real one is
    /// slow enough that it makes no difference.
    fn ask<T>(
        &self,
        question: impl FnOnce(&mut Tpm) -> Result<T, autoclave_tpm::TpmError>,
    ) -> Result<T, AttesterError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(question(&mut Tpm::open(&self.device)?)?)
    }

    fn registers(&self) -> Result<[Digest; autoclave_tpm::PCRS], AttesterError> {
        Ok(self.ask(Tpm::pcrs)?.map(Digest::from_bytes))
    }
}

/// Whether `log` is what a launcher writes that measured `measured` as `workload`.
fn tells(log: &[Event], measured: &Measured, workload: &WorkloadName) -> bool {
    let [Event::Launch { launcher, svn, debug, .. }, .., Event::Workload { name, .. }] = log else {
        return false;
    };
    let expected = Event::of(measured, *launcher, *svn, *debug);
    log.len() == expected.len() + 1 && log.starts_with(&expected) && name == workload
}

impl Attester for Measuring {
    fn kind(&self) -> TeeKind {
        TeeKind::Tpm
    }

    fn check(&self, measured: &Measured, workload: &WorkloadName) -> Result<(), AttesterError> {
        if !tells(&self.log, measured, workload) {
            return Err(AttesterError::LogDiffers);
        }
        let (expected, found) = (replay(&self.log), self.registers()?);
        if expected[FIRST_OURS..] == found[FIRST_OURS..] {
            Ok(())
        } else {
            Err(AttesterError::RegistersDiffer)
        }
    }

    fn quote(
        &self,
        _measured: &Measured,
        report_data: &ReportData,
        _now: UnixTime,
    ) -> Result<Evidence, AttesterError> {
        let nonce = qualifying_data(report_data);
        let (pcrs, quote) = self.ask(|tpm| Ok((tpm.pcrs()?, tpm.quote(&nonce)?)))?;
        let body = Body {
            quote: quote.attest,
            signature: quote.signature,
            pcrs: pcrs.map(Digest::from_bytes),
            log: self.log.clone(),
            ak: self.ak.clone(),
            ek: self.ek.clone(),
        };
        Ok(body.into_evidence())
    }

    fn sealing_secret(&self, workload: &WorkloadName) -> Result<Secret<[u8; 32]>, AttesterError> {
        let secret = self.ask(Tpm::workload_secret)?;
        Ok(kdf::derive(secret.expose(), &format!("platform sealing secret of {workload}")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use autoclave_attest::jwk::Jwk;
    use p256::ecdsa::SigningKey;
    use p256::elliptic_curve::Generate as _;

    use super::*;
    use crate::Entropy;

    #[test]
    fn a_log_that_differs_in_anything_is_seen() {
        let measured = |library: &str| Measured {
            executable: Digest::of("exe"),
            configuration: Digest::of("config"),
            libraries: BTreeMap::from([("one".to_owned(), Digest::of(library))]),
        };
        let name = |text| WorkloadName::parse(text).unwrap();
        let key = Jwk::signing(SigningKey::generate_from_rng(&mut Entropy).verifying_key());
        let mut log = Event::of(&measured("a"), Digest::of("launcher"), 1, false);
        assert!(!tells(&log, &measured("a"), &name("clinic")), "no workload");
        log.push(Event::workload(name("clinic"), key.thumbprint()));
        assert!(tells(&log, &measured("a"), &name("clinic")));
        assert!(!tells(&log, &measured("b"), &name("clinic")));
        assert!(!tells(&log, &measured("a"), &name("broker")));
        log.insert(3, Event::library("more", Digest::of("more")));
        assert!(!tells(&log, &measured("a"), &name("clinic")));
        assert!(!tells(&[], &measured("a"), &name("clinic")));
    }
}
