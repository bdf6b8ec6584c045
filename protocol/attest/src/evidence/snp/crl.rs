//! A list of revoked certificates (RFC 5280, section 5): signed by the authority that issued
//! them, in force at a given time. The verifier's. A list that says more than we understand
//! is refused, because what it adds might revoke.

use autoclave_base::UnixTime;
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode as _;
use x509_cert::ext::Extension;
use x509_cert::time::Time;

use super::SnpRefusal;
use crate::evidence::certificate::{Certificate, signed};

/// Longest list that is looked at: AMD's are below 2 KiB.
const CRL_BYTES_MAX: usize = 64 * 1024;

/// A list whose signature is checked.
pub(super) struct Crl {
    list: CertificateList,
}

impl Crl {
    /// Reads a list that `issuer` signed. None if it is another's.
    pub(super) fn verify(der: &[u8], issuer: &Certificate) -> Result<Option<Self>, SnpRefusal> {
        if der.len() > CRL_BYTES_MAX {
            return Err(SnpRefusal::Crl);
        }
        let list = CertificateList::from_der(der).map_err(|_| SnpRefusal::Crl)?;
        if list.tbs_cert_list.issuer != *issuer.subject() {
            return Ok(None);
        }
        let message = signed(der).map_err(|_| SnpRefusal::Crl)?;
        let signature = list.signature.as_bytes().ok_or(SnpRefusal::Crl)?;
        let sound = list.tbs_cert_list.signature == list.signature_algorithm
            && issuer.has_signed(&message, &list.signature_algorithm, signature)
            && understood(list.tbs_cert_list.crl_extensions.as_deref())
            && list
                .tbs_cert_list
                .revoked_certificates
                .iter()
                .flatten()
                .all(|one| understood(one.crl_entry_extensions.as_deref()));
        if sound { Ok(Some(Self { list })) } else { Err(SnpRefusal::Crl) }
    }

    /// Whether it is in force at `now`.
    pub(super) fn holds_at(&self, now: UnixTime) -> bool {
        let begun = second(self.list.tbs_cert_list.this_update) <= now;
        begun && self.ends().is_some_and(|end| now <= end)
    }

    /// When the next one is due.
    pub(super) fn ends(&self) -> Option<UnixTime> {
        self.list.tbs_cert_list.next_update.map(second)
    }

    /// Whether it revokes `certificate`, whenever that was.
    pub(super) fn revokes(&self, certificate: &Certificate) -> bool {
        let mut revoked = self.list.tbs_cert_list.revoked_certificates.iter().flatten();
        revoked.any(|one| one.serial_number == *certificate.serial())
    }
}

/// What a list says of itself, for whoever keeps it. Nobody's signature is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrlFacts {
    /// From when it is in force.
    pub begins: UnixTime,
    /// When the next one is due, if it says so.
    pub ends: Option<UnixTime>,
    /// How many certificates it revokes.
    pub revoked: usize,
}

impl CrlFacts {
    /// Reads a list (DER).
    pub fn read(der: &[u8]) -> Result<Self, SnpRefusal> {
        if der.len() > CRL_BYTES_MAX {
            return Err(SnpRefusal::Crl);
        }
        let list: CertificateList = CertificateList::from_der(der).map_err(|_| SnpRefusal::Crl)?;
        let list = list.tbs_cert_list;
        Ok(Self {
            begins: second(list.this_update),
            ends: list.next_update.map(second),
            revoked: list.revoked_certificates.map_or(0, |revoked| revoked.len()),
        })
    }
}

fn second(time: Time) -> UnixTime {
    UnixTime::from_seconds(time.to_unix_duration().as_secs())
}

/// No extension of ours is critical.
fn understood(extensions: Option<&[Extension]>) -> bool {
    extensions.unwrap_or_default().iter().all(|extension| !extension.critical)
}
