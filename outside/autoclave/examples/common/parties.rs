//! The five processes of a deployment, started, trapped, killed and started again by hand:
//! the deployment itself would take a death for a failure, which it is.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use autoclave::deploy::layout::Layout;
use autoclave::deploy::party::Party;
use autoclave::deploy::{Options, model_state};
use autoclave_client::Client;
use autoclave_client::http::Http;
use tokio::time::sleep;

use super::Any;

const PAUSE: Duration = Duration::from_millis(30);
/// Longest wait for a party that starts undisturbed.
const START_WAIT: Duration = Duration::from_mins(1);
/// What is still on its way when a process has died.
const LAST_BYTES_WAIT: Duration = Duration::from_millis(400);

/// When to strike.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kill {
    /// At the nth of these system calls in any thread, before it takes place.
    AtCall(&'static str, u32),
    /// After so long.
    After(Duration),
}

/// A process that waits to strike another one; ends when dropped.
pub(crate) struct Trap(Child);

impl Drop for Trap {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// All parties.
pub(crate) struct Parties {
    layout: Layout,
    binaries: PathBuf,
    ports: autoclave::deploy::ports::Ports,
    running: BTreeMap<Party, Child>,
}

impl Parties {
    /// None of them runs yet; the deployment was prepared.
    pub(crate) fn new(layout: Layout, options: &Options) -> Self {
        let binaries = options.binaries.clone();
        Self { layout, binaries, ports: options.ports, running: BTreeMap::new() }
    }

    /// Starts one and does not wait.
    pub(crate) fn spawn(&mut self, party: Party) -> Any<()> {
        let log = OpenOptions::new().create(true).append(true).open(self.layout.log(party))?;
        let mut command = Command::new(party.binary(&self.binaries));
        command
            .current_dir(self.layout.root())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        command.arg(format!("{party}/config.toml"));
        if party.is_enclave() {
            command.args(["--platform", "software:platform/platform.key"]);
        }
        self.running.insert(party, command.spawn()?);
        Ok(())
    }

    /// Starts one and waits until it is ready.
    pub(crate) async fn restart(&mut self, party: Party) -> Any<()> {
        self.spawn(party)?;
        self.ready(party).await
    }

    /// Waits until one is ready.
    pub(crate) async fn ready(&mut self, party: Party) -> Any<()> {
        let began = Instant::now();
        while !self.is_ready(party).await {
            if began.elapsed() > START_WAIT || self.is_dead(party) {
                return Err(format!("{party} does not start").into());
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Starts those again that have ended by themselves, as a supervisor would: one that
    /// starts while another is down may give up. Says which.
    pub(crate) fn tend(&mut self) -> Any<Vec<Party>> {
        let mut ended = Vec::new();
        for party in Party::STARTS {
            if self.is_dead(party) {
                self.spawn(party)?;
                ended.push(party);
            }
        }
        Ok(ended)
    }

    /// Asks all to end, the front door first; fails where one does not end gracefully.
    pub(crate) async fn stop(&mut self) -> Any<()> {
        for party in Party::STOPS {
            let Some(mut child) = self.running.remove(&party) else { continue };
            let id = i32::try_from(child.id())?;
            let id = rustix::process::Pid::from_raw(id).ok_or("no process")?;
            rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
            let status = tokio::task::spawn_blocking(move || child.wait()).await??;
            if !status.success() {
                return Err(format!("{party} did not end gracefully: {status}").into());
            }
        }
        Ok(())
    }

    /// The number of a process that runs.
    pub(crate) fn id(&self, party: Party) -> Any<u32> {
        Ok(self.running.get(&party).ok_or("not running")?.id())
    }

    /// Kills one with -9 and does not wait.
    pub(crate) fn strike(&mut self, party: Party) {
        if let Some(child) = self.running.get_mut(&party) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Kills one with -9, if it still lives.
    pub(crate) async fn kill(&mut self, party: Party) -> Any<()> {
        if let Some(mut child) = self.running.remove(&party) {
            let _ = child.kill();
            tokio::task::spawn_blocking(move || child.wait()).await??;
        }
        Ok(())
    }

    /// Whether it is not running.
    pub(crate) fn is_dead(&mut self, party: Party) -> bool {
        self.running.get_mut(&party).is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// Lays a trap for one.
    pub(crate) async fn trap(&self, party: Party, kill: Kill) -> Any<Trap> {
        let id = self.id(party)?.to_string();
        match kill {
            Kill::AtCall(calls, nth) => {
                let trace = format!("trace={calls}");
                let inject = format!("inject={calls}:signal=KILL:when={nth}");
                let arguments = ["-f", "-o", "/dev/null", "-e", &trace, "-e", &inject, "-p", &id];
                let mut child =
                    Command::new("strace").args(arguments).stderr(Stdio::piped()).spawn()?;
                let told = child.stderr.take().ok_or("no stderr")?;
                let attached = move || BufReader::new(told).lines().next().transpose();
                tokio::task::spawn_blocking(attached).await??.ok_or("strace could not attach")?;
                Ok(Trap(child))
            }
            Kill::After(time) => {
                let script = format!("sleep {}; kill -9 {id}", time.as_secs_f64());
                Ok(Trap(Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).spawn()?))
            }
        }
    }

    /// Whether diagnosis loads its model before the broker dies, or with what the broker
    /// sent last. It can do so only with the key.
    pub(crate) async fn key_arrives(&mut self, client: &Client, limit: Duration) -> bool {
        let began = Instant::now();
        while began.elapsed() < limit && !self.is_dead(Party::Broker) {
            if has_model(client).await {
                return true;
            }
            sleep(PAUSE).await;
        }
        sleep(LAST_BYTES_WAIT).await;
        has_model(client).await
    }

    /// Whether it says that it is ready.
    pub(crate) async fn is_ready(&self, party: Party) -> bool {
        let path = if party.is_enclave() { "/readyz" } else { "/healthz" };
        let Ok(http) = Http::new(&format!("http://{}", self.ports.sealed(party))) else {
            return false;
        };
        http.get(path).await.is_ok_and(|answer| answer.status.is_success())
    }

    /// Lines of a ledger that hold both texts, from its files, which must pass their check.
    pub(crate) fn lines(&self, party: Party, event: &str, text: &str) -> Any<usize> {
        let output = Command::new(self.binaries.join("autoclave"))
            .args(["ledger", "verify", "--lines"])
            .arg(self.layout.data(party).join("ledger"))
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        let event = format!("\"event\":\"{event}\"");
        let all = String::from_utf8(output.stdout)?;
        Ok(all.lines().filter(|line| line.contains(&event) && line.contains(text)).count())
    }
}

async fn has_model(client: &Client) -> bool {
    matches!(model_state::trouble(client).await, Ok(None))
}

impl Drop for Parties {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
