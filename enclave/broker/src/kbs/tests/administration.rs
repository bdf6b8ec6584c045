use autoclave_attest::jwk::Jwk;
use autoclave_base::b64;
use p256::ecdsa::Signature;
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};

use super::scene::{ACME, MERCY, Scene, guest, opened};
use crate::fixtures::{NOW, signing_key};

#[tokio::test]
async fn a_further_version_leaves_the_earlier_ones_as_they_are() {
    let scene = Scene::new().await;
    for (content, version) in [("one", 1), ("two", 2)] {
        let answer = scene.set("acme/model/1", ACME, content).await;
        assert_eq!((answer.status, &answer.body["version"]), (200, &json!(version)));
        let line = scene.last_line();
        assert_eq!(
            (&line["event"], &line["action"]),
            (&json!("resource_change"), &json!("created"))
        );
        assert_eq!(line["by"], "acme-keys");
    }
    let own = guest();
    let (cookie, _) = scene.attested(&own).await;
    for (path, content) in [
        ("acme/model/1", "two"),
        ("acme/model/1?version=latest", "two"),
        ("acme/model/1?version=2", "two"),
        ("acme/model/1?version=1", "one"),
    ] {
        assert_eq!(opened(&own, &scene.get(&cookie, path).await), content, "{path}");
    }
    assert_eq!(scene.get(&cookie, "acme/model/1?version=3").await.code(), "kbs.refused");
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_its_number_stays_taken() {
    let scene = Scene::new().await;
    let path = "/kbs/v0/resource/acme/model/1";
    scene.set("acme/model/1", ACME, "one").await;
    let own = guest();
    let (cookie, _) = scene.attested(&own).await;
    assert_eq!(scene.proved(("DELETE", path), ACME, "").await.status, 200);
    assert_eq!(scene.last_line()["action"], "deleted");
    assert_eq!(scene.get(&cookie, "acme/model/1").await.code(), "kbs.refused");
    assert_eq!(scene.get(&cookie, "acme/model/1?version=1").await.code(), "kbs.refused");
    let kept = scene.kbs.kept.get("kbs/version/acme/acme/model/1:1").await.unwrap().unwrap();
    assert!(kept.bytes.is_empty());
    assert_eq!(scene.proved(("DELETE", path), ACME, "").await.code(), "kbs.unknown");
    assert_eq!(scene.set("acme/model/1", ACME, "two").await.body["version"], 2);
    assert_eq!(opened(&own, &scene.get(&cookie, "acme/model/1").await), "two");
}

#[tokio::test]
async fn an_institution_s_resources_are_its_administrators_alone() {
    let scene = Scene::new().await;
    let lines = scene.world.lines().len();
    for (path, seed, code) in [
        ("mercy/key/1", ACME, "kbs.unknown"),
        ("default/key/1", ACME, "kbs.unknown"),
        ("acme/key/1", MERCY, "kbs.unknown"),
        ("nowhere/key/1", ACME, "kbs.unknown"),
        ("acme/key/1", 9, "kbs.administrator"),
    ] {
        let answer = scene.set(path, seed, "x").await;
        assert_eq!((answer.status, answer.code()), (401, code), "{path}");
        let path = format!("/kbs/v0/resource/{path}");
        assert_eq!(scene.proved(("DELETE", &path), seed, "").await.code(), code, "{path}");
    }
    let after = scene.world.lines();
    assert!(after[lines..].iter().all(|line| line["event"] == "refusal"));
    assert!(scene.kbs.kept.list("kbs/version").await.unwrap().is_empty());
    assert_eq!(scene.set("default/key/1", MERCY, "x").await.status, 200);
}

/// A token as an administrator's own tool makes it.
fn errand(seed: u8, claims: &Value) -> String {
    let key = signing_key(seed);
    let header = json!({ "alg": "ES256", "typ": "JWT", "jwk": Jwk::signing(key.verifying_key()) });
    let signed = format!("{}.{}", b64::encode(header.to_string()), b64::encode(claims.to_string()));
    let signature: Signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", b64::encode(signature.to_bytes()))
}

#[tokio::test]
async fn a_bearer_token_counts_if_an_administrator_signed_it_for_an_errand() {
    let scene = Scene::new().await;
    let claims = |aud: &str, iat, exp| json!({ "aud": aud, "iat": iat, "exp": exp });
    let good = claims("autoclave-kbs-admin", NOW, NOW.plus(3600));
    let route = ("POST", "/kbs/v0/resource/acme/model/1");
    assert_eq!(scene.borne(route, &errand(ACME, &good)).await.status, 200);
    let mut forged = errand(ACME, &good);
    forged.replace_range(forged.len() - 8..forged.len() - 7, "_");
    for (token, what) in [
        (errand(9, &good), "a stranger's"),
        (errand(ACME, &claims("kbs", NOW, NOW.plus(60))), "of another purpose"),
        (errand(ACME, &claims("autoclave-kbs-admin", NOW, NOW.plus(3601))), "too long"),
        (errand(ACME, &claims("autoclave-kbs-admin", NOW.minus(60), NOW)), "expired"),
        (errand(ACME, &claims("autoclave-kbs-admin", NOW.plus(60), NOW.plus(90))), "early"),
        (errand(ACME, &json!({ "aud": "autoclave-kbs-admin", "iat": NOW })), "endless"),
        (forged, "forged"),
        ("x".to_owned(), "none"),
    ] {
        let answer = scene.borne(route, &token).await;
        assert_eq!((answer.status, answer.code()), (401, "kbs.administrator"), "{what}");
    }
    assert_eq!(
        scene.borne(("POST", "/kbs/v0/resource/mercy/model/1"), &errand(ACME, &good)).await.code(),
        "kbs.unknown"
    );
}

#[tokio::test]
async fn rules_are_read_by_their_institution_and_set_by_nobody_here() {
    let scene = Scene::new().await;
    let policy = "/kbs/v0/resource-policy";
    assert_eq!(scene.proved(("GET", policy), ACME, "").await.status, 200);
    assert_eq!(scene.proved(("GET", policy), 9, "").await.code(), "kbs.administrator");
    let post = |text: &str| json!({ "policy": b64::encode(text) }).to_string();
    let rego = "package policy\ndefault allow = true";
    let cedar = r#"@id("a") permit(principal is Guest, action == Action::"get", resource);"#;
    for (body, code) in [
        (post(rego), "kbs.rego"),
        (post(cedar), "kbs.governed"),
        (post("permit(everything)"), "kbs.policy_malformed"),
        ("{}".to_owned(), "kbs.malformed"),
    ] {
        assert_eq!(scene.proved(("POST", policy), ACME, body).await.code(), code);
    }
    assert_eq!(scene.proved(("POST", policy), 9, post(cedar)).await.code(), "kbs.administrator");
}

#[tokio::test]
async fn a_resource_has_a_bound() {
    let scene = Scene::new().await;
    let most = "a".repeat(64 * 1024);
    assert_eq!(scene.set("acme/model/1", ACME, &most).await.status, 200);
    assert_ne!(scene.set("acme/model/1", ACME, &(most + "a")).await.status, 200);
}
