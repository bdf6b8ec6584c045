//! A made-up Azure VM: a paravisor's report about a made-up processor, and a vTPM whose key
//! that report vouches for.

use autoclave_base::{Digest, b64};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::super::*;
use crate::evidence::snp::SnpPolicy;
use crate::evidence::snp::tests::der;
use crate::evidence::snp::tests::machine::Machine;
use crate::evidence::{Evidence, TeeKind};

/// What the asker handed in.
pub(super) const NONCE: [u8; 32] = [9; 32];

pub(super) struct Vm {
    pub(super) machine: Machine,
    key: RsaKeyPair,
    pub(super) runtime: Value,
    pub(super) pcrs: [Digest; PCRS],
}

impl Vm {
    pub(super) fn new() -> Self {
        let key = der::rsa("test_ark");
        let runtime = json!({
            "keys": [
                {"kid": "HCLAkPub", "key_ops": ["sign"], "kty": "RSA", "e": "AQAB",
                 "n": modulus(&key)},
                {"kid": "HCLEkPub", "key_ops": ["encrypt"], "kty": "RSA", "e": "AQAB",
                 "n": modulus(&der::rsa("test_ask"))},
            ],
            "vm-configuration": {"secure-boot": true},
            "user-data": "00".repeat(64),
        });
        let pcr = |index: u8| Digest::of([index]);
        let pcrs = std::array::from_fn(|index| pcr(u8::try_from(index).unwrap()));
        Self { machine: Machine::milan(), key, runtime, pcrs }
    }

    pub(super) fn verifier(&self) -> AzureSnpVerifier {
        AzureSnpVerifier::under(self.machine.roots(SnpPolicy::default()))
    }

    pub(super) fn data(&self) -> Vec<u8> {
        serde_json::to_vec(&self.runtime).unwrap()
    }

    /// The paravisor's report around a hardware report over `data`.
    pub(super) fn hcl(&self, data: &[u8]) -> Vec<u8> {
        let mut digest = [0; 64];
        digest[..32].copy_from_slice(Digest::of(data).bytes());
        let report = self.machine.with(0x50, &digest).report;
        hcl(2, &report, data)
    }

    pub(super) fn quote(&self) -> AzureQuote {
        let all: Vec<u8> = self.pcrs.iter().flat_map(|pcr| *pcr.bytes()).collect();
        let message = attest(&NONCE, 0x000b, &[0xff; 3], Digest::of(all).bytes());
        self.signed(message)
    }

    /// Whatever the vTPM's key signs.
    pub(super) fn signed(&self, message: Vec<u8>) -> AzureQuote {
        let mut signature = vec![0; 256];
        let random = SystemRandom::new();
        self.key.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature).unwrap();
        AzureQuote { message, signature, pcrs: self.pcrs }
    }

    pub(super) fn body(&self) -> AzureSnpBody {
        let shown = self.machine.shown();
        AzureSnpBody {
            hcl_report: self.hcl(&self.data()),
            quote: self.quote(),
            vek: Some(shown.vek),
            ask: Some(shown.ask),
            ark: shown.ark,
        }
    }
}

/// A paravisor's report of a kind, with zeros after it.
pub(super) fn hcl(kind: u32, report: &[u8], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap();
    let head = [u32::from_le_bytes(*b"HCLA"), 1, 1216 + 20 + length, 2, 0, 0, 0, 0];
    let middle = [20 + length, 1, kind, 1, length];
    let numbers = |all: &[u32]| all.iter().flat_map(|one| one.to_le_bytes()).collect::<Vec<u8>>();
    let mut report = report.to_vec();
    report.resize(1184, 0);
    [&numbers(&head), &report, &numbers(&middle), data, [0; 40].as_slice()].concat()
}

/// `TPMS_ATTEST` of a quote.
pub(super) fn attest(nonce: &[u8], bank: u16, selection: &[u8], digest: &[u8]) -> Vec<u8> {
    let sized = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let count = u8::try_from(selection.len()).unwrap();
    [
        [0xff, 0x54, 0x43, 0x47, 0x80, 0x18].as_slice(),
        &sized(&[0, 0x0b]),
        &sized(nonce),
        &[0; 16],
        &[1],
        &[0; 8],
        &1_u32.to_be_bytes(),
        &bank.to_be_bytes(),
        &[count],
        selection,
        &sized(digest),
    ]
    .concat()
}

pub(super) fn evidence(body: &AzureSnpBody) -> Evidence {
    Evidence { kind: TeeKind::AzureSnp, body: serde_json::to_string(body).unwrap() }
}

/// The modulus out of a key's PKCS #1 form.
fn modulus(key: &RsaKeyPair) -> String {
    let public: ring::rsa::PublicKeyComponents<Vec<u8>> = key.public().into();
    b64::encode(public.n)
}
