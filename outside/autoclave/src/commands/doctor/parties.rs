//! Whether a demo runs, and which of its parties is unwell.
//! It belongs to the doctor.
//! It asks the questions that a load balancer asks, and reads no party's data.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use autoclave_base::Problem;
use autoclave_client::http::Http;
use autoclave_client::{Client, Options, trust};

use super::{Finding, State};
use crate::Failure;
use crate::cli::Kind;
use crate::commands::policy;
use crate::deploy::configs::MODEL;
use crate::deploy::keys::{self, SITE_ADMINISTRATOR};
use crate::deploy::model_state::trouble;
use crate::deploy::redis;
use crate::deploy::running::{RunningParty, RunningState};
use crate::deploy::seed::failure;
use crate::files;

/// Looks at the demo under `dir`.
pub(super) async fn look(dir: &Path) -> Vec<Finding> {
    let path = dir.join("running.json");
    if !path.exists() {
        let detail = format!("none runs under {}", dir.display());
        return vec![Finding::new("demo", State::Absent, detail)];
    }
    let Ok(state) = files::read_json::<RunningState>(&path) else {
        let finding = Finding::new("demo", State::Bad, format!("{} is malformed", path.display()));
        return vec![finding.advise("Remove it if no demo runs.")];
    };
    if !state.is_alive() {
        let detail = format!("the demo of process {} ended without cleaning up", state.pid);
        return vec![Finding::new("demo", State::Bad, detail).advise(after_death(&state))];
    }
    let mut findings =
        vec![Finding::new("demo", State::Good, format!("runs at {}", state.address))];
    for party in &state.parties {
        findings.push(ask(party, dir).await);
    }
    findings.push(model(&state.address, dir).await);
    findings.extend(policies(&state.address, dir).await);
    findings
}

/// Whether the model is loaded, asked as a client: through the edge, verified and sealed.
async fn model(address: &str, dir: &Path) -> Finding {
    let name = format!("model {MODEL}");
    let asked = async { trouble(&*connected(address, dir).await?).await };
    let finding = match asked.await {
        Ok(None) => return Finding::new(name, State::Good, "loaded, asked through the edge"),
        Ok(Some(told)) => Finding::new(name, State::Bad, format!("{} [{}]", told.error, told.code)),
        Err(failure) => Finding::new(name, State::Bad, failure.to_string()),
    };
    let log = dir.join("logs/diagnosis.log");
    finding.advise(format!("The reason stands in {}", log.display()))
}

/// Which policy is in force since when, and what waits: asked as the administrator whose key
/// lies in the client's folder, where one does.
async fn policies(address: &str, dir: &Path) -> Vec<Finding> {
    let Ok(key) = keys::read(&dir.join(format!("client/people/{SITE_ADMINISTRATOR}.key"))) else {
        return Vec::new();
    };
    let connected = connected(address, dir).await;
    let mut findings = Vec::new();
    for (kind, name) in [(Kind::Release, "policy release"), (Kind::Appraise, "policy appraise")] {
        let glance = match &connected {
            Ok(client) => policy::glance(client, kind, key.clone()).await,
            Err(failure) => Err(failure.clone()),
        };
        findings.push(match glance {
            Ok(glance) => Finding::new(name, State::Good, glance),
            Err(failure) => Finding::new(name, State::Bad, failure.to_string()),
        });
    }
    findings
}

async fn connected(address: &str, dir: &Path) -> Result<Arc<Client>, Failure> {
    let trust = trust::read(&dir.join("client/trust.json"));
    let trust = trust.map_err(|error| Failure::new(error.code(), error))?;
    let options = Options { address: address.to_owned(), trust };
    Client::connect(options).await.map(Arc::new).map_err(failure)
}

/// What to do after a demo was killed: its parties may have survived it.
fn after_death(state: &RunningState) -> String {
    let left: Vec<_> = state.alive().map(|party| party.pid.to_string()).collect();
    if left.is_empty() {
        return "Start it again: autoclave demo".to_owned();
    }
    format!("Its parties still run; end them first: kill {}", left.join(" "))
}

async fn ask(party: &RunningParty, dir: &Path) -> Finding {
    let name = party.name.as_str();
    if let Some(address) = redis_address(party) {
        return if redis::answers(address).await {
            Finding::new(name, State::Good, party.address.clone())
        } else {
            Finding::new(name, State::Bad, format!("{}: no answer", party.address))
        };
    }
    let (state, detail) = match Http::new(&party.address) {
        Err(error) => (State::Bad, error.to_string()),
        Ok(http) => match http.get(&party.ready_path).await {
            Ok(answer) if answer.status.is_success() => (State::Good, party.address.clone()),
            Ok(answer) => (State::Bad, unready(&answer.body, answer.status.as_u16())),
            Err(error) => (State::Bad, format!("{}: {error}", party.address)),
        },
    };
    let finding = Finding::new(name, state, detail);
    if state == State::Good {
        return finding;
    }
    finding.advise(format!("Its log: {}", dir.join("logs").join(format!("{name}.log")).display()))
}

/// Where a party listens that says nothing over HTTP.
fn redis_address(party: &RunningParty) -> Option<SocketAddr> {
    let address = party.address.strip_prefix("http://").unwrap_or(&party.address);
    if party.ready_path.is_empty() { address.parse().ok() } else { None }
}

fn unready(body: &[u8], status: u16) -> String {
    match Problem::parse(body) {
        Some(problem) => format!("{} [{}]", problem.title, problem.code),
        None => format!("not ready (status {status})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_without_a_demo_is_not_unwell() {
        let folder = tempfile::tempdir().unwrap();
        let findings = look(folder.path()).await;
        assert_eq!(findings[0].state, State::Absent);
    }

    #[tokio::test]
    async fn a_demo_that_died_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let state =
            RunningState { pid: u32::MAX >> 1, address: "http://x:1".into(), parties: vec![] };
        files::write_json(&folder.path().join("running.json"), &state).unwrap();
        let findings = look(folder.path()).await;
        assert_eq!(findings[0].state, State::Bad);
        assert!(findings[0].detail.contains("without cleaning up"));
        let party = RunningParty {
            name: "clinic".into(),
            pid: std::process::id(),
            address: String::new(),
            ready_path: String::new(),
        };
        let state = RunningState { parties: vec![party], ..state };
        assert!(after_death(&state).contains("kill"));
    }

    #[tokio::test]
    async fn a_party_that_does_not_listen_is_named_with_its_log() {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let party = RunningParty {
            name: "broker".into(),
            pid: 1,
            address: format!("http://{gone}"),
            ready_path: "/readyz".into(),
        };
        let finding = ask(&party, Path::new("d")).await;
        assert_eq!(finding.state, State::Bad);
        assert!(finding.advice.unwrap().ends_with("d/logs/broker.log"));
    }
}
