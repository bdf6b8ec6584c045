use autoclave_base::Digest;
use autoclave_cell::Entropy;
use autoclave_cell::governance::Policies as _;
use autoclave_cell::release::{INFO, ReleasedKey, binding};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::fixtures::{Caller, NOW, World, caller, settings};
use crate::revoke::Revoked;
use crate::vault::{Change, Material, State};

async fn world() -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (World::open(folder.path(), settings()).await, folder)
}

fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

async fn import(world: &World, key: &str, byte: u8) {
    let by = Label::of_claim("acme-keys");
    let change = Change { now: NOW, action: "imported", by: &by };
    let tenant = world.broker.vault.owner_of(&name(key)).unwrap();
    tenant.set(&name(key), Material::oct(vec![byte; 32]), &change).await.unwrap();
}

async fn ask(
    world: &World,
    caller: &Caller,
    key: &str,
    version: Option<u32>,
) -> Result<ReleasedKey, String> {
    let chain = caller.chain(world.cell(), &format!("/keys/{key}/release"));
    let tenant = KeyName::parse(key).ok().and_then(|key| world.broker.vault.owner_of(&key));
    let released = world.broker.release(&chain, (tenant.as_ref(), key), version).await;
    released.map_err(|refusal| refusal.code().to_owned())
}

fn open(caller: &Caller, released: &ReleasedKey) -> Vec<u8> {
    let aad = binding(&released.key, released.version, released.token);
    caller.sealing.unwrap(&released.wrapped, INFO, &aad).unwrap().expose().clone()
}

#[tokio::test]
async fn a_key_leaves_wrapped_to_its_recipient_after_its_line() {
    let (world, _folder) = world().await;
    import(&world, "model/brain-mri", 7).await;
    let diagnosis = caller("diagnosis", 3);
    let released = ask(&world, &diagnosis, "model/brain-mri", None).await.unwrap();
    assert_eq!(open(&diagnosis, &released), [7; 32]);
    let line = world.lines().pop().unwrap();
    assert_eq!(line["event"], "release");
    assert_eq!(line["key"], "model/brain-mri");
    assert_eq!(line["version"], 1);
    assert_eq!(line["token"], json!(diagnosis.token.digest()));
    assert_eq!(line["rules"], json!(["model-to-diagnosis"]));
    let stranger = caller("diagnosis", 3);
    let aad = binding(&released.key, released.version, released.token);
    assert!(stranger.sealing.unwrap(&released.wrapped, INFO, &aad).is_err());
}

#[tokio::test]
async fn an_altered_key_does_not_open() {
    let (world, _folder) = world().await;
    import(&world, "model/brain-mri", 7).await;
    let diagnosis = caller("diagnosis", 3);
    let released = ask(&world, &diagnosis, "model/brain-mri", None).await.unwrap();
    let aad = binding(&released.key, released.version, released.token);
    let opens = |wrapped: &_, aad: &[u8]| diagnosis.sealing.unwrap(wrapped, INFO, aad).is_ok();
    for at in 0..released.wrapped.ct.len() {
        let mut altered = released.wrapped.clone();
        altered.ct[at] ^= 1;
        assert!(!opens(&altered, &aad), "{at}");
    }
    let other_version = binding(&released.key, 2, released.token);
    let other_token = binding(&released.key, 1, Digest::of("other"));
    let other_key = binding(&name("records/clinic"), 1, released.token);
    for aad in [other_version, other_token, other_key] {
        assert!(!opens(&released.wrapped, &aad));
    }
}

#[tokio::test]
async fn every_refusal_is_one_code_outside_and_a_reason_inside() {
    let (world, _folder) = world().await;
    import(&world, "model/brain-mri", 7).await;
    // caller, svn, key, version; rule, claim, expected, found
    let cases = [
        (
            ("clinic", 3),
            "model/brain-mri",
            None,
            ["model-to-diagnosis", "principal.workload", "diagnosis", "clinic"],
        ),
        (
            ("diagnosis", 2),
            "model/brain-mri",
            None,
            ["model-to-diagnosis", "principal.svn", "at least 3", "2"],
        ),
        (
            ("clinic", 1),
            "records/vault",
            None,
            ["hardware-only", "principal.hw_backed", "true", "false"],
        ),
        (
            ("diagnosis", 3),
            "model/brain-mri",
            Some(9),
            [CONFIGURED_KEYS, "resource", KEPT, "model/brain-mri, version 9"],
        ),
        (("diagnosis", 3), "model/other", None, [CONFIGURED_KEYS, "resource", KEPT, "model/other"]),
        (("diagnosis", 3), "No/Name", None, [CONFIGURED_KEYS, "resource", KEPT, "no key name"]),
    ];
    for ((workload, svn), key, version, words) in cases {
        let caller = caller(workload, svn);
        let refused = ask(&world, &caller, key, version).await.unwrap_err();
        assert_eq!(refused, "release.refused", "{key}");
        let line = world.lines().pop().unwrap();
        assert_eq!((&line["event"], &line["code"]), (&json!("refusal"), &json!("release.refused")));
        assert_eq!((&line["rule"], &line["claim"]), (&json!(words[0]), &json!(words[1])));
        assert!(line.get("expected").is_none() && line.get("found").is_none());
        let institutions = ["acme", "mercy"].map(Label::of_claim);
        let all = institutions.iter().flat_map(|it| world.broker.refusals.visible_to(it));
        let refused = all.max_by_key(|it| it.line).unwrap();
        assert_eq!(world.line_at(refused.line), line);
        let why = &refused.why.iter().find(|why| why.claim == words[1]).unwrap();
        assert_eq!([&*why.rule, &*why.claim, &*why.expected, &*why.found], words);
    }
}

const KEPT: &str = "a version that is kept, of a configured key that was imported";

#[tokio::test]
async fn a_key_that_was_never_imported_is_refused() {
    let (world, _folder) = world().await;
    let refused = ask(&world, &caller("diagnosis", 3), "model/brain-mri", None).await;
    assert_eq!(refused.unwrap_err(), "release.refused");
}

#[tokio::test]
async fn the_version_before_is_released_by_its_number() {
    let (world, _folder) = world().await;
    import(&world, "model/brain-mri", 7).await;
    import(&world, "model/brain-mri", 8).await;
    let diagnosis = caller("diagnosis", 3);
    let current = ask(&world, &diagnosis, "model/brain-mri", None).await.unwrap();
    let before = ask(&world, &diagnosis, "model/brain-mri", Some(1)).await.unwrap();
    assert_eq!((current.version, open(&diagnosis, &current)), (2, vec![8; 32]));
    assert_eq!((before.version, open(&diagnosis, &before)), (1, vec![7; 32]));
}

/// Decides a release of the model's key to diagnosis, with what is read now.
async fn decided(world: &World) -> Decided {
    let key = name("model/brain-mri");
    let tenant = world.broker.vault.owner_of(&key).unwrap();
    let record = tenant.key(&key).await.unwrap();
    let caller = super::Caller::Workload(Box::new(caller("diagnosis", 3).token));
    let key = (Some(tenant.institution()), "model/brain-mri");
    let asked = Asked::new(caller, Action::Release, key, Which::Current, NOW);
    let revoked = Revoked::default();
    let policy = world.broker.governance.policy_for(tenant.institution());
    let facts = Facts { policy, record: record.as_ref(), revoked: &revoked, cases: &[] };
    decide(asked, &facts)
}

async fn wrapped(world: &World, recorded: RecordedRelease) -> Result<ReleasedKey, WrapError> {
    let key = name("model/brain-mri");
    let tenant = world.broker.vault.owner_of(&key).unwrap();
    let record = tenant.key(&key).await.unwrap();
    wrap(recorded, record.as_ref(), NOW, &mut Entropy)
}

async fn granted(world: &World) -> RecordedRelease {
    let decided = decided(world).await;
    let Recorded::Release(recorded) = record(decided, world.cell().ledger()).await.unwrap() else {
        panic!("refused");
    };
    assert!(recorded.line() < world.cell().ledger().size());
    assert_eq!(world.lines().last().unwrap()["event"], "release");
    recorded
}

#[tokio::test]
async fn a_version_that_went_between_the_steps_is_not_wrapped() {
    let (world, _folder) = world().await;
    import(&world, "model/brain-mri", 7).await;
    let recorded = granted(&world).await;
    import(&world, "model/brain-mri", 8).await;
    import(&world, "model/brain-mri", 9).await;
    assert_eq!(wrapped(&world, recorded).await, Err(WrapError::Gone));
}

#[tokio::test]
async fn a_version_that_was_revoked_between_the_steps_is_not_wrapped() {
    let (world, _folder) = world().await;
    for state in [State::Disabled, State::Revoked, State::Destroyed] {
        import(&world, "model/brain-mri", state as u8).await;
        let recorded = granted(&world).await;
        let (key, by) = (name("model/brain-mri"), Label::of_claim("acme-keys"));
        let change = Change { now: NOW, action: "changed", by: &by };
        let tenant = world.broker.vault.owner_of(&key).unwrap();
        tenant.set_state(&key, recorded.version(), state, &change).await.unwrap();
        assert_eq!(wrapped(&world, recorded).await, Err(WrapError::Gone), "{state:?}");
    }
}

#[tokio::test]
async fn deciding_alone_leaves_no_trace() {
    let (world, _folder) = world().await;
    import(&world, "model/brain-mri", 7).await;
    let before = world.lines().len();
    assert!(matches!(decided(&world).await, Decided::Granted(_)));
    assert_eq!(world.lines().len(), before);
}
