//! Applications: what they are granted, and what nobody grants them.

use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};

use crate::fixtures::{Client, Hospital, PASSWORD, Reply, SMART_BASE as BASE};
use crate::smart::form::encoded;
use crate::smart::tests::signed;

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "https://app.test/back";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn form(fields: &[(&str, &str)]) -> String {
    let fields = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    fields.collect::<Vec<_>>().join("&")
}

impl Hospital {
    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form(fields)))
            .unwrap();
        self.send(request).await
    }

    /// An assertion of the service's key under that name.
    fn assertion(&self, jti: &str) -> String {
        let exp = self.outside.clock.now().plus(60).seconds();
        let claims = json!({"iss": "service", "sub": "service",
            "aud": format!("{BASE}/auth/token"), "exp": exp, "jti": jti});
        signed(&self.service, &json!({"alg": "ES256"}), &claims)
    }

    /// What the service gets for these scopes.
    pub(super) async fn service_token(&self, jti: &str, scope: &str) -> Reply {
        let assertion = self.assertion(jti);
        let fields = [
            ("grant_type", "client_credentials"),
            ("scope", scope),
            ("client_assertion_type", ASSERTION),
            ("client_assertion", &assertion),
        ];
        self.form("/auth/token", &fields).await
    }

    pub(super) async fn bearer(&self, token: &str, path: &str) -> Reply {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Signs in at the page and allows the application `scope`; where its browser is sent.
    async fn consent(&self, who: &Client, scope: &str, extra: &[(&str, &str)]) -> String {
        let asked = form(&asked(scope, extra));
        let page = self.get_open(&format!("/auth/authorize?{asked}")).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text());
        let code = who.onetime.code(self.outside.clock.now());
        let fields = [
            ("asked", asked.as_str()),
            ("user", &who.user),
            ("password", PASSWORD),
            ("totp", &code),
        ];
        let page = self.form("/auth/authorize", &fields).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text());
        let pending = between(&page.text(), "name=\"pending\" value=\"", "\"");
        let fields = [("pending", pending.as_str()), ("decision", "allow"), ("patient_id", "p-1")];
        let reply = self.form("/auth/authorize/decide", &fields).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.text());
        reply.headers[header::LOCATION].to_str().unwrap().to_owned()
    }

    async fn get_open(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn by_code(&self, code: &str, verifier: &str) -> Reply {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("client_id", "app"),
            ("code_verifier", verifier),
        ];
        self.form("/auth/token", &fields).await
    }

    async fn refreshed(&self, token: &str) -> Reply {
        let fields =
            [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "app")];
        self.form("/auth/token", &fields).await
    }
}

impl Reply {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn member(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }
}

fn asked<'a>(scope: &'a str, extra: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", REDIRECT),
        ("state", "s t"),
        ("aud", "https://clinic.test/fhir"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("scope", scope),
    ];
    let others = usual.into_iter().filter(|(name, _)| !extra.iter().any(|(own, _)| own == name));
    others.chain(extra.iter().copied()).filter(|(_, value)| !value.is_empty()).collect()
}

fn between(text: &str, before: &str, after: &str) -> String {
    let rest = text.split_once(before).unwrap().1;
    rest.split_once(after).unwrap().0.to_owned()
}

fn code_in(location: &str) -> String {
    between(&format!("{location}&"), "code=", "&")
}

#[tokio::test]
async fn the_discovery_document_names_endpoints_that_are_there() {
    let hospital = Hospital::new();
    for path in ["/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration"] {
        let document = hospital.get_open(path).await.json();
        assert_eq!(document["token_endpoint"], format!("{BASE}/auth/token"));
        assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
        let endpoints = ["authorization", "token", "introspection", "revocation"];
        for name in endpoints.map(|name| format!("{name}_endpoint")) {
            let path = document[&name].as_str().unwrap().strip_prefix(BASE).unwrap().to_owned();
            assert_ne!(hospital.form(&path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}

#[tokio::test]
async fn a_service_gets_what_it_is_registered_for_and_no_more() {
    let hospital = Hospital::new();
    let reply = hospital.service_token("1", "system/*.cruds user/Patient.r").await;
    assert_eq!(reply.member("error"), "invalid_scope", "a service acts for nobody else");
    let reply = hospital.service_token("2", "system/Observation.cruds system/Patient.rs").await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!(reply.member("scope"), "system/Observation.cruds system/Patient.rs");
    assert_eq!(reply.member("token_type"), "Bearer");
    assert_eq!(reply.json()["expires_in"], 300);
    assert_eq!(hospital.service_token("3", "openid").await.member("error"), "invalid_scope");
    assert_eq!(
        hospital.service_token("4", "system/patient.r").await.member("error"),
        "invalid_scope"
    );
}

#[tokio::test]
async fn an_assertion_counts_once_also_after_a_restart() {
    let hospital = Hospital::new();
    assert_eq!(hospital.service_token("1", "system/*.rs").await.status, StatusCode::OK);
    let again = hospital.service_token("1", "system/*.rs").await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    assert_eq!(again.member("error_description"), "assertion.replayed");
    let hospital = hospital.restarted();
    let again = hospital.service_token("1", "system/*.rs").await;
    assert_eq!(again.member("error_description"), "assertion.replayed");
    assert_eq!(hospital.service_token("2", "system/*.rs").await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_signs_in_lets_an_application_in_and_a_code_counts_once() {
    let hospital = Hospital::new();
    let eve = hospital.hire("eve", "clinician").await;
    let to = hospital.consent(&eve, "launch/patient patient/*.rs", &[]).await;
    assert!(to.starts_with(&format!("{REDIRECT}?code=")) && to.ends_with("&state=s%20t"), "{to}");
    let code = code_in(&to);
    let reply = hospital.by_code(&code, VERIFIER).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!(reply.member("patient"), "p-1");
    assert_eq!(reply.member("scope"), "launch/patient patient/*.rs");
    assert_eq!(reply.json()["refresh_token"], Value::Null, "it did not ask for one");
    assert_eq!(hospital.by_code(&code, VERIFIER).await.member("error"), "invalid_grant");
}

#[tokio::test]
async fn a_code_without_its_verifier_or_after_its_minute_is_worth_nothing() {
    let hospital = Hospital::new();
    let eve = hospital.hire("eve", "clinician").await;
    let code = code_in(&hospital.consent(&eve, "user/*.rs", &[]).await);
    let other = VERIFIER.replace('d', "e");
    assert_eq!(hospital.by_code(&code, &other).await.member("error"), "invalid_grant");
    assert_eq!(hospital.by_code(&code, VERIFIER).await.member("error"), "invalid_grant", "spent");
    hospital.outside.clock.advance(30);
    let code = code_in(&hospital.consent(&eve, "user/*.rs", &[]).await);
    hospital.outside.clock.advance(60);
    assert_eq!(hospital.by_code(&code, VERIFIER).await.member("error"), "invalid_grant");
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_is_not_registered() {
    let hospital = Hospital::new();
    for extra in [
        ("redirect_uri", "https://evil.test/"),
        ("redirect_uri", ""),
        ("client_id", "nobody"),
        ("client_id", "service"),
    ] {
        let asked = form(&asked("user/*.rs", &[extra]));
        let reply = hospital.get_open(&format!("/auth/authorize?{asked}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{extra:?}");
        assert!(reply.headers.get(header::LOCATION).is_none());
    }
}

#[tokio::test]
async fn a_request_that_is_wrong_is_told_to_the_application() {
    let hospital = Hospital::new();
    for (extra, error) in [
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("aud", "https://other.test/fhir"), "invalid_request"),
        (("state", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("scope", "system/*.rs"), "invalid_scope"),
    ] {
        let asked = form(&asked("user/*.rs", &[extra]));
        let reply = hospital.get_open(&format!("/auth/authorize?{asked}")).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{extra:?}");
        let to = reply.headers[header::LOCATION].to_str().unwrap();
        assert!(to.starts_with(&format!("{REDIRECT}?error={error}&")), "{extra:?}: {to}");
    }
}

#[tokio::test]
async fn a_wrong_password_or_a_used_code_lets_nobody_in() {
    let hospital = Hospital::new();
    let eve = hospital.hire("eve", "clinician").await;
    let asked = form(&asked("user/*.rs", &[]));
    let code = eve.onetime.code(hospital.outside.clock.now());
    let attempt = async |password: &str, code: &str| {
        let fields =
            [("asked", asked.as_str()), ("user", "eve"), ("password", password), ("totp", code)];
        hospital.form("/auth/authorize", &fields).await.status
    };
    assert_eq!(attempt("wrong horse battery", &code).await, StatusCode::UNAUTHORIZED);
    assert_eq!(attempt(PASSWORD, &code).await, StatusCode::OK);
    assert_eq!(attempt(PASSWORD, &code).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_refresh_token_counts_once_and_a_copy_ends_its_line() {
    let hospital = Hospital::new();
    let eve = hospital.hire("eve", "clinician").await;
    let scope = "offline_access user/*.rs user/Observation.c";
    let code = code_in(&hospital.consent(&eve, scope, &[]).await);
    let first = hospital.by_code(&code, VERIFIER).await.member("refresh_token");
    let hospital = hospital.restarted();
    let reply = hospital.refreshed(&first).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!(reply.member("scope"), scope);
    let (second, access) = (reply.member("refresh_token"), reply.member("access_token"));
    assert_ne!(first, second);
    let active = hospital
        .clinic
        .smart
        .access()
        .get(&crate::smart::Bearer::digest_of(&access), hospital.outside.clock.now())
        .is_some();
    assert!(active);
    // The first comes again: somebody copied it. Nothing of the line counts any more.
    assert_eq!(hospital.refreshed(&first).await.member("error"), "invalid_grant");
    assert_eq!(hospital.refreshed(&second).await.member("error"), "invalid_grant");
    let refused = hospital.bearer(&access, "/fhir/Patient/1").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_is_introspected_and_revoked_by_applications_with_keys() {
    let hospital = Hospital::new();
    let token = hospital.service_token("1", "system/Patient.rs").await.member("access_token");
    let ask = async |path: &str, jti: &str, token: &str| {
        let assertion = hospital.assertion(jti);
        let fields = [
            ("token", token),
            ("client_assertion_type", ASSERTION),
            ("client_assertion", &assertion),
        ];
        hospital.form(path, &fields).await
    };
    let said = ask("/auth/introspect", "2", &token).await.json();
    assert_eq!(
        (said["active"].as_bool(), said["client_id"].as_str()),
        (Some(true), Some("service"))
    );
    assert_eq!(said["scope"], "system/Patient.rs");
    assert_eq!(ask("/auth/introspect", "3", "unknown").await.json(), json!({"active": false}));
    let fields = [("token", token.as_str()), ("client_id", "app")];
    let unproved = hospital.form("/auth/introspect", &fields).await;
    assert_eq!(unproved.member("error"), "unauthorized_client");
    assert_eq!(ask("/auth/revoke", "4", &token).await.status, StatusCode::OK);
    assert_eq!(ask("/auth/introspect", "5", &token).await.json()["active"], false);
    assert_eq!(hospital.bearer(&token, "/fhir/Patient/1").await.code(), "token.refused");
}

#[tokio::test]
async fn a_launch_is_for_its_application_its_person_and_once() {
    let hospital = Hospital::new();
    let eve = hospital.at_work("eve", "clinician").await;
    let launch = async || {
        let body = json!({"client": "app", "patient": "p-9"}).to_string();
        let request = hospital
            .asking(&eve, "POST", "/auth/launch")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .unwrap();
        hospital.send(request).await.member("launch")
    };
    let given = launch().await;
    hospital.outside.clock.advance(30);
    let extra = [("launch", given.as_str())];
    let to = hospital.consent(&eve, "launch user/*.rs", &extra).await;
    let reply = hospital.by_code(&code_in(&to), VERIFIER).await;
    assert_eq!(reply.member("patient"), "p-9");
    hospital.outside.clock.advance(30);
    let to = hospital.consent(&eve, "launch user/*.rs", &extra).await;
    assert!(to.contains("error=invalid_request"), "a launch counts once: {to}");
    let given = launch().await;
    let mallory = hospital.hire("mallory", "clinician").await;
    let to = hospital.consent(&mallory, "launch user/*.rs", &[("launch", &given)]).await;
    assert!(to.contains("error=invalid_request"), "another person: {to}");
}
