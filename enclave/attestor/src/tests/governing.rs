//! Governed rules of appraisal: they refuse more, enter the policy's name and hash, and say
//! why; the built-in checks stay, and whoever governs reaches the attestor.

use autoclave_attest::appraise::{governed_digest, policy_digest, policy_id};
use autoclave_attest::dpop::{self, Facts};
use autoclave_attest::evidence::software::Subject;
use autoclave_attest::jwk::Jwk;
use autoclave_base::Digest;
use autoclave_cell::policy::govern::Approval;
use autoclave_cell::{Entropy, measure};
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use p256::ecdsa::SigningKey;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::scene::{Life, Scene, clinic, code};

const LOCK: u64 = 60;
const PEOPLE: [&str; 3] = ["first", "second", "author"];
const OPEN: &str = r#"@id("nothing-more") permit(principal, action, resource);"#;
const STRICT: &str = r#"
@id("hardware-or-nothing") permit(principal, action == Action::"appraise", resource)
when { principal.hw_backed };
"#;

fn key(name: &str) -> SigningKey {
    SigningKey::from_slice(Digest::of(name).bytes()).unwrap()
}

fn governance() -> String {
    let approver = |name: &str| {
        let jwk = serde_json::to_value(Jwk::signing(key(name).verifying_key())).unwrap();
        let member = |(name, value): (&String, &Value)| format!("{name} = {value}");
        let jwk: Vec<_> = jwk.as_object().unwrap().iter().map(member).collect();
        let jwk = jwk.join(", ");
        format!(
            "[[governance.approvers]]\nname = \"{name}\"\ninstitution = \"operator\"\njwk = {{ {jwk} }}\n"
        )
    };
    format!("[governance]\nlock_seconds = {LOCK}\n{}", PEOPLE.map(approver).concat())
}

async fn ask(life: &Life, who: &str, method: &str, path: &str, body: Value) -> Value {
    let path = format!("/admin/policies/appraise{path}");
    let plain = path.split('?').next().unwrap();
    let facts = Facts { method, path: plain, session: None };
    let now = life.running.cell().now();
    let proof = dpop::prove(&key(who), facts, &mut Entropy, now);
    let request = Request::builder().method(method).uri(path).header(dpop::HEADER, proof);
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let routes = life.attestor.governance.routes();
    let answer = routes.oneshot(request.body(body).unwrap()).await.unwrap();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

/// `text` comes into force the whole way.
async fn govern(scene: &Scene, life: &Life, text: &str) {
    let drafted = ask(life, "author", "POST", "/versions", json!({ "text": text })).await;
    let version = format!("/versions/{}", drafted["version"]);
    ask(life, "author", "POST", &format!("{version}/propose"), json!({})).await;
    for who in ["first", "second"] {
        let mut signed = ask(life, who, "GET", &version, Value::Null).await["to_approve"].clone();
        signed["approver"] = json!(who);
        signed["iat"] = json!(life.running.cell().now());
        signed["exp"] = json!(life.running.cell().now().plus(60));
        let approval: Approval = serde_json::from_value(signed).unwrap();
        let body = json!({ "approval": approval.sign(&key(who)) });
        let approved = ask(life, who, "POST", &format!("{version}/approve"), body).await;
        assert!(approved["status"]["stage"].is_string(), "{approved}");
    }
    life.attestor.governance.look().await;
    scene.clock.advance(LOCK);
    life.attestor.governance.look().await;
}

#[tokio::test]
async fn governed_rules_refuse_what_the_built_in_checks_affirm_and_say_why() {
    let scene = Scene::with("", &governance());
    let life = scene.start().await.unwrap();
    let before = life.verified(&life.token().await).unwrap();
    assert_eq!(before.claims().submods.cpu0.policy_id, policy_id(None));
    let run = ask(&life, "first", "POST", "/dry-run", json!({ "text": STRICT })).await;
    assert_eq!(run["summary"]["would_be_refused"], 1);
    govern(&scene, &life, STRICT).await;
    let token = life.attestor.attest(&life.query(&clinic())).await.unwrap().token;
    assert!(life.verified(&token).is_none(), "contraindicated");
    let (last, _) = life.numbered().pop().unwrap();
    let why = ask(&life, "first", "GET", &format!("/why?line={last}"), Value::Null).await;
    let refused = &why["refusals"][0];
    assert_eq!(
        (&refused["code"], &refused["caller"]),
        (&json!("appraisal.rules"), &json!("clinic"))
    );
    let reason = &refused["why"][0];
    assert_eq!(
        (&reason["rule"], &reason["claim"]),
        (&json!("hardware-or-nothing"), &json!("principal.hw_backed"))
    );
    assert_eq!((&reason["expected"], &reason["found"]), (&json!("true"), &json!("false")));
    assert_eq!(reason["reference"]["signers"], json!(["first", "second"]));
    life.end().await;
    let life = scene.start().await.unwrap();
    let token = life.attestor.attest(&life.query(&clinic())).await.unwrap().token;
    assert!(life.verified(&token).is_none(), "after a restart too");
    life.end().await;
}

#[tokio::test]
async fn governed_rules_affirm_nothing_and_stand_in_the_policy_hash() {
    let scene = Scene::with("", &governance());
    let life = scene.start().await.unwrap();
    govern(&scene, &life, OPEN).await;
    let debug = Subject { debug: true, ..clinic() };
    for subject in [code("malware"), debug] {
        let token = life.attestor.attest(&life.query(&subject)).await.unwrap().token;
        assert!(life.verified(&token).is_none());
    }
    let why = ask(&life, "first", "GET", "/why", Value::Null).await;
    let rules: Vec<_> =
        why["refusals"].as_array().unwrap().iter().map(|it| it["why"][0]["rule"].clone()).collect();
    assert_eq!(rules, [json!("no-debug"), json!("release-manifest")]);
    let verified = life.verified(&life.token().await).unwrap();
    let rules = life.attestor.governance.in_force(&"operator".parse().unwrap()).unwrap();
    let rules = rules.book().digest();
    let base = policy_digest(&life.attestor.policy.in_force());
    assert_eq!(verified.policy(), governed_digest(base, rules));
    assert_eq!(verified.claims().submods.cpu0.policy_id, policy_id(Some(rules)));
    life.end().await;
}

#[tokio::test]
async fn whoever_governs_reaches_an_attestor_whose_rules_refuse_everything() {
    let scene = Scene::with("", &governance());
    let life = scene.start().await.unwrap();
    govern(&scene, &life, r#"@id("no") forbid(principal, action, resource);"#).await;
    assert!(life.verified(&life.token().await).is_none());
    let own = measure::take(scene.config(), &std::collections::BTreeMap::new()).unwrap();
    let own = Subject { measured: own, debug: false, svn: 1 };
    let token = life.attestor.attest(&life.query(&own)).await.unwrap().token;
    assert_eq!(life.verified(&token).unwrap().workload().as_str(), "attestor");
    govern(&scene, &life, OPEN).await;
    assert!(life.verified(&life.token().await).is_some(), "and can undo it");
    life.end().await;
}
