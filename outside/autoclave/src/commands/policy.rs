//! `policy`: what institutions let their keys out by, what an attestor affirms, and how that
//! is changed by two people. It belongs to those who administer and approve.
//! What is signed here is what was shown, and no key leaves this machine.

mod check;
mod say;
mod when;

use std::path::Path;
use std::sync::Arc;

use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime};
use autoclave_client::clock::now;
use autoclave_client::{Ask, Client, Prover};
use autoclave_policy::govern::Approval;
use http::Method;
use p256::ecdsa::SigningKey;
use serde_json::{Value, json};

use super::connect::connect;
use crate::cli::{Asking, Kind, Policy};
use crate::deploy::keys;
use crate::deploy::seed::failure;
use crate::failure::{Failure, Outcome};
use crate::{files, terminal};

/// How long a signature counts, until the second one is there.
const APPROVAL_SECONDS: u64 = 86_400;

/// Runs the command.
pub async fn run(command: Policy) -> Outcome {
    match command {
        Policy::List(asking) => {
            let desk = Desk::open(&asking).await?;
            let policy = desk.get("").await?;
            desk.tell(&policy, say::policy);
        }
        Policy::Show { version, asking } => show(version, &asking).await?,
        Policy::Check { file, policy, emergency, json } => {
            check::run(&file, policy, emergency, json)?;
        }
        Policy::Propose { file, emergency, not_before, draft, asking } => {
            let not_before = not_before.as_deref().map(when::moment).transpose()?;
            propose(&file, emergency, not_before, draft, &asking).await?;
        }
        Policy::Approve { version, digest, asking } => {
            approve(version, digest.as_deref(), &asking).await?;
        }
        Policy::Withdraw { version, asking } => {
            let desk = Desk::open(&asking).await?;
            let path = format!("/versions/{version}/withdraw");
            let withdrawn = desk.post(&path, &json!({})).await?;
            desk.tell(&withdrawn, say::version);
        }
        Policy::DryRun { file, version, emergency, ask, asking } => {
            let draft = match file {
                Some(file) => {
                    json!({ "text": text(&file, &asking, emergency)?, "emergency": emergency })
                }
                None => json!({ "version": version }),
            };
            dry_run(draft, ask.as_deref(), &asking).await?;
        }
        Policy::Why { line, since, until, on, asking } => {
            let range = when::range(since.as_deref(), until.as_deref(), on.as_deref(), now())?;
            why(line, range, &asking).await?;
        }
    }
    Ok(())
}

/// Somebody at the policy of one party.
struct Desk {
    prover: Prover,
    key: SigningKey,
    name: &'static str,
    json: bool,
}

impl Desk {
    async fn open(asking: &Asking) -> Outcome<Self> {
        let key = person(asking)?;
        let client = connect(&asking.connection).await?;
        Self::at(&client, asking.policy, key, asking.json)
    }

    fn at(client: &Arc<Client>, kind: Kind, key: SigningKey, json: bool) -> Outcome<Self> {
        let (party, name) = match kind {
            Kind::Release => ("broker", "release"),
            Kind::Appraise => ("attestor", "appraise"),
        };
        let party = WorkloadName::parse(party);
        let party = party.map_err(|error| Failure::new("policy.party", error))?;
        Ok(Self { prover: client.prover(party, key.clone()), key, name, json })
    }

    async fn get(&self, path: &str) -> Outcome<Value> {
        self.send(Ask::new(Method::GET, self.path(path))).await
    }

    async fn post(&self, path: &str, body: &Value) -> Outcome<Value> {
        self.send(Ask::new(Method::POST, self.path(path)).json(body)).await
    }

    fn path(&self, path: &str) -> String {
        format!("/admin/policies/{}{path}", self.name)
    }

    async fn send(&self, ask: Ask) -> Outcome<Value> {
        let answer = self.prover.send(ask).await.map_err(failure)?;
        self.prover.read(&answer).map_err(failure)
    }

    fn tell(&self, answer: &Value, say: fn(&Value)) {
        if self.json { terminal::out(answer) } else { say(answer) }
    }
}

fn person(asking: &Asking) -> Outcome<SigningKey> {
    let named = || asking.connection.client.join("people").join(format!("{}.key", asking.name));
    let path = asking.key.clone().unwrap_or_else(named);
    keys::read(&path).map_err(|failure| {
        failure.advise("Name somebody of the client's folder with --as, or give --key FILE.")
    })
}

/// The text of a file that was checked here first, where what is wrong with it can be said.
fn text(file: &Path, asking: &Asking, emergency: bool) -> Outcome<String> {
    let text = files::read_text(file)?;
    check::check(&text, asking.policy, emergency)?;
    Ok(text)
}

async fn show(version: Option<u32>, asking: &Asking) -> Outcome {
    let desk = Desk::open(asking).await?;
    let number = match version {
        Some(number) => json!(number),
        None => desk.get("").await?["in_force"]["version"].clone(),
    };
    let version = desk.get(&format!("/versions/{number}")).await?;
    desk.tell(&version, say::whole);
    Ok(())
}

async fn propose(
    file: &Path,
    emergency: bool,
    not_before: Option<UnixTime>,
    draft: bool,
    asking: &Asking,
) -> Outcome {
    let body = json!({ "text": text(file, asking, emergency)?, "emergency": emergency });
    let desk = Desk::open(asking).await?;
    let mut version = desk.post("/versions", &body).await?;
    if !draft {
        let path = format!("/versions/{}/propose", version["version"]);
        version = desk.post(&path, &json!({ "not_before": not_before })).await?;
    }
    desk.tell(&version, say::version);
    if !asking.json {
        say::next(&version);
    }
    Ok(())
}

/// Signs what the enclave shows of the version: the enclave was verified, and the digest is
/// computed again from the text that it shows.
async fn approve(number: u32, digest: Option<&str>, asking: &Asking) -> Outcome {
    let desk = Desk::open(asking).await?;
    let shown = desk.get(&format!("/versions/{number}")).await?;
    let computed = check::digest(shown["text"].as_str().unwrap_or_default(), asking.policy)?;
    let differs = |found: &str| found.parse::<Digest>().ok() != Some(computed);
    let claimed = shown["digest"].as_str().unwrap_or_default();
    if differs(claimed) || digest.is_some_and(differs) {
        let what = format!("version {number} has the digest {computed}; nothing was signed");
        return Err(Failure::new("policy.digest", what));
    }
    let approval = approval(&shown, &desk, asking)?;
    let body = json!({ "approval": approval.sign(&desk.key) });
    let version = desk.post(&format!("/versions/{number}/approve"), &body).await?;
    desk.tell(&version, say::version);
    if !asking.json {
        say::next(&version);
    }
    Ok(())
}

fn approval(shown: &Value, desk: &Desk, asking: &Asking) -> Outcome<Approval> {
    let mut signed = shown["to_approve"].clone();
    if signed.is_null() {
        let stage = shown["status"]["stage"].as_str().unwrap_or("unknown");
        let what = format!("the version is {stage}, and waits for no approval");
        return Err(Failure::new("policy.stage", what));
    }
    let at = now();
    signed["approver"] = json!(asking.name);
    signed["iat"] = json!(at);
    signed["exp"] = json!(at.plus(APPROVAL_SECONDS));
    let malformed = |_| Failure::new("policy.malformed", format!("{} asks oddly", desk.name));
    serde_json::from_value(signed).map_err(malformed)
}

async fn dry_run(mut draft: Value, ask: Option<&Path>, asking: &Asking) -> Outcome {
    let desk = Desk::open(asking).await?;
    if let Some(file) = ask {
        draft["ask"] = files::read_json(file)?;
    }
    let answer = desk.post("/dry-run", &draft).await?;
    desk.tell(&answer, if ask.is_some() { say::compared } else { say::dry_run });
    Ok(())
}

async fn why(line: Option<u64>, (since, until): when::Range, asking: &Asking) -> Outcome {
    let desk = Desk::open(asking).await?;
    let asked = [
        line.map(|line| format!("line={line}")),
        since.map(|since| format!("since={since}")),
        until.map(|until| format!("until={until}")),
    ];
    let query = asked.into_iter().flatten().collect::<Vec<_>>().join("&");
    let ask = Ask::new(Method::GET, desk.path("/why")).query(query);
    let answer = desk.send(ask).await?;
    desk.tell(&answer, say::refusals);
    Ok(())
}

/// What `doctor` says of a policy: who asks is the client's administrator.
pub(super) async fn glance(client: &Arc<Client>, kind: Kind, key: SigningKey) -> Outcome<String> {
    let policy = Desk::at(client, kind, key, false)?.get("").await?;
    Ok(say::glance(&policy))
}
