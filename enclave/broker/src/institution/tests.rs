use autoclave_attest::dpop;
use autoclave_base::jcs;
use autoclave_cell::Entropy;
use autoclave_cell::release::LEASE_SECONDS_MAX;
use autoclave_seal::wrap as hpke;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::*;
use crate::fixtures::{Caller, NOW, World, caller, settings, signing_key};

const ACME: u8 = 1;
const MERCY: u8 = 2;
const ACME_SECOND: u8 = 3;

async fn world() -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (World::open(folder.path(), settings()).await, folder)
}

async fn send(
    world: &World,
    (method, path): (&str, &str),
    signer: u8,
    body: &Value,
) -> (u16, Value) {
    let now = world.cell().now();
    let facts = dpop::Facts { method, path, session: None };
    let proof = dpop::prove(&signing_key(signer), facts, &mut Entropy, now);
    let request = Request::builder().method(method).uri(path).header(dpop::HEADER, proof);
    let request = request.body(Body::from(body.to_string())).unwrap();
    let response = world.router().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn new_key(purpose: &str, overlap: u64) -> Value {
    json!({ "purpose": purpose, "overlap": overlap, "expires": NOW.plus(5000) })
}

async fn make(world: &World, name: &str, purpose: &str) {
    let path = format!("/institutions/acme/keys/{name}");
    let (status, answer) = send(world, ("PUT", &path), ACME, &new_key(purpose, 60)).await;
    assert_eq!(status, 201, "{answer}");
}

/// A release of a key of acme's own.
async fn release(world: &World, caller: &Caller, name: &str) -> Result<u32, String> {
    let chain = caller.chain(world.cell(), &format!("/institutions/acme/keys/{name}/release"));
    let tenant = world.broker.vault.tenant(&Label::of_claim("acme"));
    let released = world.broker.release(&chain, (tenant.as_ref(), name), None).await;
    released.map(|it| it.version).map_err(|refusal| refusal.code().to_owned())
}

async fn lease(world: &World, caller: &Caller, name: &str, version: u32) -> Result<u64, String> {
    let chain = caller.chain(world.cell(), &format!("/institutions/acme/keys/{name}/lease"));
    let tenant = world.broker.vault.tenant(&Label::of_claim("acme"));
    let leased = world.broker.lease(&chain, (tenant.as_ref(), name), Some(version)).await;
    leased.map(|it| it.seconds).map_err(|refusal| refusal.code().to_owned())
}

/// A call that each route takes from its own institution, for acme.
fn sample(operation: Operation, case: &str) -> Value {
    match operation {
        It::PutKey => new_key("model", 60),
        It::RotateKey => json!({ "expires": NOW.plus(5000) }),
        It::SetState => json!({ "version": 1, "state": "disabled" }),
        It::Revoke => json!({ "kind": "workload", "what": "clinic" }),
        It::AskCase => json!({
            "key": "own", "workload": "clinic", "measurement": Digest::of("x"),
            "purpose": "emergency-care", "seconds": 60,
        }),
        It::ReviewCase => json!({ "outcome": case }),
        _ => json!({}),
    }
}

fn path(pattern: &str, case: &str) -> String {
    let name = if pattern.starts_with("break-glass") { case } else { "own" };
    format!("/institutions/acme/{}", pattern.replace('*', name))
}

#[tokio::test]
async fn no_route_reaches_another_institution() {
    let (world, _folder) = world().await;
    make(&world, "own", "model").await;
    let ask = sample(It::AskCase, "");
    let (_, asked) = send(&world, ("POST", "/institutions/acme/break-glass"), ACME, &ask).await;
    let case = asked["case"].as_str().unwrap().to_owned();
    let state = |world: &World| {
        let (kept, ledger) = (world.broker.kept.clone(), world.cell().ledger().size());
        async move { (kept.list("").await.unwrap(), ledger) }
    };
    for (operation, method, pattern) in ROUTES.iter().filter(|it| !it.0.is_for_code()) {
        let (path, body) = (path(pattern, &case), sample(*operation, "justified"));
        let before = state(&world).await;
        let (status, answer) = send(&world, (method, &path), MERCY, &body).await;
        assert_eq!((status, &answer["code"]), (404, &json!("keys.unknown")), "{operation:?}");
        assert_eq!(state(&world).await, before, "{operation:?}");
        // The same call is one that the route takes, from whom it is for.
        let who = if *operation == It::ReviewCase || *operation == It::ApproveCase {
            ACME_SECOND
        } else {
            ACME
        };
        let (status, answer) = send(&world, (method, &path), who, &body).await;
        assert!(matches!(status, 200 | 201), "{operation:?}: {answer}");
    }
}

#[tokio::test]
async fn code_reaches_no_key_under_another_institution() {
    let (world, _folder) = world().await;
    make(&world, "own", "model").await;
    let diagnosis = caller("diagnosis", 3);
    assert_eq!(release(&world, &diagnosis, "own").await, Ok(1));
    for institution in ["mercy", "nobody"] {
        let label = Label::of_claim(institution);
        let tenant = world.broker.vault.tenant(&label);
        let chain = diagnosis.chain(world.cell(), "/");
        let key = (tenant.as_ref(), "own");
        assert!(world.broker.release(&chain, key, None).await.is_err());
        assert!(world.broker.lease(&chain, key, None).await.is_err());
        let Some(tenant) = tenant else { continue };
        for action in [crate::release::Action::Wrap, crate::release::Action::Unwrap] {
            let which = crate::release::Which::Current;
            let used = world.broker.use_key(&chain, (&tenant, "own"), which, action).await;
            assert!(used.is_err(), "{institution} {action:?}");
        }
    }
    // Nor does the route of configured keys know it, under any name.
    for name in ["own", "acme/own", "acme:own"] {
        let parsed = KeyName::parse(name);
        assert!(parsed.is_err() || world.broker.vault.owner_of(&parsed.unwrap()).is_none());
    }
}

#[tokio::test]
async fn a_key_named_like_a_configured_one_is_another() {
    let (world, _folder) = world().await;
    // mercy's rule permits Key::"records/clinic" to the clinic; acme's has its name only.
    make(&world, "records/clinic", "backup").await;
    let refused = release(&world, &caller("clinic", 3), "records/clinic").await;
    assert_eq!(refused, Err("release.refused".to_owned()));
}

#[tokio::test]
async fn a_key_without_an_end_is_refused_and_so_is_another_of_its_name() {
    let (world, _folder) = world().await;
    let path = ("PUT", "/institutions/acme/keys/own");
    let endless = json!({ "purpose": "model" });
    let (status, answer) = send(&world, path, ACME, &endless).await;
    assert_eq!((status, &answer["code"]), (400, &json!("keys.expiry")));
    make(&world, "own", "model").await;
    let (status, answer) = send(&world, path, ACME, &new_key("backup", 60)).await;
    assert_eq!((status, &answer["code"]), (409, &json!("keys.exists")));
    let configured = ("PUT", "/institutions/acme/keys/model/brain-mri");
    let (status, _) = send(&world, configured, ACME, &new_key("model", 60)).await;
    assert_eq!(status, 409);
}

#[tokio::test]
async fn an_imported_key_comes_wrapped_to_the_broker_and_for_one_place() {
    let (world, _folder) = world().await;
    let name = KeyName::parse("own").unwrap();
    let to = world.cell().sealing_keys();
    let to = autoclave_seal::PublicSealingKey::best(&to).unwrap().clone();
    let aad = import_binding(&Label::of_claim("acme"), &name);
    let wrapped = hpke::wrap(&mut Entropy, &to, IMPORT_INFO, &aad, &[7; 32]).unwrap();
    let body = json!({ "purpose": "model", "expires": NOW.plus(5000), "wrapped": wrapped });
    let other = ("PUT", "/institutions/acme/keys/other");
    let (status, answer) = send(&world, other, ACME, &body).await;
    assert_eq!((status, &answer["code"]), (400, &json!("keys.unopened")));
    let own = ("PUT", "/institutions/acme/keys/own");
    let (status, answer) = send(&world, own, ACME, &body).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(release(&world, &caller("diagnosis", 3), "own").await, Ok(1));
    assert!(jcs::to_vec(&answer).is_ok_and(|it| !it.windows(7).any(|it| it == [7; 7])));
}

#[tokio::test]
async fn the_version_before_is_released_until_its_overlap_ends() {
    let (world, _folder) = world().await;
    make(&world, "own", "model").await;
    let rotate = ("POST", "/institutions/acme/keys/own/rotate");
    let (status, answer) = send(&world, rotate, ACME, &sample(It::RotateKey, "")).await;
    assert_eq!((status, &answer["versions"][0]["version"]), (200, &json!(2)));
    let diagnosis = caller("diagnosis", 3);
    assert_eq!(lease(&world, &diagnosis, "own", 1).await, Ok(LEASE_SECONDS_MAX));
    world.clock.advance(59);
    assert!(lease(&world, &diagnosis, "own", 1).await.is_ok());
    world.clock.advance(1);
    assert_eq!(lease(&world, &diagnosis, "own", 1).await, Err("release.refused".to_owned()));
    assert_eq!(release(&world, &diagnosis, "own").await, Ok(2));
}

#[tokio::test]
async fn what_is_revoked_holds_for_the_next_request() {
    let measurement = caller("diagnosis", 3).token.measurement().to_string();
    let cases = [("workload", "diagnosis".to_owned()), ("measurement", measurement)];
    for (kind, what) in cases {
        let (world, _folder) = world().await;
        make(&world, "own", "model").await;
        let diagnosis = caller("diagnosis", 3);
        assert_eq!(release(&world, &diagnosis, "own").await, Ok(1));
        revoke(&world, kind, &what).await;
        refused_everything(&world, &diagnosis).await;
        // Also by a new token of the same code.
        refused_everything(&world, &caller("diagnosis", 3)).await;
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused_and_another_of_the_same_code_is_not() {
    let (world, _folder) = world().await;
    make(&world, "own", "model").await;
    let diagnosis = caller("diagnosis", 3);
    revoke(&world, "token", &diagnosis.token.claims().jti).await;
    refused_everything(&world, &diagnosis).await;
    assert_eq!(release(&world, &caller("diagnosis", 3), "own").await, Ok(1));
}

#[tokio::test]
async fn a_revoked_version_is_refused_for_good() {
    let (world, _folder) = world().await;
    make(&world, "own", "model").await;
    let diagnosis = caller("diagnosis", 3);
    let state = ("POST", "/institutions/acme/keys/own/state");
    let body = json!({ "version": 1, "state": "revoked" });
    assert_eq!(send(&world, state, ACME, &body).await.0, 200);
    refused_everything(&world, &diagnosis).await;
    let again = json!({ "version": 1, "state": "enabled" });
    let (status, answer) = send(&world, state, ACME, &again).await;
    assert_eq!((status, &answer["code"]), (403, &json!("keys.forbidden")));
}

#[tokio::test]
async fn one_institutions_revocations_are_not_anothers() {
    let (world, _folder) = world().await;
    revoke(&world, "workload", "clinic").await;
    let clinic = caller("clinic", 1);
    let chain = clinic.chain(world.cell(), "/keys/records/clinic/release");
    let name = KeyName::parse("records/clinic").unwrap();
    let tenant = world.broker.vault.owner_of(&name);
    let key = (tenant.as_ref(), "records/clinic");
    assert!(world.broker.release(&chain, key, None).await.is_ok());
}

async fn revoke(world: &World, kind: &str, what: &str) {
    let body = json!({ "kind": kind, "what": what });
    let path = ("POST", "/institutions/acme/revocations");
    let (status, answer) = send(world, path, ACME, &body).await;
    assert_eq!((status, &answer["serial"]), (201, &json!(1)), "{answer}");
    let line = world.lines().pop().unwrap();
    assert_eq!((&line["event"], &line["kind"]), (&json!("revocation"), &json!(kind)));
    // Twice the same is once.
    assert_eq!(send(world, path, ACME, &body).await.1["serial"], 1);
}

/// At the very time of the revocation, with no second between.
async fn refused_everything(world: &World, caller: &Caller) {
    let refused = Err("release.refused".to_owned());
    assert_eq!(release(world, caller, "own").await, refused);
    assert_eq!(
        lease(world, caller, "own", 1).await.map(u32::try_from).map(Result::unwrap),
        refused
    );
}

/// Asks for a case for the code of `caller`.
async fn ask(world: &World, caller: &Caller, who: u8, seconds: u64) -> (u16, Value) {
    let body = json!({
        "key": "own", "workload": caller.token.workload(),
        "measurement": caller.token.measurement(), "purpose": "emergency-care",
        "seconds": seconds,
    });
    send(world, ("POST", "/institutions/acme/break-glass"), who, &body).await
}

async fn approve(world: &World, case: &str, who: u8) -> (u16, Value) {
    let path = format!("/institutions/acme/break-glass/{case}/approve");
    send(world, ("POST", &path), who, &json!({})).await
}

#[tokio::test]
async fn two_persons_open_a_key_for_a_while_and_loudly() {
    let (world, _folder) = world().await;
    make(&world, "own", "model").await;
    let old = caller("diagnosis", 2);
    let refused = Err("release.refused".to_owned());
    assert_eq!(release(&world, &old, "own").await, refused);
    let (status, asked) = ask(&world, &old, ACME, 600).await;
    assert_eq!(status, 201, "{asked}");
    let case = asked["case"].as_str().unwrap();
    assert_eq!(release(&world, &old, "own").await, refused);
    assert_eq!(approve(&world, case, ACME).await.0, 403);
    assert_eq!(release(&world, &old, "own").await, refused);
    assert_eq!(approve(&world, case, ACME_SECOND).await.0, 200);
    assert_eq!(release(&world, &old, "own").await, Ok(1));
    let lines = world.lines();
    let actions: Vec<_> = lines.iter().filter(|it| it["event"] == "break_glass").collect();
    let actions: Vec<_> = actions.iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["asked", "approved", "used"]);
    assert_eq!(lines.last().unwrap()["rules"], json!(["break-glass"]));
    // For this code alone, and not for what was revoked.
    assert_eq!(release(&world, &caller("clinic", 3), "own").await, refused);
    world.clock.advance(599);
    assert_eq!(lease(&world, &old, "own", 1).await, Ok(LEASE_SECONDS_MAX));
    world.clock.advance(1);
    assert_eq!(release(&world, &old, "own").await, refused);
    let review = format!("/institutions/acme/break-glass/{case}/review");
    let outcome = json!({ "outcome": "justified" });
    assert_eq!(send(&world, ("POST", &review), ACME, &outcome).await.0, 403);
    let (status, reviewed) = send(&world, ("POST", &review), ACME_SECOND, &outcome).await;
    assert_eq!((status, &reviewed["stand"]), (200, &json!("reviewed")));
    assert_eq!(world.lines().pop().unwrap()["purpose"], "justified");
}

#[tokio::test]
async fn a_case_never_outweighs_a_revocation() {
    let (world, _folder) = world().await;
    make(&world, "own", "model").await;
    let old = caller("diagnosis", 2);
    let (_, asked) = ask(&world, &old, ACME, 600).await;
    approve(&world, asked["case"].as_str().unwrap(), ACME_SECOND).await;
    assert_eq!(release(&world, &old, "own").await, Ok(1));
    revoke(&world, "measurement", &old.token.measurement().to_string()).await;
    refused_everything(&world, &old).await;
}

#[tokio::test]
async fn a_case_has_bounds() {
    let (world, _folder) = world().await;
    make(&world, "own", "model").await;
    let old = caller("diagnosis", 2);
    for seconds in [0, crate::glass::OPEN_SECONDS_MAX + 1] {
        assert_eq!(ask(&world, &old, ACME, seconds).await.1["code"], "keys.expiry");
    }
    let (_, asked) = ask(&world, &old, ACME, 600).await;
    world.clock.advance(crate::glass::ASKED_SECONDS_MAX);
    assert_eq!(approve(&world, asked["case"].as_str().unwrap(), ACME_SECOND).await.0, 403);
    assert_eq!(approve(&world, "none", ACME_SECOND).await.0, 404);
}

#[test]
fn each_route_is_found_by_its_own_pattern() {
    for (operation, method, pattern) in ROUTES {
        let path = pattern.replace('*', "model/brain-mri");
        let found = Operation::parse(method, &path);
        assert_eq!(found.map(|it| it.0), Some(operation), "{pattern}");
        if pattern.contains('*') {
            assert_eq!(found.map(|it| it.1), Some("model/brain-mri"), "{pattern}");
        }
    }
    let none = [("POST", "keys"), ("GET", "keys/"), ("DELETE", "keys/a"), ("POST", "keys//rotate")];
    for (method, path) in none {
        assert_eq!(Operation::parse(method, path), None, "{method} {path}");
    }
}
