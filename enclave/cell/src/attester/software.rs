//! Software evidence from the inside: a key that the launcher made stands for the
//! machine's TEE. Whoever reads that key file can forge all of it.

use std::path::Path;

use autoclave_attest::evidence::software::{self, Subject};
use autoclave_attest::evidence::{Evidence, Measured, TeeKind};
use autoclave_attest::runtime::ReportData;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Secret, UnixTime};
use autoclave_seal::kdf;
use p256::ecdsa::SigningKey;
use zeroize::Zeroizing;

use super::{Attester, AttesterError};

/// Security version of this generation of the code: raised when an older one must not be
/// trusted any more.
const SVN: u32 = 1;

pub(super) struct Software(SigningKey);

impl Software {
    pub(super) const fn new(key: SigningKey) -> Self {
        Self(key)
    }

    /// With the key in the file at `path`: P-256 in PKCS#8 (PEM).
    pub(super) fn read(path: &Path) -> Result<Self, AttesterError> {
        let pem = std::fs::read_to_string(path).map_err(AttesterError::Unreadable)?;
        pem.parse().map(Self).map_err(|_| AttesterError::Malformed)
    }
}

impl Attester for Software {
    fn kind(&self) -> TeeKind {
        TeeKind::Software
    }

    fn quote(
        &self,
        measured: &Measured,
        report_data: &ReportData,
        now: UnixTime,
    ) -> Result<Evidence, AttesterError> {
        let subject = Subject { measured: measured.clone(), debug: false, svn: SVN };
        Ok(software::quote(&subject, report_data, now, &self.0))
    }

    fn sealing_secret(&self, workload: &WorkloadName) -> Result<Secret<[u8; 32]>, AttesterError> {
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(self.0.to_bytes().into());
        Ok(kdf::derive(key.as_slice(), &format!("platform sealing secret of {workload}")))
    }
}
