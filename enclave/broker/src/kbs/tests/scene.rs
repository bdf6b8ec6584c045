//! A service on a broker, its attestor, and a guest that speaks the protocol.

use std::sync::{Arc, Mutex};

use autoclave_attest::dpop;
use autoclave_attest::jwk::Jwk;
use autoclave_attest::jws;
use autoclave_attest::token::KeySet;
use autoclave_base::{Digest, UnixTime, b64, jcs};
use autoclave_cell::Entropy;
use autoclave_seal::jwe::{self, GuestKey, Jwe, TeePubKey};
use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use http::{Request, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use sha2::Sha384;
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::super::appraise::Attestation;
use super::super::config::KbsSettings;
use super::super::error::KbsRefusal;
use super::super::guest::Trusted;
use super::super::{Kbs, routes};
use crate::fixtures::{NOW, World, settings, signing_key};
use crate::keep::database::Shared;
use crate::keep::{Embedded, Kept, Postgres, SealedFile};
use crate::storage::PostgresSettings;

/// `iss` of the attestor's tokens.
pub(super) const ISSUER: &str = "http://attestor.test";
/// The seed of the attestor's key.
pub(super) const SIGNER: u8 = 13;
/// Administrators, as the broker's fixtures have them.
pub(super) const ACME: u8 = 1;
pub(super) const MERCY: u8 = 2;

const KBS: &str = r#"
plain_http = true

[[institutions]]
name = "acme"
repositories = ["acme"]
rules = '''
@id("samples-get-models")
permit(principal is Guest, action == Action::"get", resource)
when { principal.kind == "sample" && resource.class == "model" };
'''

[[institutions]]
name = "mercy"
repositories = ["mercy", "default"]
rules = '''
@id("hardware-only")
permit(principal is Guest, action == Action::"get", resource)
when { principal.hw_backed };
'''
"#;

/// The attestor: what it was asked last stays to be looked at.
#[derive(Default)]
pub(super) struct Attestor {
    pub(super) asked: Mutex<Option<Value>>,
}

impl Attestor {
    fn judge(&self, query: &Value) -> Result<String, KbsRefusal> {
        *self.asked.lock().unwrap() = Some(query.clone());
        let part = &query["verification_requests"][0];
        let runtime = &part["runtime_data"]["structured"];
        let evidence = b64::decode(part["evidence"].as_str().unwrap()).unwrap();
        let evidence: Value = serde_json::from_slice(&evidence).unwrap();
        if evidence["report_data"] != json!(STANDARD.encode(digest(runtime))) {
            return Err(KbsRefusal::EVIDENCE);
        }
        Ok(sign(&claims(runtime), SIGNER))
    }
}

impl Attestation for Attestor {
    fn appraise(&self, query: Value) -> BoxFuture<'_, Result<String, KbsRefusal>> {
        Box::pin(async move { self.judge(&query) })
    }

    fn trusted(&self) -> BoxFuture<'_, Result<Trusted, KbsRefusal>> {
        let keys = KeySet::new(vec![Jwk::signing(signing_key(SIGNER).verifying_key())]).unwrap();
        Box::pin(async { Ok(Trusted { keys, issuer: ISSUER.to_owned() }) })
    }
}

/// SHA-384 of the canonical form: what guests put into their evidence.
pub(super) fn digest(runtime: &Value) -> Vec<u8> {
    use sha2::Digest as _;
    Sha384::digest(jcs::to_vec(runtime).unwrap()).to_vec()
}

/// The claims of a good token about a sample.
pub(super) fn claims(runtime: &Value) -> Value {
    json!({
        "iss": ISSUER, "sub": "unknown", "aud": "kbs", "iat": NOW, "nbf": NOW,
        "exp": NOW.plus(600), "jti": "1234", "eat_nonce": runtime["nonce"],
        "eat_profile": "tag:github.com,2024:confidential-containers/Trustee",
        "hw_backed": false, "dbgstat": "disabled", "measurement": Digest::of("sample"),
        "x-ms-policy-hash": b64::encode([7; 32]),
        "submods": {"cpu0": {
            "ear.status": "contraindicated",
            "ear.veraison.annotated-evidence": {
                "sample": {"svn": "1"}, "report_data": "AA", "runtime_data_claims": runtime,
            },
        }},
    })
}

/// A token over claims by the key of a seed.
pub(super) fn sign(claims: &Value, seed: u8) -> String {
    let key = signing_key(seed);
    jws::sign("JWT", &Jwk::signing(key.verifying_key()).thumbprint().to_string(), claims, &key)
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) set_cookie: Option<String>,
}

impl Answer {
    pub(super) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The cookie as a client sends it back.
    pub(super) fn cookie(&self) -> String {
        let set = self.set_cookie.as_deref().unwrap_or_default();
        set.split(';').next().unwrap_or_default().to_owned()
    }
}

/// All of it.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) attestor: Arc<Attestor>,
    pub(super) kbs: Arc<Kbs>,
    plain: Router,
    attested: Router,
    _folder: TempDir,
}

impl Scene {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut KbsSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = World::open(folder.path(), settings()).await;
        let cell = world.cell().clone();
        let root = Arc::new(SealedFile::open(&cell).unwrap());
        let kept = Kept::new(Arc::new(Embedded::open(cell).unwrap()), root);
        Self::on(folder, world, kept, change).await
    }

    /// One that shares a database with others.
    pub(super) async fn replica(database: &PostgresSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = World::open(folder.path(), settings()).await;
        let (cell, root) = (world.cell().clone(), Arc::new(Shared));
        let keep = Postgres::open(cell, database, root.clone()).await.unwrap();
        Self::on(folder, world, Kept::new(Arc::new(keep), root), |_| {}).await
    }

    async fn on(
        folder: TempDir,
        world: World,
        kept: Kept,
        change: impl FnOnce(&mut KbsSettings),
    ) -> Self {
        let mut settings: KbsSettings = toml::from_str(KBS).unwrap();
        change(&mut settings);
        let attestor = Arc::new(Attestor::default());
        let kbs = Kbs::open(world.broker.clone(), kept, attestor.clone(), settings).await;
        let kbs = Arc::new(kbs.unwrap());
        let (attested, plain) = routes(&kbs);
        Self { world, attestor, kbs, plain, attested, _folder: folder }
    }

    /// A guest's request over the plain door.
    pub(super) async fn plain(&self, request: http::request::Builder, body: &Value) -> Answer {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        answer(&self.plain, request.body(body).unwrap()).await
    }

    /// An administrator's request over an attested door, with a proof by the key of a seed.
    pub(super) async fn proved(
        &self,
        (method, path): (&str, &str),
        seed: u8,
        body: impl Into<Body>,
    ) -> Answer {
        let facts = dpop::Facts { method, path, session: None };
        let proof = dpop::prove(&signing_key(seed), facts, &mut Entropy, NOW);
        let request = Request::builder().method(method).uri(path).header(dpop::HEADER, proof);
        answer(&self.attested, request.body(body.into()).unwrap()).await
    }

    /// An administrator's request with a bearer token.
    pub(super) async fn borne(&self, (method, path): (&str, &str), token: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        answer(&self.attested, request.body(Body::from("content")).unwrap()).await
    }

    /// The first half of the protocol: a nonce and its session.
    pub(super) async fn auth(&self) -> (String, String) {
        let body = json!({ "version": "0.4.0", "tee": "sample", "extra-params": "" });
        let answer = self.plain(Request::post("/kbs/v0/auth"), &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        (answer.body["nonce"].as_str().unwrap().to_owned(), answer.cookie())
    }

    /// The second half.
    pub(super) async fn attest(&self, cookie: &str, body: &Value) -> Answer {
        self.plain(Request::post("/kbs/v0/attest").header(header::COOKIE, cookie), body).await
    }

    /// Both, for a guest that does all as it should: its session and its token.
    pub(super) async fn attested(&self, guest: &GuestKey) -> (String, String) {
        let (nonce, cookie) = self.auth().await;
        let answer = self.attest(&cookie, &evidence(&nonce, &guest.public())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        (answer.cookie(), answer.body["token"].as_str().unwrap().to_owned())
    }

    pub(super) async fn get(&self, cookie: &str, path: &str) -> Answer {
        let path = format!("/kbs/v0/resource/{path}");
        self.plain(Request::get(path).header(header::COOKIE, cookie), &Value::Null).await
    }

    /// Sets a resource as its administrator.
    pub(super) async fn set(&self, path: &str, seed: u8, content: &str) -> Answer {
        let path = format!("/kbs/v0/resource/{path}");
        self.proved(("POST", &path), seed, content.to_owned()).await
    }

    pub(super) fn last_line(&self) -> Value {
        self.world.lines().pop().unwrap()
    }

    /// Revokes as an administrator of acme does.
    pub(super) async fn revoke(&self, kind: crate::revoke::Kind, what: &str) {
        let label = |text: &str| text.parse().unwrap();
        let (acme, by) = (label("acme"), label("acme-keys"));
        let what = (kind, autoclave_ledger::Label::of_claim(what));
        let revocations = &self.world.broker.revocations;
        revocations.revoke(&acme, what, &by, NOW, self.world.cell().ledger()).await.unwrap();
    }
}

/// What a guest with a `sample` shows: evidence over nonce and key.
pub(super) fn evidence(nonce: &str, key: &TeePubKey) -> Value {
    let runtime = json!({ "nonce": nonce, "tee-pubkey": key, "additional-evidence": "" });
    let report_data = STANDARD.encode(digest(&runtime));
    json!({
        "init-data": null,
        "runtime-data": { "nonce": nonce, "tee-pubkey": key },
        "tee-evidence": {
            "primary_evidence": { "svn": "1", "report_data": report_data },
            "additional_evidence": "",
        },
    })
}

/// What a resource says to the guest that it was encrypted to.
pub(super) fn opened(guest: &GuestKey, answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let jwe: Jwe = serde_json::from_value(answer.body.clone()).unwrap();
    String::from_utf8(jwe::open(&jwe, guest).unwrap().expose().clone()).unwrap()
}

pub(super) fn guest() -> GuestKey {
    GuestKey::generate(&mut Entropy)
}

/// A time in a token.
pub(super) fn at(time: UnixTime) -> Value {
    json!(time)
}

async fn answer(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let cookie = response.headers().get(header::SET_COOKIE);
    let set_cookie = cookie.map(|value| value.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer { status, body: serde_json::from_slice(&body).unwrap_or(Value::Null), set_cookie }
}
