//! An SGX enclave that Gramine made, from the inside. MRENCLAVE covers our executable and
//! all files that Gramine's manifest trusts, the configuration among them; nobody can know
//! its value from inside, so the manifest of releases has the last word.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use autoclave_attest::evidence::{Evidence, Measured, TeeKind};
use autoclave_attest::runtime::ReportData;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Secret, UnixTime, b64};
use autoclave_device::System;
use autoclave_device::gramine::{BASE, Gramine, Sealing};
use autoclave_seal::kdf;
use serde::Serialize;

use super::{Attester, AttesterError, evidence, vm};

/// Gramine's files; one question at a time.
pub(super) struct Sgx {
    base: PathBuf,
    turn: Mutex<()>,
}

#[derive(Serialize)]
struct SgxBody {
    quote: String,
}

impl Sgx {
    /// The files below `path`, or where Gramine has them.
    pub(super) fn at(path: Option<&Path>) -> Self {
        Self { base: path.unwrap_or(Path::new(BASE)).to_owned(), turn: Mutex::default() }
    }

    fn files(&self) -> Gramine<'static> {
        Gramine::new(&System, &self.base)
    }
}

impl Attester for Sgx {
    fn kind(&self) -> TeeKind {
        TeeKind::Sgx
    }

    fn check(&self, _measured: &Measured, _workload: &WorkloadName) -> Result<(), AttesterError> {
        self.files().must_be_dcap()?;
        vm::answers(self)
    }

    fn quote(
        &self,
        _measured: &Measured,
        report_data: &ReportData,
        _now: UnixTime,
    ) -> Result<Evidence, AttesterError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let quote = self.files().quote(report_data)?;
        Ok(evidence(TeeKind::Sgx, &SgxBody { quote: b64::encode(quote) }))
    }

    /// By the signer, so that an update of the workload opens it: each workload must have a
    /// product number (`sgx.isvprodid`) of its own, which the processor mixes in.
    fn sealing_secret(&self, workload: &WorkloadName) -> Result<Secret<[u8; 32]>, AttesterError> {
        let key = self.files().sealing_key(Sealing::Signer)?;
        Ok(kdf::derive(key.expose(), &format!("platform sealing secret of {workload}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_and_a_secret_come_out_of_gramine_s_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        write("attestation_type", b"dcap").unwrap();
        write("user_report_data", &[]).unwrap();
        write("quote", &[&[3; 368][..], &[7; 64], &[0; 64]].concat()).unwrap();
        write("keys/_sgx_mrsigner", &[3; 16]).unwrap();
        let sgx = Sgx::at(Some(folder.path()));
        let nothing = autoclave_base::Digest::of([]);
        let measured =
            Measured { executable: nothing, configuration: nothing, libraries: [].into() };
        let made = sgx.quote(&measured, &[7; 64], UnixTime::from_seconds(0)).unwrap();
        let body: serde_json::Value = serde_json::from_str(&made.body).unwrap();
        assert_eq!((made.kind, body.as_object().unwrap().len()), (TeeKind::Sgx, 1));
        assert_eq!(b64::decode(body["quote"].as_str().unwrap()).unwrap()[368..432], [7; 64]);
        let secret = |name| sgx.sealing_secret(&WorkloadName::parse(name).unwrap()).unwrap();
        assert!(secret("clinic").same_as(&secret("clinic")));
        assert!(!secret("clinic").same_as(&secret("broker")));
        // These files quote the same bytes whatever was written: the check at boot sees it.
        let name = WorkloadName::parse("clinic").unwrap();
        assert_eq!(sgx.check(&measured, &name).unwrap_err().code(), "platform.report_data");
    }
}
