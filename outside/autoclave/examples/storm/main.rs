//! A storm: the five processes of a deployment are killed with -9 at random moments while
//! clients admit and diagnose, and are started again at once. Afterwards nothing that was
//! answered is lost, nothing is doubled, and every ledger holds its line for it. Run by
//! `cargo xtask test storm` and, for longer, by `cargo xtask storm`.
//!
//!     storm FOLDER [--diagnoses N] [--kills N] [--seed N] [--seconds N]
//!
//! The seed decides who is struck and when; with `--seconds`, rounds follow each other under
//! seeds that count up, until the time is over.

mod afterwards;
#[path = "../common/mod.rs"]
mod common;
mod kills;
mod work;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::scene::Scene;
use common::{Any, say};
use tokio::sync::watch;

/// Diagnoses of a round; the work list, which the check reads, is as long.
const DIAGNOSES_MAX: usize = 200;

/// What is to be done.
struct Plan {
    folder: PathBuf,
    diagnoses: usize,
    kills: usize,
    seed: u64,
    seconds: Option<u64>,
}

#[tokio::main]
async fn main() -> Any<()> {
    let plan = Plan::parse(std::env::args().skip(1))?;
    let (begun, mut seed) = (Instant::now(), plan.seed);
    loop {
        let folder = plan.folder.join(format!("seed-{seed}"));
        round(&folder, &plan, seed).await.map_err(|error| {
            format!("seed {seed}: {error}; logs and data are kept in {}", folder.display())
        })?;
        std::fs::remove_dir_all(&folder)?;
        seed += 1;
        let limit = plan.seconds.map(Duration::from_secs);
        if limit.is_none_or(|limit| begun.elapsed() >= limit) {
            return Ok(());
        }
    }
}

/// One deployment, one storm, one look at what is left.
async fn round(folder: &Path, plan: &Plan, seed: u64) -> Any<()> {
    let begun = Instant::now();
    let mut scene = Scene::start(folder).await?;
    let (tell, progress) = watch::channel(0);
    let storm = kills::Storm { diagnoses: plan.diagnoses, kills: plan.kills, seed };
    let Scene { parties, client, session, .. } = &mut scene;
    let (work, watched, struck) = tokio::join!(
        work::all(session, plan.diagnoses, seed, tell),
        work::watch_ledgers(client, progress.clone()),
        storm.rage(parties, progress),
    );
    let (work, watched, struck) = (work?, watched?, struck?);
    let found = afterwards::check(&mut scene, &work, &watched).await?;
    say(format!(
        "seed {seed}: {} diagnoses in {} s; {struck}; {}; {found}",
        work.done.len(),
        begun.elapsed().as_secs(),
        work.told(),
    ));
    Ok(())
}

impl Plan {
    fn parse(mut words: impl Iterator<Item = String>) -> Any<Self> {
        let folder = words.next().ok_or("usage: storm FOLDER [--diagnoses N] [--kills N] …")?;
        let folder = PathBuf::from(folder);
        let mut plan = Self { folder, diagnoses: 40, kills: 10, seed: 1, seconds: None };
        while let Some(name) = words.next() {
            let number: u64 = words.next().ok_or("a number is missing")?.parse()?;
            match name.as_str() {
                "--diagnoses" => plan.diagnoses = usize::try_from(number)?.min(DIAGNOSES_MAX),
                "--kills" => plan.kills = usize::try_from(number)?,
                "--seed" => plan.seed = number,
                "--seconds" => plan.seconds = Some(number),
                other => return Err(format!("unknown: {other}").into()),
            }
        }
        Ok(plan)
    }
}
