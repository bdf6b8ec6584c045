//! The routes of governance, behind the attested doors. Each request is proved by an
//! administrator's or an approver's key (`DPoP`), and sees the policy of its own institution
//! alone. They read and answer; the rules decide.

use std::sync::Arc;

use autoclave_base::UnixTime;
use autoclave_policy::govern::{Checked, Command, Mode, Person, VerifiedApproval};
use autoclave_policy::{Ask, DryRun, Past, Verdict};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Governance, answers, refusal};
use crate::Refusal;

type Shared = State<Arc<Governance>>;
type Answer = Result<Json<Value>, Refusal>;

/// The longest list of decisions in one answer.
const DECISIONS_MAX: usize = 200;

impl Governance {
    /// The routes, to be merged into the role's attested ones.
    pub fn routes(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/admin/policies", get(list))
            .route("/admin/policies/{name}", get(show))
            .route("/admin/policies/{name}/versions", post(draft))
            .route("/admin/policies/{name}/versions/{version}", get(show_version))
            .route("/admin/policies/{name}/versions/{version}/propose", post(propose))
            .route("/admin/policies/{name}/versions/{version}/approve", post(approve))
            .route("/admin/policies/{name}/versions/{version}/withdraw", post(withdraw))
            .route("/admin/policies/{name}/dry-run", post(dry_run))
            .route("/admin/policies/{name}/decisions", get(decisions))
            .route("/admin/policies/{name}/why", get(why))
            .with_state(self.clone())
    }

    fn prove(&self, parts: &Parts) -> Result<Person, Refusal> {
        let proved = self.people.prove(parts, self.cell.now())?;
        let (name, institution) = (proved.name().clone(), proved.institution().clone());
        Ok(Person { name, institution, jkt: proved.jkt() })
    }

    /// Who asks, where it is for this policy.
    fn person(&self, parts: &Parts, name: &str) -> Result<Person, Refusal> {
        let person = self.prove(parts)?;
        let known = name == self.name.as_str() && self.live().contains_key(&person.institution);
        if known { Ok(person) } else { Err(refusal::UNKNOWN) }
    }

    fn policy(&self, person: &Person) -> Result<Value, Refusal> {
        let live = self.live();
        let live = live.get(&person.institution).ok_or(refusal::UNKNOWN)?;
        Ok(answers::policy(&live.governed, &self.charter))
    }

    fn version(&self, person: &Person, number: u32) -> Result<Value, Refusal> {
        let live = self.live();
        let live = live.get(&person.institution).ok_or(refusal::UNKNOWN)?;
        let version = live.governed.version(number).ok_or(refusal::UNKNOWN)?;
        Ok(answers::whole(&live.governed, version, &self.charter))
    }

    /// A draft of somebody's: whole, or what an emergency adds to the version in force.
    fn checked(&self, person: &Person, request: &DraftRequest) -> Result<(Checked, Mode), Refusal> {
        if !request.emergency {
            return Ok((self.check(&request.text)?, Mode::Ordinary));
        }
        let live = self.live();
        let base = live.get(&person.institution).and_then(|live| live.governed.in_force());
        let base = base.ok_or(refusal::UNKNOWN)?;
        let draft = Checked::emergency(&base.text, &request.text, &self.schema);
        Ok((draft.map_err(|error| refusal::of_text(&error))?, Mode::Emergency))
    }
}

async fn list(State(governance): Shared, parts: Parts) -> Answer {
    let person = governance.prove(&parts)?;
    let own = governance.policy(&person).ok();
    Ok(Json(json!({ "institution": person.institution, "policies": own.as_slice() })))
}

async fn show(State(governance): Shared, Path(name): Path<String>, parts: Parts) -> Answer {
    let person = governance.person(&parts, &name)?;
    governance.policy(&person).map(Json)
}

async fn show_version(
    State(governance): Shared,
    Path((name, version)): Path<(String, u32)>,
    parts: Parts,
) -> Answer {
    let person = governance.person(&parts, &name)?;
    governance.version(&person, version).map(Json)
}

/// `POST …/versions`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DraftRequest {
    text: String,
    #[serde(default)]
    emergency: bool,
}

async fn draft(
    State(governance): Shared,
    Path(name): Path<String>,
    parts: Parts,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let person = governance.person(&parts, &name)?;
    let request: DraftRequest = read(&body)?;
    let (draft, mode) = governance.checked(&person, &request)?;
    let command = Command::Draft { draft, mode, by: person.clone() };
    let state = governance.change(&person.institution, &command).await?;
    let number = state.versions().last().map(|version| version.number).unwrap_or_default();
    Ok((StatusCode::CREATED, Json(governance.version(&person, number)?)))
}

/// `POST …/propose`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProposeRequest {
    not_before: Option<UnixTime>,
}

async fn propose(
    State(governance): Shared,
    Path((name, version)): Path<(String, u32)>,
    parts: Parts,
    body: Bytes,
) -> Answer {
    let by = governance.person(&parts, &name)?;
    let request = if body.is_empty() { ProposeRequest::default() } else { read(&body)? };
    let not_before = request.not_before.unwrap_or_else(|| governance.cell.now());
    let command = Command::Propose { version, not_before, by: by.clone() };
    governance.change(&by.institution, &command).await?;
    governance.version(&by, version).map(Json)
}

/// `POST …/approve`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApproveRequest {
    approval: String,
}

async fn approve(
    State(governance): Shared,
    Path((name, version)): Path<(String, u32)>,
    parts: Parts,
    body: Bytes,
) -> Answer {
    let by = governance.person(&parts, &name)?;
    let request: ApproveRequest = read(&body)?;
    let approval = VerifiedApproval::verify(&request.approval, &governance.charter);
    let approval = approval.map_err(refusal::of_rule)?;
    if approval.version() != version {
        return Err(refusal::of_rule(autoclave_policy::govern::GovernRefusal::ApprovalVersion));
    }
    governance.change(&by.institution, &Command::Approve(Box::new(approval))).await?;
    governance.version(&by, version).map(Json)
}

async fn withdraw(
    State(governance): Shared,
    Path((name, version)): Path<(String, u32)>,
    parts: Parts,
) -> Answer {
    let by = governance.person(&parts, &name)?;
    let command = Command::Withdraw { version, by: by.clone() };
    governance.change(&by.institution, &command).await?;
    governance.version(&by, version).map(Json)
}

/// `POST …/dry-run`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DryRunRequest {
    /// A version that is kept.
    version: Option<u32>,
    /// Or a text.
    text: Option<String>,
    #[serde(default)]
    emergency: bool,
    /// One question instead of all past ones.
    ask: Option<Ask>,
}

async fn dry_run(
    State(governance): Shared,
    Path(name): Path<String>,
    parts: Parts,
    body: Bytes,
) -> Answer {
    let person = governance.person(&parts, &name)?;
    let request: DryRunRequest = read(&body)?;
    let text = match (request.version, request.text) {
        (Some(version), None) => {
            let live = governance.live();
            let live = live.get(&person.institution).ok_or(refusal::UNKNOWN)?;
            live.governed.version(version).ok_or(refusal::UNKNOWN)?.text.clone()
        }
        (None, Some(text)) => {
            let draft = DraftRequest { text, emergency: request.emergency };
            governance.checked(&person, &draft)?.0.text().to_owned()
        }
        _ => return Err(refusal::MALFORMED),
    };
    let book = autoclave_policy::PolicyBook::load(&text, &governance.schema);
    let book = book.map_err(|error| refusal::of_text(&error))?;
    let digest = book.digest();
    if let Some(ask) = request.ask {
        let now = governance.in_force(&person.institution).ok_or(refusal::UNKNOWN)?;
        let (old, new) = (Verdict::of(now.book(), &ask), Verdict::of(&book, &ask));
        return Ok(Json(json!({ "digest": digest, "in_force": old, "draft": new })));
    }
    let run = governance.journal.with(|past| DryRun::of(&book, past.of(&person.institution)));
    Ok(Json(json!({ "digest": digest, "summary": run.summary, "changes": run.changes })))
}

/// Which decisions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    line: Option<u64>,
    since: Option<u64>,
    until: Option<u64>,
}

impl Which {
    fn takes(&self, past: &Past) -> bool {
        let since = UnixTime::from_seconds(self.since.unwrap_or(0));
        let until = UnixTime::from_seconds(self.until.unwrap_or(u64::MAX));
        self.line.is_none_or(|line| past.lines.contains(&line)) && past.is_within(since, until)
    }
}

async fn decisions(
    State(governance): Shared,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    parts: Parts,
) -> Answer {
    let person = governance.person(&parts, &name)?;
    Ok(Json(json!({ "decisions": governance.past(&person, |past| which.takes(past)) })))
}

async fn why(
    State(governance): Shared,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    parts: Parts,
) -> Answer {
    let person = governance.person(&parts, &name)?;
    let refused = governance.past(&person, |past| !past.granted && which.takes(past));
    Ok(Json(json!({ "refusals": refused })))
}

impl Governance {
    fn past(&self, person: &Person, takes: impl Fn(&Past) -> bool) -> Vec<Past> {
        self.journal.with(|decisions| {
            let visible = decisions.of(&person.institution).into_iter();
            visible.filter(|past| takes(past)).take(DECISIONS_MAX).cloned().collect()
        })
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| refusal::MALFORMED)
}
