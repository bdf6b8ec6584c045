//! What the vTPM signed: a quote over all 24 registers under the attestation key that the
//! runtime data name. The key, the signature and the registers are checked here; whether
//! the runtime data are true is the layer's below.

use autoclave_base::{Digest, b64};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::AzureRefusal;
use super::pcrs as registers;
use crate::evidence::tpm::Attest;
use crate::runtime::ReportData;

/// Registers of a vTPM.
pub const PCRS: usize = 24;

/// `TPM_ALG_SHA256`.
const ALG_SHA256: u16 = 0x000b;
/// All registers, one bit each.
const SELECTION: [u8; PCRS / 8] = [0xff; PCRS / 8];
/// The name of the attestation key in runtime data.
const KEY_ID: &str = "HCLAkPub";
/// An RSA key with 2048 bits; 65537.
const MODULUS_BYTES: usize = 256;
const EXPONENT: [u8; 3] = [1, 0, 1];

/// A quote as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureQuote {
    /// `TPMS_ATTEST` of type quote, as the vTPM gave it.
    #[serde(with = "b64::serde_bytes")]
    pub message: Vec<u8>,
    /// RSASSA with SHA-256 over it, without any head.
    #[serde(with = "b64::serde_bytes")]
    pub signature: Vec<u8>,
    /// The registers 0 to 23, each as 64 hexadecimal digits.
    #[serde(with = "registers")]
    pub pcrs: [Digest; PCRS],
}

impl AzureQuote {
    /// That `key` signed a quote over exactly the registers shown. Returns what the asker
    /// had handed in, with zeros after it.
    pub fn verify(&self, key: &RuntimeKey) -> Result<ReportData, AzureRefusal> {
        if !key.has_signed(&self.message, &self.signature) {
            return Err(AzureRefusal::Signature);
        }
        let attest = Attest::parse(&self.message).map_err(|_| AzureRefusal::Quote)?;
        if attest.bank != ALG_SHA256 || attest.selection != SELECTION {
            return Err(AzureRefusal::Selection);
        }
        let all: Vec<u8> = self.pcrs.iter().flat_map(|pcr| *pcr.bytes()).collect();
        if attest.pcr_digest != Digest::of(all).bytes() {
            return Err(AzureRefusal::Pcrs);
        }
        let mut data = [0; 64];
        let place = data.get_mut(..attest.extra_data.len()).ok_or(AzureRefusal::Quote)?;
        place.copy_from_slice(&attest.extra_data);
        Ok(data)
    }
}

/// The attestation key of a vTPM: RSA with 2048 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeKey {
    modulus: Vec<u8>,
}

impl RuntimeKey {
    /// The one key of that name among those of runtime data.
    pub(super) fn find(keys: &[Value]) -> Result<Self, AzureRefusal> {
        let mut found = keys.iter().filter(|key| key["kid"] == KEY_ID);
        let (Some(key), None) = (found.next(), found.next()) else {
            return Err(AzureRefusal::Key);
        };
        let part = |name: &str| key[name].as_str().and_then(|text| b64::decode(text).ok());
        let signs = key["key_ops"].as_array().is_some_and(|all| all == &[Value::from("sign")]);
        let modulus = part("n").filter(|modulus| modulus.len() == MODULUS_BYTES);
        let sound = key["kty"] == "RSA" && signs && part("e").is_some_and(|e| e == EXPONENT);
        modulus.filter(|_| sound).map(|modulus| Self { modulus }).ok_or(AzureRefusal::Key)
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        RsaPublicKeyComponents { n: self.modulus.as_slice(), e: EXPONENT.as_slice() }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .is_ok()
    }
}
