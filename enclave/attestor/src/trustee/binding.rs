//! What evidence must vouch for: runtime data by the report data, init data by the field that
//! the hardware has for it. It belongs to whoever asks, who says what to compare; where
//! nothing is named nothing is compared, and the token says so by leaving it out.

use autoclave_attest::evidence::{Claims, Fields};
use autoclave_attest::runtime::ReportData;
use autoclave_base::{b64, jcs};
use autoclave_cell::Refusal;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;

use super::padded;
use super::request::{InitData, RuntimeData, Verification};
use crate::refusal;

/// Longest init data document.
const INIT_DATA_BYTES_MAX: usize = 64 * 1024;

const REPORT_DATA: Refusal = Refusal::new(
    http::StatusCode::UNPROCESSABLE_ENTITY,
    "evidence.report_data",
    "The evidence does not verify.",
);
const INIT_DATA: Refusal = Refusal::new(
    http::StatusCode::UNPROCESSABLE_ENTITY,
    "evidence.init_data",
    "The evidence does not vouch for this init data.",
);
const INIT_DATA_UNSUPPORTED: Refusal = Refusal::new(
    http::StatusCode::UNPROCESSABLE_ENTITY,
    "evidence.init_data_unsupported",
    "This kind of evidence has no place for init data.",
);

/// The three algorithms of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Hash {
    #[serde(alias = "sha-256")]
    Sha256,
    /// What is meant where none is named.
    #[default]
    #[serde(alias = "sha-384")]
    Sha384,
    #[serde(alias = "sha-512")]
    Sha512,
}

impl Hash {
    fn parse(name: Option<&str>) -> Result<Self, Refusal> {
        let Some(name) = name else { return Ok(Self::default()) };
        let name = Value::from(name.to_ascii_lowercase());
        serde_json::from_value(name).map_err(|_| refusal::MALFORMED)
    }

    pub(super) fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

/// What was named, and what the token may repeat once it was compared.
#[derive(Debug, Default)]
pub(super) struct Bound {
    report_data: Option<ReportData>,
    pub(super) runtime_claims: Option<Value>,
    init_data: Option<Vec<u8>>,
    pub(super) init_claims: Option<Value>,
}

/// Init data as Trustee's guests write it.
#[derive(Deserialize)]
struct Document {
    algorithm: Hash,
    data: std::collections::BTreeMap<String, String>,
}

impl Bound {
    pub(super) fn of(part: &Verification) -> Result<Self, Refusal> {
        let mut bound = Self::default();
        let hash = Hash::parse(part.runtime_data_hash_algorithm.as_deref())?;
        match &part.runtime_data {
            None => {}
            Some(RuntimeData::Raw(raw)) => {
                let raw = b64::decode(raw).map_err(|_| refusal::MALFORMED)?;
                bound.report_data = Some(padded(&raw).ok_or(refusal::MALFORMED)?);
            }
            Some(RuntimeData::Structured(object)) => {
                let canonical = jcs::to_vec(object).map_err(|_| refusal::MALFORMED)?;
                bound.report_data = padded(&hash.of(&canonical));
                bound.runtime_claims = Some(object.clone());
            }
        }
        bound.with_init_data(part.init_data.as_ref())
    }

    fn with_init_data(mut self, init_data: Option<&InitData>) -> Result<Self, Refusal> {
        match init_data {
            None => {}
            Some(InitData::InitDataDigest(digest)) => {
                self.init_data = Some(b64::decode(digest).map_err(|_| refusal::MALFORMED)?);
            }
            Some(InitData::InitDataToml(text)) => {
                if text.len() > INIT_DATA_BYTES_MAX {
                    return Err(refusal::MALFORMED);
                }
                let document: Document = toml::from_str(text).map_err(|_| refusal::MALFORMED)?;
                self.init_data = Some(document.algorithm.of(text.as_bytes()));
                self.init_claims = serde_json::to_value(document.data).ok();
            }
        }
        Ok(self)
    }

    pub(super) fn check_report_data(&self, found: &ReportData) -> Result<(), Refusal> {
        let same = |wanted: &ReportData| bool::from(wanted[..].ct_eq(&found[..]));
        if self.report_data.as_ref().is_none_or(same) { Ok(()) } else { Err(REPORT_DATA) }
    }

    /// The field has the hardware's length: what is longer is cut, as Trustee does, what is
    /// shorter has zeros behind.
    pub(super) fn check_init_data(&self, claims: &Claims) -> Result<(), Refusal> {
        let Some(wanted) = &self.init_data else { return Ok(()) };
        let same = if let Some(register) = claims.measurements.get(VTPM_REGISTER) {
            let extended = Sha256::new().chain_update([0; 32]).chain_update(wanted).finalize();
            extended[..].ct_eq(register.bytes())
        } else {
            let found = init_data_of(claims).ok_or(INIT_DATA_UNSUPPORTED)?;
            let mut fitted = wanted.clone();
            fitted.resize(found.len(), 0);
            fitted.ct_eq(&found)
        };
        if bool::from(same) { Ok(()) } else { Err(INIT_DATA) }
    }
}

/// The register that a guest of Azure extends by the digest, once, from zero.
const VTPM_REGISTER: &str = "pcr8";

/// Host data of SNP, MRCONFIGID of TDX, CONFIGID of SGX.
pub(super) fn init_data_of(claims: &Claims) -> Option<Vec<u8>> {
    match claims.fields.as_ref()? {
        Fields::Snp(snp) => Some(snp.host_data.bytes().to_vec()),
        Fields::Tdx(tdx) => Some(tdx.mr_config_id.bytes().to_vec()),
        Fields::Sgx(sgx) => Some(sgx.config_id.bytes().to_vec()),
        Fields::Azure(_) | Fields::Nitro(_) => None,
    }
}
