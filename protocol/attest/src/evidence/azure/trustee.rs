//! Evidence of Azure VMs as Trustee's attesters write it, in the three forms that it has had
//! (`az-snp-vtpm` and `az-tdx-vtpm`): read into ours. The converter judges nothing; what it
//! makes is verified like any other evidence.

use autoclave_base::{Digest, b64};
use serde::Deserialize;

use super::{AzureQuote, AzureSnpBody, AzureTdxBody, PCRS};
use crate::evidence::{EVIDENCE_BYTES_MAX, Evidence, TeeKind};

/// A `TPMT_SIGNATURE` of RSASSA with SHA-256 and 2048 bits begins so.
const RSASSA_HEAD: [u8; 6] = [0x00, 0x14, 0x00, 0x0b, 0x01, 0x00];

/// Bytes: a list of numbers, or a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Bytes {
    List(Vec<u8>),
    Text(String),
}

#[derive(Deserialize)]
struct Wire {
    #[serde(alias = "report")]
    hcl_report: Bytes,
    #[serde(alias = "quote")]
    tpm_quote: Quote,
    vcek: Option<String>,
    td_quote: Option<Bytes>,
}

#[derive(Deserialize)]
struct Quote {
    message: Bytes,
    signature: Bytes,
    pcrs: Vec<Bytes>,
}

/// Reads Trustee's JSON. None if it is none of its forms.
pub fn read(json: &[u8]) -> Option<Evidence> {
    if json.len() > EVIDENCE_BYTES_MAX {
        return None;
    }
    let wire: Wire = serde_json::from_slice(json).ok()?;
    let hcl_report = wire.hcl_report.base64()?;
    let quote = wire.tpm_quote.read()?;
    if let Some(domain) = wire.td_quote {
        let td_quote = domain.base64()?;
        let body = AzureTdxBody { hcl_report, quote, td_quote, collateral: None };
        return Some(Evidence {
            kind: TeeKind::AzureTdx,
            body: serde_json::to_string(&body).ok()?,
        });
    }
    let vek = match wire.vcek {
        Some(text) => Some(certificate(&text)?),
        None => None,
    };
    let body = AzureSnpBody { hcl_report, quote, vek, ask: None, ark: None };
    Some(Evidence { kind: TeeKind::AzureSnp, body: serde_json::to_string(&body).ok()? })
}

impl Quote {
    fn read(self) -> Option<AzureQuote> {
        let signature = self.signature.hex()?;
        let signature = signature.strip_prefix(&RSASSA_HEAD).unwrap_or(&signature).to_vec();
        let pcr = |pcr: Bytes| pcr.hex()?.try_into().ok().map(Digest::from_bytes);
        let pcrs: Vec<Digest> = self.pcrs.into_iter().map(pcr).collect::<Option<_>>()?;
        let pcrs: [Digest; PCRS] = pcrs.try_into().ok()?;
        Some(AzureQuote { message: self.message.hex()?, signature, pcrs })
    }
}

impl Bytes {
    fn hex(self) -> Option<Vec<u8>> {
        match self {
            Self::List(bytes) => Some(bytes),
            Self::Text(text) => {
                let hex: autoclave_base::HexBytes = text.to_ascii_lowercase().parse().ok()?;
                Some(hex.bytes().to_vec())
            }
        }
    }

    fn base64(self) -> Option<Vec<u8>> {
        match self {
            Self::List(bytes) => Some(bytes),
            Self::Text(text) => b64::decode(text.trim_end_matches('=')).ok(),
        }
    }
}

/// A certificate in PEM, the first if there are several, or in base64url.
fn certificate(text: &str) -> Option<Vec<u8>> {
    let Some((_, rest)) = text.split_once("-----BEGIN CERTIFICATE-----") else {
        return b64::decode(text.trim_end_matches('=')).ok();
    };
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let url = body.chars().filter(|char| !char.is_ascii_whitespace() && *char != '=');
    let url: String = url.map(|char| if char == '+' { '-' } else { char }).collect();
    b64::decode(&url.replace('/', "_")).ok()
}
