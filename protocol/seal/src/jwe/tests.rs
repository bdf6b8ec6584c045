use autoclave_base::b64;
use rand_core::CryptoRng;
use serde_json::json;

use super::*;

fn rng() -> impl CryptoRng {
    use rand::SeedableRng as _;
    rand::rngs::StdRng::seed_from_u64(7)
}

fn key(json: serde_json::Value) -> Result<Recipient, JweRefusal> {
    let key: TeePubKey = serde_json::from_value(json).unwrap();
    Recipient::try_from(&key)
}

fn ec(crv: &str, alg: &str, x: &str, y: &str) -> serde_json::Value {
    json!({ "kty": "EC", "crv": crv, "alg": alg, "x": x, "y": y })
}

#[test]
fn a_guest_opens_what_was_encrypted_to_it_and_nobody_else_does() {
    let guest = GuestKey::generate(&mut rng());
    let to = Recipient::try_from(&guest.public()).unwrap();
    let jwe = encrypt(&to, b"a secret", &mut rng()).unwrap();
    assert_eq!(open(&jwe, &guest).unwrap().expose(), b"a secret");
    let mut other = rng();
    GuestKey::generate(&mut other);
    let other = GuestKey::generate(&mut other);
    assert_eq!(open(&jwe, &other).err(), Some(JweRefusal::Broken));
}

#[test]
fn the_header_stands_as_guests_write_it_again() {
    let guest = GuestKey::generate(&mut rng());
    let to = Recipient::try_from(&guest.public()).unwrap();
    let jwe = encrypt(&to, b"", &mut rng()).unwrap();
    let text = String::from_utf8(b64::decode(&jwe.protected).unwrap()).unwrap();
    assert!(text.starts_with(
        r#"{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":{"crv":"P-256","kty":"EC","x":""#
    ));
    let sorted: serde_json::Value = serde_json::from_str(&text).unwrap();
    let sorted = serde_json::to_string(&sorted).unwrap();
    assert_eq!(text, sorted, "alphabetical, so that any writer gives the same");
}

#[test]
fn an_altered_message_does_not_open() {
    let guest = GuestKey::generate(&mut rng());
    let to = Recipient::try_from(&guest.public()).unwrap();
    let jwe = encrypt(&to, b"a secret", &mut rng()).unwrap();
    let altered = |change: fn(&mut Jwe)| {
        let mut altered = jwe.clone();
        change(&mut altered);
        open(&altered, &guest).err()
    };
    for change in [
        |it: &mut Jwe| it.ciphertext[0] ^= 1,
        |it: &mut Jwe| it.tag[0] ^= 1,
        |it: &mut Jwe| it.iv[0] ^= 1,
        |it: &mut Jwe| it.encrypted_key[0] ^= 1,
        |it: &mut Jwe| it.tag.truncate(4),
        |it: &mut Jwe| it.protected.truncate(8),
        |it: &mut Jwe| it.protected = "A".repeat(4096),
    ] {
        assert_eq!(altered(change), Some(JweRefusal::Broken));
    }
    let header = json!({ "alg": "dir", "enc": "A256GCM" }).to_string();
    let other = Jwe { protected: b64::encode(header), ..jwe.clone() };
    assert_eq!(open(&other, &guest).err(), Some(JweRefusal::Algorithm));
}

#[test]
fn keys_of_other_algorithms_and_keys_that_are_none_are_refused() {
    let TeePubKey::EC { x, y, .. } = GuestKey::generate(&mut rng()).public() else { panic!() };
    let modulus = b64::encode([0xff; 256]);
    let rsa = |alg: &str, n: &str, e: &str| json!({ "kty": "RSA", "alg": alg, "n": n, "e": e });
    let cases = [
        (ec("P-256", "ECDH-ES", &x, &y), JweRefusal::Algorithm),
        (ec("P-384", ECDH_ES_A256KW, &x, &y), JweRefusal::Algorithm),
        (ec("P-521", ECDH_ES_A256KW, &x, &y), JweRefusal::Key),
        (ec("P-256", ECDH_ES_A256KW, &x, &x), JweRefusal::Key),
        (ec("P-256", ECDH_ES_A256KW, "AA", &y), JweRefusal::Key),
        (ec("P-256", ECDH_ES_A256KW, "=", &y), JweRefusal::Key),
        (rsa("RSA1_5", &modulus, "AQAB"), JweRefusal::Algorithm),
        (rsa(RSA_OAEP_256, &modulus, "Aw"), JweRefusal::Key),
        (rsa(RSA_OAEP_256, &b64::encode([0x7f; 256]), "AQAB"), JweRefusal::Key),
        (rsa(RSA_OAEP_256, &b64::encode([0xfe; 256]), "AQAB"), JweRefusal::Key),
        (rsa(RSA_OAEP_256, &b64::encode([0xff; 128]), "AQAB"), JweRefusal::Key),
    ];
    for (json, refusal) in cases {
        assert_eq!(key(json.clone()).err(), Some(refusal), "{json}");
    }
}

#[test]
fn all_offered_keys_take_a_message() {
    // 2^n - 1 is odd and full, which is all that the public operation needs.
    for bytes in [256, 384, 512] {
        let n = b64::encode(vec![0xff; bytes]);
        let rsa = json!({ "kty": "RSA", "alg": RSA_OAEP_256, "n": n, "e": "AQAB" });
        let jwe = encrypt(&key(rsa).unwrap(), b"a secret", &mut rng()).unwrap();
        assert_eq!(jwe.encrypted_key.len(), bytes);
    }
    // The generator of P-521 (FIPS 186-4, section D.1.2.5).
    let x =
        "AMaFjga3BATpzZ4-y2YjlbRCnGSBOQU_tSH4KK9ga009uqFLXnfv51ko_h3BJ6L_qN4zSLPBhWpCm_l-fjHC5b1m";
    let y =
        "ARg5KWp4mjvABFyKX7QsfRvZmPVESVebRGgXr70XJz5mLJfucple9CZAxVC5AT-tB2E1PHCGonLCQIi-lHaf0WZQ";
    let point = key(ec("P-521", ECDH_ES_A256KW, x, y)).unwrap();
    let jwe = encrypt(&point, b"a secret", &mut rng()).unwrap();
    assert_eq!(jwe.encrypted_key.len(), keywrap::WRAPPED_BYTES);
}
