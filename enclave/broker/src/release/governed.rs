//! Releases under a governed policy: by its institution's rules alone, explained by the line
//! that the refused caller is told.

use std::num::NonZeroU64;

use autoclave_attest::dpop::{self, Facts};
use autoclave_attest::jwk::Jwk;
use autoclave_cell::policy::govern::Approval;
use autoclave_cell::{Clock, Entropy};
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::Settings;
use crate::fixtures::{NOW, World, caller, settings, signing_key};

const LOCK: u64 = 60;
const STRICT: &str = r#"
@id("clinic-on-hardware")
permit(principal is Workload, action == Action::"release", resource)
when { principal.workload == "clinic" && principal.hw_backed };
"#;

/// The administrators of the fixtures, and mercy's approvers.
const MERCY: u8 = 2;
const ACME: u8 = 1;
const APPROVERS: [(u8, &str); 2] = [(31, "officer"), (32, "director")];

fn governed() -> Settings {
    let approver = |(seed, name): (u8, &str)| {
        let jwk = serde_json::to_value(Jwk::signing(signing_key(seed).verifying_key())).unwrap();
        let member = |(name, value): (&String, &Value)| format!("{name} = {value}");
        let jwk: Vec<_> = jwk.as_object().unwrap().iter().map(member).collect();
        let jwk = jwk.join(", ");
        format!("[[approvers]]\nname = \"{name}\"\ninstitution = \"mercy\"\njwk = {{ {jwk} }}\n")
    };
    let text = format!("lock_seconds = {LOCK}\n{}", APPROVERS.map(approver).concat());
    Settings { governance: toml::from_str(&text).unwrap(), ..settings() }
}

struct Desk {
    world: World,
    clock: Clock,
}

impl Desk {
    async fn ask(&self, seed: u8, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let path = format!("/admin/policies/release{path}");
        let plain = path.split('?').next().unwrap();
        let facts = Facts { method, path: plain, session: None };
        let proof = dpop::prove(&signing_key(seed), facts, &mut Entropy, self.clock.now());
        let request = Request::builder().method(method).uri(path).header(dpop::HEADER, proof);
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let answer = self.world.router().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn approve(&self, (seed, name): (u8, &str)) {
        let (_, shown) = self.ask(seed, "GET", "/versions/2", Value::Null).await;
        let mut signed = shown["to_approve"].clone();
        signed["approver"] = json!(name);
        signed["iat"] = json!(self.clock.now());
        signed["exp"] = json!(self.clock.now().plus(60));
        let approval: Approval = serde_json::from_value(signed).unwrap();
        let body = json!({ "approval": approval.sign(&signing_key(seed)) });
        let (status, answer) = self.ask(seed, "POST", "/versions/2/approve", body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }

    async fn release(&self, workload: &str, key: &str) -> Result<u32, (String, Option<u64>)> {
        let path = format!("/keys/{key}/release");
        let chain = caller(workload, 3).chain(self.world.cell(), &path);
        let name = autoclave_base::ids::KeyName::parse(key).unwrap();
        let tenant = self.world.broker.vault.owner_of(&name);
        let released = self.world.broker.release(&chain, (tenant.as_ref(), key), None).await;
        released.map(|key| key.version).map_err(|refusal| {
            (refusal.code().to_owned(), refusal.problem().line.map(NonZeroU64::get))
        })
    }
}

#[tokio::test]
async fn a_governed_policy_decides_over_its_institutions_keys_alone_and_explains_itself() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::manual(NOW));
    let world = World::open_at(folder.path(), governed(), clock.clone()).await;
    let desk = Desk { world, clock };
    assert!(desk.release("clinic", "records/clinic").await.is_ok());
    let draft = json!({ "text": STRICT });
    let (status, run) = desk.ask(MERCY, "POST", "/dry-run", draft.clone()).await;
    assert_eq!((status, &run["summary"]["would_be_refused"]), (StatusCode::OK, &json!(1)));
    desk.ask(MERCY, "POST", "/versions", draft).await;
    desk.ask(MERCY, "POST", "/versions/2/propose", json!({})).await;
    for approver in APPROVERS {
        desk.approve(approver).await;
    }
    assert!(desk.release("clinic", "records/clinic").await.is_ok(), "its lock holds");
    desk.world.broker.governance.look().await;
    desk.clock.advance(LOCK);
    desk.world.broker.governance.look().await;
    let (code, line) = desk.release("clinic", "records/clinic").await.unwrap_err();
    assert_eq!(code, "release.refused");
    let why = format!("/why?line={}", line.unwrap());
    let (_, answer) = desk.ask(MERCY, "GET", &why, Value::Null).await;
    let refused = &answer["refusals"][0];
    assert_eq!((&refused["caller"], &refused["policy"]["version"]), (&json!("clinic"), &json!(2)));
    let reason = &refused["why"][0];
    assert_eq!(reason["rule"], "clinic-on-hardware");
    assert_eq!(reason["claim"], "principal.hw_backed");
    assert_eq!((&reason["expected"], &reason["found"]), (&json!("true"), &json!("false")));
    assert_eq!(reason["reference"]["signers"], json!(["officer", "director"]));
    let (_, theirs) = desk.ask(ACME, "GET", &why, Value::Null).await;
    assert_eq!(theirs["refusals"], json!([]), "acme reads nothing of it");
    let line = desk.world.line_at(line.unwrap());
    assert_eq!((&line["event"], &line["rule"]), (&json!("refusal"), &json!("clinic-on-hardware")));
    let acme = desk.world.broker.governance.in_force(&"acme".parse().unwrap()).unwrap();
    assert_eq!(acme.decider().version, 1, "acme's keys leave as before");
    desk.world.stop().await;
}
