//! Trustee's attestation service as its clients find it.

use autoclave_attest::evidence::software::{Subject, quote};
use autoclave_attest::jws;
use autoclave_base::{Digest, b64, jcs};
use autoclave_ledger::Event;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::asking::{Answer, parts};
use super::scene::{ISSUER, Life, Scene, clinic, code, platform};

fn runtime() -> Value {
    json!({"nonce": "a2JzLW5vbmNlLTEyMzQ1Ng==", "tee-pubkey": {"kty": "EC", "crv": "P-256"}})
}

fn padded(digest: &[u8]) -> [u8; 64] {
    let mut data = [0; 64];
    data[..digest.len()].copy_from_slice(digest);
    data
}

/// One verification of software evidence over `report_data`.
fn verification(life: &Life, subject: &Subject, report_data: &[u8; 64]) -> Value {
    let evidence = quote(subject, report_data, life.running.cell().now(), &platform());
    let evidence = b64::encode(json!(evidence.body).to_string());
    json!({"tee": "software", "evidence": evidence})
}

async fn attest(life: &Life, verification: &Value) -> Answer {
    let request = json!({"verification_requests": [verification], "policy_ids": ["default"]});
    life.post_json("/attestation", &request).await
}

fn sha384(runtime: &Value) -> [u8; 64] {
    padded(&Sha384::digest(jcs::to_vec(runtime).unwrap()))
}

#[tokio::test]
async fn a_key_broker_gets_an_ear_of_trustees_profile() {
    let life = Scene::new().start().await.unwrap();
    let mut part = verification(&life, &clinic(), &sha384(&runtime()));
    part["runtime_data"] = json!({"structured": runtime()});
    let answer = attest(&life, &part).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let token = answer.text();
    let key = *life.attestor.keys.in_use().ring.current().verifying_key();
    jws::verify(&token, &key, "JWT").unwrap();
    let (header, claims) = parts(&token);
    assert_eq!(header["kid"], header["jwk"]["kid"]);
    assert!(header["jwk"]["x5c"][0].is_string() && header["x5c"][0].is_string());
    assert_eq!(claims["eat_profile"], "tag:github.com,2024:confidential-containers/Trustee");
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!("kbs")));
    assert_eq!(claims["eat_nonce"], runtime()["nonce"]);
    assert!(claims["jti"].is_string() && claims["x-ms-policy-hash"].is_string());
    assert_eq!(claims["hw_backed"], false);
    let submod = &claims["submods"]["cpu0"];
    assert_eq!(submod["ear.status"], "affirming");
    assert_eq!(submod["ear.trustworthiness-vector"]["executables"], 2);
    let evidence = &submod["ear.veraison.annotated-evidence"];
    assert_eq!(evidence["runtime_data_claims"], runtime());
    assert!(evidence["software"]["executable"].is_string());
    let Event::Verdict { token: told, status, .. } = life.events().pop().unwrap() else { panic!() };
    assert_eq!((told, status.as_str()), (Digest::of(&token), "affirming"));
    life.end().await;
}

#[tokio::test]
async fn unknown_code_is_contraindicated_and_no_error() {
    let life = Scene::new().start().await.unwrap();
    let debug = Subject { debug: true, ..clinic() };
    for (subject, executables) in [(code("malware"), 33), (debug, 2)] {
        let answer = attest(&life, &verification(&life, &subject, &[0; 64])).await;
        let (_, claims) = parts(&answer.text());
        let submod = &claims["submods"]["cpu0"];
        assert_eq!(submod["ear.status"], "contraindicated");
        assert_eq!(submod["ear.trustworthiness-vector"]["executables"], executables);
    }
    life.end().await;
}

#[tokio::test]
async fn all_forms_of_runtime_data_are_bound() {
    let life = Scene::new().start().await.unwrap();
    let canonical = jcs::to_vec(&runtime()).unwrap();
    let structured = json!({"structured": runtime()});
    let short = b64::encode(b"challenge");
    for (hash, data, runtime) in [
        (Some("sha256"), padded(&Sha256::digest(&canonical)), structured.clone()),
        (Some("SHA512"), padded(&Sha512::digest(&canonical)), structured.clone()),
        (None, padded(&Sha384::digest(&canonical)), structured.clone()),
        (None, padded(b"challenge"), json!({"raw": short})),
    ] {
        for (report_data, code) in [(data, None), ([7; 64], Some("evidence.report_data"))] {
            let mut part = verification(&life, &clinic(), &report_data);
            part["runtime_data"] = runtime.clone();
            part["runtime_data_hash_algorithm"] = json!(hash);
            let answer = attest(&life, &part).await;
            match code {
                None => assert_eq!(answer.status, StatusCode::OK, "{}", answer.text()),
                Some(code) => assert_eq!(answer.code(), code),
            }
        }
    }
    let Event::Refusal { operation, code, .. } = life.events().pop().unwrap() else { panic!() };
    assert_eq!((operation.as_str(), code.as_str()), ("attestation", "evidence.report_data"));
    life.end().await;
}

fn sample(report_data: &[u8]) -> Value {
    let evidence = json!({"svn": "1", "report_data": STANDARD.encode(report_data)});
    let digest = Sha384::digest(jcs::to_vec(&runtime()).unwrap());
    assert_eq!(digest.len(), 48);
    json!({
        "tee": "sample",
        "evidence": b64::encode(evidence.to_string()),
        "runtime_data": {"structured": runtime()},
    })
}

#[tokio::test]
async fn the_unsigned_sample_is_answered_only_where_development_says_so() {
    let digest = Sha384::digest(jcs::to_vec(&runtime()).unwrap());
    let life = Scene::new().start().await.unwrap();
    assert_eq!(attest(&life, &sample(&digest)).await.code(), "evidence.kind_not_accepted");
    life.end().await;
    let life = Scene::with("kbs_sample = true", "").start().await.unwrap();
    let (_, claims) = parts(&attest(&life, &sample(&digest)).await.text());
    assert_eq!(claims["hw_backed"], false);
    let submod = &claims["submods"]["cpu0"];
    assert_eq!(submod["ear.status"], "contraindicated");
    let evidence = &submod["ear.veraison.annotated-evidence"];
    assert_eq!(evidence["sample"]["svn"], "1");
    assert_eq!(evidence["runtime_data_claims"]["tee-pubkey"], runtime()["tee-pubkey"]);
    assert_eq!(attest(&life, &sample(&[1; 48])).await.code(), "evidence.report_data");
    let kinds = life.events().into_iter().filter_map(|event| match event {
        Event::Verdict { kind, .. } => Some(kind.as_str().to_owned()),
        _ => None,
    });
    assert_eq!(kinds.collect::<Vec<_>>(), ["sample"]);
    life.end().await;
}

#[tokio::test]
async fn what_is_not_a_request_or_not_evidence_is_refused() {
    let life = Scene::new().start().await.unwrap();
    for body in [json!({}), json!({"verification_requests": []}), json!([])] {
        let answer = life.post_json("/attestation", &body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::BAD_REQUEST, "attest.malformed")
        );
    }
    let good = verification(&life, &clinic(), &[0; 64]);
    for (member, value, code) in [
        ("tee", json!("cca"), "evidence.kind_not_accepted"),
        ("tee", json!("sampledevice"), "evidence.kind_not_accepted"),
        ("tee", json!("snp"), "evidence.malformed"),
        ("evidence", json!("!"), "evidence.malformed"),
        ("runtime_data_hash_algorithm", json!("md5"), "attest.malformed"),
        ("runtime_data", json!({"raw": b64::encode([0; 65])}), "attest.malformed"),
        (
            "init_data",
            json!({"init_data_digest": b64::encode([0; 32])}),
            "evidence.init_data_unsupported",
        ),
    ] {
        let mut part = good.clone();
        part[member] = value;
        assert_eq!(attest(&life, &part).await.code(), code, "{member}");
    }
    let many = vec![good; 5];
    let answer = life.post_json("/attestation", &json!({"verification_requests": many})).await;
    assert_eq!(answer.code(), "evidence.kind_not_accepted");
    life.end().await;
}

/// The policy is governed: this protocol reads it and cannot set it.
#[tokio::test]
async fn nobody_sets_a_policy_through_trustees_protocol() {
    let life = Scene::new().start().await.unwrap();
    let policy = json!({"policy_id": "default_cpu", "policy": b64::encode("package policy")});
    let answer = life.post_json("/policy", &policy).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::FORBIDDEN, "attestation.policy_governed")
    );
    let listed = life.ask("GET", "/policy", &[], "").await.json();
    assert_eq!(listed[0]["policy-id"], "autoclave-1");
    life.end().await;
}
