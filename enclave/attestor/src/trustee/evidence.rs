//! Evidence as Trustee's attesters write it, turned into ours: the same signed bytes in other
//! JSON. Whoever asks brings it; what is lost on the way was never signed. Verifiers see only
//! the result, and judge it as they judge all.

use autoclave_attest::evidence::{Evidence, TeeKind};
use autoclave_attest::runtime::ReportData;
use autoclave_base::{HexBytes, b64};
use autoclave_cell::Refusal;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::request::Verification;
use super::{padded, snp};

pub(crate) const UNSUPPORTED: Refusal = Refusal::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "evidence.kind_not_accepted",
    "This kind of evidence is not accepted here.",
);
pub(crate) const MALFORMED: Refusal = Refusal::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "evidence.malformed",
    "The evidence is not of the form that its kind has.",
);

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Evidence in our form.
#[derive(Debug)]
pub(super) enum Read {
    Evidence(Evidence),
    /// Signed by nobody.
    Sample {
        svn: String,
        report_data: ReportData,
    },
}

/// Bytes as different attesters write them: base64 of either alphabet, hexadecimal digits, or
/// a list of numbers.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Bytes {
    Text(String),
    List(Vec<u8>),
}

impl Bytes {
    /// The bytes, where text is base64.
    pub(crate) fn of_base64(&self) -> Result<Vec<u8>, Refusal> {
        match self {
            Self::List(bytes) => Ok(bytes.clone()),
            Self::Text(text) => base64(text).ok_or(MALFORMED),
        }
    }

    /// The bytes, where text is hexadecimal.
    fn of_hex(&self) -> Result<Vec<u8>, Refusal> {
        match self {
            Self::List(bytes) => Ok(bytes.clone()),
            Self::Text(text) => {
                let hex = text.to_ascii_lowercase().parse::<HexBytes>();
                Ok(hex.map_err(|_| MALFORMED)?.bytes().to_vec())
            }
        }
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// Takes the evidence of one device apart.
pub(super) fn read(part: &Verification) -> Result<Read, Refusal> {
    let evidence = b64::decode(&part.evidence).map_err(|_| MALFORMED)?;
    let evidence: Value = serde_json::from_slice(&evidence).map_err(|_| MALFORMED)?;
    let of = |kind, body: Value| Ok(Read::Evidence(Evidence { kind, body: text(body) }));
    match part.tee.to_ascii_lowercase().as_str() {
        "sgx" => of(TeeKind::Sgx, quote(evidence)?),
        "tdx" => of(TeeKind::Tdx, quote(evidence)?),
        "snp" => of(TeeKind::Snp, snp::body(evidence)?),
        "az-snp-vtpm" | "azsnpvtpm" => of(TeeKind::AzureSnp, azure_snp(evidence)?),
        "az-tdx-vtpm" | "aztdxvtpm" => of(TeeKind::AzureTdx, azure_tdx(evidence)?),
        // Trustee's own evidence of TPMs names no certificate of the key; ours does.
        "tpm" => of(TeeKind::Tpm, evidence),
        "nitro" => of(TeeKind::Nitro, evidence),
        "software" => of(TeeKind::Software, evidence),
        "sample" => sample(evidence),
        _ => Err(UNSUPPORTED),
    }
}

/// The text of a body: a text stands for itself.
fn text(body: Value) -> String {
    match body {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn parsed<T: for<'de> Deserialize<'de>>(evidence: Value) -> Result<T, Refusal> {
    serde_json::from_value(evidence).map_err(|_| MALFORMED)
}

#[derive(Deserialize)]
struct Dcap {
    quote: Bytes,
    #[serde(alias = "event_log")]
    cc_eventlog: Option<Bytes>,
    collateral: Option<Value>,
}

/// SGX and TDX; `collateral` is ours, for who brings it along.
fn quote(evidence: Value) -> Result<Value, Refusal> {
    let quote: Dcap = parsed(evidence)?;
    let mut body = Map::new();
    body.insert("quote".to_owned(), json!(b64::encode(quote.quote.of_base64()?)));
    if let Some(log) = quote.cc_eventlog {
        body.insert("event_log".to_owned(), json!(b64::encode(log.of_base64()?)));
    }
    if let Some(collateral) = quote.collateral {
        body.insert("collateral".to_owned(), collateral);
    }
    Ok(Value::Object(body))
}

#[derive(Deserialize)]
struct VtpmQuote {
    signature: Bytes,
    message: Bytes,
    pcrs: Vec<Bytes>,
}

impl VtpmQuote {
    fn body(&self) -> Result<Value, Refusal> {
        let pcrs: Result<Vec<_>, Refusal> =
            self.pcrs.iter().map(|pcr| Ok(HexBytes::of(pcr.of_hex()?))).collect();
        Ok(json!({
            "message": b64::encode(self.message.of_hex()?),
            "signature": b64::encode(self.signature.of_hex()?),
            "pcrs": pcrs?,
        }))
    }
}

/// Versions 0 (lists of numbers, a certificate as PEM), 1 and 2.
#[derive(Deserialize)]
struct AzureSnp {
    #[serde(alias = "quote")]
    tpm_quote: VtpmQuote,
    #[serde(alias = "report")]
    hcl_report: Bytes,
    vcek: Bytes,
}

fn azure_snp(evidence: Value) -> Result<Value, Refusal> {
    let evidence: AzureSnp = parsed(evidence)?;
    let vek = match &evidence.vcek {
        Bytes::Text(text) if text.contains("-----BEGIN") => {
            pem(text).into_iter().next().ok_or(MALFORMED)?
        }
        other => other.of_base64()?,
    };
    Ok(json!({
        "hcl_report": b64::encode(evidence.hcl_report.of_base64()?),
        "quote": evidence.tpm_quote.body()?,
        "vek": b64::encode(vek),
    }))
}

#[derive(Deserialize)]
struct AzureTdx {
    tpm_quote: VtpmQuote,
    hcl_report: Bytes,
    td_quote: Bytes,
    collateral: Option<Value>,
}

fn azure_tdx(evidence: Value) -> Result<Value, Refusal> {
    let evidence: AzureTdx = parsed(evidence)?;
    let mut body = json!({
        "hcl_report": b64::encode(evidence.hcl_report.of_base64()?),
        "quote": evidence.tpm_quote.body()?,
        "td_quote": b64::encode(evidence.td_quote.of_base64()?),
    });
    if let (Some(collateral), Some(members)) = (evidence.collateral, body.as_object_mut()) {
        members.insert("collateral".to_owned(), collateral);
    }
    Ok(body)
}

#[derive(Deserialize)]
struct Sample {
    svn: String,
    #[serde(default)]
    report_data: String,
}

fn sample(evidence: Value) -> Result<Read, Refusal> {
    let sample: Sample = parsed(evidence)?;
    let report_data = base64(&sample.report_data).and_then(|bytes| padded(&bytes));
    Ok(Read::Sample { svn: sample.svn, report_data: report_data.ok_or(MALFORMED)? })
}

/// The certificates of a PEM text, as DER; whatever else stands in it is not looked at.
pub(crate) fn pem(text: &str) -> Vec<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let blocks = text.split(BEGIN).skip(1);
    let body = |block: &str| {
        let body = block.split_once(END)?.0;
        let body: String = body.split_ascii_whitespace().collect();
        STANDARD.decode(body).ok()
    };
    blocks.filter_map(body).collect()
}
