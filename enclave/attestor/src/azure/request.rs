//! What Azure's clients send to be attested. Whoever asks writes it. Bytes are base64url with
//! or without padding; nothing in it is believed.

use autoclave_attest::evidence::{Claims, Evidence, Fields, TeeKind};
use autoclave_attest::runtime::ReportData;
use autoclave_base::b64;
use autoclave_cell::Refusal;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::Kind;
use super::error::AzureError;
use crate::refusal;
use crate::trustee::pem;

/// Longest nonce that is repeated.
const NONCE_BYTES_MAX: usize = 1024;

const RUNTIME_DATA: Refusal = Refusal::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "evidence.report_data",
    "The evidence does not vouch for this runtime data.",
);
const INIT_DATA: Refusal = Refusal::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "evidence.init_data",
    "The evidence does not vouch for this init time data.",
);
const OPEN_ENCLAVE: Refusal = Refusal::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "evidence.open_enclave",
    "The report has not the header of a remote report by Open Enclave.",
);

/// The body of `/attest/…`, whatever the type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    quote: Option<String>,
    report: Option<String>,
    pub(super) runtime_data: Option<Data>,
    pub(super) init_time_data: Option<Data>,
    pub(super) draft_policy_for_attestation: Option<String>,
    pub(super) nonce: Option<String>,
    /// Of TPM messages.
    pub(super) data: Option<String>,
}

/// Data that the evidence must vouch for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data {
    data: String,
    data_type: Option<String>,
}

/// The same, decoded.
#[derive(Debug)]
pub(super) enum Held {
    Binary(Vec<u8>),
    Json(Vec<u8>, Value),
}

/// Bytes as Azure's clients write them.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>, AzureError> {
    b64::decode(text.trim_end_matches('=')).map_err(|_| refusal::MALFORMED.into())
}

impl Data {
    pub(super) fn held(&self) -> Result<Held, AzureError> {
        let data = bytes(&self.data)?;
        match self.data_type.as_deref() {
            None => Ok(Held::Binary(data)),
            Some(kind) if kind.eq_ignore_ascii_case("binary") => Ok(Held::Binary(data)),
            Some(kind) if kind.eq_ignore_ascii_case("json") => {
                let json: Value = serde_json::from_slice(&data).map_err(|_| refusal::MALFORMED)?;
                if json.is_object() { Ok(Held::Json(data, json)) } else { Err(malformed()) }
            }
            Some(_) => Err(malformed()),
        }
    }
}

fn malformed() -> AzureError {
    refusal::MALFORMED.into()
}

impl Held {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Binary(bytes) | Self::Json(bytes, _) => bytes,
        }
    }

    /// Runtime data: its SHA-256 is at the beginning of the report data. SNP's clients fill
    /// the rest with zeros; enclaves may put something there.
    pub(super) fn check_runtime(&self, kind: Kind, found: &ReportData) -> Result<(), AzureError> {
        let digest = Sha256::digest(self.bytes());
        let rest = &found[32..];
        let rest_fits = kind != Kind::SevSnpVm || rest.iter().all(|byte| *byte == 0);
        if found[..32] == digest[..] && rest_fits { Ok(()) } else { Err(RUNTIME_DATA.into()) }
    }

    /// Init time data: its SHA-256 is at the beginning of the field that the hardware has.
    pub(super) fn check_init(&self, claims: &Claims) -> Result<(), AzureError> {
        let field = match &claims.fields {
            Some(Fields::Sgx(sgx)) => sgx.config_id.bytes(),
            Some(Fields::Snp(snp)) => snp.host_data.bytes(),
            Some(Fields::Tdx(tdx)) => tdx.mr_config_id.bytes(),
            _ => return Err(INIT_DATA.into()),
        };
        let digest = Sha256::digest(self.bytes());
        if field.starts_with(&digest) { Ok(()) } else { Err(INIT_DATA.into()) }
    }
}

impl Request {
    pub(super) fn check(&self) -> Result<(), AzureError> {
        let long = self.nonce.as_ref().is_some_and(|nonce| nonce.len() > NONCE_BYTES_MAX);
        if long { Err(malformed()) } else { Ok(()) }
    }

    /// The evidence in our form.
    pub(super) fn evidence(&self, kind: Kind) -> Result<Evidence, AzureError> {
        let quote = || bytes(self.quote.as_deref().ok_or(refusal::MALFORMED)?);
        let report = || bytes(self.report.as_deref().ok_or(refusal::MALFORMED)?);
        let of = |kind, body: Value| Evidence { kind, body: body.to_string() };
        let of_quote = |kind, quote: &[u8]| of(kind, json!({"quote": b64::encode(quote)}));
        match kind {
            Kind::SgxEnclave => Ok(of_quote(TeeKind::Sgx, &quote()?)),
            Kind::TdxVm => Ok(of_quote(TeeKind::Tdx, &quote()?)),
            Kind::OpenEnclave => Ok(of_quote(TeeKind::Sgx, open_enclave(&report()?)?)),
            Kind::SevSnpVm => Ok(of(TeeKind::Snp, snp(&report()?)?)),
            Kind::Tpm => Err(malformed()),
        }
    }
}

/// The quote of a remote report (Open Enclave, `oe_report_header_t`): version 1, type 2, the
/// length, all little-endian.
fn open_enclave(report: &[u8]) -> Result<&[u8], AzureError> {
    let (header, rest) = report.split_at_checked(16).ok_or(OPEN_ENCLAVE)?;
    let (kind, length) = header.split_at(8);
    let length: [u8; 8] = length.try_into().map_err(|_| OPEN_ENCLAVE)?;
    let length = usize::try_from(u64::from_le_bytes(length)).map_err(|_| OPEN_ENCLAVE)?;
    if kind != [1, 0, 0, 0, 2, 0, 0, 0] {
        return Err(OPEN_ENCLAVE.into());
    }
    rest.get(..length).ok_or_else(|| OPEN_ENCLAVE.into())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnpReport {
    snp_report: String,
    vcek_cert_chain: String,
}

/// The chain is PEM: the chip's certificate, the intermediate, the root.
fn snp(report: &[u8]) -> Result<Value, AzureError> {
    let report: SnpReport = serde_json::from_slice(report).map_err(|_| refusal::MALFORMED)?;
    let chain = bytes(&report.vcek_cert_chain)?;
    let chain = pem(std::str::from_utf8(&chain).map_err(|_| refusal::MALFORMED)?);
    let mut body = Map::new();
    body.insert("report".to_owned(), json!(b64::encode(bytes(&report.snp_report)?)));
    for (name, certificate) in ["vek", "ask", "ark"].into_iter().zip(chain) {
        body.insert(name.to_owned(), json!(b64::encode(certificate)));
    }
    Ok(Value::Object(body))
}
