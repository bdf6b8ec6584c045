//! The platform as a launcher names it on the command line: a kind, where its interface is,
//! and where the secret of the sealed state comes from if not from the TEE itself. Names
//! choose among interfaces; none of them changes what is checked.

use std::path::Path;
use std::sync::Arc;

use autoclave_attest::evidence::{Evidence, Measured, TeeKind};
use autoclave_attest::runtime::ReportData;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Secret, UnixTime};
use autoclave_seal::kdf;
use autoclave_tpm::{Device, Tpm};
use rand::Rng as _;

use super::azure::Azure;
use super::nitro::Nitro;
use super::sgx::Sgx;
use super::software::Software;
use super::tpm::Measuring;
use super::vm::{Snp, Tdx};
use super::{Attester, AttesterError};
use crate::Entropy;

/// Opens the platform that `text` names.
pub(super) fn open(text: &str) -> Result<Arc<dyn Attester>, AttesterError> {
    let (text, secret) = match text.rsplit_once('+') {
        Some((text, "once")) => (text, Some(From::Once(once()))),
        Some((text, from)) if from.starts_with("tpm:") => {
            (text, Some(From::Tpm(device(&from[4..])?)))
        }
        _ => (text, None),
    };
    let attester = attester(text)?;
    Ok(match secret {
        None => attester,
        Some(_) if matches!(attester.kind(), TeeKind::Software | TeeKind::Tpm) => {
            return Err(AttesterError::Unknown);
        }
        Some(secret) => Arc::new(WithSecret { attester, secret }),
    })
}

fn attester(text: &str) -> Result<Arc<dyn Attester>, AttesterError> {
    let (kind, place) = text.split_once(':').ok_or(AttesterError::Unknown)?;
    let path = (!place.is_empty()).then(|| Path::new(place));
    Ok(match (kind, path) {
        ("software", Some(path)) => Arc::new(Software::read(path)?),
        ("tpm", Some(path)) => Arc::new(Measuring::open(path)?),
        ("tdx", path) => Arc::new(Tdx::at(path)),
        ("snp", path) => Arc::new(Snp::at(path)),
        ("sgx", path) => Arc::new(Sgx::at(path)),
        ("nitro", path) => Arc::new(Nitro::at(path)),
        ("azure", None) => Arc::new(Azure::open(device("/dev/tpmrm0")?)?),
        ("azure", Some(_)) => Arc::new(Azure::open(device(place)?)?),
        _ => return Err(AttesterError::Unknown),
    })
}

fn device(name: &str) -> Result<Device, AttesterError> {
    name.parse().map_err(|_| AttesterError::Unknown)
}

fn once() -> Secret<[u8; 32]> {
    let mut secret = [0; 32];
    Entropy.fill_bytes(&mut secret);
    Secret::new(secret)
}

/// Where the secret of the sealed state comes from, if not from the TEE.
enum From {
    /// A TPM: the secret of what the machine booted. A TPM that the host plays is the host's.
    Tpm(Device),
    /// Drawn when the process starts: the state ends with it, and a folder that holds an
    /// earlier one's does not open.
    Once(Secret<[u8; 32]>),
}

/// A TEE whose own secret is not used.
struct WithSecret {
    attester: Arc<dyn Attester>,
    secret: From,
}

impl Attester for WithSecret {
    fn kind(&self) -> TeeKind {
        self.attester.kind()
    }

    fn check(&self, measured: &Measured, workload: &WorkloadName) -> Result<(), AttesterError> {
        self.attester.check(measured, workload)
    }

    fn quote(
        &self,
        measured: &Measured,
        report_data: &ReportData,
        now: UnixTime,
    ) -> Result<Evidence, AttesterError> {
        self.attester.quote(measured, report_data, now)
    }

    fn sealing_secret(&self, workload: &WorkloadName) -> Result<Secret<[u8; 32]>, AttesterError> {
        let secret = match &self.secret {
            From::Tpm(device) => Tpm::open(device)?.booted_secret()?,
            From::Once(secret) => secret.clone(),
        };
        Ok(kdf::derive(secret.expose(), &format!("platform sealing secret of {workload}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        open(text).err().map_or("opened", |error| error.code())
    }

    #[test]
    fn each_kind_has_its_name() {
        for (text, kind) in [
            ("tdx:", TeeKind::Tdx),
            ("tdx:/elsewhere", TeeKind::Tdx),
            ("snp:", TeeKind::Snp),
            ("sgx:", TeeKind::Sgx),
            ("nitro:", TeeKind::Nitro),
            ("tdx:+tpm:/dev/tpmrm0", TeeKind::Tdx),
            ("nitro:+once", TeeKind::Nitro),
        ] {
            assert_eq!(open(text).unwrap().kind(), kind, "{text}");
        }
        let wrong = ["", "tdx", "software:", "tpm:", "vax:", "tdx:+tpm:nowhere", "azure:nowhere"];
        for text in wrong {
            assert_eq!(code(text), "platform.unknown", "{text}");
        }
        assert_eq!(code("azure:unix:/nowhere"), "tpm.unreachable");
    }

    /// What has no secret says so, unless it is told where one comes from.
    #[test]
    fn a_secret_for_once_is_the_same_for_this_life_only() {
        let clinic = WorkloadName::parse("clinic").unwrap();
        let none = open("tdx:").unwrap().sealing_secret(&clinic).err().unwrap();
        assert_eq!(none.code(), "platform.no_sealing_secret");
        let (one, other) = (open("tdx:+once").unwrap(), open("tdx:+once").unwrap());
        let secret = |life: &Arc<dyn Attester>| life.sealing_secret(&clinic).unwrap();
        assert!(secret(&one).same_as(&secret(&one)));
        assert!(!secret(&one).same_as(&secret(&other)));
    }
}
