//! The promise of the ledger held against the operating system: a process appends lines
//! and tells their indices, is killed without warning, and every index that it told is in
//! the ledger at the next start.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use autoclave_base::ids::WorkloadName;
use autoclave_cell::Machine;
use autoclave_cell::clock::{Clock, Entropy};
use autoclave_cell::ledger::{Ledger, Options};
use autoclave_ledger::audit::{Expected, audit};
use autoclave_ledger::{Event, LedgerProof, LogSigner};
use ed25519_dalek::SigningKey;
use rand::Rng as _;

/// Tells the child where to write; only this test sets it.
const FOLDER_VARIABLE: &str = "AUTOCLAVE_TEST_LEDGER_FOLDER";

/// How often a process is killed, each time after another number of lines.
const ROUNDS: u64 = 8;

/// Callers at once in the child.
const APPENDERS: u64 = 32;

fn open(folder: &Path) -> Ledger {
    let signer = LogSigner::new("test.example/kill", SigningKey::from_bytes(&[8; 32])).unwrap();
    let folder = folder.to_owned();
    let machine = Machine::system();
    Ledger::open(Options { folder, signer, clock: Clock::system(), known: None, machine }).unwrap()
}

/// Not a test: what the killed process does. Appends until it is killed, and tells each
/// line with its proof once it has it.
#[test]
#[ignore = "the other test starts it"]
#[expect(clippy::disallowed_methods, reason = "tells the child where to write")]
fn child() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let ledger = open(Path::new(&folder));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for appender in 0..APPENDERS {
        let ledger = ledger.clone();
        runtime.spawn(async move {
            let workload = WorkloadName::parse(&format!("appender/{appender}")).unwrap();
            loop {
                let line = ledger.append(Event::Genesis { workload: workload.clone() }).await;
                let proof = serde_json::to_string(&line.unwrap().proof).unwrap();
                let mut out = std::io::stdout().lock();
                // The parent reads no more once it has killed.
                if writeln!(out, "\n{proof}").and_then(|()| out.flush()).is_err() {
                    return;
                }
            }
        });
    }
    runtime.block_on(std::future::pending::<()>());
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(FOLDER_VARIABLE, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs a child until it has told `lines` lines, kills it, and reads what it had told.
fn run_and_kill(folder: &Path, lines: u64) -> Vec<LedgerProof> {
    let mut child = start(folder);
    let mut told = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The test harness writes lines of its own, and the kill may cut the last one.
        if let Ok(proof) = serde_json::from_str(&line.unwrap()) {
            told.push(proof);
        }
        if told.len() as u64 == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    told
}

#[test]
fn every_line_that_a_killed_process_told_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut told: Vec<LedgerProof> = Vec::new();
    for round in 1..=ROUNDS {
        let lines = 1 + u64::from(Entropy.next_u32()) % (50 * round);
        let new = run_and_kill(folder.path(), lines);
        assert!(new.len() as u64 >= lines);
        told.extend(new);
        let ledger = open(folder.path());
        for proof in &told {
            assert_eq!(ledger.line(proof.index).unwrap().proof.entry, proof.entry);
        }
        let key = ledger.key().clone();
        drop(ledger);
        let files = |path: &str| Ok(std::fs::read(folder.path().join(path)).ok());
        let report = audit(&files, &key, &Expected { earlier: &[], proofs: &told }, |_, _| {});
        assert_eq!(report.unwrap().proven.len(), told.len());
    }
}
