//! Kills the broker in the middle of key releases and the diagnosis enclave in the middle of
//! answers, with -9, at every kind of system call between two steps and at random moments;
//! then starts them again and reads the ledger. No key may have left and no answer may have
//! gone out without its line, and nothing accepted may be lost. Run by `cargo xtask test killed`.
//!
//!     killed FOLDER      (empty; real processes on loopback; needs strace)

mod parties;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use autoclave::deploy::party::Party;
use autoclave::deploy::ports::Ports;
use autoclave::deploy::{Deployment, Options};
use autoclave_base::ids::{ImagingStudyId, WorkloadName};
use autoclave_client::{Client, Credentials, Image, Patient, Session, clock, idempotency_key};
use parties::{Kill, Parties};

/// What the steps of a release and of an answer are made of: the journal's write, its fsync,
/// the checkpoint's rename, the answer's way into the socket. Each is struck at its first,
/// second and third occurrence in any thread.
const CALLS: [&str; 4] = [
    "write,pwrite64,writev",
    "fsync,fdatasync",
    "rename,renameat,renameat2",
    "sendto,sendmsg,writev",
];
const OCCURRENCES: u32 = 3;
/// Moments after the request was made (milliseconds), besides.
const MOMENTS_MS: [u64; 6] = [0, 3, 11, 40, 120, 300];
/// How long a key may take to arrive.
const KEY_WAIT: Duration = Duration::from_secs(8);
const KEY: &str = "model/brain-mri";
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

type Any<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Any<()> {
    let folder = std::env::args().nth(1).ok_or("usage: killed FOLDER")?;
    let workspace = Path::new(WORKSPACE).canonicalize()?;
    let options = Options {
        dir: folder.into(),
        binaries: workspace.join("target/debug"),
        model: workspace.join("models/brain-mri/brain-mri.onnx"),
        ports: Ports::free()?,
    };
    let running = Deployment::prepare(&options)?.start().await?;
    let account = running.accounts().first().ok_or("no account")?.clone();
    let client = running.client().clone();
    let session = sign_in(&client, &account).await?;
    running.stop().await?;
    let mut parties = Parties::start(&options).await?;
    let released = releases(&mut parties, &client).await?;
    let answered = answers(&mut parties, &session, &workspace).await?;
    say(&format!("{released}\n{answered}"));
    Ok(())
}

async fn sign_in(
    client: &Arc<Client>,
    account: &autoclave::deploy::accounts::Account,
) -> Any<Session> {
    let totp = account.code(clock::now())?;
    let credentials = Credentials { user: &account.user, password: &account.password, totp: &totp };
    Ok(client.sign_in(WorkloadName::parse("clinic")?, &credentials).await?)
}

fn kills() -> impl Iterator<Item = Kill> {
    let calls = CALLS
        .into_iter()
        .flat_map(|call| (1..=OCCURRENCES).map(move |nth| Kill::AtCall(call, nth)));
    calls.chain(MOMENTS_MS.into_iter().map(|ms| Kill::After(Duration::from_millis(ms))))
}

/// The diagnosis enclave asks for its model's key whenever it starts, and can load the model
/// if and only if the key arrived.
async fn releases(parties: &mut Parties, client: &Client) -> Any<String> {
    let (mut rounds, mut died, mut left) = (0, 0, 0);
    for kill in kills() {
        parties.kill(Party::Diagnosis).await?;
        let before = parties.lines(Party::Broker, "release", KEY)?;
        let trap = parties.trap(Party::Broker, kill).await?;
        parties.spawn(Party::Diagnosis)?;
        let arrived = parties.key_arrives(client, KEY_WAIT).await;
        died += u32::from(parties.is_dead(Party::Broker));
        drop(trap);
        parties.kill(Party::Broker).await?;
        parties.restart(Party::Broker).await?;
        let after = parties.lines(Party::Broker, "release", KEY)?;
        if arrived && after <= before {
            return Err(format!("{kill:?}: a key left without its line").into());
        }
        rounds += 1;
        left += u32::from(arrived);
    }
    parties.kill(Party::Diagnosis).await?;
    parties.restart(Party::Diagnosis).await?;
    Ok(format!(
        "releases: {rounds} rounds, broker died in {died}, key arrived in {left}, each with its line"
    ))
}

async fn answers(parties: &mut Parties, session: &Session, workspace: &Path) -> Any<String> {
    let bytes = std::fs::read(workspace.join("models/brain-mri/phantoms/phantom-1.png"))?;
    let image = Image::of(bytes).ok_or("no image")?;
    let patient = Patient { family: "Killed".into(), given: Vec::new(), birth_date: None };
    let (mut rounds, mut died, mut left) = (0, 0, 0);
    for kill in kills() {
        let admission = session.intake(&patient, &image, &idempotency_key()).await.map_err(told)?;
        let trap = parties.trap(Party::Diagnosis, kill).await?;
        let answer = session.diagnosis(admission.imaging_study).await;
        died += u32::from(parties.is_dead(Party::Diagnosis));
        drop(trap);
        parties.kill(Party::Diagnosis).await?;
        parties.restart(Party::Diagnosis).await?;
        if let Ok(answer) = &answer {
            let response = answer.checked.receipt().receipt().response.to_string();
            if parties.lines(Party::Diagnosis, "result", &response)? == 0 {
                return Err(format!("{kill:?}: an answer left without its line").into());
            }
            left += 1;
        }
        accepted_is_kept(session, admission.imaging_study).await?;
        rounds += 1;
    }
    Ok(format!(
        "answers: {rounds} rounds, diagnosis died in {died}, answer arrived in {left}, each with its line"
    ))
}

/// What was admitted is diagnosed after all, and twice asked is once answered.
async fn accepted_is_kept(session: &Session, study: ImagingStudyId) -> Any<()> {
    let first = session.diagnosis(study).await.map_err(told)?;
    let second = session.diagnosis(study).await.map_err(told)?;
    if first.bundle.receipt == second.bundle.receipt {
        Ok(())
    } else {
        Err("two reports of one study".into())
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[expect(clippy::print_stdout, reason = "the figures are for people")]
fn say(line: &str) {
    println!("{line}");
}
