//! What the service answers, and what it leaves in the ledger.

use autoclave_attest::evidence::software::{Subject, quote};
use autoclave_attest::handshake::{AttestQuery, AttestorCheck, PeerCheck, To};
use autoclave_attest::handshake::{EVIDENCE_PATH, EvidenceAnswer, EvidenceQuery};
use autoclave_attest::nonce::NONCE_LIFE_SECONDS;
use autoclave_base::Digest;
use autoclave_base::ids::WorkloadName;
use autoclave_cell::Entropy;
use autoclave_ledger::Event;
use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use p256::ecdsa::SigningKey;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::ServiceExt as _;

use super::scene::{AUDIENCE, ISSUER, Life, Scene, clinic, code, platform, runtime, trust};

async fn ask(life: &Life, method: &str, path: &str, body: &str) -> Response<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    let request = request.body(Body::from(body.to_owned())).unwrap();
    life.router.clone().oneshot(request).await.unwrap()
}

async fn bytes(response: Response<Body>) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_slice(&bytes(response).await).unwrap()
}

/// The code of the refusal, and what the ledger says last.
async fn refused(life: &Life, query: &AttestQuery) -> String {
    let before = life.events().len();
    let refusal = life.attestor.attest(query).await.unwrap_err();
    let events = life.events();
    assert_eq!(events.len(), before + 1, "one line for one refusal");
    let Event::Refusal { code, operation, .. } = events.last().unwrap() else { panic!() };
    assert_eq!(operation.as_str(), "attest");
    assert_eq!(code.as_str(), refusal.code());
    refusal.code().to_owned()
}

#[tokio::test]
async fn a_known_enclave_gets_a_token_and_its_verdict_is_a_line() {
    let life = Scene::new().start().await.unwrap();
    let token = life.token().await;
    let verified = life.verified(&token).unwrap();
    assert_eq!(verified.workload().as_str(), "clinic");
    let measurement = life.running.cell().measurement().to_string();
    assert_eq!(verified.claims().verifier_id.build, measurement);
    let events = life.events();
    let Event::Verdict { workload, kind, status, token: digest, policy, .. } =
        events.last().unwrap()
    else {
        panic!("{events:?}")
    };
    assert_eq!(digest, &Digest::of(&token));
    assert_eq!((workload.as_str(), kind.as_str()), ("clinic", "software"));
    assert_eq!(status.as_str(), "affirming");
    assert_eq!(policy, &verified.policy());
    life.end().await;
}

#[tokio::test]
async fn unknown_code_and_debug_get_a_verdict_that_nobody_accepts() {
    let life = Scene::new().start().await.unwrap();
    let debug = Subject { debug: true, ..clinic() };
    for (subject, name) in [(code("malware"), "unknown"), (debug, "clinic")] {
        let token = life.attestor.attest(&life.query(&subject)).await.unwrap().token;
        assert!(life.verified(&token).is_none());
        let events = life.events();
        let Event::Verdict { workload, status, .. } = events.last().unwrap() else { panic!() };
        assert_eq!((workload.as_str(), status.as_str()), (name, "contraindicated"));
    }
    life.end().await;
}

#[tokio::test]
async fn a_nonce_is_spent_once_and_in_time() {
    let scene = Scene::new();
    let life = scene.start().await.unwrap();
    let query = life.query(&clinic());
    assert!(life.attestor.attest(&query).await.is_ok());
    assert_eq!(refused(&life, &query).await, "nonce.unknown");
    let foreign = autoclave_attest::nonce::Nonce::random(&mut Entropy);
    assert_eq!(refused(&life, &life.query_over(&clinic(), foreign)).await, "nonce.unknown");
    let late = life.query(&clinic());
    scene.clock.advance(NONCE_LIFE_SECONDS);
    assert_eq!(refused(&life, &late).await, "nonce.expired");
    life.end().await;
}

#[tokio::test]
async fn evidence_that_does_not_verify_gets_no_token_and_spends_its_nonce() {
    let life = Scene::new().start().await.unwrap();
    let mut other_keys = life.query(&clinic());
    other_keys.evidence = life.query(&clinic()).evidence;
    assert_eq!(refused(&life, &other_keys).await, "evidence.report_data");
    assert_eq!(refused(&life, &other_keys).await, "nonce.unknown");
    let nonce = life.attestor.nonce().unwrap().nonce;
    let (runtime, now) = (runtime(nonce), life.running.cell().now());
    let stranger = SigningKey::from_slice(&[9; 32]).unwrap();
    let evidence = quote(&clinic(), &runtime.report_data(), now, &stranger);
    let query = AttestQuery { evidence, runtime, audience: AUDIENCE.to_owned() };
    assert_eq!(refused(&life, &query).await, "evidence.root_unknown");
    life.end().await;
}

#[tokio::test]
async fn an_audience_must_be_one() {
    let life = Scene::new().start().await.unwrap();
    for audience in [String::new(), "two words".to_owned(), "a".repeat(257)] {
        let query = AttestQuery { audience, ..life.query(&clinic()) };
        assert_eq!(refused(&life, &query).await, "attest.audience");
    }
    life.end().await;
}

#[tokio::test]
async fn an_expired_manifest_yields_no_token() {
    let scene = Scene::new();
    let life = scene.start().await.unwrap();
    scene.clock.advance(1_000_000);
    assert_eq!(refused(&life, &life.query(&clinic())).await, "manifest.expired");
    life.end().await;
}

#[tokio::test]
async fn the_public_documents_are_what_libraries_expect() {
    let life = Scene::new().start().await.unwrap();
    let discovery = json(ask(&life, "GET", "/.well-known/openid-configuration", "").await).await;
    assert_eq!(discovery["issuer"], ISSUER);
    assert_eq!(discovery["jwks_uri"], format!("{ISSUER}/.well-known/jwks.json"));
    let keys = ask(&life, "GET", "/.well-known/jwks.json", "").await;
    assert_eq!(keys.headers()["content-type"], "application/jwk-set+json");
    let keys = json(keys).await;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2, "the current and the next");
    assert!(keys["keys"][0].get("d").is_none());
    let manifest = ask(&life, "GET", "/attest/manifest", "").await;
    assert_eq!(bytes(manifest).await, life.attestor.policy.in_force().raw().as_bytes());
    life.end().await;
}

#[tokio::test]
async fn the_routes_take_what_clients_send_and_nothing_else() {
    let life = Scene::new().start().await.unwrap();
    let nonce = json(ask(&life, "POST", "/attest/nonce", "{}").await).await;
    let nonce = nonce["nonce"].as_str().unwrap().parse().unwrap();
    let query = serde_json::to_string(&life.query_over(&clinic(), nonce)).unwrap();
    let answer = json(ask(&life, "POST", "/attest", &query).await).await;
    assert!(life.verified(answer["token"].as_str().unwrap()).is_some());
    let again = ask(&life, "POST", "/attest", &query).await;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
    assert_eq!(json(again).await["code"], "nonce.unknown");
    for body in ["", "{}", "[]", "nonsense"] {
        let refused = ask(&life, "POST", "/attest", body).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        assert_eq!(json(refused).await["code"], "attest.malformed");
    }
    life.end().await;
}

/// One exchange over the plain door, as any HTTP client would have it.
async fn exchange(life: &Life, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let address = life.running.addresses().sealed;
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    (status, answer[end + 4..].to_vec())
}

#[tokio::test]
async fn a_client_believes_the_attestor_and_by_it_a_peer() {
    let scene = Scene::new();
    let life = scene.start().await.unwrap();
    let (trust, mut rng) = (trust(), Entropy);
    let mut check = AttestorCheck::start(&trust, &mut rng);
    while let Some(ask) = check.next() {
        let (status, body) = exchange(&life, ask.method, ask.path, &ask.body).await;
        check.answer(status, &body, scene.clock.now()).unwrap();
    }
    let attestor = check.finish().unwrap();
    assert_eq!(attestor.keys(), life.attestor.keys.in_use().published.as_ref());
    let mut check = PeerCheck::start(&attestor, WorkloadName::parse("clinic").unwrap(), &mut rng);
    while let Some(ask) = check.next() {
        let (status, body) = match ask.to {
            To::Attestor => exchange(&life, ask.method, ask.path, &ask.body).await,
            To::Peer => (200, clinics_evidence(&scene, ask.path, &ask.body)),
        };
        check.answer(status, &body, scene.clock.now()).unwrap();
    }
    assert_eq!(check.finish().unwrap().token().workload().as_str(), "clinic");
    life.end().await;
}

fn clinics_evidence(scene: &Scene, path: &str, body: &[u8]) -> Vec<u8> {
    assert_eq!(path, EVIDENCE_PATH);
    let EvidenceQuery { nonce } = serde_json::from_slice(body).unwrap();
    let runtime = runtime(nonce);
    let data = runtime.report_data();
    let evidence = quote(&clinic(), &data, scene.clock.now(), &platform());
    serde_json::to_vec(&EvidenceAnswer { evidence, runtime }).unwrap()
}
