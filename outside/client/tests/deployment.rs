//! The client against a deployment that may lie: what it believes, what it sends, what it says.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod fake;

use std::sync::Arc;

use autoclave_client::{Ask, Client, ClientError, Credentials, Options, SavedSession, Session};
use fake::{Fake, clinic};
use http::{Method, Request};
use hyper::body::Bytes;
use p256::ecdsa::SigningKey;

async fn connected() -> (Arc<Fake>, Arc<Client>) {
    let (fake, address) = Fake::start().await;
    let client = Client::connect(Options { address, trust: fake.trust() }).await.unwrap();
    (fake, Arc::new(client))
}

fn request(path: &str) -> Request<Bytes> {
    Request::post(path).body(Bytes::from_static(b"scan")).unwrap()
}

fn opened(fake: &Fake) -> u32 {
    fake.clinic.lock().unwrap().opened
}

#[tokio::test]
async fn a_request_is_sealed_to_the_verified_party_and_its_answer_opened() {
    let (fake, client) = connected().await;
    let answer = client.send(&clinic(), request("/hello")).await.unwrap();
    assert_eq!(answer.response.body(), b"/hello scan");
    assert!(!answer.verified_again);
    assert_eq!(answer.peer.token().workload(), &clinic());
    client.send(&clinic(), request("/again")).await.unwrap();
    assert_eq!(fake.clinic.lock().unwrap().verified, 1, "one verification serves many requests");
}

#[tokio::test]
async fn a_party_that_restarted_is_verified_again_once_and_the_caller_is_told() {
    let (fake, client) = connected().await;
    client.send(&clinic(), request("/one")).await.unwrap();
    fake.clinic.lock().unwrap().restart();
    let answer = client.send(&clinic(), request("/two")).await.unwrap();
    assert!(answer.verified_again);
    assert_eq!(answer.response.body(), b"/two scan");
    assert_eq!(fake.clinic.lock().unwrap().verified, 2);
}

#[tokio::test]
async fn nothing_is_sent_to_other_code() {
    let (fake, client) = connected().await;
    fake.clinic.lock().unwrap().code = "clinic with a back door";
    let error = client.send(&clinic(), request("/hello")).await.err().unwrap();
    assert_eq!(error.code(), "token.measurement");
    assert!(matches!(error, ClientError::NotBelieved { .. }));
    assert_eq!(opened(&fake), 0);
}

#[tokio::test]
async fn nothing_is_sent_to_code_that_a_debugger_can_read() {
    let (fake, client) = connected().await;
    fake.clinic.lock().unwrap().debug = true;
    let error = client.send(&clinic(), request("/hello")).await.err().unwrap();
    assert_eq!(error.code(), "token.debug");
    assert_eq!(opened(&fake), 0);
}

#[tokio::test]
async fn code_of_another_workload_is_not_the_clinic() {
    let (fake, client) = connected().await;
    fake.clinic.lock().unwrap().code = "attestor";
    let error = client.send(&clinic(), request("/hello")).await.err().unwrap();
    assert_eq!(error.code(), "token.measurement");
}

#[tokio::test]
async fn an_attestor_under_another_root_or_release_key_is_not_believed() {
    let (_, address) = Fake::start().await;
    let (other, _) = Fake::start().await;
    let refused = Client::connect(Options { address, trust: other.trust() }).await;
    assert_eq!(refused.err().unwrap().code(), "evidence.root_unknown");
}

#[tokio::test]
async fn an_attestor_that_rotated_its_keys_is_verified_again() {
    let (fake, client) = connected().await;
    let before = client.attestor().await.keys().digest();
    fake.rotate_attestor();
    client.verify(&clinic()).await.unwrap();
    assert_ne!(client.attestor().await.keys().digest(), before);
}

#[tokio::test]
async fn a_refusal_inside_the_seal_keeps_its_code() {
    let (_fake, client) = connected().await;
    let key = SigningKey::from_slice(&[7; 32]).unwrap();
    let prover = client.prover(clinic(), key);
    let error = prover.send(Ask::new(Method::GET, "/refuse")).await.err().unwrap();
    assert_eq!(error.code(), "policy.refused");
    assert!(prover.send(Ask::new(Method::GET, "/fine")).await.is_ok());
}

async fn who(session: &Session) -> String {
    let answer = session.send(Ask::new(Method::GET, "/who")).await.unwrap();
    String::from_utf8(answer.response.into_body()).unwrap()
}

#[tokio::test]
async fn a_saved_session_is_taken_up_by_another_client_under_the_same_key() {
    let (fake, address) = Fake::start().await;
    let connect = || Client::connect(Options { address: address.clone(), trust: fake.trust() });
    let credentials = Credentials { user: "clerk", password: "p", totp: "123456" };
    let first = Arc::new(connect().await.unwrap()).sign_in(clinic(), &credentials).await.unwrap();
    let file = serde_json::to_vec(&first.saved().exposed()).unwrap();
    let saved: SavedSession = serde_json::from_slice(&file).unwrap();
    let second = Arc::new(connect().await.unwrap()).restore(saved);
    assert_eq!(who(&second).await, who(&first).await, "same session, same key");
    assert!(who(&second).await.starts_with("DPoP s-1 "));
    assert_eq!((second.role(), second.expires_at()), (first.role(), first.expires_at()));
}

#[tokio::test]
async fn a_deployment_that_is_down_and_a_party_that_is_none_have_codes() {
    let (fake, client) = connected().await;
    let nobody = autoclave_base::ids::WorkloadName::parse("nobody").unwrap();
    let error = client.send(&nobody, request("/")).await.err().unwrap();
    assert_eq!(error.code(), "edge.route_unknown");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = Options { address: format!("http://{gone}"), trust: fake.trust() };
    assert_eq!(Client::connect(options).await.err().unwrap().code(), "http.unreachable");
}
