//! Who reaches what: bearers, callers, hosts, and institutions.

use super::*;

#[tokio::test]
async fn a_caller_without_a_good_bearer_is_told_where_to_get_one() {
    let (world, _folder) = world().await;
    let route = ("GET", "/keys");
    let claims = |aud: &str, iat: u64, exp: u64| json!({ "aud": aud, "iat": iat, "exp": exp });
    let now = NOW.seconds();
    let bad = [
        None,
        Some("x".to_owned()),
        Some(bearer(ACME, &claims("https://other.test", now, now + 60))),
        Some(bearer(ACME, &claims(VAULT, now, now))),
        Some(bearer(ACME, &claims(VAULT, now + 31, now + 60))),
        Some(bearer(ACME, &claims(VAULT, now, now + BEARER_SECONDS_MAX + 1))),
        Some(bearer(9, &claims(VAULT, now, now + 60))),
        Some(token(&claims(VAULT, now, now + 60))),
    ];
    for bearer in bad {
        let (status, answer, challenge) =
            call(&world, route, bearer.as_deref(), &Value::Null).await;
        assert_eq!((status, &answer["error"]["code"]), (401, &json!("Unauthorized")), "{bearer:?}");
        let expected = format!("Bearer authorization=\"{VAULT}/autoclave\", resource=\"{VAULT}\"");
        assert_eq!(challenge.unwrap(), expected);
    }
    let best = bearer(ACME, &claims(VAULT, now, now + BEARER_SECONDS_MAX));
    assert_eq!(call(&world, route, Some(&best), &Value::Null).await.0, 200);
}

/// One call of each operation on acme's key `one`, or its deleted key `gone`.
fn samples() -> Vec<(&'static str, &'static str, Value)> {
    let create = json!({ "kty": "oct-HSM", "attributes": { "exp": NOW.plus(99) } });
    vec![
        ("GET", "/keys/one", Value::Null),
        ("GET", "/keys/one/", Value::Null),
        ("GET", "/keys/one/versions", Value::Null),
        ("PATCH", "/keys/one/", json!({ "attributes": { "enabled": true } })),
        ("POST", "/keys/one/release", json!({ "target": token(&claims()) })),
        ("POST", "/keys/one//release", json!({ "target": token(&claims()) })),
        ("POST", "/keys/one/rotate", Value::Null),
        ("GET", "/deletedkeys/gone", Value::Null),
        ("POST", "/deletedkeys/gone/recover", Value::Null),
        ("DELETE", "/keys/gone", Value::Null),
        ("DELETE", "/deletedkeys/gone", Value::Null),
        ("DELETE", "/keys/one", Value::Null),
        ("GET", "/keys", Value::Null),
        ("GET", "/deletedkeys", Value::Null),
        ("PUT", "/keys/own", import(&oct())),
        ("POST", "/keys/own/create", create),
    ]
}

#[tokio::test]
async fn no_operation_reaches_another_institutions_vault() {
    let (world, _folder) = world().await;
    imported(&world, "one", &oct()).await;
    imported(&world, "gone", &oct()).await;
    send(&world, ("DELETE", "/keys/gone"), ACME, &Value::Null).await;
    let mut seen = std::collections::BTreeSet::new();
    for (method, path, body) in samples() {
        let parsed = http::Method::try_from(method).unwrap();
        let operation = Operation::parse(&parsed, path).unwrap();
        let name = format!("{operation:?}");
        seen.insert(name.split('(').next().unwrap().to_owned());
        let before = world.broker.kept.get("keys/acme/one").await.unwrap().map(|it| it.version);
        let (status, answer) = send(&world, (method, path), MERCY, &body).await;
        let of_own = path.contains("/own") || path == "/keys" || path == "/deletedkeys";
        if of_own {
            // What it sees and makes there is its own.
            assert_eq!(status, 200, "{method} {path}: {answer}");
            assert!(!answer.to_string().contains("/one"), "{method} {path}: {answer}");
        } else {
            assert!(matches!(status, 403 | 404), "{method} {path}: {status} {answer}");
        }
        let after = world.broker.kept.get("keys/acme/one").await.unwrap().map(|it| it.version);
        assert_eq!(before, after, "{method} {path}");
        let (status, answer) = send(&world, (method, path), ACME, &body).await;
        assert!(matches!(status, 200 | 204), "{method} {path}: {status} {answer}");
    }
    // A new operation is a new sample.
    assert_eq!(seen.len(), 13, "{seen:?}");
}

#[tokio::test]
async fn a_caller_reads_and_releases_and_changes_nothing() {
    let (world, _folder) = world().await;
    imported(&world, "one", &oct()).await;
    for (method, path, body) in samples() {
        let (status, answer) = send(&world, (method, path), CALLER, &body).await;
        let reads = method == "GET" && !path.starts_with("/deletedkeys");
        if reads || path.ends_with("release") {
            assert_eq!(status, 200, "{method} {path}: {answer}");
        } else {
            let code = &answer["error"]["innererror"]["code"];
            assert_eq!((status, code), (403, &json!("key_vault.caller")), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn keys_of_other_origins_are_not_in_this_api() {
    let (world, _folder) = world().await;
    let tenant = world.broker.vault.tenant(&"mercy".parse().unwrap()).unwrap();
    assert_eq!(tenant.names().await.unwrap().len(), 2);
    let (_, answer) = send(&world, ("GET", "/keys"), MERCY, &Value::Null).await;
    assert_eq!(answer["value"], json!([]));
}

#[tokio::test]
async fn a_vault_with_a_host_for_each_institution_asks_for_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings();
    settings.key_vault.as_mut().unwrap().url = "https://{institution}.vault.test".to_owned();
    let world = World::open(folder.path(), settings).await;
    let bearer = good_bearer(&world, ACME);
    for (host, status) in [("acme.vault.test", 200), ("mercy.vault.test", 403), ("vault.test", 403)]
    {
        let request = Request::get("/keys?api-version=7.4").header("host", host);
        let request = request.header("authorization", format!("Bearer {bearer}"));
        let request = request.body(Body::empty()).unwrap();
        let response = world.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{host}");
    }
}
