//! Enclaves that call each other, and clients at the direct door.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod support;

use std::sync::Arc;

use autoclave_attest::certificate::{self, CertificateRefusal};
use autoclave_attest::chain::{self, Facts, Link, Signer};
use autoclave_attest::evidence::Endorsements;
use autoclave_attest::token::{self, KeySet};
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, Problem, b64};
use autoclave_cell::{Cell, PeerError, Refusal, Running, limits};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::routing::post;
use http_body_util::BodyExt as _;
use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use support::{Site, World, parse};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

fn name(text: &str) -> WorkloadName {
    WorkloadName::parse(text).unwrap()
}

/// Answers with the callers' names, if they are `front` or `front` and then `middle`.
fn back(cell: Arc<Cell>) -> Router {
    Router::new().route("/who", post(who)).with_state(cell)
}

async fn who(State(cell): State<Arc<Cell>>, request: Request) -> Result<String, Refusal> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Refusal::internal("toy.body"))?.to_bytes();
    let accepted = [vec![name("front")], vec![name("front"), name("middle")]];
    let chain = cell.chain(&parts, Digest::of(&body), &accepted).await?;
    let names: Vec<_> =
        chain.tokens().iter().map(|token| token.workload().as_str().to_owned()).collect();
    Ok(names.join(">"))
}

fn nothing(_cell: Arc<Cell>) -> Router {
    Router::new()
}

fn url(running: &Running) -> String {
    format!("http://{}", running.addresses().sealed)
}

fn ask(body: &'static str) -> http::Request<Bytes> {
    http::Request::post("/who?q=1").body(Bytes::from_static(body.as_bytes())).unwrap()
}

fn code(response: &http::Response<Bytes>) -> String {
    let text = String::from_utf8_lossy(response.body()).into_owned();
    Problem::parse(response.body()).map_or(text, |problem| problem.code.into_owned())
}

/// A world in which `front` and `back` run.
struct Scene {
    world: World,
    back_site: Site,
    back: Running,
    front: Running,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let (back_site, front_site) = (world.site("back"), world.site("front"));
        let back = world.run(&back_site, back).await;
        let front = world.run(&front_site, nothing).await;
        Self { world, back_site, back, front }
    }

    fn peer(&self) -> autoclave_cell::Peer {
        self.front.cell().peer(name("back"), &url(&self.back)).unwrap()
    }
}

#[tokio::test]
async fn the_callee_knows_its_caller() {
    let scene = Scene::new().await;
    let peer = scene.peer();
    peer.ready().await.unwrap();
    for body in ["one", "two"] {
        let answer = peer.send(ask(body), &[]).await.unwrap();
        assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (200, "front"));
    }
}

#[tokio::test]
async fn a_chain_is_passed_along_link_by_link() {
    let scene = Scene::new().await;
    let site = scene.world.site("middle");
    let middle = scene.world.run(&site, nothing).await;
    // The manifest has changed: tokens from before end, and with them the checks.
    scene.world.clock.advance(token::TOKEN_LIFE_SECONDS);
    let links = link(&scene.front, &middle, ask("one"), &[]).await;
    let peer = middle.cell().peer(name("back"), &url(&scene.back)).unwrap();
    let answer = peer.send(ask("two"), &links).await.unwrap();
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (200, "front>middle"));

    let answer = peer.send(ask("three"), &[]).await.unwrap();
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (403, "chain.not_accepted"));
    let for_another = link(&scene.front, &scene.back, ask("one"), &[]).await;
    let answer = peer.send(ask("four"), &for_another).await.unwrap();
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (403, "chain.order"));
}

/// The chain that `from` sends to `to` with a request.
async fn link(
    from: &Running,
    to: &Running,
    request: http::Request<Bytes>,
    earlier: &[Link],
) -> Vec<Link> {
    let cell = from.cell();
    let token = cell.token().await.unwrap();
    let signer = Signer { token: &token, key: cell.signing_key() };
    let target = request.uri().path_and_query().unwrap().as_str();
    let body = Digest::of(request.body());
    let facts = Facts { method: request.method().as_str(), target, body };
    chain::extend(earlier, signer, to.cell().thumbprint(), facts, &mut cell.rng(), cell.now())
}

/// Puts a chain to the callee's shell as a handler would.
async fn verify(
    to: &Running,
    links: &[Link],
    request: http::Request<Bytes>,
) -> Result<usize, String> {
    let (mut parts, body) = request.into_parts();
    if !links.is_empty() {
        let header = http::HeaderValue::try_from(chain::encode(links)).unwrap();
        parts.headers.insert(chain::HEADER, header);
    }
    let accepted = [vec![name("front")]];
    let chain = to.cell().chain(&parts, Digest::of(&body), &accepted).await;
    chain.map(|chain| chain.tokens().len()).map_err(|refusal| refusal.code().to_owned())
}

#[tokio::test]
async fn a_chain_that_does_not_hold_is_refused() {
    let scene = Scene::new().await;
    let (front, back) = (&scene.front, &scene.back);
    let links = link(front, back, ask("one"), &[]).await;
    assert_eq!(verify(back, &[], ask("one")).await, Err("chain.missing".to_owned()));
    assert_eq!(verify(back, &links, ask("other")).await, Err("chain.proof".to_owned()));
    assert_eq!(verify(front, &links, ask("one")).await, Err("chain.order".to_owned()));
    assert_eq!(verify(back, &links, ask("one")).await, Ok(1));
    assert_eq!(verify(back, &links, ask("one")).await, Err("chain.replayed".to_owned()));
    scene.world.clock.advance(token::TOKEN_LIFE_SECONDS + 1);
    assert_eq!(verify(back, &links, ask("one")).await, Err("chain.link_refused".to_owned()));
}

#[tokio::test]
async fn a_peer_that_has_restarted_is_verified_again() {
    let scene = Scene::new().await;
    let before = link(&scene.front, &scene.back, ask("zero"), &[]).await;
    let Scene { world, back_site, back: running, front } = scene;
    let address = running.addresses().sealed;
    let peer = front.cell().peer(name("back"), &url(&running)).unwrap();
    assert_eq!(code(&peer.send(ask("one"), &[]).await.unwrap()), "front");
    running.drain().await;
    // The same address, as after a restart in place; the code is listed under it as well.
    let site = Site {
        config: back_site.config.replacen("127.0.0.1:0", &address.to_string(), 1),
        ..back_site
    };
    world.list("back", &site.config);
    // The manifest has changed: the old view of the attestor and the old token are refused.
    world.clock.advance(limits::ATTESTOR_SECONDS_MIN + 1);
    let running = world.run(&site, back).await;
    assert_eq!(running.addresses().sealed, address);
    assert_eq!(code(&peer.send(ask("two"), &[]).await.unwrap()), "front");
    let refusal = verify(&running, &before, ask("zero")).await;
    assert_eq!(refusal, Err("chain.link_refused".to_owned()));
}

#[tokio::test]
async fn a_peer_of_another_workload_is_not_believed() {
    let scene = Scene::new().await;
    let peer = scene.front.cell().peer(name("clinic"), &url(&scene.back)).unwrap();
    let error = peer.send(ask("one"), &[]).await.unwrap_err();
    assert!(matches!(error, PeerError::NotBelieved(_)), "{error}");
    assert_eq!(Refusal::from(error).code(), "peer.failed");
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_unreachable() {
    let scene = Scene::new().await;
    let peer = scene.peer();
    scene.back.drain().await;
    let error = peer.send(ask("one"), &[]).await.unwrap_err();
    assert_eq!(error.code(), "peer.unreachable");
}

/// Accepts any certificate: what it says is checked by the test.
#[derive(Debug)]
struct Any;

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

async fn at_the_direct_door(running: &Running) -> TlsStream<tokio::net::TcpStream> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any))
        .with_no_client_auth();
    let address = running.addresses().direct.unwrap();
    let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
    let server = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(server, tcp).await.unwrap()
}

/// Nobody gives the attestor a token: it shows its own evidence, over the key of its door.
#[tokio::test]
async fn the_attestor_s_certificate_carries_its_evidence() {
    let world = World::new().await;
    let (trust, now) = (world.trust(), world.clock.now());
    let verified = loop {
        let tls = at_the_direct_door(&world.attestor).await;
        let shown = tls.get_ref().1.peer_certificates().unwrap()[0].to_vec();
        match certificate::verify(&shown, &trust, &Endorsements::new(), now) {
            Ok(verified) => break verified,
            // Right after the start it says nothing yet.
            Err(CertificateRefusal::NoEvidence) => tokio::task::yield_now().await,
            Err(refusal) => panic!("{refusal}"),
        }
    };
    assert_eq!(verified.claims().measurement, world.attestor.cell().measurement());
    assert_eq!(verified.made(), now);
    assert!(verified.runtime().jwks().is_some(), "it vouches for the keys of its tokens");
}

#[tokio::test]
async fn the_direct_door_shows_its_token_and_leads_to_the_same_router() {
    let scene = Scene::new().await;
    let mut tls = at_the_direct_door(&scene.back).await;
    let certificate = tls.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    let shown = token_of(&certificate);
    let own = scene.back.cell().token().await.unwrap();
    assert_eq!(shown, own.raw());
    let attestor = scene.front.cell().attestor().await.unwrap();
    let expected = attestor.expectation_of(&name("back"), token::PASSPORT_AUDIENCE);
    let keys: &KeySet = attestor.keys();
    let verified = token::verify(&shown, keys, &expected, scene.world.clock.now()).unwrap();
    let certificate = Certificate::from_der(&certificate).unwrap();
    let point = verified.signing_key().verifying_key().unwrap().to_sec1_point(false);
    let shown_key = certificate.tbs_certificate().subject_public_key_info();
    assert_eq!(shown_key.subject_public_key.raw_bytes(), point.as_bytes());

    let links = link(&scene.front, &scene.back, ask("one"), &[]).await;
    let head = format!(
        "POST /who?q=1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-length: 3\r\n{}: {}\r\n\r\none",
        chain::HEADER,
        chain::encode(&links)
    );
    tls.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _end_without_notice = tls.read_to_end(&mut answer).await;
    let answer = parse(&answer);
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"front".as_slice()));
}

/// The token in the certificate's conceptual message wrapper.
fn token_of(certificate: &[u8]) -> String {
    let certificate = Certificate::from_der(certificate).unwrap();
    let mut extensions = certificate.tbs_certificate().extensions().unwrap().iter();
    let is_wrapper = |id: &str| id == "1.3.6.1.5.5.7.1.35";
    let extension = extensions.find(|one| is_wrapper(&one.extn_id.to_string())).unwrap();
    let value = extension.extn_value.as_bytes();
    let start = value.iter().position(|byte| *byte == b'[').unwrap();
    let wrapper: Vec<String> = serde_json::from_slice(&value[start..]).unwrap();
    assert_eq!(wrapper[0], "application/eat+jwt");
    String::from_utf8(b64::decode(&wrapper[1]).unwrap()).unwrap()
}
