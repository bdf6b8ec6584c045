//! The form of a quote: header, versions, length, and which collateral it needs (Intel SGX
//! and TDX DCAP quoting library API, appendix A). The verifier's first look; nothing that
//! it reads is signed yet.

use autoclave_base::HexBytes;
use dcap_qvl::config::PckCa;
use dcap_qvl::intel;
use dcap_qvl::quote::Quote;

use super::DcapRefusal;
use crate::evidence::{DcapCa, DcapCollateral, DcapKey, DcapTee};

/// Longest quote (bytes): 5 KiB with its certificates, in buffers of up to 16 KiB.
pub const QUOTE_BYTES_MAX: usize = 32 * 1024;

/// Bytes before the body: version, key type, TEE, versions, vendor, user data.
const HEADER_BYTES: usize = 48;

/// ECDSA with P-256, the only kind of attestation key that Intel provisions.
const KEY_P256: u16 = 2;

const TEE_SGX: u32 = 0;
const TEE_TDX: u32 = 0x81;

/// Certification data: a chain of certificates (PEM).
const CERTIFIED_BY_CHAIN: u16 = 5;

/// Reads a quote of `tee`.
pub(super) fn read(raw: &[u8], tee: DcapTee) -> Result<Quote, DcapRefusal> {
    if raw.len() > QUOTE_BYTES_MAX {
        return Err(DcapRefusal::Parse);
    }
    let header = raw.first_chunk::<HEADER_BYTES>().ok_or(DcapRefusal::Parse)?;
    let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let (version, key) = (number(0), number(2));
    match (u32::from(number(4)) | u32::from(number(6)) << 16, tee) {
        (TEE_SGX, DcapTee::Sgx) | (TEE_TDX, DcapTee::Tdx) => {}
        (TEE_SGX | TEE_TDX, _) => return Err(DcapRefusal::Tee),
        _ => return Err(DcapRefusal::Unsupported),
    }
    let known = matches!((tee, version), (DcapTee::Sgx, 3) | (DcapTee::Tdx, 4 | 5));
    if !known || key != KEY_P256 || header[12..28] != dcap_qvl::INTEL_QE_VENDOR_ID {
        return Err(DcapRefusal::Unsupported);
    }
    let quote = Quote::parse(raw).map_err(|_| DcapRefusal::Parse)?;
    ends(raw, &quote)?;
    Ok(quote)
}

/// That nothing stands behind the quote: buffers are longer, and zero.
fn ends(raw: &[u8], quote: &Quote) -> Result<(), DcapRefusal> {
    let rest = raw.get(quote.signed_length()..).ok_or(DcapRefusal::Parse)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(DcapRefusal::Parse)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| DcapRefusal::Parse)?;
    let padding = rest.get(length..).ok_or(DcapRefusal::Parse)?;
    if padding.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(DcapRefusal::Parse) }
}

/// That the platform's certificate is there: in the quote, or in the collateral.
pub(super) fn certified(quote: &Quote, collateral: &DcapCollateral) -> Result<(), DcapRefusal> {
    let there =
        quote.inner_cert_type() == CERTIFIED_BY_CHAIN || collateral.pck_certificate_chain.is_some();
    if there { Ok(()) } else { Err(DcapRefusal::PckMissing) }
}

/// Which collateral a quote needs, by the certificate that it brings; none where it brings
/// none. Nothing is verified: the answer is good for looking collateral up.
pub fn collateral_key(raw: &[u8]) -> Option<DcapKey> {
    if raw.len() > QUOTE_BYTES_MAX {
        return None;
    }
    let quote = Quote::parse(raw).ok()?;
    let ca = match intel::quote_ca(&quote).ok()? {
        PckCa::Processor => DcapCa::Processor,
        PckCa::Platform => DcapCa::Platform,
    };
    let tee = if quote.header.is_sgx() { DcapTee::Sgx } else { DcapTee::Tdx };
    Some(DcapKey { tee, fmspc: HexBytes::of(intel::quote_fmspc(&quote).ok()?), ca })
}
