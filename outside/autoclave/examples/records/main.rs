//! Imports a made-up hospital into a deployment of real processes while the clinic is killed
//! again and again, and looks at what is there: each bundle whole or not at all, nothing
//! twice, found by every kind of search, nothing readable in any file; then erases somebody.
//! Run by `cargo xtask test records`.
//!
//!     records FOLDER      (empty; real processes on loopback)

#[path = "../common/mod.rs"]
mod common;

mod hospital;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use autoclave::cli::Connection;
use autoclave::commands::fhir::Link;
use autoclave::deploy::Deployment;
use autoclave::deploy::party::Party;
use common::scene::{self, Scene};
use common::{Any, say, told};
use http::Method;
use serde_json::Value;
use tokio::time::sleep;

/// How often the clinic is killed while the import runs.
const KILLS: u32 = 6;
/// Between two of them: long enough for some bundles, too short for all.
const BETWEEN: Duration = Duration::from_millis(150);
const PAUSE: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() -> Any<()> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: records FOLDER")?);
    let options = scene::options(&folder.join("site"))?;
    let bundles = folder.join("bundles");
    hospital::write(&bundles)?;
    drop(Deployment::prepare(&options)?);
    let mut scene = Scene::start_prepared(&options, async |_, _| Ok(())).await?;
    let binary = options.binaries.join("autoclave");
    let client = scene.layout.client();
    let mut importing = import(&binary, &client, &bundles, &folder)?;
    let struck = strike(&mut scene.parties, &mut importing).await?;
    finished(importing)?;
    say(format_args!("imported while the clinic was killed {struck} times"));
    let connection = Connection { client: client.clone(), address: None, trust: None };
    let link = Link::open(&connection).await.map_err(told)?;
    whole(&link).await?;
    found(&link).await?;
    fs::remove_file(folder.join("journal.json"))?;
    finished(import(&binary, &client, &bundles, &folder)?)?;
    whole(&link).await?;
    say("imported again: nothing is there twice");
    erased(&link).await?;
    scene.parties.stop().await?;
    let files = nowhere(&folder.join("site"))?;
    say(format_args!("no planted name or code in {files} files"));
    Ok(())
}

/// The command as its user types it.
fn import(binary: &Path, client: &Path, bundles: &Path, folder: &Path) -> Any<Child> {
    let mut command = Command::new(binary);
    command.args(["records", "import", "--json", "--client"]).arg(client);
    command.arg("--journal").arg(folder.join("journal.json"));
    command.arg("--report").arg(folder.join("report.ndjson"));
    Ok(command.arg(bundles).stdout(Stdio::piped()).spawn()?)
}

fn finished(importing: Child) -> Any<()> {
    let output = importing.wait_with_output()?;
    let summary: Value = serde_json::from_slice(&output.stdout)?;
    if output.status.success() && summary["refused"] == 0 {
        return Ok(());
    }
    Err(format!("the import ended with {summary}").into())
}

/// Kills the clinic and starts it again while the import runs; how often.
async fn strike(parties: &mut common::parties::Parties, importing: &mut Child) -> Any<u32> {
    for struck in 0..KILLS {
        sleep(BETWEEN).await;
        if importing.try_wait()?.is_some() {
            return if struck == 0 { Err("the import was too quick".into()) } else { Ok(struck) };
        }
        parties.strike(Party::Clinic);
        while !parties.is_dead(Party::Clinic) {
            sleep(PAUSE).await;
        }
        parties.restart(Party::Clinic).await?;
    }
    Ok(KILLS)
}

/// Every patient has exactly the resources of their bundle, and there is nobody else.
async fn whole(link: &Link) -> Any<()> {
    let patients = count(link, "Patient").await?;
    if patients != hospital::PATIENTS {
        return Err(format!("{patients} patients instead of {}", hospital::PATIENTS).into());
    }
    for at in 0..hospital::PATIENTS {
        let path = format!("Observation?patient={}", hospital::id(at));
        let observations = count(link, &path).await?;
        if observations != hospital::OBSERVATIONS {
            return Err(format!("patient {at} has {observations} observations").into());
        }
    }
    let versions = read(link, &format!("Patient/{}/_history", hospital::id(0))).await?;
    let versions = versions["entry"].as_array().map_or(0, Vec::len);
    // What was sent again is the same again, in as many versions as it was sent.
    if versions == 0 { Err("a patient without history".into()) } else { Ok(()) }
}

/// Each kind of search finds what it must.
async fn found(link: &Link) -> Any<()> {
    let name = hospital::family(3);
    let (id, begin) = (hospital::id(3), &name[..6]);
    let all = hospital::PATIENTS * hospital::OBSERVATIONS;
    let questions = [
        (format!("Patient?family={name}"), 1),
        (format!("Patient?name={begin}&_id={id}"), 1),
        (format!("Patient?identifier={}|3", hospital::SYSTEM), 1),
        (format!("Observation?code={}|{}", hospital::LOINC, hospital::CODE), all),
        (format!("Observation?patient.family={name}"), hospital::OBSERVATIONS),
        (format!("Observation?patient={id}&date=ge2020&date=lt2020-02"), 31),
        (format!("Observation?patient={id}&value-quantity=gt10"), hospital::OBSERVATIONS - 11),
        (format!("Patient?_has:Observation:patient:code={}", hospital::CODE), hospital::PATIENTS),
        ("Patient?birthdate=lt1900".to_owned(), 0),
    ];
    for (question, expected) in questions {
        let counted = count(link, &question).await?;
        if counted != expected {
            return Err(format!("{question}: {counted} instead of {expected}").into());
        }
    }
    let (status, _) = ask(link, Method::GET, "Patient?no-such-parameter=1").await?;
    if status == 400 { Ok(()) } else { Err("an unknown parameter was taken".into()) }
}

/// One patient is erased: they are gone with everything, and everybody else is there.
async fn erased(link: &Link) -> Any<()> {
    let id = hospital::id(5);
    let (status, _) = ask(link, Method::POST, &format!("Patient/{id}/$erase?confirm={id}")).await?;
    if status != 200 {
        return Err(format!("erasing was answered with {status}").into());
    }
    let (status, _) = ask(link, Method::GET, &format!("Patient/{id}")).await?;
    let left = count(link, &format!("Observation?patient={id}")).await?;
    let others = count(link, "Patient").await?;
    if (status == 404 || status == 410) && left == 0 && others == hospital::PATIENTS - 1 {
        say("erased: gone with everything; everybody else is there");
        return Ok(());
    }
    Err(format!("after erasing: {status}, {left} left, {others} others").into())
}

async fn ask(link: &Link, method: Method, path: &str) -> Any<(u16, Vec<u8>)> {
    Ok(link.send(method, path, None).await.map_err(told)?)
}

async fn read(link: &Link, path: &str) -> Any<Value> {
    let (status, body) = ask(link, Method::GET, path).await?;
    if status == 200 {
        Ok(serde_json::from_slice(&body)?)
    } else {
        Err(format!("{path}: {status}").into())
    }
}

async fn count(link: &Link, question: &str) -> Any<usize> {
    let joint = if question.contains('?') { '&' } else { '?' };
    let bundle = read(link, &format!("{question}{joint}_summary=count")).await?;
    Ok(usize::try_from(bundle["total"].as_u64().ok_or("no total")?)?)
}

/// How many files there are; an error where one has a planted name or code in the clear.
fn nowhere(folder: &Path) -> Any<usize> {
    let mut files = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files += nowhere(&path)?;
            continue;
        }
        files += 1;
        let bytes = fs::read(&path)?;
        for marker in [hospital::MARKER, hospital::SYSTEM, hospital::CODE] {
            if bytes.windows(marker.len()).any(|it| it.eq_ignore_ascii_case(marker.as_bytes())) {
                return Err(format!("{} has {marker} in the clear", path.display()).into());
            }
        }
    }
    Ok(files)
}
