//! What an attacker can make by hand: JWS of every wrong kind, and links of a chain.
//! It belongs to the probe.
//! It holds no key but the attacker's own.

use autoclave_attest::chain::{self, Link, PROOF_TYP, Proof, digest_of};
use autoclave_attest::jwk::{Jwk, Thumbprint};
use autoclave_attest::jws;
use autoclave_base::{Digest, b64};
use autoclave_client::clock::{now, random};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

/// Block length of SHA-256 for HMAC (RFC 2104).
const BLOCK: usize = 64;

/// How a forged JWS is signed.
pub(super) enum Sign<'a> {
    /// With the signature that it had.
    Kept,
    /// Not at all.
    Nothing,
    /// By the attacker.
    Own(&'a SigningKey),
    /// HMAC under these bytes, such as a public key.
    Hmac(&'a [u8]),
}

/// The parts of a JWS, opened.
pub(super) fn opened(token: &str) -> Option<(Value, Value, String)> {
    let mut parts = token.split('.');
    let mut json = || serde_json::from_slice(&b64::decode(parts.next()?).ok()?).ok();
    let (header, payload) = (json()?, json()?);
    Some((header, payload, parts.next()?.to_owned()))
}

/// A JWS from its parts.
pub(super) fn made(header: &Value, payload: &Value, signature: &str, sign: &Sign<'_>) -> String {
    let text = format!("{}.{}", b64::encode(header.to_string()), b64::encode(payload.to_string()));
    let signature = match sign {
        Sign::Kept => signature.to_owned(),
        Sign::Nothing => String::new(),
        Sign::Own(key) => {
            let signature: Signature = key.sign(text.as_bytes());
            b64::encode(signature.to_bytes())
        }
        Sign::Hmac(secret) => b64::encode(hmac(secret, text.as_bytes())),
    };
    format!("{text}.{signature}")
}

fn hmac(secret: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    let key =
        if secret.len() > BLOCK { Digest::of(secret).bytes().to_vec() } else { secret.to_vec() };
    block[..key.len()].copy_from_slice(&key);
    let pad = |with: u8, rest: &[u8]| {
        let padded: Vec<u8> =
            block.iter().map(|byte| byte ^ with).chain(rest.iter().copied()).collect();
        *Digest::of(padded).bytes()
    };
    pad(0x5c, &pad(0x36, text))
}

/// The attacker's key as a JWK.
pub(super) fn public(key: &SigningKey) -> Value {
    json!(Jwk::signing(key.verifying_key()))
}

/// A chain of one link for `POST target` with an empty body, its proof by `key`.
pub(super) fn link(token: &str, key: &SigningKey, to: Thumbprint, target: &str) -> String {
    let proof = Proof {
        aud: to,
        htm: "POST".to_owned(),
        htu: target.to_owned(),
        iat: now(),
        jti: b64::encode(Digest::of(SigningKey::to_bytes(&fresh())).bytes()),
        digest: Digest::of(""),
        tok: Digest::of(token),
        prev: digest_of(&[]),
    };
    let kid = Jwk::signing(key.verifying_key()).thumbprint().to_string();
    let proof = jws::sign(PROOF_TYP, &kid, &proof, key);
    chain::encode(&[Link { token: token.to_owned(), proof }])
}

fn fresh() -> SigningKey {
    use p256::elliptic_curve::Generate as _;
    SigningKey::generate_from_rng(&mut random())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn the_mac_is_hmac() {
        let mac = hmac(b"Jefe", b"what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(Digest::from_bytes(mac).hex(), expected);
    }
}
