//! Every bad token of which we could think, each refused with its own code.

use autoclave_base::{Digest, b64};
use p256::ecdsa::SigningKey;
use serde_json::{Value, json};

use super::*;
use crate::appraise::{governed_digest, policy_digest, policy_id};
use crate::evidence::software::Subject;
use crate::fixtures::{
    AUDIENCE, ISSUER, NOW, World, expectation, jwk, key, nonce, runtime, subject, workload,
};
use crate::jwk::Jwk;
use crate::jws;

fn good_claims(world: &World) -> TokenClaims {
    world.claims(&subject("clinic"), &runtime(&key(4), nonce(1)))
}

fn good(world: &World) -> String {
    good_claims(world).sign(&world.attestor)
}

fn check(jwt: &str, expected: &Expectation) -> Result<VerifiedToken, TokenRefusal> {
    verify(jwt, &World::new().keys(), expected, NOW)
}

fn refusal(jwt: &str, expected: &Expectation) -> TokenRefusal {
    check(jwt, expected).unwrap_err()
}

/// The good token with other claims, signed by the attestor.
fn signed_with(change: impl FnOnce(&mut TokenClaims)) -> String {
    let world = World::new();
    let mut claims = good_claims(&world);
    change(&mut claims);
    claims.sign(&world.attestor)
}

/// The good payload under another header, with the given signature.
fn with_header(header: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let good = good(&World::new());
    let payload = good.split('.').nth(1).unwrap();
    let signed = format!("{}.{payload}", b64::encode(header.to_string()));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", b64::encode(signature))
}

fn es256(key: &SigningKey) -> impl FnOnce(&[u8]) -> Vec<u8> {
    use p256::ecdsa::signature::Signer as _;
    let key = key.clone();
    move |bytes| {
        let signature: p256::ecdsa::Signature = key.sign(bytes);
        signature.to_vec()
    }
}

fn attestor_kid() -> String {
    jwk(&World::new().attestor).thumbprint().to_string()
}

#[test]
fn a_good_token_is_verified_and_says_who_it_is() {
    let world = World::new();
    let expected = expectation()
        .workload(workload("clinic"))
        .nonce(nonce(1))
        .signing_key(jwk(&key(4)).thumbprint())
        .measurements(world.manifest.measurements_of(&workload("clinic")))
        .policies([policy_digest(&world.manifest)].into())
        .age_max_seconds(60);
    let token = check(&good(&world), &expected).unwrap();
    assert_eq!(token.workload(), &workload("clinic"));
    assert_eq!(token.signing_key(), &jwk(&key(4)));
    assert_eq!(token.sealing_keys().count(), 2);
    assert_eq!(token.ledger_key(), Some([5; 32]));
    assert_eq!(token.expires(), NOW.plus(TOKEN_LIFE_SECONDS));
    assert_eq!(token.digest(), Digest::of(good(&world)));
    assert_eq!(token.policy(), policy_digest(&world.manifest));
}

#[test]
fn governed_rules_stand_in_the_tokens_name_of_the_policy_and_in_its_hash() {
    let (world, rules) = (World::new(), Digest::of("rules"));
    let base = policy_digest(&world.manifest);
    let expected = expectation().policies([base].into());
    let named = |id: String, hash: Digest| {
        let mut claims = good_claims(&World::new());
        claims.submods.cpu0.policy_id = id;
        claims.policy_hash = autoclave_base::b64::encode(hash.bytes());
        claims.sign(&key(3))
    };
    let governed = governed_digest(base, rules);
    let token = check(&named(policy_id(Some(rules)), governed), &expected).unwrap();
    assert_eq!(token.policy(), governed);
    let wrong = [
        named(policy_id(None), governed),
        named(policy_id(Some(rules)), base),
        named(policy_id(Some(Digest::of("others"))), governed),
        named("autoclave-2".to_owned(), base),
    ];
    for jwt in wrong {
        assert_eq!(refusal(&jwt, &expected), TokenRefusal::Policy);
    }
}

#[test]
fn the_claims_have_the_names_that_others_look_for() {
    let claims = serde_json::to_value(good_claims(&World::new())).unwrap();
    for (pointer, expected) in [
        ("/iss", json!(ISSUER)),
        ("/sub", json!("clinic")),
        ("/aud", json!(AUDIENCE)),
        ("/eat_nonce", json!(nonce(1).to_string())),
        ("/eat_profile", json!(PROFILE)),
        ("/ear.verifier-id/developer", json!("autoclave")),
        ("/submods/cpu0/ear.status", json!("affirming")),
        ("/submods/cpu0/ear.trustworthiness-vector/executables", json!(2)),
        ("/submods/cpu0/ear.veraison.annotated-evidence/software/hw_backed", json!(false)),
        ("/cnf/jwk/crv", json!("P-256")),
        ("/dbgstat", json!("disabled")),
        ("/hw_backed", json!(false)),
        ("/x-ms-ver", json!("1.0")),
        ("/x-ms-attestation-type", json!("software")),
        ("/x-ms-runtime/keys/0/kty", json!("AKP")),
    ] {
        assert_eq!(claims.pointer(pointer), Some(&expected), "{pointer}");
    }
    let hash = claims["x-ms-policy-hash"].as_str().unwrap();
    assert_eq!(b64::decode(hash).unwrap().len(), 32);
}

#[test]
fn the_header_names_the_key() {
    let jwt = good(&World::new());
    let header = b64::decode(jwt.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("JWT")));
    assert_eq!(header["kid"], json!(attestor_kid()));
    assert_eq!(header["jwk"]["kid"], header["kid"]);
}

#[test]
fn alg_none_is_refused() {
    for alg in ["none", "NONE", "nOnE"] {
        let header = json!({"alg": alg, "typ": "JWT", "kid": attestor_kid()});
        let unsigned = with_header(&header, |_| Vec::new());
        assert_eq!(refusal(&unsigned, &expectation()), TokenRefusal::Alg);
        let signed = with_header(&header, es256(&key(3)));
        assert_eq!(refusal(&signed, &expectation()), TokenRefusal::Alg);
    }
}

#[test]
fn hs256_with_the_public_key_as_secret_is_refused() {
    let public = key(3).verifying_key().to_sec1_bytes();
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": attestor_kid()});
    let jwt = with_header(&header, |signed| hmac_sha256(&public, signed));
    assert_eq!(refusal(&jwt, &expectation()), TokenRefusal::Alg);
}

/// RFC 2104, for a key of any length.
fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..32].copy_from_slice(Digest::of(secret).bytes());
    let pad = |with: u8| block.map(|byte| byte ^ with).to_vec();
    let inner = Digest::of([pad(0x36).as_slice(), message].concat());
    Digest::of([pad(0x5c).as_slice(), inner.bytes()].concat()).bytes().to_vec()
}

#[test]
fn a_wrong_kid_is_refused() {
    let claims = good_claims(&World::new());
    for kid in ["", "1", &jwk(&key(9)).thumbprint().to_string()] {
        let jwt = jws::sign(TYP, kid, &claims, &key(3));
        assert_eq!(refusal(&jwt, &expectation()), TokenRefusal::KeyUnknown, "{kid}");
    }
    let header = json!({"alg": "ES256", "typ": "JWT"});
    let none = with_header(&header, es256(&key(3)));
    assert_eq!(refusal(&none, &expectation()), TokenRefusal::KeyUnknown);
}

#[test]
fn a_stranger_s_embedded_jwk_is_never_used() {
    let by_stranger = good_claims(&World::new()).sign(&key(9));
    assert_eq!(refusal(&by_stranger, &expectation()), TokenRefusal::KeyUnknown);
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": attestor_kid(), "jwk": jwk(&key(9))});
    let under_our_name = with_header(&header, es256(&key(9)));
    assert_eq!(refusal(&under_our_name, &expectation()), TokenRefusal::Signature);
    for member in ["jku", "x5u", "x5c"] {
        let header =
            json!({"alg": "ES256", "typ": "JWT", "kid": attestor_kid(), member: "http://x"});
        let pointed = with_header(&header, es256(&key(9)));
        assert_eq!(refusal(&pointed, &expectation()), TokenRefusal::Signature, "{member}");
    }
}

#[test]
fn changed_claims_are_refused() {
    let jwt = good(&World::new());
    let parts: Vec<_> = jwt.split('.').collect();
    let claims = String::from_utf8(b64::decode(parts[1]).unwrap()).unwrap();
    let changed = b64::encode(claims.replace("clinic", "broker"));
    let jwt = [parts[0], &changed, parts[2]].join(".");
    assert_eq!(refusal(&jwt, &expectation()), TokenRefusal::Signature);
}

#[test]
fn an_expired_token_is_refused_from_its_last_second() {
    let (world, expected) = (World::new(), expectation());
    let at = |now| verify(&good(&world), &world.keys(), &expected, now);
    assert!(at(NOW.plus(TOKEN_LIFE_SECONDS - 1)).is_ok());
    assert_eq!(at(NOW.plus(TOKEN_LIFE_SECONDS)).unwrap_err(), TokenRefusal::Expired);
}

#[test]
fn a_token_older_than_asked_for_is_refused() {
    let world = World::new();
    let expected = expectation().age_max_seconds(60);
    let at = |now| verify(&good(&world), &world.keys(), &expected, now);
    assert!(at(NOW.plus(60)).is_ok());
    assert_eq!(at(NOW.plus(61)).unwrap_err(), TokenRefusal::Expired);
}

#[test]
fn a_token_that_is_not_yet_valid_is_refused() {
    let (world, expected) = (World::new(), expectation());
    let at = |now| verify(&good(&world), &world.keys(), &expected, now);
    assert!(at(NOW.minus(30)).is_ok(), "within the skew of honest clocks");
    assert_eq!(at(NOW.minus(31)).unwrap_err(), TokenRefusal::NotYetValid);
    let later = signed_with(|claims| claims.nbf = NOW.plus(60));
    assert_eq!(refusal(&later, &expected), TokenRefusal::NotYetValid);
}

#[test]
fn another_audience_or_issuer_is_refused() {
    let jwt = good(&World::new());
    let audience = expectation().audience("somebody else");
    assert_eq!(refusal(&jwt, &audience), TokenRefusal::Audience);
    let issuer = Expectation::new("http://other.test", AUDIENCE).hardware_required(false);
    assert_eq!(refusal(&jwt, &issuer), TokenRefusal::Issuer);
}

#[test]
fn a_replayed_nonce_is_refused() {
    let expected = expectation().nonce(nonce(2));
    assert_eq!(refusal(&good(&World::new()), &expected), TokenRefusal::Nonce);
}

#[test]
fn another_key_than_the_channel_s_is_refused() {
    let expected = expectation().signing_key(jwk(&key(5)).thumbprint());
    assert_eq!(refusal(&good(&World::new()), &expected), TokenRefusal::KeyBinding);
}

#[test]
fn a_tee_in_debug_mode_is_refused() {
    let world = World::new();
    let code = Subject { debug: true, ..subject("clinic") };
    let jwt = world.claims(&code, &runtime(&key(4), nonce(1))).sign(&world.attestor);
    assert_eq!(refusal(&jwt, &expectation()), TokenRefusal::Debug);
}

#[test]
fn a_software_tee_is_refused_where_hardware_is_required() {
    let strict = Expectation::new(ISSUER, AUDIENCE);
    assert_eq!(refusal(&good(&World::new()), &strict), TokenRefusal::HardwareRequired);
}

#[test]
fn software_that_claims_hardware_contradicts_itself() {
    let jwt = signed_with(|claims| claims.hw_backed = true);
    assert_eq!(refusal(&jwt, &expectation()), TokenRefusal::Malformed);
}

#[test]
fn an_unknown_measurement_is_refused() {
    let world = World::new();
    let unknown = world.claims(&subject("malware"), &runtime(&key(4), nonce(1)));
    assert_eq!(unknown.sub, UNKNOWN_WORKLOAD);
    let jwt = unknown.sign(&world.attestor);
    assert_eq!(refusal(&jwt, &expectation()), TokenRefusal::NotAffirming);
    let known = world.manifest.measurements_of(&workload("clinic"));
    let expected = expectation().measurements(known);
    assert_eq!(refusal(&jwt, &expected), TokenRefusal::Measurement);
}

#[test]
fn another_workload_or_policy_is_refused() {
    let jwt = good(&World::new());
    let broker = expectation().workload(workload("broker"));
    assert_eq!(refusal(&jwt, &broker), TokenRefusal::Workload);
    let policy = expectation().policies([Digest::of("another policy")].into());
    assert_eq!(refusal(&jwt, &policy), TokenRefusal::Policy);
}

#[test]
fn a_token_that_contradicts_itself_is_refused() {
    let other = Digest::of("other");
    let changes: [fn(&mut TokenClaims); 6] = [
        |claims| claims.eat_nonce = nonce(2),
        |claims| claims.cnf.jwk = jwk(&key(5)),
        |claims| claims.dbgstat = DebugStatus::Enabled,
        |claims| claims.eat_profile = "tag:github.com,2023:veraison/ear".to_owned(),
        |claims| claims.policy_hash = "AAAA".to_owned(),
        |claims| claims.runtime = runtime(&key(5), nonce(1)),
    ];
    for change in changes {
        assert_eq!(refusal(&signed_with(change), &expectation()), TokenRefusal::Malformed);
    }
    let jwt = signed_with(|claims| claims.measurement = other);
    assert_eq!(refusal(&jwt, &expectation()), TokenRefusal::Malformed);
}

#[test]
fn what_is_no_token_is_refused() {
    let kid = attestor_kid();
    let other = jws::sign("autoclave-proof+jwt", &kid, &good_claims(&World::new()), &key(3));
    let empty = jws::sign(TYP, &kid, &json!({}), &key(3));
    let long = "A".repeat(jws::JWS_BYTES_MAX + 1);
    for jwt in ["", "..", &other, &empty, &long] {
        assert_eq!(refusal(jwt, &expectation()), TokenRefusal::Malformed);
    }
}

#[test]
fn during_rotation_both_keys_are_accepted() {
    let world = World::new();
    let both = KeySet::new(vec![jwk(&key(8)), jwk(&world.attestor)]).unwrap();
    for signer in [&key(8), &world.attestor] {
        let jwt = good_claims(&world).sign(signer);
        assert!(verify(&jwt, &both, &expectation(), NOW).is_ok());
    }
    let only_new = KeySet::new(vec![jwk(&key(8))]).unwrap();
    let refused = verify(&good(&world), &only_new, &expectation(), NOW).unwrap_err();
    assert_eq!(refused, TokenRefusal::KeyUnknown);
}

#[test]
fn a_key_set_holds_signing_keys_under_their_own_names() {
    let set = World::new().keys();
    let json = serde_json::to_vec(&set).unwrap();
    assert_eq!(KeySet::parse(&json), Ok(set.clone()));
    assert_eq!(set.digest(), KeySet::parse(&json).unwrap().digest());
    assert_eq!(KeySet::new(vec![]), Err(KeySetRefusal));
    assert_eq!(KeySet::new(vec![Jwk::x25519(1, [0; 32])]), Err(KeySetRefusal));
    let many = (1..=17).map(|seed| jwk(&key(seed))).collect();
    assert_eq!(KeySet::new(many), Err(KeySetRefusal));
    let mut renamed = serde_json::to_value(&set).unwrap();
    renamed["keys"][0]["kid"] = json!("mine");
    assert_eq!(KeySet::parse(renamed.to_string().as_bytes()), Err(KeySetRefusal));
}

#[test]
fn no_character_of_a_token_can_be_changed() {
    let good = good(&World::new());
    // Every 29th: each part is met many times, and the test stays short.
    for index in (0..good.len()).step_by(29).chain([good.len() - 1]) {
        let mut changed = good.clone().into_bytes();
        changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(check(&changed, &expectation()).is_err(), "character {index}");
    }
}
