//! Witnesses over HTTP, with logs that grow, go back and fork.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

use std::sync::Arc;
use std::time::Duration;

use autoclave_base::{Digest, UnixTime};
use autoclave_client::clock::now;
use autoclave_client::http::Http;
use autoclave_ledger::cosign::{self, with_lines};
use autoclave_ledger::witness::AddCheckpoint;
use autoclave_ledger::{Hash, LogKey, LogSigner, Tree, WitnessKey, WitnessSigner};
use autoclave_witness::exchange::{self, Sources, Told};
use autoclave_witness::server::{self, Service};
use autoclave_witness::{Met, Store, Witness, name_digest};
use ed25519_dalek::SigningKey;
use http::Method;
use tempfile::TempDir;

/// A log whose name follows from its key.
fn log(seed: u8) -> LogSigner {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let digest = Digest::of(key.verifying_key().as_bytes()).hex();
    LogSigner::new(&format!("autoclave.health/toy/{}", &digest[..16]), key).unwrap()
}

/// A tree whose first lines are everybody's and whose lines after the third are this branch's.
fn tree(size: u64, branch: &str) -> Tree {
    let mut tree = Tree::new();
    for line in 0..size {
        let text = if line < 3 { format!("{line}") } else { format!("{branch} {line}") };
        tree.push(Hash::of_leaf(text.as_bytes()));
    }
    tree
}

fn note(size: u64, branch: &str) -> String {
    log(1).sign(size, &tree(size, branch).root())
}

fn asked(old: u64, size: u64, branch: &str) -> AddCheckpoint {
    let proof = tree(size, branch).consistency(old, size).unwrap();
    AddCheckpoint { old, proof, checkpoint: note(size, branch) }
}

fn witness(folder: &TempDir, name: &str) -> Witness {
    let (store, key) = Store::open(&folder.path().join(name)).unwrap();
    Witness::new(WitnessSigner::new(name, key).unwrap(), true, store)
}

fn knowing(folder: &TempDir, name: &str) -> Witness {
    let witness = witness(folder, name);
    witness.learn(log(1).public()).unwrap();
    witness
}

/// A witness over HTTP.
async fn serve(folder: &TempDir, name: &str) -> (Arc<Service>, Http) {
    let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let witness = witness(folder, name);
    let service = Arc::new(Service { witness, sources: Sources::default() });
    tokio::spawn(server::serve(service.clone(), listener, std::future::pending()));
    (service, Http::new(&address).unwrap())
}

async fn post(http: &Http, path: &str, body: impl Into<String>) -> (u16, String) {
    let answer = http.plain(Method::POST, path, "text/plain", body.into()).await.unwrap();
    (answer.status.as_u16(), String::from_utf8(answer.body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_statuses_are_those_of_the_specification() {
    let folder = tempfile::tempdir().unwrap();
    let (_service, http) = serve(&folder, "w.example/1").await;
    let add = |asked: AddCheckpoint| {
        let http = http.clone();
        async move { post(&http, "/add-checkpoint", asked.to_text()).await }
    };
    assert_eq!(post(&http, "/add-checkpoint", "old x\n\n").await.0, 400);
    assert_eq!(add(asked(0, 3, "a")).await.0, 404);
    assert_eq!(post(&http, "/add-log", log(1).public().to_string()).await.0, 200);
    let (status, line) = add(asked(0, 3, "a")).await;
    assert_eq!(status, 200, "{line}");
    let key: WitnessKey =
        std::str::from_utf8(&http.get("/key").await.unwrap().body).unwrap().trim().parse().unwrap();
    let cosigned = with_lines(&note(3, "a"), &line).unwrap();
    let (_, found) =
        cosign::open(&cosigned, log(1).public(), std::slice::from_ref(&key), 1).unwrap();
    assert!(found[0].time <= now());
    assert_eq!(add(asked(0, 5, "a")).await, (409, "3\n".to_owned()));
    assert_eq!(add(AddCheckpoint { proof: vec![], ..asked(3, 5, "a") }).await.0, 422);
    assert_eq!(add(AddCheckpoint { old: 9, ..asked(3, 5, "a") }).await.0, 400);
    let stranger = LogSigner::new(log(1).public().name(), SigningKey::from_bytes(&[9; 32]));
    let forged = stranger.unwrap().sign(5, &tree(5, "a").root());
    assert_eq!(add(AddCheckpoint { checkpoint: forged, ..asked(3, 5, "a") }).await.0, 403);
    assert_eq!(add(asked(3, 5, "a")).await.0, 200);
    let path = format!("/{}/checkpoint", name_digest(log(1).public().name()));
    let latest = http.get(&path).await.unwrap();
    let latest = String::from_utf8(latest.body.to_vec()).unwrap();
    let (checkpoint, _) = cosign::open(&latest, log(1).public(), &[key], 1).unwrap();
    assert_eq!(checkpoint.size(), 5);
    let huge = "x".repeat(1024 * 1024);
    assert_eq!(post(&http, "/add-checkpoint", huge).await.0, 413);
}

#[test]
fn a_witness_that_forgot_everything_does_not_start_and_one_that_did_not_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = knowing(&folder, "w");
    first.add(&asked(0, 4, "a"), now()).unwrap();
    let key = first.key().clone();
    drop(first);
    let again = witness(&folder, "w");
    assert_eq!(*again.key(), key);
    assert_eq!(again.add(&asked(0, 5, "a"), now()).unwrap_err().code(), "witness.conflict");
    again.add(&asked(4, 5, "a"), now()).unwrap();
    let code = |folder: &TempDir| Store::open(&folder.path().join("w")).err().unwrap().code();
    assert_eq!(code(&folder), "witness.in_use");
    drop(again);
    let logs = folder.path().join("w/logs");
    let file = std::fs::read_dir(&logs).unwrap().next().unwrap().unwrap().path();
    let kept = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, kept.replacen("autoclave.health/toy\\n", "x", 1).replace('5', "6"))
        .unwrap();
    assert_eq!(code(&folder), "witness.state_damaged");
    std::fs::remove_dir_all(&logs).unwrap();
    assert_eq!(code(&folder), "witness.state_missing");
}

#[test]
fn a_name_belongs_to_the_key_that_it_follows_from() {
    let folder = tempfile::tempdir().unwrap();
    let witness = knowing(&folder, "w");
    let other = SigningKey::from_bytes(&[7; 32]).verifying_key();
    for name in [log(1).public().name(), "autoclave.health/toy/0000000000000000", "example.com/x"] {
        let key = LogKey::new(name, other).unwrap();
        assert_eq!(witness.learn(&key).unwrap_err().code(), "witness.key", "{name}");
    }
}

#[test]
fn a_log_that_forks_at_one_size_is_caught_and_cosigned_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let witness = knowing(&folder, "w");
    witness.add(&asked(0, 4, "a"), now()).unwrap();
    let fork = AddCheckpoint { old: 4, proof: vec![], checkpoint: note(4, "b") };
    assert_eq!(witness.add(&fork, now()).unwrap_err().code(), "witness.forked");
    assert_eq!(witness.add(&asked(4, 5, "a"), now()).unwrap_err().code(), "witness.caught");
    let evidence = witness.logs()[0].evidence.clone().unwrap();
    assert_eq!((evidence.ours, evidence.theirs), (note(4, "a"), note(4, "b")));
}

#[test]
fn sizes_that_differ_are_compared_by_history_or_proof() {
    let folder = tempfile::tempdir().unwrap();
    let at = UnixTime::from_seconds(1);
    let meet = |name: &str, theirs: (u64, &str), proven: Option<&str>| {
        let witness = knowing(&folder, name);
        witness.add(&asked(0, 4, "a"), at).unwrap();
        witness.add(&asked(4, 6, "a"), at).unwrap();
        let prove = |old, new| tree(9, proven?).consistency(old, new);
        witness.meet(log(1).public(), &note(theirs.0, theirs.1), at, prove).unwrap()
    };
    assert_eq!(meet("1", (4, "a"), None), Met::Agree);
    assert_eq!(meet("2", (4, "b"), None), Met::Forked);
    assert_eq!(meet("3", (8, "a"), None), Met::Open);
    assert_eq!(meet("4", (8, "a"), Some("a")), Met::Agree);
    assert_eq!(meet("5", (8, "b"), Some("a")), Met::Forked);
    assert_eq!(meet("6", (8, "b"), Some("b")), Met::Forked);
    assert_eq!(meet("7", (5, "b"), Some("a")), Met::Forked);
    assert_eq!(meet("8", (3, "b"), Some("a")), Met::Agree);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_witnesses_catch_a_fork_when_they_next_meet() {
    let folder = tempfile::tempdir().unwrap();
    let (one, _) = serve(&folder, "w.example/1").await;
    let (two, http_of_two) = serve(&folder, "w.example/2").await;
    for (service, branch) in [(&one, "a"), (&two, "b")] {
        service.witness.learn(log(1).public()).unwrap();
        service.witness.add(&asked(0, 5, branch), now()).unwrap();
    }
    let meeting = exchange::keep(one.clone(), vec![http_of_two.clone()], Duration::from_millis(20));
    let meeting = tokio::spawn(meeting);
    let caught = |service: &Service| service.witness.logs()[0].evidence.clone();
    while caught(&one).is_none() || caught(&two).is_none() {
        tokio::task::yield_now().await;
    }
    meeting.abort();
    let evidence = caught(&one).unwrap();
    assert_eq!((evidence.ours, evidence.theirs), (note(5, "a"), note(5, "b")));
    assert_eq!(evidence.why, "one_size");
    let told = Told { log: "nonsense".into(), checkpoint: None };
    let body = serde_json::to_string(&told).unwrap();
    assert_eq!(post(&http_of_two, "/exchange", body).await.0, 403);
    let shown = http_of_two.get("/evidence").await.unwrap();
    assert!(String::from_utf8_lossy(&shown.body).contains("one_size"));
}
