//! Keys and manifests over time, and over restarts.

use autoclave_attest::token::{KeySet, TOKEN_LIFE_SECONDS};
use autoclave_ledger::Event;
use p256::ecdsa::SigningKey;

use super::scene::{KEY_LIFE_SECONDS, Life, Scene};
use crate::keeper::round;
use crate::{keys, policy};

fn published(life: &Life) -> KeySet {
    life.attestor.keys.in_use().published.as_ref().clone()
}

fn generation(life: &Life) -> u32 {
    life.attestor.keys.in_use().ring.generation()
}

fn count(life: &Life, wanted: &str) -> usize {
    life.events().iter().filter(|event| event.name() == wanted).count()
}

#[tokio::test]
async fn keys_rotate_when_due_and_old_tokens_live_on() {
    let scene = Scene::new();
    let life = scene.start().await.unwrap();
    scene.clock.advance(KEY_LIFE_SECONDS - 1);
    round(&life.attestor).await;
    assert_eq!(generation(&life), 1, "not due yet");
    let (token, before) = (life.token().await, published(&life));
    scene.clock.advance(1);
    round(&life.attestor).await;
    assert_eq!(generation(&life), 2);
    assert!(life.verified(&token).is_some(), "its key is published until it expires");
    let new = life.token().await;
    assert!(life.verified(&new).is_some());
    assert_ne!(published(&life), before);
    life.end().await;
}

/// Whoever fetched the keys before a rotation knows the key that signs after it.
#[tokio::test]
async fn the_next_key_is_known_before_it_signs() {
    let scene = Scene::new();
    let life = scene.start().await.unwrap();
    let known = published(&life);
    scene.clock.advance(KEY_LIFE_SECONDS);
    round(&life.attestor).await;
    let signer = life.attestor.keys.in_use().ring.current().clone();
    let signer = autoclave_attest::jwk::Jwk::signing(signer.verifying_key()).thumbprint();
    assert!(known.thumbprints().any(|key| key == signer));
    life.end().await;
}

#[tokio::test]
async fn a_retired_key_goes_after_its_last_token() {
    let scene = Scene::new();
    let life = scene.start().await.unwrap();
    let first = published(&life).thumbprints().next().unwrap();
    scene.clock.advance(KEY_LIFE_SECONDS);
    round(&life.attestor).await;
    assert!(published(&life).thumbprints().any(|key| key == first));
    scene.clock.advance(TOKEN_LIFE_SECONDS + 60);
    round(&life.attestor).await;
    assert!(!published(&life).thumbprints().any(|key| key == first));
    assert_eq!(count(&life, "key_change"), 3, "created, rotated, retired");
    life.end().await;
}

#[tokio::test]
async fn keys_and_policy_survive_a_restart() {
    let scene = Scene::new();
    let life = scene.start().await.unwrap();
    let (token, before) = (life.token().await, published(&life));
    life.end().await;
    let life = scene.start().await.unwrap();
    assert_eq!(published(&life), before);
    assert!(life.verified(&token).is_some());
    assert_eq!(count(&life, "key_change"), 1, "made once");
    assert_eq!(count(&life, "policy_change"), 1, "in force once");
    life.end().await;
}

#[tokio::test]
async fn a_newer_manifest_is_a_new_policy() {
    let scene = Scene::new();
    let life = scene.start().await.unwrap();
    let before = life.verified(&life.token().await).unwrap().policy();
    scene.publish_newer(2);
    round(&life.attestor).await;
    let after = life.verified(&life.token().await).unwrap().policy();
    assert_ne!(before, after);
    let changes = life.events();
    let last = changes.iter().rev().find(|event| event.name() == "policy_change").unwrap();
    let Event::PolicyChange { from, to, .. } = last else { panic!() };
    assert_eq!((from, to), (&Some(before), &after));
    life.end().await;
}

#[tokio::test]
async fn an_older_or_foreign_manifest_never_comes_into_force() {
    let scene = Scene::new();
    scene.publish_newer(5);
    let life = scene.start().await.unwrap();
    scene.publish_newer(4);
    round(&life.attestor).await;
    assert_eq!(life.attestor.policy.in_force().serial(), 5);
    scene.publish(6, &SigningKey::from_slice(&[9; 32]).unwrap());
    round(&life.attestor).await;
    assert_eq!(life.attestor.policy.in_force().serial(), 5);
    assert!(life.verified(&life.token().await).is_some(), "the one before stays");
    life.end().await;
    assert_eq!(scene.start().await.err().unwrap(), "manifest.key_unknown");
    scene.publish_newer(4);
    assert_eq!(scene.start().await.err().unwrap(), "manifest.serial", "not after a restart either");
}

#[test]
fn errors_have_stable_codes() {
    assert_eq!(
        keys::KeysError::from(crate::keyring::KeyringError).code(),
        "attestor.keyring_damaged"
    );
    assert_eq!(policy::PolicyError::Remembered.code(), "manifest.memory_damaged");
}
