//! Parties as processes: started with a log each, waited for, ended gracefully.
//! They belong to the deployment, which ends them when it ends.
//! A party that dies is reported, and never restarted silently.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use autoclave_client::http::Http;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::layout::Layout;
use super::party::Party;
use super::ports::Ports;
use super::redis;
use super::tee::Tee;
use super::tpm::{self, Machine};
use crate::failure::{Failure, Outcome};
use crate::terminal::Step;

/// Longest wait until a party is ready: a large model on a slow machine.
const READY_SECONDS_MAX: u64 = 120;
/// Pause between two questions whether it is.
const READY_PAUSE_MS: u64 = 50;
/// Longest graceful end of a party; then it is killed.
const STOP_SECONDS_MAX: u64 = 30;
/// Lines of a log that are shown when a party dies.
const TAIL_LINES: usize = 12;
/// Bytes of a log's end that are looked at.
const TAIL_BYTES: usize = 16 * 1024;

/// A party that runs, and its machine where that is a process too. A machine ends after its
/// party.
pub(super) struct Process {
    party: Party,
    child: Child,
    _machine: Option<Machine>,
}

impl Process {
    /// Starts a party's binary inside the deployment's folder: with its machine, where it
    /// has one, so that a restart of the party is a restart of its machine.
    pub(super) fn start(
        tee: Tee,
        party: Party,
        binaries: &Path,
        layout: &Layout,
        ports: &Ports,
    ) -> Outcome<Self> {
        let measured = tee == Tee::Tpm && party.is_enclave();
        let machine = if measured { Some(Machine::start(layout, party)?) } else { None };
        let (binary, words) =
            if measured { tpm::launch(binaries, party) } else { plain(binaries, party, ports) };
        let mut command = Command::new(&binary);
        command.current_dir(layout.root()).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(log(layout, party)?).kill_on_drop(true);
        // A Ctrl-C at the terminal is ours to pass on, in the right order.
        command.process_group(0);
        command.args(words);
        if party == Party::Redis {
            command.stdout(log(layout, party)?);
        }
        let child = command.spawn().map_err(|error| {
            Failure::file(&binary, &error).advise("Build it: cargo build --workspace --bins")
        })?;
        Ok(Self { party, child, _machine: machine })
    }

    /// Which party it is.
    pub(super) fn party(&self) -> Party {
        self.party
    }

    /// Its process number, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until the party says that it is ready.
    pub(super) async fn ready(&mut self, ports: &Ports, layout: &Layout, step: &Step) -> Outcome {
        let http =
            Http::new(&format!("http://{}", ports.sealed(self.party))).map_err(http_error)?;
        let (path, address) = (ready_path(self.party), ports.sealed(self.party));
        let asking = async {
            loop {
                if self.party == Party::Redis {
                    if redis::answers(address).await {
                        return;
                    }
                    sleep(Duration::from_millis(READY_PAUSE_MS)).await;
                    continue;
                }
                match http.get(path).await {
                    Ok(answer) if answer.status.is_success() => return,
                    Ok(answer) => step.waits_for(&reason(&answer.body)),
                    Err(_) => step.waits_for("not listening yet"),
                }
                sleep(Duration::from_millis(READY_PAUSE_MS)).await;
            }
        };
        tokio::select! {
            waited = timeout(Duration::from_secs(READY_SECONDS_MAX), asking) => {
                waited.map_err(|_| unready(self.party, layout))
            }
            status = self.child.wait() => Err(died(self.party, status.ok(), layout)),
        }
    }

    /// Waits until the process ends by itself, and says how.
    pub(super) async fn ended(&mut self) -> (Party, Option<ExitStatus>) {
        (self.party, self.child.wait().await.ok())
    }

    /// Asks the party to end, waits, and kills it if it does not. Says whether it ended
    /// gracefully.
    pub(super) async fn stop(mut self) -> bool {
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let Some(pid) = pid else { return true };
        let asked = kill_process(pid, Signal::TERM).is_ok();
        let limit = Duration::from_secs(STOP_SECONDS_MAX);
        let ended = timeout(limit, self.child.wait()).await;
        let graceful = matches!(&ended, Ok(Ok(status)) if status.success());
        if ended.is_err() {
            let _ = self.child.kill().await;
        }
        asked && graceful
    }
}

/// A party's own command line, on software evidence.
fn plain(binaries: &Path, party: Party, ports: &Ports) -> (PathBuf, Vec<String>) {
    if party == Party::Redis {
        return (party.binary(binaries), redis::words(ports));
    }
    let mut words = vec![format!("{party}/config.toml")];
    if party.is_enclave() {
        words.extend(["--platform".to_owned(), "software:platform/platform.key".to_owned()]);
    }
    (party.binary(binaries), words)
}

/// Where a party says whether it is ready; Redis says nothing over HTTP.
pub(super) fn ready_path(party: Party) -> &'static str {
    match party {
        Party::Redis => "",
        Party::Edge => "/healthz",
        _ => "/readyz",
    }
}

fn http_error(error: autoclave_client::http::HttpError) -> Failure {
    Failure::new(error.code(), error)
}

/// What an unready party says, in a few words.
fn reason(body: &[u8]) -> String {
    const CHARS_MAX: usize = 60;
    let problem = autoclave_base::Problem::parse(body);
    let text: String =
        problem.map_or_else(|| String::from_utf8_lossy(body).into(), |one| one.code.into());
    text.trim().chars().filter(|char| !char.is_control()).take(CHARS_MAX).collect()
}

fn log(layout: &Layout, party: Party) -> Outcome<File> {
    let path = layout.log(party);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.map_err(|error| Failure::file(&path, &error))
}

fn unready(party: Party, layout: &Layout) -> Failure {
    let message = format!("{party} is not ready after {READY_SECONDS_MAX} s");
    Failure::new("deploy.not_ready", message).advise(tail(layout, party))
}

/// The failure that a party's death is.
pub(super) fn died(party: Party, status: Option<ExitStatus>, layout: &Layout) -> Failure {
    let status = status.map_or_else(|| "unknown status".to_owned(), |status| status.to_string());
    Failure::new("deploy.party_ended", format!("{party} ended ({status})"))
        .advise(tail(layout, party))
}

/// The end of a party's log.
pub(super) fn tail(layout: &Layout, party: Party) -> String {
    let path = layout.log(party);
    let bytes = std::fs::read(&path).unwrap_or_default();
    let end = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
    let text = String::from_utf8_lossy(end);
    let lines: Vec<_> = text.lines().collect();
    if lines.is_empty() {
        return format!("Its log is empty: {}", path.display());
    }
    let last = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n  ");
    format!("The end of {}:\n  {last}", path.display())
}
