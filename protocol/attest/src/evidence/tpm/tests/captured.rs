//! What a real swtpm said (`vectors/tpm/captured.json`, made by `capture.sh` beside it).

use serde::Deserialize;
use serde_json::Value;

use super::super::ak::AkCertificate;
use super::super::*;
use crate::evidence::certificate::Certificate;
use crate::fixtures::{NOW, jwk, key, nonce, runtime};

/// The capture.
#[derive(Deserialize)]
pub(super) struct Captured {
    #[serde(with = "b64::serde_bytes")]
    pub(super) quote: Vec<u8>,
    #[serde(with = "b64::serde_bytes")]
    pub(super) signature: Vec<u8>,
    #[serde(with = "fields::registers")]
    pub(super) pcrs: [Digest; PCRS],
    pub(super) log: Vec<Event>,
    #[serde(with = "b64::serde_bytes")]
    pub(super) ak_public: Vec<u8>,
    #[serde(with = "b64::serde_bytes")]
    pub(super) ek_public: Vec<u8>,
    #[serde(with = "b64::serde_bytes")]
    pub(super) ek_certificate: Vec<u8>,
    #[serde(with = "b64::serde_bytes")]
    pub(super) ek_certificate_ecc: Vec<u8>,
    #[serde(with = "b64::serde_bytes")]
    pub(super) ek_issuer: Vec<u8>,
    #[serde(with = "b64::serde_bytes")]
    pub(super) ek_root: Vec<u8>,
    pub(super) fewer_registers: Other,
    pub(super) time: Other,
    pub(super) unrestricted: Other,
}

/// Something else that it signed.
#[derive(Deserialize)]
pub(super) struct Other {
    #[serde(with = "b64::serde_bytes")]
    pub(super) quote: Vec<u8>,
    #[serde(with = "b64::serde_bytes")]
    pub(super) signature: Vec<u8>,
    pub(super) ak_public: Option<String>,
}

/// The report data that it was asked to quote.
pub(super) fn data() -> ReportData {
    runtime(&key(4), nonce(1)).report_data()
}

impl Captured {
    pub(super) fn read() -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/tpm/captured.json");
        let value: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        serde_json::from_value(value).unwrap()
    }

    /// A root that knows its makers and the tests' station.
    pub(super) fn root(&self) -> TpmRoot {
        TpmRoot {
            ek_roots: vec![self.ek_root.clone()],
            ak_issuers: vec![jwk(&key(6))],
            development: true,
            firmware: Vec::new(),
        }
    }

    pub(super) fn certificate(&self) -> AkCertificate {
        AkCertificate {
            ak: self.ak_public.clone(),
            ek: Digest::of(&self.ek_certificate),
            iat: NOW.minus(100),
            exp: NOW.plus(1_000_000),
        }
    }

    /// Its evidence.
    pub(super) fn body(&self) -> Body {
        Body {
            quote: self.quote.clone(),
            signature: self.signature.clone(),
            pcrs: self.pcrs,
            log: self.log.clone(),
            ak: self.certificate().sign(&key(6)),
            ek: vec![self.ek_certificate.clone(), self.ek_issuer.clone()],
        }
    }

    /// Its evidence with another attestation in the quote's place.
    pub(super) fn attesting(&self, other: &Other) -> Body {
        let (quote, signature) = (other.quote.clone(), other.signature.clone());
        Body { quote, signature, ..self.body() }
    }
}

#[test]
fn the_structures_of_a_real_tpm_are_read() {
    let captured = Captured::read();
    let attest = Attest::parse(&captured.quote).unwrap();
    assert!(attest.selects_all() && attest.is_over(&captured.pcrs));
    assert!(attest.answers(&qualifying_data(&data())));
    let ak = AkPublic::parse(&captured.ak_public).unwrap();
    assert!(ak.only_attests());
    assert!(Signature::parse(&captured.signature).unwrap().is_of(&captured.quote, ak.key()));
    assert_eq!(replay(&captured.log)[PCR_BOOTED..], captured.pcrs[PCR_BOOTED..]);
    let maker = Certificate::parse(&captured.ek_certificate).unwrap().manufacturer();
    assert_eq!(maker.unwrap().to_string(), "id:00001014");
}
