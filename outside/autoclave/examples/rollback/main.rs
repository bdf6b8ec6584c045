//! Puts older copies of what enclaves keep back, as the administrator of their machines can,
//! and starts them: the state alone, the ledger alone, the clinic's records alone, the whole
//! folder. Each start must be refused under its code, and the newest copy must start. Two
//! witnesses run beside, as processes of others. Run by `cargo xtask test rollback`.
//!
//!     rollback FOLDER      (empty; real processes on loopback)

#[path = "../common/mod.rs"]
mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use autoclave::deploy::Deployment;
use autoclave::deploy::layout::Layout;
use autoclave::deploy::party::Party;
use autoclave_client::idempotency_key;
use common::scene::{self, Scene};
use common::{Any, say, told};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Longest until a refused enclave has ended: it asks its witnesses for 20 seconds.
const END_WAIT: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(50);
/// Enclaves whose folders are put back.
const ENCLAVES: [Party; 4] = [Party::Broker, Party::Clinic, Party::Diagnosis, Party::Attestor];

/// All of a folder.
const WHOLE: &str = "everything";
/// The clinic's two databases, each with what belongs to it.
const RECORDS: [[&str; 3]; 2] =
    [["records.db", "records.db-wal", "records.db-shm"], ["fhir.db", "fhir.db-wal", "fhir.db-shm"]];

/// A witness that runs; ends when dropped.
struct Witness {
    child: Child,
    key: String,
    url: String,
}

impl Witness {
    fn start(binary: &Path, folder: &Path, name: &str, listen: &str) -> Any<Self> {
        let mut child = Command::new(binary)
            .args(["witness", "--open", "--name", name, "--listen", listen, "--dir"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let mut word = |before: &str| -> Any<String> {
            let line = lines.next().ok_or("the witness ended")??;
            Ok(line.strip_prefix(before).ok_or("the witness says something else")?.to_owned())
        };
        let (key, url) = (word("witness ")?, word("listens at ")?);
        Ok(Self { child, key, url })
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::main]
async fn main() -> Any<()> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: rollback FOLDER")?);
    let options = scene::options(&folder.join("site"))?;
    let binary = options.binaries.join("autoclave");
    let start = |name: &str, listen: &str| {
        Witness::start(&binary, &folder.join(name), &format!("{name}.example/w"), listen)
    };
    let witnesses = [start("one", "127.0.0.1:0")?, start("two", "127.0.0.1:0")?];
    let layout = Layout::new(&options.dir)?;
    fs::create_dir_all(layout.root())?;
    let known = witnesses.iter().map(|it| json!({ "url": it.url, "key": it.key }));
    fs::write(layout.witnesses(), json!(known.collect::<Vec<_>>()).to_string())?;
    drop(Deployment::prepare(&options)?);
    let mut scene = Scene::start_prepared(&options, async |_, _| Ok(())).await?;
    admit(&scene).await?;
    scene.parties.stop().await?;
    let (old, new) = (folder.join("old"), folder.join("new"));
    keep(&layout, &old)?;
    go_on(&mut scene).await?;
    admit(&scene).await?;
    scene.parties.stop().await?;
    keep(&layout, &new)?;
    let tried = put_parts_back(&mut scene, &old, &new).await?;
    say(format_args!("{tried} older copies, each refused under its code"));
    records(&mut scene, &old, &new).await?;
    scene.parties.stop().await?;
    drop(witnesses);
    refused(&mut scene, Party::Broker, "ledger.unwitnessed").await?;
    say("without its witnesses the newest copy is refused as well (ledger.unwitnessed)");
    doctor(&binary, &layout)
}

async fn admit(scene: &Scene) -> Any<()> {
    let image = scene::image(scene::picture()?)?;
    let patient = scene::patient("Rollback");
    scene.session.intake(&patient, &image, &idempotency_key()).await.map_err(told)?;
    Ok(())
}

async fn go_on(scene: &mut Scene) -> Any<()> {
    for party in Party::STARTS {
        scene.parties.restart(party).await?;
    }
    Ok(())
}

/// Each part of each enclave's folder alone, and then the whole. All of it is noticed before
/// anybody else is asked, so that no other party runs.
async fn put_parts_back(scene: &mut Scene, old: &Path, new: &Path) -> Any<u32> {
    let parts = [
        ("state.sealed", "state.rolled_back"),
        ("ledger", "ledger.rolled_back"),
        (WHOLE, "ledger.rolled_back"),
    ];
    let mut tried = 0;
    for party in ENCLAVES {
        for (part, code) in parts {
            put_back(scene, party, old, part)?;
            refused(scene, party, code).await?;
            say(format_args!("{party}: {part} from before: {code}"));
            put_back(scene, party, new, WHOLE)?;
            tried += 1;
        }
    }
    Ok(tried)
}

/// The clinic's records alone, which open only under the broker's key; and after that the
/// newest copy of everything starts.
async fn records(scene: &mut Scene, old: &Path, new: &Path) -> Any<()> {
    for party in [Party::Attestor, Party::Broker, Party::Edge, Party::Diagnosis] {
        scene.parties.restart(party).await?;
    }
    for database in RECORDS {
        let put = |scene: &Scene, from: &Path| -> Any<()> {
            database.iter().try_for_each(|part| put_back(scene, Party::Clinic, from, part))
        };
        put(scene, old)?;
        refused(scene, Party::Clinic, "state.rolled_back").await?;
        say(format_args!("clinic: {} from before: state.rolled_back", database[0]));
        put(scene, new)?;
    }
    scene.parties.restart(Party::Clinic).await?;
    say("the newest copies start");
    Ok(())
}

/// Starts a party, which must end by itself under this code.
async fn refused(scene: &mut Scene, party: Party, code: &str) -> Any<()> {
    let log = scene.layout.log(party);
    let before = fs::metadata(&log).map_or(0, |meta| meta.len());
    scene.parties.spawn(party)?;
    let waiting = async {
        while !scene.parties.is_dead(party) {
            sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(END_WAIT, waiting).await.map_err(|_| format!("{party} started"))?;
    scene.parties.kill(party).await?;
    let text = fs::read_to_string(&log)?;
    let new = text.get(usize::try_from(before)?..).unwrap_or_default();
    let failed = new.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let reason = failed.rev().find(|line| line["code"] == "cell.failed");
    let reason = reason.and_then(|line| line["reason"].as_str().map(str::to_owned));
    if reason.as_deref() == Some(code) {
        return Ok(());
    }
    Err(format!("{party} should be refused with {code}, and says {reason:?}").into())
}

/// `doctor` names the refused party and says what to do.
fn doctor(binary: &Path, layout: &Layout) -> Any<()> {
    let output =
        Command::new(binary).args(["doctor", "--json", "--dir"]).arg(layout.root()).output()?;
    let text = String::from_utf8(output.stdout)?;
    if text.contains("ledger.unwitnessed") && text.contains("witnesses confirmed") {
        say("doctor says what to do");
        return Ok(());
    }
    Err(format!("doctor does not name the refused start: {text}").into())
}

fn keep(layout: &Layout, to: &Path) -> Any<()> {
    for party in ENCLAVES {
        copy(&layout.data(party), &to.join(party.name()))?;
    }
    Ok(())
}

/// Puts a part of a kept folder back in place of what is there.
fn put_back(scene: &Scene, party: Party, from: &Path, part: &str) -> Any<()> {
    let (from, to) = (from.join(party.name()), scene.layout.data(party));
    let (from, to) = if part == WHOLE { (from, to) } else { (from.join(part), to.join(part)) };
    if to.is_dir() {
        fs::remove_dir_all(&to)?;
    } else if to.exists() {
        fs::remove_file(&to)?;
    }
    if from.is_dir() {
        copy(&from, &to)?;
    } else if from.exists() {
        fs::copy(&from, &to)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Any<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
