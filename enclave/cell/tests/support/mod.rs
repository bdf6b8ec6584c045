//! A small world in one process: a toy attestor that issues real tokens, and toy enclaves
//! that it knows. For tests of the shell only.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::sync::{Arc, Mutex};

use autoclave_attest::appraise::appraise;
use autoclave_attest::evidence::{Endorsements, Root, TeeKind, TpmRoot};
use autoclave_attest::handshake::{
    AttestQuery, AttestorCheck, PeerCheck, To, Trust, TrustAnchors, VerifiedPeer,
};
use autoclave_attest::handshake::{NonceAnswer, TokenAnswer};
use autoclave_attest::jwk::{Jwk, Key};
use autoclave_attest::nonce::NonceBook;
use autoclave_attest::release::{self, Manifest, Release, verify_manifest};
use autoclave_attest::token::{Issuance, Issuer, KeySet};
use autoclave_base::UnixTime;
use autoclave_base::ids::WorkloadName;
use autoclave_cell::{
    BootError, Cell, Clock, Entropy, Launch, Machine, Network, NoSettings, Platform, Routes,
    Running, measure, start,
};
use autoclave_seal::{Kem, PublicSealingKey};
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) const ISSUER: &str = "https://attestor.test";

/// Keys, time, the manifest, and the attestor that appraises by it.
pub(crate) struct World {
    pub(crate) platform: SigningKey,
    pub(crate) release: SigningKey,
    pub(crate) clock: Clock,
    pub(crate) manifest: Arc<Mutex<Manifest>>,
    pub(crate) attestor: Running,
    tpms: Vec<TpmRoot>,
    _folder: TempDir,
}

/// An enclave's folder and configuration, to start it with as often as wanted.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) config: String,
    pub(crate) workload: &'static str,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::trusting(Vec::new()).await
    }

    /// A world that believes TPMs as well.
    pub(crate) async fn trusting(tpms: Vec<TpmRoot>) -> Self {
        let key = || SigningKey::generate_from_rng(&mut Entropy);
        let (platform, release) = (key(), key());
        let clock = Clock::manual(UnixTime::from_seconds(1_800_000_000));
        let manifest = Arc::new(Mutex::new(Manifest {
            iss: "https://release.test".to_owned(),
            serial: 1,
            iat: clock.now(),
            exp: clock.now().plus(1_000_000),
            workloads: Vec::new(),
        }));
        let folder = tempfile::tempdir().unwrap();
        let config = config_text("attestor", &folder, None, &release, &platform) + &toml(&tpms);
        list(&manifest, "attestor", &config);
        let launch = launch(config, &platform, &clock);
        let (shared, signer) = (manifest.clone(), release.clone());
        let build = |cell, NoSettings {}| async move {
            Ok::<_, BootError>(toy_attestor(cell, shared, signer))
        };
        let mut attestor = start("attestor", launch, build).await.unwrap();
        attestor.ready().await.unwrap();
        Self { platform, release, clock, manifest, attestor, tpms, _folder: folder }
    }

    pub(crate) fn attestor_url(&self) -> String {
        format!("http://{}", self.attestor.addresses().sealed)
    }

    /// A place for an enclave that the manifest names.
    pub(crate) fn site(&self, workload: &'static str) -> Site {
        let site = self.unlisted_site(workload);
        list(&self.manifest, workload, &site.config);
        site
    }

    /// A place for an enclave that no manifest names.
    pub(crate) fn unlisted_site(&self, workload: &'static str) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let url = self.attestor_url();
        let config = config_text(workload, &folder, Some(&url), &self.release, &self.platform)
            + &toml(&self.tpms);
        Site { folder, config, workload }
    }

    /// Lists a configuration on the manifest.
    pub(crate) fn list(&self, workload: &str, config: &str) {
        list(&self.manifest, workload, config);
    }

    pub(crate) fn launch(&self, site: &Site) -> Launch {
        launch(site.config.clone(), &self.platform, &self.clock)
    }

    /// Starts an enclave with these routes and waits until it is ready.
    pub(crate) async fn run(&self, site: &Site, routes: fn(Arc<Cell>) -> Router) -> Running {
        let build = move |cell, NoSettings {}| async move { Ok::<_, BootError>(routes(cell)) };
        let mut running = start(site.workload, self.launch(site), build).await.unwrap();
        running.ready().await.unwrap();
        running
    }

    pub(crate) fn trust(&self) -> Trust {
        let root = Jwk::signing(self.platform.verifying_key());
        let software = Root::Software { jwk: root };
        let tpms = self.tpms.iter().cloned().map(Root::Tpm);
        Trust::try_from(TrustAnchors {
            roots: std::iter::once(software).chain(tpms).collect(),
            release_keys: vec![Jwk::signing(self.release.verifying_key())],
            issuer: ISSUER.to_owned(),
            manifest_serial_min: 0,
        })
        .unwrap()
    }

    /// Verifies a running enclave as a client would.
    pub(crate) async fn verify(&self, running: &Running) -> VerifiedPeer {
        let (trust, mut rng) = (self.trust(), Entropy);
        let mut check = AttestorCheck::start(&trust, &mut rng);
        while let Some(ask) = check.next() {
            let (status, body) = carry(&self.attestor, ask.method, ask.path, ask.body).await;
            check.answer(status, &body, self.clock.now()).unwrap();
        }
        let attestor = check.finish().unwrap();
        let workload = running.cell().workload().clone();
        let mut check = PeerCheck::start(&attestor, workload, &mut rng);
        while let Some(ask) = check.next() {
            let to = if ask.to == To::Attestor { &self.attestor } else { running };
            let (status, body) = carry(to, ask.method, ask.path, ask.body).await;
            check.answer(status, &body, self.clock.now()).unwrap();
        }
        check.finish().unwrap()
    }
}

fn launch(config: String, platform: &SigningKey, clock: &Clock) -> Launch {
    Launch {
        config,
        platform: Platform::software(platform.clone()),
        clock: clock.clone(),
        network: Network::system(),
        machine: Machine::system(),
    }
}

async fn carry(to: &Running, method: &str, path: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
    let answer = exchange(to, method, path, "application/json", &body).await;
    (answer.status, answer.body)
}

fn list(manifest: &Mutex<Manifest>, workload: &str, config: &str) {
    let measured = measure::take(config, &std::collections::BTreeMap::new()).unwrap();
    manifest.lock().unwrap().workloads.push(Release {
        name: WorkloadName::parse(workload).unwrap(),
        version: "0".to_owned(),
        measurement: measured.measurement(),
        executable: Some(measured.executable),
        configuration: Some(measured.configuration),
        svn: 1,
        kinds: [TeeKind::Software, TeeKind::Tpm].into(),
    });
}

/// What joins `[development]`, the last table of a configuration.
fn toml(tpms: &[TpmRoot]) -> String {
    let line = |root| toml::Value::try_from(root).unwrap().to_string();
    tpms.iter().fold(String::new(), |text, root| text + "tpm_root = " + &line(root) + "\n")
}

pub(crate) fn jwk_toml(key: &SigningKey) -> String {
    let jwk = serde_json::to_value(Jwk::signing(key.verifying_key())).unwrap();
    let members: Vec<_> =
        jwk.as_object().unwrap().iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("{{ {} }}", members.join(", "))
}

fn config_text(
    workload: &str,
    folder: &TempDir,
    attestor: Option<&str>,
    release: &SigningKey,
    platform: &SigningKey,
) -> String {
    let attestor = attestor.map(|url| format!("attestor = \"{url}\"")).unwrap_or_default();
    format!(
        r#"profile = "development"
[cell]
workload = "{workload}"
listen_sealed = "127.0.0.1:0"
listen_direct = "127.0.0.1:0"
data_dir = "{}"
{attestor}
[trust]
issuer = "{ISSUER}"
release_keys = [{}]
[development]
software_root = {}
"#,
        folder.path().display(),
        jwk_toml(release),
        jwk_toml(platform),
    )
}

struct ToyAttestor {
    cell: Arc<Cell>,
    key: SigningKey,
    keys: KeySet,
    nonces: Mutex<NonceBook>,
    manifest: Arc<Mutex<Manifest>>,
    release: SigningKey,
}

fn toy_attestor(cell: Arc<Cell>, manifest: Arc<Mutex<Manifest>>, release: SigningKey) -> Routes {
    let key = SigningKey::generate_from_rng(&mut cell.rng());
    let keys = KeySet::new(vec![Jwk::signing(key.verifying_key())]).unwrap();
    cell.set_jwks_digest(keys.digest());
    let nonces = Mutex::new(NonceBook::default());
    let toy = Arc::new(ToyAttestor { cell, key, keys, nonces, manifest, release });
    let router = Router::new()
        .route("/attest/nonce", post(nonce))
        .route("/attest", post(attest))
        .route("/attest/manifest", get(manifest_text))
        .route("/.well-known/jwks.json", get(jwks))
        .with_state(toy);
    Routes::plain(router)
}

async fn nonce(State(toy): State<Arc<ToyAttestor>>) -> Json<NonceAnswer> {
    let mut nonces = toy.nonces.lock().unwrap();
    let (nonce, expires_at) = nonces.issue(&mut toy.cell.rng(), toy.cell.now()).unwrap();
    Json(NonceAnswer { nonce, expires_at })
}

async fn jwks(State(toy): State<Arc<ToyAttestor>>) -> Json<KeySet> {
    Json(toy.keys.clone())
}

async fn manifest_text(State(toy): State<Arc<ToyAttestor>>) -> String {
    toy.signed_manifest()
}

impl ToyAttestor {
    fn signed_manifest(&self) -> String {
        release::sign(&self.manifest.lock().unwrap(), &self.release)
    }
}

async fn attest(
    State(toy): State<Arc<ToyAttestor>>,
    Json(query): Json<AttestQuery>,
) -> Result<Json<TokenAnswer>, StatusCode> {
    let now = toy.cell.now();
    let used = toy.nonces.lock().unwrap().consume(query.runtime.nonce(), now);
    used.map_err(|_| StatusCode::FORBIDDEN)?;
    let report_data = query.runtime.report_data();
    let verified = toy
        .cell
        .trust()
        .verifiers()
        .verify(&query.evidence, &report_data, &Endorsements::new(), now)
        .map_err(|_| StatusCode::FORBIDDEN)?;
    let manifest = toy.signed_manifest();
    let manifest = verify_manifest(&manifest, toy.cell.trust().release_keys(), now).unwrap();
    let appraisal = appraise(&verified, &manifest);
    let issuance = Issuance {
        issuer: Issuer { name: ISSUER, build: "toy" },
        audience: &query.audience,
        verified: &verified,
        runtime: &query.runtime,
        appraisal: &appraisal,
    };
    let token = issuance.claims(&mut toy.cell.rng(), now).sign(&toy.key);
    Ok(Json(TokenAnswer { token }))
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Wire {
    pub(crate) fn code(&self) -> String {
        autoclave_base::Problem::parse(&self.body).map_or_else(
            || String::from_utf8_lossy(&self.body).into_owned(),
            |problem| problem.code.into_owned(),
        )
    }
}

/// One HTTP request over a connection of its own.
pub(crate) async fn exchange(
    to: &Running,
    method: &str,
    path: &str,
    content_type: &str,
    body: &[u8],
) -> Wire {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
         content-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(to.addresses().sealed).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server may answer and close before it took everything.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    parse(&answer)
}

pub(crate) fn parse(answer: &[u8]) -> Wire {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = &answer[end + 4..];
    let chunked = head.contains("transfer-encoding: chunked");
    let body = if chunked { unchunked(body) } else { body.to_vec() };
    Wire { status, head, body }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 4 + length..];
    }
    body
}

/// The best sealing key that a verified peer names.
pub(crate) fn sealing_key(peer: &VerifiedPeer) -> PublicSealingKey {
    let (key_id, jwk) = peer.sealing_keys().next().unwrap();
    match jwk.key() {
        Key::XWing(bytes) => PublicSealingKey::from_parts(key_id, Kem::XWing, bytes).unwrap(),
        other => panic!("not the best key: {other:?}"),
    }
}
