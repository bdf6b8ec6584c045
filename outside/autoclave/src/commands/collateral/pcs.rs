//! Intel's Provisioning Certification Service, version 4, and caches of it (PCCS), which
//! answer alike. The fetcher's; what comes back is taken apart here and verified by whoever
//! asked.

use autoclave_attest::evidence::{DcapCa, DcapCollateral, DcapKey, DcapTee};
use autoclave_base::HexBytes;
use http::HeaderMap;

use super::http::{Answer, get};
use crate::failure::{Failure, Outcome};

/// Where PCCS says the same as Intel: a list without end is in DER, or in hexadecimal digits.
const DER_SEQUENCE: u8 = 0x30;

/// Fetches the collateral for one kind of platform.
pub(super) async fn fetch(pcs: &str, root_crl: &str, key: &DcapKey) -> Outcome<DcapCollateral> {
    let pcs = pcs.trim_end_matches('/');
    let tee = match key.tee {
        DcapTee::Sgx => "sgx",
        DcapTee::Tdx => "tdx",
    };
    let ca = match key.ca {
        DcapCa::Processor => "processor",
        DcapCa::Platform => "platform",
    };
    let crl = get(&format!("{pcs}/sgx/certification/v4/pckcrl?ca={ca}&encoding=der")).await?;
    let tcb = get(&format!("{pcs}/{tee}/certification/v4/tcb?fmspc={}", key.fmspc)).await?;
    let identity = get(&format!("{pcs}/{tee}/certification/v4/qe/identity")).await?;
    let root = get(root_crl).await?;
    let (tcb_info, tcb_info_signature) = signed(&tcb, "tcbInfo")?;
    let (qe_identity, qe_identity_signature) = signed(&identity, "enclaveIdentity")?;
    Ok(DcapCollateral {
        pck_crl_issuer_chain: chain(&crl.headers, &["sgx-pck-crl-issuer-chain"])?,
        root_ca_crl: der(root.body)?,
        pck_crl: der(crl.body)?,
        tcb_info_issuer_chain: chain(
            &tcb.headers,
            &["tcb-info-issuer-chain", "sgx-tcb-info-issuer-chain"],
        )?,
        tcb_info,
        tcb_info_signature,
        qe_identity_issuer_chain: chain(&identity.headers, &["sgx-enclave-identity-issuer-chain"])?,
        qe_identity,
        qe_identity_signature,
        pck_certificate_chain: None,
    })
}

fn malformed(what: &str) -> Failure {
    Failure::new("collateral.malformed", format!("the answer has no {what}"))
}

/// The statement exactly as it was signed, and its signature: `{"NAME":…,"signature":"…"}`.
fn signed(answer: &Answer, name: &str) -> Outcome<(String, Vec<u8>)> {
    let text = std::str::from_utf8(&answer.body).map_err(|_| malformed(name))?.trim();
    let parts = text.strip_prefix(&format!("{{\"{name}\":")).and_then(|rest| {
        let (statement, signature) = rest.rsplit_once(",\"signature\":\"")?;
        Some((statement.to_owned(), signature.strip_suffix("\"}")?.to_ascii_lowercase()))
    });
    let (statement, signature) = parts.ok_or_else(|| malformed(name))?;
    let signature: HexBytes = signature.parse().map_err(|_| malformed("signature"))?;
    Ok((statement, signature.bytes().to_vec()))
}

/// A chain of certificates in a header, percent-encoded PEM.
fn chain(headers: &HeaderMap, names: &[&str]) -> Outcome<String> {
    let value = names.iter().find_map(|name| headers.get(*name));
    let text = value.and_then(|value| value.to_str().ok());
    text.and_then(decoded).ok_or_else(|| malformed(names.first().unwrap_or(&"chain")))
}

fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn der(body: Vec<u8>) -> Outcome<Vec<u8>> {
    if body.first() == Some(&DER_SEQUENCE) && !body.is_ascii() {
        return Ok(body);
    }
    let text = String::from_utf8(body).map_err(|_| malformed("list"))?.to_ascii_lowercase();
    let hex: HexBytes = text.trim().parse().map_err(|_| malformed("list"))?;
    Ok(hex.bytes().to_vec())
}
