use autoclave_attest::jwk::Thumbprint;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const LIFE: u64 = 3600;

fn rng() -> StdRng {
    StdRng::seed_from_u64(1)
}

fn signer(keys: &Keyring) -> Thumbprint {
    Jwk::signing(keys.current().verifying_key()).thumbprint()
}

fn published(keys: &Keyring) -> Vec<Thumbprint> {
    keys.published().unwrap().thumbprints().collect()
}

#[test]
fn a_key_is_published_before_it_signs_and_after() {
    let mut rng = rng();
    let first = Keyring::generate(&mut rng, NOW);
    let second = first.rotated(&mut rng, NOW.plus(LIFE));
    assert!(published(&first).contains(&signer(&second)), "known before its first token");
    assert!(published(&second).contains(&signer(&first)), "known until its last token ends");
    assert_ne!(signer(&first), signer(&second));
    assert_eq!(second.generation(), 2);
}

#[test]
fn a_retired_key_goes_when_its_last_token_has_expired() {
    let mut rng = rng();
    let first = Keyring::generate(&mut rng, NOW);
    let second = first.rotated(&mut rng, NOW.plus(LIFE));
    let end = NOW.plus(LIFE + TOKEN_LIFE_SECONDS + CLOCK_SKEW_SECONDS);
    assert!(!second.is_stale(end.minus(1)));
    assert!(published(&second.pruned(end.minus(1))).contains(&signer(&first)));
    assert!(second.is_stale(end));
    assert!(!published(&second.pruned(end)).contains(&signer(&first)));
}

#[test]
fn a_key_is_due_after_its_life() {
    let keys = Keyring::generate(&mut rng(), NOW);
    assert!(!keys.is_due(LIFE, NOW.plus(LIFE - 1)));
    assert!(keys.is_due(LIFE, NOW.plus(LIFE)));
}

#[test]
fn published_keys_stay_few_however_often_they_rotate() {
    let mut rng = rng();
    let mut keys = Keyring::generate(&mut rng, NOW);
    for round in 1..50 {
        keys = keys.rotated(&mut rng, NOW.plus(round * TOKEN_LIFE_SECONDS));
        assert!(published(&keys).len() <= 4, "{round}");
    }
}

#[test]
fn the_stored_form_brings_all_keys_back() {
    let mut rng = rng();
    let keys = Keyring::generate(&mut rng, NOW).rotated(&mut rng, NOW.plus(LIFE));
    let again = Keyring::from_bytes(keys.to_bytes().unwrap().expose()).unwrap();
    assert_eq!(published(&again), published(&keys));
    assert_eq!(signer(&again), signer(&keys));
    assert_eq!(again.generation(), 2);
    assert!(again.is_due(LIFE, NOW.plus(2 * LIFE)) && !again.is_due(LIFE, NOW.plus(LIFE + 1)));
}

#[test]
fn a_damaged_stored_form_is_refused() {
    let keys = Keyring::generate(&mut rng(), NOW);
    let good = String::from_utf8(keys.to_bytes().unwrap().expose().clone()).unwrap();
    let zero = b64::encode([0; 32]);
    let current = serde_json::from_str::<serde_json::Value>(&good).unwrap()["current"].clone();
    let bad = [
        String::new(),
        "{}".to_owned(),
        good.replace("\"v\":1", "\"v\":2"),
        good.replace(current.as_str().unwrap(), &zero),
    ];
    for text in bad {
        assert_eq!(Keyring::from_bytes(text.as_bytes()).err(), Some(KeyringError));
    }
}
