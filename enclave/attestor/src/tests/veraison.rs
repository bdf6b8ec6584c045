//! Veraison's sessions as its clients find them.

use autoclave_attest::evidence::software::quote;
use autoclave_attest::jws;
use autoclave_base::{Digest, b64};
use autoclave_ledger::Event;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use super::asking::{Answer, parts};
use super::scene::{Life, Scene, clinic, platform};

const SESSION: &str = "application/vnd.veraison.challenge-response-session+json";
const OURS: &str = "application/vnd.autoclave.evidence+json";
const NEW: &str = "/challenge-response/v1/newSession";

async fn begin(life: &Life, query: &str) -> (String, Vec<u8>) {
    let answer = life.ask("POST", &format!("{NEW}{query}"), &[("accept", SESSION)], "").await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], SESSION);
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let session = answer.json();
    assert_eq!(session["status"], "waiting");
    assert!(session["accept"].as_array().unwrap().contains(&json!(OURS)));
    let nonce = STANDARD.decode(session["nonce"].as_str().unwrap()).unwrap();
    (format!("/challenge-response/v1/{location}"), nonce)
}

async fn submit(life: &Life, session: &str, kind: &str, body: &Value) -> Answer {
    life.ask("POST", session, &[("accept", SESSION), ("content-type", kind)], body.to_string())
        .await
}

fn evidence(life: &Life, nonce: &[u8]) -> Value {
    let mut report_data = [0; 64];
    report_data[..nonce.len()].copy_from_slice(nonce);
    json!(quote(&clinic(), &report_data, life.running.cell().now(), &platform()))
}

#[tokio::test]
async fn a_session_ends_in_a_signed_result_whose_line_came_first() {
    let life = Scene::new().start().await.unwrap();
    for query in ["", "?nonceSize=64", "?nonce=AAECAwQFBgc="] {
        let (session, nonce) = begin(&life, query).await;
        let answer = submit(&life, &session, OURS, &evidence(&life, &nonce)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let complete = answer.json();
        assert_eq!(
            (&complete["status"], &complete["evidence"]["type"]),
            (&json!("complete"), &json!(OURS))
        );
        let token = complete["result"].as_str().unwrap().to_owned();
        let key = *life.attestor.keys.in_use().ring.current().verifying_key();
        jws::verify(&token, &key, "JWT").unwrap();
        let (_, claims) = parts(&token);
        assert_eq!(claims["eat_nonce"], b64::encode(&nonce));
        assert_eq!(claims["submods"]["software"]["ear.status"], "affirming");
        let Event::Verdict { token: told, .. } = life.events().pop().unwrap() else { panic!() };
        assert_eq!(told, Digest::of(&token));
        let read = life.ask("GET", &session, &[("accept", SESSION)], "").await.json();
        assert_eq!(read["result"], complete["result"]);
        let ended = life.ask("DELETE", &session, &[], "").await;
        assert_eq!(ended.status, StatusCode::NO_CONTENT);
        let gone = life.ask("GET", &session, &[("accept", SESSION)], "").await;
        assert_eq!((gone.status, gone.code().as_str()), (StatusCode::NOT_FOUND, "session.unknown"));
    }
    life.end().await;
}

/// veraison/services#427 and #447: evidence over another nonce is not affirmed.
#[tokio::test]
async fn evidence_over_another_nonce_fails_and_spends_the_session() {
    let life = Scene::new().start().await.unwrap();
    let (first, nonce) = begin(&life, "").await;
    let old = evidence(&life, &nonce);
    assert!(submit(&life, &first, OURS, &old).await.status.is_success());
    assert_eq!(submit(&life, &first, OURS, &old).await.code(), "session.spent", "once only");
    let (second, _) = begin(&life, "").await;
    let replayed = submit(&life, &second, OURS, &old).await;
    assert_eq!(
        (replayed.status, replayed.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "evidence.report_data")
    );
    let Event::Refusal { operation, .. } = life.events().pop().unwrap() else { panic!() };
    assert_eq!(operation.as_str(), "session");
    assert_eq!(
        life.ask("GET", &second, &[("accept", SESSION)], "").await.json()["status"],
        "failed"
    );
    life.end().await;
}

#[tokio::test]
async fn a_wrapped_message_is_taken_as_the_bare_one() {
    let life = Scene::new().start().await.unwrap();
    let (session, nonce) = begin(&life, "").await;
    let wrapper = json!([OURS, b64::encode(evidence(&life, &nonce).to_string())]);
    let answer = submit(&life, &session, "application/cmw+json", &wrapper).await;
    assert_eq!(answer.json()["status"], "complete", "{}", answer.text());
    life.end().await;
}

#[tokio::test]
async fn what_the_protocol_does_not_allow_is_refused() {
    let life = Scene::new().start().await.unwrap();
    for accept in [&[][..], &[("accept", "application/json")]] {
        let answer = life.ask("POST", NEW, accept, "").await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::NOT_ACCEPTABLE, "session.not_acceptable")
        );
    }
    for query in [
        "?nonceSize=7",
        "?nonceSize=65",
        "?nonceSize=x",
        "?nonce=AAAA",
        "?nonce=AAECAwQFBgc&nonceSize=8",
    ] {
        let answer = life.ask("POST", &format!("{NEW}{query}"), &[("accept", SESSION)], "").await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::BAD_REQUEST, "session.nonce"),
            "{query}"
        );
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    let (session, _) = begin(&life, "").await;
    assert_eq!(
        submit(&life, &session, "text/plain", &json!({})).await.code(),
        "session.media_type"
    );
    assert_eq!(submit(&life, &session, OURS, &json!({})).await.code(), "evidence.malformed");
    let unknown = submit(&life, "/challenge-response/v1/session/none", OURS, &json!({})).await;
    assert_eq!(unknown.code(), "session.unknown");
    let discovery = life.ask("GET", "/.well-known/veraison/verification", &[], "").await;
    assert_eq!(discovery.headers["content-type"], "application/vnd.veraison.discovery+json");
    assert_eq!(discovery.json()["api-endpoints"]["newChallengeResponseSession"], NEW);
    life.end().await;
}
