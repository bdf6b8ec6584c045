use serde_json::json;

use super::*;
use crate::fixtures::{NOW, World, settings};

fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

async fn set(world: &World, key: &str, byte: u8) -> Result<Imported, &'static str> {
    let by = Label::of_claim("acme-keys");
    let change = Change { now: NOW, action: "imported", by: &by };
    let (state, ledger) = (world.cell().state(), world.cell().ledger());
    let secret = Secret::new([byte; KEY_BYTES]);
    let set = world.broker.vault.set(&name(key), secret, &change, state, ledger).await;
    set.map_err(|error| error.code())
}

fn is_kept(world: &World, key: &str, version: u32, byte: u8) -> bool {
    let same = |found: &Version| found.secret.same_as(&Secret::new([byte; KEY_BYTES]));
    world.broker.vault.lend(&name(key), version, same).unwrap_or(false)
}

#[tokio::test]
async fn keys_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(folder.path(), settings()).await;
    set(&world, "model/brain-mri", 7).await.unwrap();
    set(&world, "model/brain-mri", 8).await.unwrap();
    let generated = |found: &Version| found.secret.clone();
    let before = world.broker.vault.lend(&name("records/clinic"), 1, generated).unwrap();
    let lines = world.lines().len();
    world.stop().await;
    let world = World::open(folder.path(), settings()).await;
    assert!(is_kept(&world, "model/brain-mri", 2, 8));
    assert!(is_kept(&world, "model/brain-mri", 1, 7));
    let after = world.broker.vault.lend(&name("records/clinic"), 1, generated).unwrap();
    assert!(after.same_as(&before));
    // Neither keys nor rules are new: only the boot is.
    let new: Vec<_> = world.lines().split_off(lines);
    assert!(new.iter().all(|line| line["event"] == "boot"), "{new:?}");
}

#[tokio::test]
async fn a_first_start_records_its_policy_and_the_keys_it_makes() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(folder.path(), settings()).await;
    let lines = world.lines();
    let policy = lines.iter().find(|line| line["event"] == "policy_step").unwrap();
    assert_eq!((&policy["policy"], &policy["step"]), (&json!("release"), &json!("configured")));
    assert!(policy.get("predecessor").is_none());
    let made: Vec<_> = lines.iter().filter(|line| line["event"] == "key_change").collect();
    assert_eq!(made.len(), 2);
    assert!(made.iter().all(|line| line["action"] == "created" && line["version"] == 1));
}

#[tokio::test]
async fn a_changed_policy_is_recorded_with_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(folder.path(), settings()).await;
    let find = |world: &World| {
        world.lines().into_iter().rfind(|line| line["event"] == "policy_step").unwrap()
    };
    let first = find(&world);
    world.stop().await;
    let mut changed = settings();
    changed.policy.rules.push_str("// tightened");
    let world = World::open(folder.path(), changed).await;
    let second = find(&world);
    assert_eq!(second["predecessor"], first["digest"]);
    assert_ne!(second["digest"], first["digest"]);
}

#[tokio::test]
async fn the_same_key_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(folder.path(), settings()).await;
    let first = set(&world, "model/brain-mri", 7).await;
    assert_eq!(first, Ok(Imported { version: 1, changed: true }));
    let lines = world.lines().len();
    let again = set(&world, "model/brain-mri", 7).await;
    assert_eq!(again, Ok(Imported { version: 1, changed: false }));
    assert_eq!(world.lines().len(), lines);
}

#[tokio::test]
async fn only_configured_keys_exist() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(folder.path(), settings()).await;
    let lines = world.lines().len();
    assert_eq!(set(&world, "model/other", 7).await, Err("keys.unknown"));
    assert_eq!(world.lines().len(), lines);
    let acme = world.broker.vault.of_owner(&Label::of_claim("acme"));
    assert_eq!(
        serde_json::to_value(acme).unwrap(),
        json!([{ "name": "model/brain-mri", "owner": "acme", "purpose": "model", "versions": [] }])
    );
}

#[tokio::test]
async fn a_vault_that_cannot_be_right_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(folder.path(), settings()).await;
    let open = |settings| Vault::open(settings, world.cell().state()).err().map(|it| it.code());
    let keys = settings().keys;
    let twice = [keys.clone(), keys.clone()].concat();
    assert_eq!(open(twice), Some("keys.repeated"));
    world.cell().state().put("key:records/clinic", b"{}").unwrap();
    assert_eq!(open(keys), Some("keys.damaged"));
}
