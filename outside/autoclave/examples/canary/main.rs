//! The canary: unique markers are planted as name, note, identifier, image metadata, file
//! name, password, session and keys; everything is run, failures included; then logs,
//! metrics, error answers, every file, the captured wire and the edge's memory are searched
//! for them in every form: they are found nowhere. One more marker is planted in each of
//! these places on purpose, and must be found. Run by `cargo xtask test canary`.
//!
//!     canary FOLDER      (empty; real processes on loopback; needs tcpdump and root)

#[path = "../common/mod.rs"]
mod common;
mod forms;
mod plant;
mod sinks;

use std::path::{Path, PathBuf};

use autoclave::deploy::Deployment;
use autoclave::deploy::party::Party;
use autoclave_client::http::Http;
use common::scene::{self, Scene};
use common::{Any, say};
use forms::{Marker, Needles};
use plant::{Planted, Run};
use sinks::{Capture, Findings};

const LOGS: &str = "logs";
const FILES: &str = "files";
const WIRE: &str = "wire";
const MEMORY: &str = "memory of the edge";
const METRICS: &str = "metrics";
const ERRORS: &str = "error answers";
/// All kinds of places that are searched.
const KINDS: [&str; 6] = [LOGS, FILES, WIRE, MEMORY, METRICS, ERRORS];
/// The marker that is planted on purpose.
pub(crate) const CONTROL: &str = "control";
/// Files that hold a marker because their owner keeps them there, outside every enclave and
/// every sink: the model's key with the model's owner.
const OWNERS_FILES: [&str; 1] = ["provider/brain-mri.key"];

#[tokio::main]
async fn main() -> Any<()> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: canary FOLDER")?);
    let options = scene::options(&folder.join("deployment"))?;
    drop(Deployment::prepare(&options)?);
    let planted = Planted::draw(&options.dir)?;
    let proved = forms::prove_search(&planted.markers())?;
    let needles = Needles::new(&planted.markers());
    blind_without_control(&needles)?;
    let base = options.ports.base();
    let capture = Capture::start(&folder.join("wire.pcap"), (base, base + 14))?;
    let prepare = async |client: &_, keys: &_| plant::records_key(client, keys, &planted).await;
    let scene = Scene::start_prepared(&options, prepare).await?;
    let mut findings = Findings::default();
    let mut run = Run::begin(scene, planted, &needles).await?;
    let errors = run.everything(&mut findings).await?;
    let metrics = metrics(&run.scene, &run.planted.control()).await?;
    run.look_at_memory(&mut findings, "in the end")?;
    run.scene.parties.stop().await?;
    plant_in_files(&run)?;
    findings.note(ERRORS, "all", errors.len(), needles.find(errors.as_bytes()));
    findings.note(METRICS, "all", metrics.len(), needles.find(metrics.as_bytes()));
    search_files(&options.dir, &needles, &mut findings)?;
    for (ports, sent) in capture.end()? {
        findings.note(WIRE, &ports, sent.len(), needles.find(&sent));
    }
    verdict(&findings)?;
    say(format!(
        "{} markers in {proved} forms are nowhere, the control is everywhere; searched: {}",
        run.planted.markers().len() - 1,
        findings.told()
    ));
    Ok(())
}

/// Nothing but the control is found, and it is found in every kind of place.
fn verdict(findings: &Findings) -> Any<()> {
    let (leaks, blind) = (findings.leaks(CONTROL), findings.blind(&KINDS, CONTROL));
    if !leaks.is_empty() {
        return Err(format!("markers got out:\n  {}", leaks.join("\n  ")).into());
    }
    if !blind.is_empty() {
        return Err(format!("the control is not seen in: {}", blind.join(", ")).into());
    }
    Ok(())
}

/// The verdict itself fails where the control was not planted, and where a marker was.
fn blind_without_control(needles: &Needles) -> Any<()> {
    let mut findings = Findings::default();
    for kind in KINDS {
        findings.note(kind, "empty", 0, needles.find(b"nothing to be found here"));
    }
    if verdict(&findings).is_ok() {
        return Err("the verdict does not need the control".into());
    }
    for kind in KINDS {
        findings.note(kind, "control", 0, [(CONTROL, "raw")].into());
    }
    verdict(&findings)?;
    findings.note(LOGS, "leak", 0, [("name", "raw")].into());
    if verdict(&findings).is_ok() { Err("the verdict passes a leak".into()) } else { Ok(()) }
}

/// The control in a log and in a file, each in another form.
fn plant_in_files(run: &Run<'_>) -> Any<()> {
    let layout = &run.scene.layout;
    let text = String::from_utf8(run.planted.control().bytes)?;
    let line = format!("{{\"code\":\"toy.line\",\"of\":\"{text}\"}}\n");
    std::fs::write(layout.root().join("logs/toy.log"), line)?;
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(layout.data(Party::Clinic).join("toy"), [&[0; 99], wide.as_slice()].concat())?;
    Ok(())
}

fn search_files(root: &Path, needles: &Needles, findings: &mut Findings) -> Any<()> {
    for path in sinks::files(root)? {
        let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
        let bytes = std::fs::read(&path)?;
        let mut found = needles.find(&bytes);
        found.extend(needles.find(name.as_bytes()));
        if OWNERS_FILES.contains(&name.as_str()) {
            continue;
        }
        let kind = if name.starts_with("logs/") { LOGS } else { FILES };
        findings.note(kind, &name, bytes.len(), found);
    }
    Ok(())
}

/// The counters of all enclaves, as their operator reads them, and the control behind them.
async fn metrics(scene: &Scene, control: &Marker) -> Any<String> {
    let mut all = String::new();
    for party in Party::ENCLAVES {
        let http = Http::new(&format!("http://{}", scene.ports.sealed(party)))?;
        let answer = http.get("/metrics").await?;
        all.push_str(std::str::from_utf8(&answer.body)?);
    }
    if !all.contains("autoclave_requests_total{") {
        return Err("no counters".into());
    }
    let percent = forms::hex("%", &control.bytes).to_uppercase();
    Ok(format!("{all}# {percent}\n"))
}
