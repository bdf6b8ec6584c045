//! Kills each enclave in the middle of what it answers for, with -9, at every kind of system
//! call between two steps and at random moments: the broker within key releases, by its own
//! way and by Azure Key Vault's, the attestor within tokens, the diagnosis enclave within results, the clinic within
//! admissions and diagnoses. Then starts it again and reads the ledger. Nothing may have
//! left without its line, and nothing accepted may be lost. Run by `cargo xtask test killed`.
//!
//!     killed FOLDER      (empty; real processes on loopback; needs strace)

mod clinic;
#[path = "../common/mod.rs"]
mod common;
mod vault;

use std::path::PathBuf;
use std::time::Duration;

use autoclave::deploy::Deployment;
use autoclave::deploy::configs::MODEL_KEY;
use autoclave::deploy::layout::Layout;
use autoclave::deploy::party::Party;
use autoclave_base::ids::ImagingStudyId;
use autoclave_client::{Image, Patient, Session, idempotency_key};
use common::parties::Kill;
use common::scene::{self, Scene};
use common::{Any, say, told};

/// What the steps of an answer are made of: the journal's write, its fsync, the checkpoint's
/// rename, the answer's way into the socket. Each is struck in any thread.
const CALLS: [&str; 4] = [
    "write,pwrite64,writev",
    "fsync,fdatasync",
    "rename,renameat,renameat2",
    "sendto,sendmsg,writev",
];
/// At which of its occurrences a call is struck.
const OCCURRENCES: [u32; 3] = [1, 2, 3];
/// Moments after the request was made (milliseconds), besides.
const MOMENTS_MS: [u64; 6] = [0, 3, 11, 40, 120, 300];
/// Requests that one trap may wait for: its occurrences are counted for each thread, so that
/// some requests may pass before it strikes.
pub(crate) const REQUESTS_MAX: usize = 6;
/// How long a key may take to arrive.
const KEY_WAIT: Duration = Duration::from_secs(8);

#[tokio::main]
async fn main() -> Any<()> {
    let folder = std::env::args().nth(1).ok_or("usage: killed FOLDER")?;
    let options = scene::options(&PathBuf::from(folder))?;
    drop(Deployment::prepare(&options)?);
    vault::describe(&Layout::new(&options.dir)?)?;
    // Once more: the authority stands in the broker's measured configuration.
    drop(Deployment::prepare(&options)?);
    let mut scene = Scene::start_prepared(&options, async |_, _| Ok(())).await?;
    say(releases(&mut scene).await?);
    say(vault::releases(&mut scene).await?);
    say(tokens(&mut scene).await?);
    say(answers(&mut scene).await?);
    say(clinic::admissions(&mut scene).await?);
    Ok(())
}

/// All ways to die, with a call's further occurrences where an answer takes many of it.
fn kills(occurrences: &[u32]) -> Vec<Kill> {
    let calls = CALLS.into_iter();
    let calls = calls.flat_map(|call| occurrences.iter().map(move |nth| Kill::AtCall(call, *nth)));
    calls.chain(MOMENTS_MS.into_iter().map(|ms| Kill::After(Duration::from_millis(ms)))).collect()
}

/// The diagnosis enclave asks for its model's key whenever it starts, and can load the model
/// if and only if the key arrived.
async fn releases(scene: &mut Scene) -> Any<String> {
    let (mut died, mut left) = (0, 0);
    let kills = kills(&OCCURRENCES);
    let parties = &mut scene.parties;
    for kill in &kills {
        parties.kill(Party::Diagnosis).await?;
        let before = parties.lines(Party::Broker, "release", MODEL_KEY)?;
        let trap = parties.trap(Party::Broker, *kill).await?;
        parties.spawn(Party::Diagnosis)?;
        let arrived = parties.key_arrives(&scene.client, KEY_WAIT).await;
        died += u32::from(parties.is_dead(Party::Broker));
        drop(trap);
        parties.kill(Party::Broker).await?;
        parties.restart(Party::Broker).await?;
        let after = parties.lines(Party::Broker, "release", MODEL_KEY)?;
        if arrived && after <= before {
            return Err(format!("{kill:?}: a key left without its line").into());
        }
        left += u32::from(arrived);
    }
    parties.kill(Party::Diagnosis).await?;
    parties.restart(Party::Diagnosis).await?;
    Ok(figures("releases", "broker", kills.len(), died, left))
}

/// A client verifies an enclave, for which the attestor signs a token.
async fn tokens(scene: &mut Scene) -> Any<String> {
    let (mut died, mut left) = (0, 0);
    let (kills, workload) = (kills(&OCCURRENCES), scene::workload(Party::Clinic)?);
    for kill in &kills {
        let mut tokens = Vec::new();
        let trap = scene.parties.trap(Party::Attestor, *kill).await?;
        for _ in 0..REQUESTS_MAX {
            let verified = scene.client.verify(&workload).await;
            tokens.extend(verified.ok().map(|peer| peer.token().digest().to_string()));
            if scene.parties.is_dead(Party::Attestor) {
                died += 1;
                break;
            }
        }
        drop(trap);
        scene.parties.kill(Party::Attestor).await?;
        scene.parties.restart(Party::Attestor).await?;
        for token in tokens {
            if scene.parties.lines(Party::Attestor, "verdict", &token)? != 1 {
                return Err(format!("{kill:?}: a token left without its line").into());
            }
            left += 1;
        }
    }
    Ok(figures("tokens", "attestor", kills.len(), died, left))
}

async fn answers(scene: &mut Scene) -> Any<String> {
    let image = scene::image(scene::picture()?)?;
    let (mut died, mut left) = (0, 0);
    let (kills, session) = (kills(&OCCURRENCES), scene.session.clone());
    let parties = &mut scene.parties;
    for kill in &kills {
        let mut studies = Vec::new();
        for _ in 0..REQUESTS_MAX {
            studies.push(admit(&session, &image).await?);
        }
        let (mut answers, mut asked) = (Vec::new(), 0);
        let trap = parties.trap(Party::Diagnosis, *kill).await?;
        for study in &studies {
            asked += 1;
            answers.extend(session.diagnosis(*study).await.ok());
            if parties.is_dead(Party::Diagnosis) {
                died += 1;
                break;
            }
        }
        drop(trap);
        parties.kill(Party::Diagnosis).await?;
        parties.restart(Party::Diagnosis).await?;
        for answer in &answers {
            // The picture is always the same, the token is this life's and the line its own.
            let receipt = answer.checked.receipt().receipt();
            let token = receipt.token.to_string();
            if parties.lines(Party::Diagnosis, "result", &token)? < answers.len() {
                return Err(format!("{kill:?}: an answer left without its line").into());
            }
            left += 1;
        }
        for study in studies.iter().take(asked) {
            accepted_is_kept(&session, *study).await?;
        }
    }
    Ok(figures("answers", "diagnosis", kills.len(), died, left))
}

async fn admit(session: &Session, image: &Image) -> Any<ImagingStudyId> {
    let patient = Patient { family: "Killed".into(), given: Vec::new(), birth_date: None };
    let admission = session.intake(&patient, image, &idempotency_key()).await.map_err(told)?;
    Ok(admission.imaging_study)
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

fn figures(what: &str, who: &str, rounds: usize, died: u32, left: u32) -> String {
    format!("{what}: {rounds} rounds, {who} died in {died}, {left} left, each with its line")
}
