use autoclave_cell::Entropy;
use axum::body::Body;
use http::{Request, StatusCode, header};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;
use serde_json::json;

use crate::auth::session::{IDLE_SECONDS_MAX, SESSION_SECONDS};
use crate::fixtures::{Client, Hospital, PASSWORD};

fn code(hospital: &Hospital, client: &Client) -> String {
    client.onetime.code(hospital.outside.clock.now())
}

#[tokio::test]
async fn staff_is_made_by_a_site_administrator_only() {
    let hospital = Hospital::new();
    let body = json!({"user": "ada", "password": PASSWORD, "role": "clerk"});
    let stranger = SigningKey::generate_from_rng(&mut Entropy);
    let reply = hospital.make_staff(&stranger, &body).await;
    assert_eq!(
        (reply.status, reply.code()),
        (StatusCode::UNAUTHORIZED, "administrator.unknown_key".into())
    );
    let clerk = hospital.at_work("bob", "clerk").await;
    let request = hospital.asking(&clerk, "POST", "/staff");
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let reply = hospital.send(request.body(Body::from(body.to_string())).unwrap()).await;
    assert_eq!((reply.status, reply.code()), (StatusCode::FORBIDDEN, "permission.refused".into()));
    let reply = hospital.make_staff(&hospital.administrator, &body).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    let reply = hospital.make_staff(&hospital.administrator, &body).await;
    assert_eq!((reply.status, reply.code()), (StatusCode::CONFLICT, "staff.exists".into()));
}

#[tokio::test]
async fn bad_accounts_have_stable_codes() {
    let hospital = Hospital::new();
    let cases = [
        (json!({"user": "a b", "password": PASSWORD, "role": "clerk"}), "staff.user"),
        (json!({"user": "ada", "password": "short", "role": "clerk"}), "staff.password"),
        (json!({"user": "ada", "password": PASSWORD, "role": "king"}), "staff.role"),
        (
            json!({"user": "ada", "password": PASSWORD, "role": "clerk", "totp_secret": "A"}),
            "staff.totp_secret",
        ),
        (json!({"user": "ada", "password": PASSWORD}), "request.malformed"),
        (
            json!({"user": "ada", "password": PASSWORD, "role": "clerk", "x": 1}),
            "request.malformed",
        ),
    ];
    for (body, code) in cases {
        let reply = hospital.make_staff(&hospital.administrator, &body).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::BAD_REQUEST, code));
        assert_eq!(reply.headers[header::CONTENT_TYPE], "application/problem+json");
    }
}

#[tokio::test]
async fn a_retried_account_keeps_the_secret_that_was_brought_along() {
    let hospital = Hospital::new();
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let body = json!({"user": "ada", "password": PASSWORD, "role": "clerk", "totp_secret": secret});
    let reply = hospital.make_staff(&hospital.administrator, &body).await;
    assert_eq!(reply.json()["totp_secret"], secret);
}

#[tokio::test]
async fn what_is_wrong_is_not_told() {
    let hospital = Hospital::new();
    let ada = hospital.hire("ada", "clerk").await;
    let right = code(&hospital, &ada);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for (user, password, code) in [
        ("ada", "wrong horse battery", right.as_str()),
        ("ada", PASSWORD, wrong),
        ("nobody", PASSWORD, right.as_str()),
        ("a b", PASSWORD, right.as_str()),
        ("ada", &"x".repeat(300), right.as_str()),
    ] {
        let reply = hospital.sign_in(&ada, user, password, code).await;
        assert_eq!((reply.status, reply.code()), (StatusCode::UNAUTHORIZED, "auth.refused".into()));
    }
    let reply = hospital.sign_in(&ada, " ADA ", PASSWORD, &right).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.json()["role"], "clerk");
}

#[tokio::test]
async fn a_code_opens_one_session() {
    let hospital = Hospital::new();
    let ada = hospital.hire("ada", "clerk").await;
    let right = code(&hospital, &ada);
    assert_eq!(hospital.sign_in(&ada, "ada", PASSWORD, &right).await.status, StatusCode::OK);
    let reply = hospital.sign_in(&ada, "ada", PASSWORD, &right).await;
    assert_eq!(reply.code(), "auth.refused");
    hospital.outside.clock.advance(30);
    let next = code(&hospital, &ada);
    assert_eq!(hospital.sign_in(&ada, "ada", PASSWORD, &next).await.status, StatusCode::OK);
    // The step before the last is within tolerance, but used up.
    assert_eq!(hospital.sign_in(&ada, "ada", PASSWORD, &right).await.code(), "auth.refused");
}

#[tokio::test]
async fn guessing_pauses_known_and_unknown_names_alike() {
    let hospital = Hospital::new();
    let ada = hospital.hire("ada", "clerk").await;
    for user in ["ada", "nobody"] {
        for _ in 0..5 {
            assert_eq!(
                hospital.sign_in(&ada, user, "wrong horse", "123456").await.code(),
                "auth.refused"
            );
        }
        let reply = hospital.sign_in(&ada, user, "wrong horse", "123456").await;
        assert_eq!(
            (reply.status, reply.code()),
            (StatusCode::TOO_MANY_REQUESTS, "auth.paused".into())
        );
        assert_eq!(reply.headers[header::RETRY_AFTER], "30");
    }
    let right = code(&hospital, &ada);
    assert_eq!(hospital.sign_in(&ada, "ada", PASSWORD, &right).await.code(), "auth.paused");
    hospital.outside.clock.advance(30);
    let right = code(&hospital, &ada);
    assert_eq!(hospital.sign_in(&ada, "ada", PASSWORD, &right).await.status, StatusCode::OK);
    // Success forgives: five free guesses again.
    let reply = hospital.sign_in(&ada, "ada", PASSWORD, "123456").await;
    assert_eq!(reply.code(), "auth.refused");
}

#[tokio::test]
async fn a_pause_survives_a_restart() {
    let hospital = Hospital::new();
    let ada = hospital.hire("ada", "clerk").await;
    for _ in 0..5 {
        hospital.sign_in(&ada, "ada", "wrong horse", "123456").await;
    }
    let hospital = hospital.restarted();
    assert_eq!(hospital.sign_in(&ada, "ada", PASSWORD, "123456").await.code(), "auth.paused");
}

#[tokio::test]
async fn sign_in_wants_a_fresh_proof_for_itself() {
    let hospital = Hospital::new();
    let ada = hospital.hire("ada", "clerk").await;
    let body = json!({"user": "ada", "password": PASSWORD, "totp": code(&hospital, &ada)});
    let proof = hospital.proof(&ada.key, "POST", "/auth/sign-in", None);
    let other = hospital.proof(&ada.key, "POST", "/intake", None);
    let request = |proof: Option<&str>| {
        let mut request =
            Request::post("/auth/sign-in").header(header::CONTENT_TYPE, "application/json");
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        request.body(Body::from(body.to_string())).unwrap()
    };
    assert_eq!(hospital.send(request(None)).await.code(), "dpop.missing");
    assert_eq!(hospital.send(request(Some(&other))).await.code(), "dpop.target");
    assert_eq!(hospital.send(request(Some("x.y.z"))).await.code(), "dpop.malformed");
    assert_eq!(hospital.send(request(Some(&proof))).await.status, StatusCode::OK);
    assert_eq!(hospital.send(request(Some(&proof))).await.code(), "dpop.replayed");
}

#[tokio::test]
async fn a_session_counts_at_its_own_client_only() {
    let hospital = Hospital::new();
    let ada = hospital.at_work("ada", "clinician").await;
    assert_eq!(hospital.get(&ada, "/patients").await.status, StatusCode::OK);
    let thief = Client {
        key: SigningKey::generate_from_rng(&mut Entropy),
        session: ada.session.clone(),
        onetime: ada.onetime.clone(),
        user: ada.user.clone(),
    };
    let reply = hospital.get(&thief, "/patients").await;
    assert_eq!((reply.status, reply.code()), (StatusCode::UNAUTHORIZED, "session.refused".into()));
    let bearer = Request::get("/patients")
        .header(header::AUTHORIZATION, format!("Bearer {}", ada.session.as_deref().unwrap()))
        .body(Body::empty())
        .unwrap();
    assert_eq!(hospital.send(bearer).await.code(), "session.missing");
    // A proof without the session's hash, as for sign-in, is not enough.
    let unbound = Request::get("/patients")
        .header(header::AUTHORIZATION, format!("DPoP {}", ada.session.as_deref().unwrap()))
        .header("dpop", hospital.proof(&ada.key, "GET", "/patients", None))
        .body(Body::empty())
        .unwrap();
    assert_eq!(hospital.send(unbound).await.code(), "dpop.session");
}

#[tokio::test]
async fn a_session_survives_a_restart_and_ends_by_sign_out() {
    let hospital = Hospital::new();
    let ada = hospital.at_work("ada", "clinician").await;
    let hospital = hospital.restarted();
    assert_eq!(hospital.get(&ada, "/patients").await.status, StatusCode::OK);
    assert_eq!(hospital.post(&ada, "/auth/sign-out").await.status, StatusCode::NO_CONTENT);
    assert_eq!(hospital.get(&ada, "/patients").await.code(), "session.refused");
}

#[tokio::test]
async fn a_session_ends_when_idle_and_after_a_shift() {
    let hospital = Hospital::new();
    let ada = hospital.at_work("ada", "clinician").await;
    let work = async || hospital.get(&ada, "/patients").await.code();
    let pause = IDLE_SECONDS_MAX - 1;
    for _ in 0..(SESSION_SECONDS / pause) {
        hospital.outside.clock.advance(pause);
        assert_eq!(work().await, "");
    }
    hospital.outside.clock.advance(pause);
    assert_eq!(work().await, "session.refused");
    let bob = hospital.at_work("bob", "clinician").await;
    hospital.outside.clock.advance(IDLE_SECONDS_MAX + 1);
    assert_eq!(hospital.get(&bob, "/patients").await.code(), "session.refused");
}

#[tokio::test]
async fn the_ninth_session_ends_the_first() {
    let hospital = Hospital::new();
    let first = hospital.at_work("ada", "clinician").await;
    for _ in 0..8 {
        hospital.outside.clock.advance(30);
        let code = code(&hospital, &first);
        assert_eq!(hospital.sign_in(&first, "ada", PASSWORD, &code).await.status, StatusCode::OK);
    }
    assert_eq!(hospital.get(&first, "/patients").await.code(), "session.refused");
}
