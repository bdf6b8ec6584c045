use autoclave_base::b64;
use autoclave_cell::release::KEY_BYTES;
use serde_json::json;

use super::*;
use crate::fixtures::{NOW, World, settings};

fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

async fn set(world: &World, key: &str, byte: u8) -> Result<Imported, &'static str> {
    let by = Label::of_claim("acme-keys");
    let change = Change { now: NOW, action: "imported", by: &by };
    let tenant = world.broker.vault.owner_of(&name(key)).ok_or("keys.unknown")?;
    let set = tenant.set(&name(key), Material::oct(vec![byte; KEY_BYTES]), &change).await;
    set.map_err(|error| error.code())
}

async fn material(world: &World, key: &str, version: u32) -> Option<Material> {
    let record = world.broker.vault.owner_of(&name(key))?.key(&name(key)).await.unwrap()?;
    record.find(Some(version))?.material().cloned()
}

async fn is_kept(world: &World, key: &str, version: u32, byte: u8) -> bool {
    let material = material(world, key, version).await;
    material.is_some_and(|it| it.same_as(&Material::oct(vec![byte; KEY_BYTES])))
}

#[tokio::test]
async fn keys_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(folder.path(), settings()).await;
    set(&world, "model/brain-mri", 7).await.unwrap();
    set(&world, "model/brain-mri", 8).await.unwrap();
    let before = material(&world, "records/clinic", 1).await.unwrap();
    let lines = world.lines().len();
    world.stop().await;
    let world = World::open(folder.path(), settings()).await;
    assert!(is_kept(&world, "model/brain-mri", 2, 8).await);
    assert!(is_kept(&world, "model/brain-mri", 1, 7).await);
    let after = material(&world, "records/clinic", 1).await.unwrap();
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
    let acme = world.broker.vault.tenant(&Label::of_claim("acme")).unwrap().views().await.unwrap();
    assert_eq!(
        serde_json::to_value(acme).unwrap(),
        json!([{ "name": "model/brain-mri", "owner": "acme", "purpose": "model", "versions": [] }])
    );
}

#[tokio::test]
async fn a_vault_that_cannot_be_right_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(folder.path(), settings()).await;
    let (kept, ledger) = (world.broker.kept.clone(), world.cell().ledger().clone());
    let open = |keys: Vec<KeySettings>, administered: Vec<Label>| {
        Vault::new(keys, administered, kept.clone(), ledger.clone()).map_err(|it| it.code())
    };
    let keys = settings().keys;
    let twice = [keys.clone(), keys.clone()].concat();
    assert_eq!(open(twice, vec![]).err(), Some("keys.repeated"));
    let slash = vec![Label::of_claim("acme/model")];
    assert_eq!(open(keys.clone(), slash).err(), Some("keys.institution"));
    kept.put("keys/acme/model/brain-mri", None, b"{}").await.unwrap();
    let vault = open(keys, vec![]).unwrap();
    let damaged = vault.take_over(world.cell().state()).await.unwrap_err();
    assert_eq!(damaged.code(), "keys.damaged");
}

#[tokio::test]
async fn keys_of_the_first_release_are_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let running = crate::fixtures::cell(folder.path()).await;
    let version = |number: u32, byte: u8| json!({ "number": number, "made": NOW, "secret": b64::encode([byte; 32]) });
    let former = json!([version(5, 8), version(4, 7)]).to_string();
    running.cell().state().put("key:model/brain-mri", former.as_bytes()).unwrap();
    running.drain().await;
    let world = World::open(folder.path(), settings()).await;
    assert!(is_kept(&world, "model/brain-mri", 5, 8).await);
    assert!(is_kept(&world, "model/brain-mri", 4, 7).await);
    assert!(world.cell().state().get("key:model/brain-mri").is_none());
    let next = set(&world, "model/brain-mri", 9).await;
    assert_eq!(next, Ok(Imported { version: 6, changed: true }));
}

/// A key of acme's that ends in a thousand seconds, with versions that overlap for a minute.
async fn own(world: &World, material: Material) -> KeyRecord {
    let by = Label::of_claim("acme-keys");
    let change = Change { now: world.cell().now(), action: "created", by: &by };
    let expires = Some(world.cell().now().plus(1000));
    let terms = Terms { expires, exportable: true, enabled: true, ..Terms::default() };
    let (origin, purpose) = (Origin::Institution, Label::of_claim("backup"));
    let new = NewKey { origin, purpose, overlap: Some(60), material, terms };
    acme(world).add(&name("backup"), new, &change).await.unwrap()
}

fn acme(world: &World) -> Tenant<'_> {
    world.broker.vault.tenant(&Label::of_claim("acme")).unwrap()
}

#[tokio::test]
async fn what_was_wrapped_unwraps_until_the_overlap_ends() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(folder.path(), settings()).await;
    let key = name("backup");
    let first = own(&world, Material::oct(vec![1; 32])).await;
    let acme = acme(&world);
    let mut rng = autoclave_cell::Entropy;
    let old = acme.wrap((&key, &first), (b"secret", b"for"), NOW, &mut rng).unwrap();
    let second = own(&world, Material::oct(vec![2; 32])).await;
    let new = acme.wrap((&key, &second), (b"secret", b"for"), NOW, &mut rng).unwrap();
    let open = |text: &[u8], added: &[u8], now| {
        acme.unwrap((&key, &second), (text, added), now).map(|it| it.expose().clone())
    };
    assert_eq!(open(&old, b"for", NOW.plus(59)).unwrap(), b"secret");
    let replaced = Err(CipherError::Unusable(Unusable::Replaced));
    assert_eq!(open(&old, b"for", NOW.plus(60)), replaced);
    assert_eq!(open(&new, b"for", NOW.plus(60)).unwrap(), b"secret");
    assert_eq!(open(&new, b"other", NOW), Err(CipherError::Altered));
    for at in 0..new.len() {
        let mut altered = new.clone();
        altered[at] ^= 1;
        assert!(open(&altered, b"for", NOW).is_err(), "{at}");
    }
    for short in 0..CIPHERTEXT_BYTES_MIN {
        assert_eq!(open(&new[..short], b"for", NOW), Err(CipherError::Altered));
    }
}

#[tokio::test]
async fn a_text_of_one_institution_does_not_open_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(folder.path(), settings()).await;
    let record = own(&world, Material::oct(vec![1; 32])).await;
    let (key, mut rng) = (name("backup"), autoclave_cell::Entropy);
    let text = acme(&world).wrap((&key, &record), (b"secret", b""), NOW, &mut rng).unwrap();
    let mercy = world.broker.vault.tenant(&Label::of_claim("mercy")).unwrap();
    // Even with the very same key, name and version.
    let opened = mercy.unwrap((&key, &record), (&text, b""), NOW);
    assert_eq!(opened.err(), Some(CipherError::Altered));
    let other = acme(&world).unwrap((&name("other"), &record), (&text, b""), NOW);
    assert_eq!(other.err(), Some(CipherError::Altered));
}

#[tokio::test]
async fn a_key_without_an_end_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(folder.path(), settings()).await;
    let by = Label::of_claim("acme-keys");
    let change = Change { now: NOW, action: "created", by: &by };
    let lines = world.lines().len();
    let ends = [(None, None), (None, Some(NOW)), (Some(NOW.plus(9)), Some(NOW.plus(9)))];
    for (not_before, expires) in ends {
        let terms = Terms { not_before, expires, enabled: true, ..Terms::default() };
        let (origin, purpose) = (Origin::Institution, Label::of_claim("backup"));
        let material = Material::oct(vec![1; 32]);
        let new = NewKey { origin, purpose, overlap: None, material, terms };
        let refused = acme(&world).add(&name("backup"), new, &change).await.err();
        assert_eq!(refused.map(|it| it.code()), Some("keys.expiry"), "{expires:?}");
    }
    assert_eq!(world.lines().len(), lines);
}
