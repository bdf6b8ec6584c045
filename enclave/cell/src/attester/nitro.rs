//! A Nitro enclave from the inside: its security module signs a document about the image
//! and our bytes. The module keeps no secret for us.

use std::path::Path;

use autoclave_attest::evidence::{Evidence, Measured, TeeKind};
use autoclave_attest::runtime::ReportData;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Secret, UnixTime, b64};
use autoclave_device::nsm::{self, Module};
use serde::Serialize;

use super::{Attester, AttesterError, evidence, vm};

/// The enclave's security module.
pub(super) struct Nitro(Box<dyn Module>);

#[derive(Serialize)]
struct NitroBody {
    document: String,
}

impl Nitro {
    /// The module at `path`, or where the kernel has it.
    pub(super) fn at(path: Option<&Path>) -> Self {
        Self(Box::new(nsm::Device::at(path.unwrap_or(Path::new(nsm::PATH)))))
    }
}

impl Attester for Nitro {
    fn kind(&self) -> TeeKind {
        TeeKind::Nitro
    }

    fn check(&self, _measured: &Measured, _workload: &WorkloadName) -> Result<(), AttesterError> {
        vm::answers(self)
    }

    fn quote(
        &self,
        _measured: &Measured,
        report_data: &ReportData,
        _now: UnixTime,
    ) -> Result<Evidence, AttesterError> {
        let document = b64::encode(nsm::document(self.0.as_ref(), report_data)?);
        Ok(evidence(TeeKind::Nitro, &NitroBody { document }))
    }

    fn sealing_secret(&self, _workload: &WorkloadName) -> Result<Secret<[u8; 32]>, AttesterError> {
        Err(AttesterError::NoSealingSecret)
    }
}

#[cfg(test)]
mod tests {
    use autoclave_device::DeviceError;

    use super::*;

    /// Answers with a fixed document, as CBOR.
    struct Fixed;

    impl Module for Fixed {
        fn exchange(&self, _request: &[u8]) -> Result<Vec<u8>, DeviceError> {
            Ok(b"\xa1\x6bAttestation\xa1\x68document\x43abc".to_vec())
        }
    }

    #[test]
    fn the_document_is_the_evidence_and_there_is_no_secret() {
        let nitro = Nitro(Box::new(Fixed));
        let nothing = autoclave_base::Digest::of([]);
        let measured =
            Measured { executable: nothing, configuration: nothing, libraries: [].into() };
        let made = nitro.quote(&measured, &[7; 64], UnixTime::from_seconds(0)).unwrap();
        assert_eq!((made.kind, made.body.as_str()), (TeeKind::Nitro, r#"{"document":"YWJj"}"#));
        let name = WorkloadName::parse("clinic").unwrap();
        let none = nitro.sealing_secret(&name).err().unwrap();
        assert_eq!(none.code(), "platform.no_sealing_secret");
    }
}
