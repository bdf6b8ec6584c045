//! Enrolment, as far as it goes without a TPM: what the station sends is what a real swtpm
//! opened, and no other answer earns a certificate.

use std::convert::Infallible;

use autoclave_base::Secret;
use rand_core::{TryCryptoRng, TryRng};
use serde_json::{Value, json};

use super::super::enrol::{Challenge, EnrolRefusal, Identity, certify, challenge};
use super::super::*;
use super::captured::{Captured, data};
use super::machine::Authority;
use crate::evidence::{Endorsements, EvidenceRefusal, Verifier as _};
use crate::fixtures::{NOW, key, rng};

/// Bytes that count up: the same challenge each time.
struct Counting(u8);

impl TryRng for Counting {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/tpm/enrolment.json");

/// The first 32 bytes that [`Counting`] gives.
fn secret() -> Secret<[u8; 32]> {
    Secret::new(std::array::from_fn(|at| u8::try_from(at).unwrap()))
}

fn identity(captured: &Captured) -> Identity {
    let ek_chain = vec![captured.ek_certificate.clone(), captured.ek_issuer.clone()];
    Identity { ek_chain, ak_public: captured.ak_public.clone() }
}

fn refusal(identity: &Identity, root: &[u8]) -> EnrolRefusal {
    challenge(identity, &[root.to_vec()], &mut rng(1), NOW).err().unwrap()
}

/// The file's challenge was opened by the swtpm of the capture (`tpm2_activatecredential`
/// gave its secret).
#[test]
fn the_challenge_is_one_that_a_tpm_opened() {
    let captured = Captured::read();
    let roots = [captured.ek_root.clone()];
    let (made, _) = challenge(&identity(&captured), &roots, &mut Counting(0), NOW).unwrap();
    let file: Value = serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap();
    assert_eq!(json!(made), file["challenge"]);
    assert_eq!(b64::encode(secret().expose()), file["secret"]);
    let (other, _) = challenge(&identity(&captured), &roots, &mut rng(1), NOW).unwrap();
    assert_ne!(other, made);
}

#[test]
fn the_right_answer_earns_a_certificate_that_evidence_verifies_under() {
    let captured = Captured::read();
    let roots = [captured.ek_root.clone()];
    let (_, expected) = challenge(&identity(&captured), &roots, &mut Counting(0), NOW).unwrap();
    let ak = certify(expected, &secret(), &key(6), 60, NOW).unwrap();
    let verifier = TpmVerifier::new(&captured.root()).unwrap();
    let evidence = Body { ak, ..captured.body() }.into_evidence();
    assert!(verifier.verify(&evidence, &data(), &Endorsements::new(), NOW.plus(59)).is_ok());
    let late = verifier.verify(&evidence, &data(), &Endorsements::new(), NOW.plus(60)).unwrap_err();
    assert_eq!(late, EvidenceRefusal::TpmAkValidity);
}

#[test]
fn another_answer_earns_nothing() {
    let captured = Captured::read();
    let roots = [captured.ek_root.clone()];
    for at in 0..32 {
        let (_, expected) = challenge(&identity(&captured), &roots, &mut Counting(0), NOW).unwrap();
        let mut wrong = *secret().expose();
        wrong[at] ^= 1;
        let refused = certify(expected, &Secret::new(wrong), &key(6), 60, NOW).unwrap_err();
        assert_eq!(refused.code(), "enrol.answer");
    }
}

#[test]
fn a_tpm_or_key_that_could_not_attest_gets_no_challenge() {
    let captured = Captured::read();
    let good = identity(&captured);
    let loose = b64::decode(captured.unrestricted.ak_public.as_ref().unwrap()).unwrap();
    let ecc = vec![captured.ek_certificate_ecc.clone(), captured.ek_issuer.clone()];
    let stranger = Authority::root("stranger", &rcgen::PKCS_ECDSA_P256_SHA256).der;
    let cases = [
        ("evidence.tpm_ak_key", Identity { ak_public: loose, ..good.clone() }),
        ("evidence.tpm_ak_key", Identity { ak_public: captured.ek_public.clone(), ..good.clone() }),
        ("evidence.tpm_ek", Identity { ek_chain: Vec::new(), ..good.clone() }),
        ("enrol.endorsement_key", Identity { ek_chain: ecc, ..good.clone() }),
    ];
    for (code, identity) in cases {
        assert_eq!(refusal(&identity, &captured.ek_root).code(), code);
    }
    assert_eq!(refusal(&good, &stranger).code(), "evidence.root_unknown");
    assert_eq!(refusal(&good, &captured.ek_certificate).code(), "root.certificate");
}

#[test]
#[ignore = "writes the file"]
fn write_the_tpm_challenge() {
    let captured = Captured::read();
    let roots = [captured.ek_root.clone()];
    let (challenge, _): (Challenge, _) =
        challenge(&identity(&captured), &roots, &mut Counting(0), NOW).unwrap();
    let file = json!({"challenge": challenge, "secret": b64::encode(secret().expose())});
    std::fs::write(FILE, serde_json::to_string_pretty(&file).unwrap() + "\n").unwrap();
}
