//! The deployment, a clerk at work in it, and the process of its cache.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use autoclave::commands::receipt::SavedReceipt;
use autoclave::deploy::party::{CacheKind, Party};
use autoclave::deploy::ports::Ports;
use autoclave::deploy::running::RunningState;
use autoclave::deploy::{Deployment, Options, Running, redis};
use autoclave::files;
use autoclave_base::ids::{ImagingStudyId, WorkloadName};
use autoclave_client::http::Http;
use autoclave_client::{Credentials, Diagnosis, Image, Patient, Session, clock, idempotency_key};
use futures::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::{Any, need};

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Between two looks at what takes its time.
pub(crate) const PAUSE: Duration = Duration::from_millis(250);
/// Looks.
pub(crate) const TRIES: u32 = 240;
/// Diagnoses under way while the cache is killed.
const BURST: usize = 4;
/// How long a server that has said all that it says is listened to.
const SILENCE: Duration = Duration::from_millis(500);

/// A deployment at work.
pub(crate) struct Site {
    kind: CacheKind,
    ports: Ports,
    binaries: PathBuf,
    running: Running,
    session: Session,
    image: Vec<u8>,
    markers: Vec<String>,
    cache: Option<u32>,
    restarted: Option<Child>,
}

impl Site {
    /// Starts it in an empty folder, and signs a clerk in.
    pub(crate) async fn start(folder: &str, kind: CacheKind) -> Any<Self> {
        let workspace = Path::new(WORKSPACE).canonicalize()?;
        let (binaries, ports) = (workspace.join("target/debug"), Ports::free()?);
        let model = workspace.join("enclave/diagnosis/tests/fixtures/threshold.onnx");
        let dir = PathBuf::from(folder);
        let options = Options { dir, binaries: binaries.clone(), model, ports, cache: kind };
        let running = Deployment::prepare(&options)?.start().await?;
        let session = sign_in(&running).await?;
        let saved = serde_json::to_value(session.saved().exposed())?;
        let token = saved["session"].as_str().ok_or("no session")?.to_owned();
        let in_image = format!("image-{}", idempotency_key());
        let image = std::fs::read(workspace.join("models/brain-mri/phantoms/phantom-1.png"))?;
        let image = commented(&image, &in_image)?;
        let markers = vec![format!("name-{}", idempotency_key()), in_image, token];
        let state: RunningState = files::read_json(&running.layout().running())?;
        let cache = kind.party().ok_or("no cache")?;
        let cache = state.parties.iter().find(|party| party.name == cache.name());
        let cache = cache.map(|party| party.pid);
        let restarted = None;
        Ok(Self { kind, ports, binaries, running, session, image, markers, cache, restarted })
    }

    /// The patient's name, a comment in the image, and the session.
    pub(crate) fn markers(&self) -> &[String] {
        &self.markers
    }

    /// Admits a patient and asks for the diagnosis; its receipt is checked.
    pub(crate) async fn diagnose(&self) -> Any<Diagnosis> {
        let family = self.markers[0].clone();
        let patient = Patient { family, given: Vec::new(), birth_date: None };
        let image = Image::of(self.image.clone()).ok_or("no image")?;
        let admission = self.session.intake(&patient, &image, &idempotency_key()).await;
        let study = admission.map_err(told)?.imaging_study;
        Ok(self.session.diagnosis(study).await.map_err(told)?)
    }

    /// The same diagnosis, asked for again.
    pub(crate) async fn ask_again(&self, filed: &Diagnosis) -> Any<Diagnosis> {
        Ok(self.session.diagnosis(study(filed)?).await.map_err(told)?)
    }

    /// How often the clinic found something in its cache.
    pub(crate) async fn hits(&self) -> Any<u64> {
        let http = Http::new(&format!("http://{}", self.ports.sealed(Party::Clinic)))?;
        let text = String::from_utf8(http.get("/metrics").await?.body.to_vec())?;
        let line = r#"autoclave_events_total{event="cache",label="hit"} "#;
        let count = text.lines().find_map(|one| one.strip_prefix(line));
        Ok(count.map_or(Ok(0), str::parse)?)
    }

    /// The cache's process.
    pub(crate) fn cache_process(&self) -> Any<u32> {
        Ok(self.cache.ok_or("the cache does not run")?)
    }

    /// Kills the cache while diagnoses are under way; all of them arrive. One of them.
    pub(crate) async fn killed_in_the_middle_of_work(&mut self) -> Any<Diagnosis> {
        let id = i32::try_from(self.cache_process()?)?;
        let pid = Pid::from_raw(id).ok_or("no process")?;
        let work = join_all((0..BURST).map(|_| self.diagnose()));
        let kill = async {
            // Work is under way: the sessions and images of it are being kept.
            sleep(PAUSE).await;
            kill_process(pid, Signal::KILL)
        };
        let (done, killed) = tokio::join!(work, kill);
        killed?;
        let mut done = done.into_iter().collect::<Any<Vec<_>>>()?;
        self.cache = None;
        let later = self.diagnose().await?;
        self.ask_again(&later).await?;
        done.pop().ok_or_else(|| "nothing was done".into())
    }

    /// Another server at the same address, empty.
    pub(crate) async fn start_redis_again(&mut self) -> Any<()> {
        let mut command = Command::new(Party::Redis.binary(&self.binaries));
        command.args(redis::words(&self.ports)).current_dir(self.running.layout().root());
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let child = command.spawn()?;
        self.cache = child.id();
        self.restarted = Some(child);
        for _ in 0..TRIES {
            if redis::answers(self.ports.sealed(Party::Redis)).await {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
        Err("Redis does not start again".into())
    }

    /// What Redis answers to commands.
    pub(crate) async fn redis(&self, commands: &str) -> Any<String> {
        let mut stream = TcpStream::connect(self.ports.sealed(Party::Redis)).await?;
        stream.write_all(commands.as_bytes()).await?;
        let mut answer = Vec::new();
        let _said_all = timeout(SILENCE, stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        need(!answer.is_empty() && !answer.starts_with('-'), "Redis does what it is told")?;
        Ok(answer)
    }

    /// Where Redis puts a snapshot when it is told to.
    pub(crate) fn snapshot(&self) -> PathBuf {
        self.running.layout().data(Party::Redis).join("dump.rdb")
    }

    /// `autoclave receipt verify FILE`
    pub(crate) fn receipt_as_the_command_line_shows_it(&self, of: &Diagnosis) -> Any<String> {
        let root = self.running.layout().root();
        let (file, trust) = (root.join("receipt.json"), root.join("client/trust.json"));
        let (bundle, result) = (of.bundle.clone(), of.answer["result"].clone());
        SavedReceipt { bundle, result }.write(&file)?;
        let output = std::process::Command::new(self.binaries.join("autoclave"))
            .args(["receipt", "verify"])
            .arg(&file)
            .arg("--trust")
            .arg(&trust)
            .output()?;
        need(output.status.success(), "the receipt verifies")?;
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Ends all; the cache that was killed has not ended gracefully.
    pub(crate) async fn stop(self) -> Any<()> {
        let killed = self.kind.party().map_or("", Party::name).to_owned();
        match self.running.stop().await {
            Err(failure) if failure.to_string().contains(&killed) => Ok(()),
            Err(failure) => Err(failure.into()),
            Ok(()) => Ok(()),
        }
    }
}

async fn sign_in(running: &Running) -> Any<Session> {
    let account = running.accounts().first().ok_or("no account")?;
    let totp = account.code(clock::now())?;
    let credentials = Credentials { user: &account.user, password: &account.password, totp: &totp };
    Ok(running.client().sign_in(WorkloadName::parse("clinic")?, &credentials).await?)
}

fn study(filed: &Diagnosis) -> Any<ImagingStudyId> {
    let report = &filed.answer["report"];
    let reference = report["imagingStudy"][0]["reference"].as_str();
    let reference = reference.or_else(|| report["study"][0]["reference"].as_str());
    let id = reference.and_then(|text| text.strip_prefix("ImagingStudy/"));
    Ok(id.ok_or("the report names no study")?.parse()?)
}

/// The image with a comment (`tEXt`) before its end.
fn commented(png: &[u8], comment: &str) -> Any<Vec<u8>> {
    let end = png.len().checked_sub(12).ok_or("no image")?;
    let chunk = [b"tEXtComment\0", comment.as_bytes()].concat();
    let length = u32::try_from(chunk.len() - 4)?.to_be_bytes();
    Ok([&png[..end], &length, &chunk, &crc(&chunk).to_be_bytes(), &png[end..]].concat())
}

/// CRC-32 of PNG, annex D.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
