use http::{Request, header};
use serde_json::{Value, json};

use crate::revoke::Kind;

use super::scene::{ACME, Scene, evidence, guest, opened};

#[tokio::test]
async fn a_guest_gets_a_resource_after_its_line_and_alone_can_read_it() {
    let scene = Scene::new().await;
    assert_eq!(scene.set("acme/model/1", ACME, "a secret").await.status, 200);
    let (own, other) = (guest(), guest());
    let (cookie, token) = scene.attested(&own).await;
    let answer = scene.get(&cookie, "acme/model/1").await;
    assert_eq!(opened(&own, &answer), "a secret");
    let line = scene.last_line();
    assert_eq!(
        (&line["event"], &line["resource"]),
        (&json!("resource_release"), &json!("acme/model/1"))
    );
    assert_eq!((&line["version"], &line["kind"]), (&json!(1), &json!("sample")));
    assert_eq!(line["rules"], json!(["samples-get-models"]));
    let jwe = serde_json::from_value(answer.body).unwrap();
    assert!(autoclave_seal::jwe::open(&jwe, &other).is_err());
    // The token does as well as the session, for guests that keep no cookies.
    let request = Request::get("/kbs/v0/resource/acme/model/1");
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    assert_eq!(opened(&own, &scene.plain(request, &Value::Null).await), "a secret");
}

#[tokio::test]
async fn a_nonce_counts_once_and_a_session_is_not_attested_twice() {
    let scene = Scene::new().await;
    let (own, other) = (guest(), guest());
    let (nonce, cookie) = scene.auth().await;
    let first = scene.attest(&cookie, &evidence(&nonce, &own.public())).await;
    assert_eq!(first.status, 200);
    let again = scene.attest(&cookie, &evidence(&nonce, &own.public())).await;
    assert_eq!((again.status, again.code()), (401, "kbs.nonce_used"));
    let stolen = scene.attest(&cookie, &evidence(&nonce, &other.public())).await;
    assert_eq!(stolen.code(), "kbs.nonce_used");
    let blind = scene.attest(&first.cookie(), &evidence(&nonce, &own.public())).await;
    assert_eq!(blind.code(), "kbs.no_session");
    assert_eq!(scene.last_line()["code"], "kbs.no_session");
}

#[tokio::test]
async fn a_nonce_is_spent_on_evidence_that_does_not_verify() {
    let scene = Scene::new().await;
    let (nonce, cookie) = scene.auth().await;
    let mut wrong = evidence(&nonce, &guest().public());
    wrong["tee-evidence"]["primary_evidence"]["report_data"] = json!("AAAA");
    assert_eq!(scene.attest(&cookie, &wrong).await.code(), "kbs.evidence");
    let right = evidence(&nonce, &guest().public());
    assert_eq!(scene.attest(&cookie, &right).await.code(), "kbs.nonce_used");
}

#[tokio::test]
async fn evidence_for_others_gives_no_token() {
    type Body<'a> = &'a dyn Fn(&str) -> Value;
    let scene = Scene::new().await;
    let own = guest().public();
    let key_swapped = |nonce: &str| {
        let mut body = evidence(nonce, &own);
        body["runtime-data"]["tee-pubkey"] = json!(guest().public());
        body
    };
    let other_nonce = |nonce: &str| evidence(&nonce.replace(&nonce[20..24], "AAAA"), &own);
    let rsa_1_5 = |nonce: &str| {
        let mut body = evidence(nonce, &own);
        body["runtime-data"]["tee-pubkey"] =
            json!({ "kty": "RSA", "alg": "RSA1_5", "n": "", "e": "" });
        body
    };
    let devices = |nonce: &str| {
        let mut body = evidence(nonce, &own);
        body["tee-evidence"]["additional_evidence"] = json!("x");
        body
    };
    let cases: [(Body<'_>, &str); 5] = [
        (&key_swapped, "kbs.evidence"),
        (&other_nonce, "kbs.nonce"),
        (&rsa_1_5, "kbs.key"),
        (&devices, "kbs.devices"),
        (&|_: &str| json!({}), "kbs.malformed"),
    ];
    for (body, code) in cases {
        let (nonce, cookie) = scene.auth().await;
        let answer = scene.attest(&cookie, &body(&nonce)).await;
        assert_eq!((answer.status, answer.code()), (401, code));
        assert!(answer.set_cookie.is_none());
        let kind = answer.body["type"].as_str().unwrap();
        assert!(kind.starts_with("https://github.com/confidential-containers/kbs/errors/"));
    }
}

#[tokio::test]
async fn the_attestor_is_asked_as_trustee_s_is() {
    let scene = Scene::new().await;
    let own = guest();
    let (nonce, cookie) = scene.auth().await;
    let mut body = evidence(&nonce, &own.public());
    body["init-data"] = json!({ "format": "toml", "body": "algorithm = \"sha384\"" });
    assert_eq!(scene.attest(&cookie, &body).await.status, 200);
    let asked = scene.attestor.asked.lock().unwrap().clone().unwrap();
    let part = &asked["verification_requests"][0];
    assert_eq!((&part["tee"], &asked["audience"]), (&json!("sample"), &json!("kbs")));
    assert_eq!(part["runtime_data_hash_algorithm"], "sha384");
    assert_eq!(part["init_data"], json!({ "init_data_toml": "algorithm = \"sha384\"" }));
    let structured = &part["runtime_data"]["structured"];
    assert_eq!(structured["additional-evidence"], "");
    assert_eq!(structured["tee-pubkey"], json!(own.public()));
    let (nonce, cookie) = scene.auth().await;
    let mut body = evidence(&nonce, &own.public());
    body["init-data"] = json!({ "format": "json", "body": "{}" });
    assert_eq!(scene.attest(&cookie, &body).await.code(), "kbs.init_data");
}

#[tokio::test]
async fn what_no_rule_permits_stays_and_only_the_owner_learns_why() {
    let scene = Scene::new().await;
    scene.set("acme/key/1", ACME, "a secret").await;
    let (cookie, _) = scene.attested(&guest()).await;
    for path in ["acme/key/1", "acme/model/none", "mercy/model/1", "nowhere/model/1"] {
        let answer = scene.get(&cookie, path).await;
        assert_eq!((answer.status, answer.code()), (401, "kbs.refused"), "{path}");
        assert_eq!(scene.last_line()["event"], "refusal", "{path}");
    }
    let visible =
        |institution: &str| scene.kbs.broker.refusals.visible_to(&institution.parse().unwrap());
    let refused = visible("acme");
    let refused = refused.iter().find(|it| it.why[0].rule == "samples-get-models").unwrap();
    assert_eq!(refused.resource.as_ref().unwrap().as_str(), "acme/key/1");
    assert_eq!((&*refused.why[0].claim, &*refused.why[0].found), ("resource.class", "key"));
    let of_acme = |it: &crate::refusals::Refused| {
        it.resource.as_ref().is_some_and(|path| path.as_str().starts_with("acme"))
    };
    assert!(!visible("mercy").iter().any(of_acme));
}

#[tokio::test]
async fn nobody_gets_anything_without_a_session_or_a_token() {
    let scene = Scene::new().await;
    scene.set("acme/model/1", ACME, "a secret").await;
    let (_, authed) = scene.auth().await;
    for cookie in ["", "kbs-session-id=", "kbs-session-id=x", &authed] {
        let answer = scene.get(cookie, "acme/model/1").await;
        assert_eq!((answer.status, answer.code()), (401, "kbs.no_token"), "{cookie}");
    }
}

#[tokio::test]
async fn other_paths_are_said_to_be_none() {
    let scene = Scene::new().await;
    let (cookie, _) = scene.attested(&guest()).await;
    for (path, code) in [("acme/model/.1", "kbs.path"), ("acme/model/1?versions=1", "kbs.path")] {
        let answer = scene.get(&cookie, path).await;
        assert_eq!((answer.status, answer.code()), (404, code), "{path}");
    }
    let other = scene.plain(Request::get("/kbs/v0/nebula-ca/x"), &Value::Null).await;
    assert_eq!((other.status, other.code()), (404, "kbs.plugin"));
    let governed = scene.plain(Request::post("/kbs/v0/attestation-policy"), &Value::Null).await;
    assert_eq!((governed.status, governed.code()), (401, "kbs.governed"));
}

#[tokio::test]
async fn a_strict_service_says_more_by_its_status() {
    let scene = Scene::with(|settings| settings.strict_status = true).await;
    let (cookie, _) = scene.attested(&guest()).await;
    assert_eq!(scene.get(&cookie, "acme/model/1").await.status, 403);
    assert_eq!(scene.get("", "acme/model/1").await.status, 401);
}

#[tokio::test]
async fn the_cookie_is_secure_unless_guests_come_over_plain_http() {
    let body = json!({ "version": "0.4.0", "tee": "sample", "extra-params": "" });
    for plain_http in [true, false] {
        let scene = Scene::with(|settings| settings.plain_http = plain_http).await;
        let answer = scene.plain(Request::post("/kbs/v0/auth"), &body).await;
        let set = answer.set_cookie.unwrap();
        assert_eq!(set.contains("; Secure"), !plain_http, "{set}");
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
    }
}

#[tokio::test]
async fn what_its_institution_trusts_no_more_gets_nothing_from_the_next_request_on() {
    let sample = autoclave_base::Digest::of("sample").to_string();
    let revocations =
        [(Kind::Token, "1234"), (Kind::Measurement, &*sample), (Kind::Workload, "unknown")];
    for (kind, what) in revocations {
        let scene = Scene::new().await;
        scene.set("acme/model/1", ACME, "a secret").await;
        let own = guest();
        let (cookie, _) = scene.attested(&own).await;
        assert_eq!(opened(&own, &scene.get(&cookie, "acme/model/1").await), "a secret");
        scene.revoke(kind, what).await;
        assert_eq!(scene.get(&cookie, "acme/model/1").await.code(), "kbs.refused", "{what}");
        assert_eq!(scene.world.lines().pop().unwrap()["rule"], "not-revoked");
    }
}
