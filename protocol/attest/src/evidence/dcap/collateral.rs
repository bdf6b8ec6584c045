//! Intel's collateral by itself, without a quote: whether it is Intel's, for the platform
//! that it is kept under, and for how long. For whoever fetches, brings or keeps it; a
//! verifier of quotes does not rely on this having been done.

use autoclave_base::{HexBytes, UnixTime, b64};
use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::crl::CertificateList;
use x509_cert::der::{Decode as _, Encode as _};

use super::{DcapRefusal, Window};
use crate::evidence::{DcapCa, DcapCollateral, DcapKey, DcapTee};

/// SHA-256 of the public key (uncompressed point) of "Intel SGX Root CA", which is in
/// `dcap-qvl` as well.
const INTEL_ROOT_KEY: [u8; 32] = [
    0xa5, 0x12, 0xdd, 0xae, 0x5b, 0x8a, 0x05, 0xfd, 0x07, 0x38, 0xd7, 0x08, 0xf2, 0x9d, 0xdc, 0xca,
    0xca, 0x53, 0xaa, 0xd8, 0xb3, 0x69, 0x8e, 0x77, 0x19, 0x4c, 0xb0, 0x5c, 0xc0, 0x72, 0x3e, 0x89,
];

/// Certificates in a chain: leaf and root, and one between.
const CHAIN_MAX: usize = 3;

#[derive(Deserialize)]
struct TcbInfo {
    id: String,
    fmspc: String,
}

#[derive(Deserialize)]
struct Identity {
    id: String,
}

/// Verifies collateral that is kept under `key`, at `now`.
pub fn verify_collateral(
    key: &DcapKey,
    collateral: &DcapCollateral,
    now: UnixTime,
) -> Result<Window, DcapRefusal> {
    let window = Window::of(collateral)?;
    window.contains(now)?;
    names(key, collateral)?;
    let (signer, root) = chain(&collateral.tcb_info_issuer_chain, now)?;
    if !signs(&signer, collateral.tcb_info.as_bytes(), &collateral.tcb_info_signature) {
        return Err(DcapRefusal::TcbInfo);
    }
    let (signer, _) = chain(&collateral.qe_identity_issuer_chain, now)?;
    if !signs(&signer, collateral.qe_identity.as_bytes(), &collateral.qe_identity_signature) {
        return Err(DcapRefusal::QeIdentity);
    }
    let (ca, _) = chain(&collateral.pck_crl_issuer_chain, now)?;
    let subject = ca.tbs_certificate().subject().to_string();
    let expected = match key.ca {
        DcapCa::Processor => "PCK Processor CA",
        DcapCa::Platform => "PCK Platform CA",
    };
    if !subject.contains(expected) {
        return Err(DcapRefusal::CollateralMismatch);
    }
    let revoked = listed(&collateral.root_ca_crl, &root)?;
    listed(&collateral.pck_crl, &ca)?;
    if revoked.contains(&ca.tbs_certificate().serial_number().as_bytes().to_vec()) {
        return Err(DcapRefusal::Revoked);
    }
    Ok(window)
}

/// That the statements are about the platform and the TEE of `key`.
fn names(key: &DcapKey, collateral: &DcapCollateral) -> Result<(), DcapRefusal> {
    let malformed = |_| DcapRefusal::CollateralMalformed;
    let info: TcbInfo = serde_json::from_str(&collateral.tcb_info).map_err(malformed)?;
    let identity: Identity = serde_json::from_str(&collateral.qe_identity).map_err(malformed)?;
    let fmspc: Option<HexBytes> = info.fmspc.to_ascii_lowercase().parse().ok();
    let (id, enclave) = match key.tee {
        DcapTee::Sgx => ("SGX", "QE"),
        DcapTee::Tdx => ("TDX", "TD_QE"),
    };
    let same = info.id == id && identity.id == enclave && fmspc.as_ref() == Some(&key.fmspc);
    if same { Ok(()) } else { Err(DcapRefusal::CollateralMismatch) }
}

/// The leaf that Intel's root signed, and that root.
fn chain(pem: &str, now: UnixTime) -> Result<(Certificate, Certificate), DcapRefusal> {
    let certificates: Vec<_> =
        certificates(pem).collect::<Option<_>>().ok_or(DcapRefusal::Chain)?;
    let [leaf, root]: [Certificate; 2] = certificates.try_into().map_err(|_| DcapRefusal::Chain)?;
    if Sha256::digest(point(&root)).as_slice() != INTEL_ROOT_KEY || !signed(&leaf, &root) {
        return Err(DcapRefusal::Chain);
    }
    for certificate in [&leaf, &root] {
        let validity = certificate.tbs_certificate().validity();
        let begins = validity.not_before.to_unix_duration().as_secs();
        let ends = validity.not_after.to_unix_duration().as_secs();
        if !(begins..=ends).contains(&now.seconds()) {
            return Err(DcapRefusal::CertificateValidity);
        }
    }
    Ok((leaf, root))
}

/// Certificates in PEM.
fn certificates(pem: &str) -> impl Iterator<Item = Option<Certificate>> + '_ {
    let blocks = pem.split("-----BEGIN CERTIFICATE-----").skip(1).take(CHAIN_MAX);
    blocks.map(|block| {
        let (body, _) = block.split_once("-----END CERTIFICATE-----")?;
        let text: String = body.chars().filter_map(url_safe).collect();
        Certificate::from_der(&b64::decode(&text).ok()?).ok()
    })
}

const fn url_safe(letter: char) -> Option<char> {
    match letter {
        '+' => Some('-'),
        '/' => Some('_'),
        '=' | '\n' | '\r' | ' ' => None,
        other => Some(other),
    }
}

fn point(certificate: &Certificate) -> &[u8] {
    certificate.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes()
}

fn signed(certificate: &Certificate, by: &Certificate) -> bool {
    let Ok(signed) = certificate.tbs_certificate().to_der() else { return false };
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point(by));
    key.verify(&signed, certificate.signature().raw_bytes()).is_ok()
}

fn signs(signer: &Certificate, message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point(signer))
        .verify(message, signature)
        .is_ok()
}

/// The serial numbers in a list that `by` signed.
fn listed(der: &[u8], by: &Certificate) -> Result<Vec<Vec<u8>>, DcapRefusal> {
    let list: CertificateList = CertificateList::from_der(der).map_err(|_| DcapRefusal::Crl)?;
    let signed = list.tbs_cert_list.to_der().map_err(|_| DcapRefusal::Crl)?;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point(by));
    key.verify(&signed, list.signature.raw_bytes()).map_err(|_| DcapRefusal::Crl)?;
    let revoked = list.tbs_cert_list.revoked_certificates.unwrap_or_default();
    Ok(revoked.iter().map(|one| one.serial_number.as_bytes().to_vec()).collect())
}
