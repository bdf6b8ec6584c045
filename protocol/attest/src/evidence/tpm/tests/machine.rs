//! A machine made of keys: a TPM, its vendor, and the station that enrolled it. It signs
//! whatever a test asks for, as no TPM would.

use std::sync::OnceLock;

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature as P256Signature, SigningKey};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SignatureAlgorithm, date_time_ymd,
};

use super::super::ak::AkCertificate;
use super::super::*;
use crate::fixtures::{NOW, jwk, key, subject, workload};
use crate::jws;

/// restricted, sign, fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth
pub(super) const ATTRIBUTES: u32 = 0x0005_0072;
/// Intel, as TPMs of it name it.
pub(super) const INTEL: &str = "id:494E5443";

/// `tcg-kp-EKCertificate`
const EK_USAGE: [u64; 5] = [2, 23, 133, 8, 1];
/// Subject alternative name.
const SAN: [u64; 4] = [2, 5, 29, 17];

/// Whoever signs certificates.
pub(super) struct Authority {
    params: CertificateParams,
    key: KeyPair,
    pub(super) der: Vec<u8>,
}

impl Authority {
    /// A vendor's root.
    pub(super) fn root(name: &str, algorithm: &'static SignatureAlgorithm) -> Self {
        let (params, key) = (authority(name), KeyPair::generate_for(algorithm).unwrap());
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { params, key, der }
    }

    /// An authority below it.
    pub(super) fn intermediate(
        &self,
        name: &str,
        algorithm: &'static SignatureAlgorithm,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let (mut params, key) = (authority(name), KeyPair::generate_for(algorithm).unwrap());
        change(&mut params);
        let der = params.signed_by(&key, &self.issuer()).unwrap().der().to_vec();
        Self { params, key, der }
    }

    /// The certificate of a TPM.
    pub(super) fn endorse(&self, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(9999, 12, 31);
        params.is_ca = IsCa::ExplicitNoCa;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(EK_USAGE.to_vec())];
        params.custom_extensions = vec![manufacturer(&[INTEL])];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &self.issuer()).unwrap().der().to_vec()
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2050, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

/// A critical subject alternative name: one directory name of these manufacturers.
pub(super) fn manufacturer(texts: &[&str]) -> CustomExtension {
    let attribute = |text: &&str| {
        let id = [6, 5, 0x67, 0x81, 5, 2, 1];
        der(0x31, &der(0x30, &[id.as_slice(), &der(0x0c, text.as_bytes())].concat()))
    };
    let name = der(0x30, &texts.iter().map(attribute).collect::<Vec<_>>().concat());
    let mut extension = CustomExtension::from_oid_content(&SAN, der(0x30, &der(0xa4, &name)));
    extension.set_criticality(true);
    extension
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

/// A machine, its TPM, and who vouches for it.
pub(super) struct Machine {
    pub(super) ak: SigningKey,
    pub(super) attributes: u32,
    pub(super) station: SigningKey,
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) root: TpmRoot,
    pub(super) log: Vec<Event>,
    pub(super) registers: [Digest; PCRS],
}

impl Machine {
    /// A genuine one, booted as it should be, under a root that is not for development:
    /// the same TPM each time.
    pub(super) fn genuine() -> Self {
        static CERTIFICATES: OnceLock<(Vec<Vec<u8>>, Vec<u8>)> = OnceLock::new();
        let fresh = || {
            let other = Self::other();
            (other.chain, other.root.ek_roots[0].clone())
        };
        let (chain, vendor) = CERTIFICATES.get_or_init(fresh).clone();
        Self::with_chain(chain, vendor)
    }

    /// Another one.
    pub(super) fn other() -> Self {
        let vendor = Authority::root("vendor root", &rcgen::PKCS_ECDSA_P384_SHA384);
        let issuer = vendor.intermediate("vendor", &rcgen::PKCS_ECDSA_P256_SHA256, |_| ());
        let chain = vec![issuer.endorse(|_| ()), issuer.der];
        Self::with_chain(chain, vendor.der)
    }

    /// The same under other certificates.
    pub(super) fn with_chain(chain: Vec<Vec<u8>>, vendor: Vec<u8>) -> Self {
        let station = key(6);
        let log = log();
        let mut registers = replay(&log);
        registers[0] = Digest::of("firmware");
        let firmware = FirmwarePcr { pcr: 0, values: [registers[0]].into() };
        let root = TpmRoot {
            ek_roots: vec![vendor],
            ak_issuers: vec![jwk(&station)],
            development: false,
            firmware: vec![firmware],
        };
        Self { ak: key(7), attributes: ATTRIBUTES, station, chain, root, log, registers }
    }

    /// What the station certified.
    pub(super) fn certificate(&self) -> AkCertificate {
        AkCertificate {
            ak: public(&self.ak, self.attributes),
            ek: self.chain.first().map_or_else(|| Digest::of(""), Digest::of),
            iat: NOW.minus(100),
            exp: NOW.plus(1_000_000),
        }
    }

    /// Honest evidence, as far as the machine is.
    pub(super) fn body(&self, data: &ReportData) -> Body {
        self.quoting(&Quote { nonce: qualifying_data(data).to_vec(), ..Quote::of(&self.registers) })
    }

    /// Evidence with a quote that says this.
    pub(super) fn quoting(&self, quote: &Quote) -> Body {
        self.signing(quote.bytes())
    }

    /// Evidence with these bytes for a quote, signed.
    pub(super) fn signing(&self, quote: Vec<u8>) -> Body {
        Body {
            signature: sign(&quote, &self.ak),
            quote,
            pcrs: self.registers,
            log: self.log.clone(),
            ak: self.certificate().sign(&self.station),
            ek: self.chain.clone(),
        }
    }

    /// Evidence after another log, with the registers that follow from it.
    pub(super) fn logging(mut self, log: Vec<Event>, data: &ReportData) -> Body {
        self.registers = replay(&log);
        self.registers[0] = Digest::of("firmware");
        self.log = log;
        self.body(data)
    }
}

/// A TPM in software that a vendor of hardware endorsed, under that vendor's root.
pub(super) fn software_by_a_vendor() -> Machine {
    let vendor = Authority::root("vendor", &rcgen::PKCS_ECDSA_P256_SHA256);
    let leaf = vendor.endorse(|leaf| {
        leaf.custom_extensions = vec![manufacturer(&["id:00001014"])];
    });
    Machine::with_chain(vec![leaf], vendor.der)
}

/// The log of the clinic.
pub(super) fn log() -> Vec<Event> {
    let mut measured = subject("clinic").measured;
    measured.libraries.insert("onnxruntime".to_owned(), Digest::of("a library"));
    let mut log = Event::of(&measured, Digest::of("launcher"), 1, false);
    log.push(Event::workload(workload("clinic"), jwk(&key(2)).thumbprint()));
    log
}

/// A certificate of an attestation key under another `typ`.
pub(super) fn of_type(typ: &str, certificate: &AkCertificate, station: &SigningKey) -> String {
    jws::sign(typ, &jwk(station).thumbprint().to_string(), certificate, station)
}

/// `TPMT_PUBLIC` of an attestation key.
pub(super) fn public(key: &SigningKey, attributes: u32) -> Vec<u8> {
    let point = key.verifying_key().to_sec1_point(false);
    let point = &point.as_bytes()[1..];
    [
        &[0, 0x23, 0, 0x0b],
        attributes.to_be_bytes().as_slice(),
        &[0, 0, 0, 0x10, 0, 0x18, 0, 0x0b, 0, 3, 0, 0x10],
        &[0, 32],
        &point[..32],
        &[0, 32],
        &point[32..],
    ]
    .concat()
}

/// `TPMT_SIGNATURE`
pub(super) fn sign(message: &[u8], key: &SigningKey) -> Vec<u8> {
    let signature: P256Signature = key.sign(message);
    let bytes = signature.to_bytes();
    [&[0, 0x18, 0, 0x0b, 0, 32], &bytes[..32], &[0, 32], &bytes[32..]].concat()
}

/// What a quote says.
pub(super) struct Quote {
    pub(super) magic: u32,
    pub(super) kind: u16,
    pub(super) nonce: Vec<u8>,
    pub(super) bank: u16,
    pub(super) selection: Vec<u8>,
    pub(super) digest: Vec<u8>,
}

impl Quote {
    /// An honest one, but for the nonce.
    pub(super) fn of(registers: &[Digest; PCRS]) -> Self {
        let all: Vec<u8> = registers.iter().flat_map(|one| *one.bytes()).collect();
        Self {
            magic: 0xff54_4347,
            kind: 0x8018,
            nonce: vec![0; NONCE_BYTES],
            bank: 0x0b,
            selection: vec![0xff, 0xff, 0],
            digest: Digest::of(all).bytes().to_vec(),
        }
    }

    /// `TPMS_ATTEST`
    pub(super) fn bytes(&self) -> Vec<u8> {
        let sized =
            |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
        [
            self.magic.to_be_bytes().as_slice(),
            &self.kind.to_be_bytes(),
            &sized(&[0xaa; 34]),
            &sized(&self.nonce),
            &[0; 16],
            &[1],
            &[0; 8],
            &[0, 0, 0, 1],
            &self.bank.to_be_bytes(),
            &[u8::try_from(self.selection.len()).unwrap()],
            &self.selection,
            &sized(&self.digest),
        ]
        .concat()
    }
}
