//! The certificate of the key that signs reports: which chip or provider it is for, at which
//! security versions (AMD 57230, chapter 3). AMD's extensions are read strictly; one that
//! is missing is never taken for zero.

use autoclave_base::UnixTime;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::{Ia5StringRef, ObjectIdentifier, OctetStringRef};

use super::{KeyKind, Product, Report, SnpRefusal, TcbParts};
use crate::evidence::certificate::Certificate;

const PRODUCT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.2");
const BOOTLOADER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.1");
const TEE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.2");
const SNP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.3");
const MICROCODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.8");
const FMC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.9");
/// Security versions of parts that there are not yet.
const RESERVED: [ObjectIdentifier; 4] = [
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.4"),
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.5"),
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.6"),
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.7"),
];
const HARDWARE_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.4");
const PROVIDER_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.5");

/// A certificate of a signing key, read for one line of processors.
pub(super) struct Vek {
    pub(super) certificate: Certificate,
    pub(super) kind: KeyKind,
    tcb: TcbParts,
    hardware_id: Option<Vec<u8>>,
}

impl Vek {
    /// Reads one that stands under the root of `product`.
    pub(super) fn read(certificate: Certificate, product: Product) -> Result<Self, SnpRefusal> {
        let kind = match certificate.common_name() {
            Some("SEV-VCEK") => KeyKind::Vcek,
            Some("SEV-VLEK") => KeyKind::Vlek,
            _ => return Err(SnpRefusal::Certificate),
        };
        let hardware_id = hardware_id(&certificate, product)?;
        let provider = certificate.extension(PROVIDER_ID).is_some();
        if hardware_id.is_some() != (kind == KeyKind::Vcek) || provider != (kind == KeyKind::Vlek) {
            return Err(SnpRefusal::KeyKind);
        }
        let name = certificate.extension(PRODUCT_NAME).ok_or(SnpRefusal::Certificate)?;
        let name = Ia5StringRef::from_der(name).map_err(|_| SnpRefusal::Certificate)?;
        if !product.is_named(name.as_str()) {
            return Err(SnpRefusal::Product);
        }
        Ok(Self { tcb: tcb(&certificate, product)?, kind, hardware_id, certificate })
    }

    /// That `report` is of the platform that the key was made for: kind of key, security
    /// versions, and for a chip's own key the chip.
    pub(super) fn is_for(&self, report: &Report, product: Product) -> Result<(), SnpRefusal> {
        if TcbParts::read(product, report.reported_tcb()) != Some(self.tcb) {
            return Err(SnpRefusal::TcbBinding);
        }
        let Some(hardware_id) = &self.hardware_id else { return Ok(()) };
        let mut chip = [0; 64];
        chip[..hardware_id.len()].copy_from_slice(hardware_id);
        if chip == report.chip_id() { Ok(()) } else { Err(SnpRefusal::ChipId) }
    }

    /// Its security versions.
    pub(super) const fn tcb(&self) -> TcbParts {
        self.tcb
    }
}

/// What the certificate of a signing key says, for whoever keeps it. Nobody's signature is
/// checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VekFacts {
    /// The line of processors, as the certificate names it.
    pub product: Product,
    /// Of a chip or of a provider.
    pub kind: KeyKind,
    /// The security versions that the key was made for.
    pub tcb: TcbParts,
    /// The chip, in a chip's own.
    pub chip_id: Option<Vec<u8>>,
    /// When its time is over.
    pub ends: UnixTime,
}

impl VekFacts {
    /// Reads a certificate (DER).
    pub fn read(der: &[u8]) -> Result<Self, SnpRefusal> {
        let certificate = Certificate::parse(der).map_err(|_| SnpRefusal::Certificate)?;
        let name = certificate.extension(PRODUCT_NAME).ok_or(SnpRefusal::Certificate)?;
        let name = Ia5StringRef::from_der(name).map_err(|_| SnpRefusal::Certificate)?;
        let named = Product::ALL.into_iter().find(|product| product.is_named(name.as_str()));
        let product = named.ok_or(SnpRefusal::Product)?;
        let vek = Vek::read(certificate, product)?;
        let (kind, tcb, ends) = (vek.kind, vek.tcb, vek.certificate.ends());
        Ok(Self { product, kind, tcb, chip_id: vek.hardware_id, ends })
    }
}

/// The chip's identity: as it is, or once more as an octet string. All zero is nobody's.
fn hardware_id(certificate: &Certificate, product: Product) -> Result<Option<Vec<u8>>, SnpRefusal> {
    let Some(value) = certificate.extension(HARDWARE_ID) else { return Ok(None) };
    let length = product.chip_id_bytes();
    let id = if value.len() == length {
        value
    } else {
        <&OctetStringRef>::from_der(value).map_err(|_| SnpRefusal::Certificate)?.as_bytes()
    };
    if id.len() != length || id.iter().all(|byte| *byte == 0) {
        return Err(SnpRefusal::ChipId);
    }
    Ok(Some(id.to_vec()))
}

fn tcb(certificate: &Certificate, product: Product) -> Result<TcbParts, SnpRefusal> {
    let number = |id| match certificate.extension(id) {
        Some(value) => u8::from_der(value).map(Some).map_err(|_| SnpRefusal::Certificate),
        None => Ok(None),
    };
    let part = |id| number(id)?.ok_or(SnpRefusal::Certificate);
    for id in RESERVED {
        if number(id)?.is_some_and(|version| version != 0) {
            return Err(SnpRefusal::TcbBinding);
        }
    }
    let fmc = number(FMC)?;
    if fmc.is_some() != (product == Product::Turin) {
        return Err(SnpRefusal::Certificate);
    }
    Ok(TcbParts {
        fmc,
        bootloader: part(BOOTLOADER)?,
        tee: part(TEE)?,
        snp: part(SNP)?,
        microcode: part(MICROCODE)?,
    })
}
