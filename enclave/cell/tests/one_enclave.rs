//! One enclave, started for real on loopback, and everything that may come in.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod support;

use std::sync::Arc;

use autoclave_base::Problem;
use autoclave_cell::{BootError, Cell, NoSettings, Refusal, limits, start};
use autoclave_seal::request::{self, REQUEST_MEDIA_TYPE, RESPONSE_MEDIA_TYPE};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::routing::{get, post};
use http::{Request, Response};
use support::{Site, World, exchange, sealing_key};

/// Says what it was sent, counts how often it was asked, and remembers one value.
fn toy(cell: Arc<Cell>) -> Router {
    Router::new()
        .route("/echo", post(echo).layer(limits::streaming()))
        .route("/small", post(echo))
        .route("/act", post(act))
        .route("/remember/{value}", post(remember))
        .route("/value", get(value))
        .route("/refuse", get(|| async { Err::<(), _>(REFUSAL) }))
        .with_state(cell)
}

const REFUSAL: Refusal = Refusal::forbidden("toy.refused", "The toy refuses.");

async fn echo(State(cell): State<Arc<Cell>>, body: Bytes) -> Bytes {
    cell.metrics().count("toy", "echo");
    body
}

/// Acts without looking at its body.
async fn act(State(cell): State<Arc<Cell>>, _body: Body) -> &'static str {
    cell.metrics().count("toy", "act");
    "done"
}

async fn remember(
    State(cell): State<Arc<Cell>>,
    axum::extract::Path(value): axum::extract::Path<String>,
) {
    cell.state().put("value", value.as_bytes()).unwrap();
}

async fn value(State(cell): State<Arc<Cell>>) -> Vec<u8> {
    cell.state().get("value").map(|value| value.expose().clone()).unwrap_or_default()
}

/// A world with one toy in it.
struct Scene {
    world: World,
    site: Site,
    running: autoclave_cell::Running,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let site = world.site("toy");
        let running = world.run(&site, toy).await;
        Self { world, site, running }
    }

    async fn seal(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> (Vec<u8>, request::ResponseOpener) {
        let key = sealing_key(&self.world.verify(&self.running).await);
        let request = Request::builder().method(method).uri(path).body(body.to_vec()).unwrap();
        request::seal_bytes(request, &key, self.world.clock.now()).await.unwrap()
    }

    async fn post(&self, sealed: &[u8]) -> support::Wire {
        exchange(&self.running, "POST", "/sealed", REQUEST_MEDIA_TYPE, sealed).await
    }

    async fn ask(&self, method: &str, path: &str, body: &[u8]) -> Response<Vec<u8>> {
        let (sealed, opener) = self.seal(method, path, body).await;
        let answer = self.post(&sealed).await;
        assert_eq!(answer.status, 200, "{}", answer.code());
        assert!(answer.head.contains(RESPONSE_MEDIA_TYPE));
        opener.open_bytes(answer.body, usize::MAX >> 1).await.unwrap()
    }

    async fn metrics(&self) -> String {
        let answer = exchange(&self.running, "GET", "/metrics", "text/plain", b"").await;
        String::from_utf8(answer.body).unwrap()
    }
}

fn code(response: &Response<Vec<u8>>) -> String {
    Problem::parse(response.body()).unwrap().code.into_owned()
}

#[tokio::test]
async fn a_sealed_request_gets_a_sealed_answer() {
    let scene = Scene::new().await;
    let answer = scene.ask("POST", "/echo", b"a brain").await;
    assert_eq!((answer.status().as_u16(), answer.body().as_slice()), (200, b"a brain".as_slice()));
    let answer = scene.ask("GET", "/refuse", b"").await;
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (403, "toy.refused"));
    assert_eq!(scene.ask("GET", "/nowhere", b"").await.status(), 404);
}

#[tokio::test]
async fn a_large_body_passes_where_a_route_asks_for_it_and_only_there() {
    let scene = Scene::new().await;
    let large = vec![7; 3_000_000];
    assert_eq!(scene.ask("POST", "/echo", &large).await.body(), &large);
    assert_eq!(scene.ask("POST", "/small", &large).await.status(), 413);
}

#[tokio::test]
async fn a_replayed_request_is_refused_and_has_no_second_effect() {
    let scene = Scene::new().await;
    let (sealed, opener) = scene.seal("POST", "/act", b"").await;
    assert_eq!(scene.post(&sealed).await.status, 200);
    let again = scene.post(&sealed).await;
    let answer = opener.open_bytes(again.body, 10_000).await.unwrap();
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (409, "seal.replayed"));
    assert!(scene.metrics().await.contains(r#"{event="toy",label="act"} 1"#));
}

#[tokio::test]
async fn a_request_out_of_its_date_window_is_refused() {
    let scene = Scene::new().await;
    let (sealed, opener) = scene.seal("POST", "/act", b"").await;
    scene.world.clock.advance(autoclave_seal::fresh::WINDOW_S + 1);
    let answer = opener.open_bytes(scene.post(&sealed).await.body, 10_000).await.unwrap();
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (400, "seal.date_window"));
    assert!(!scene.metrics().await.contains("toy"));
}

#[tokio::test]
async fn the_sender_of_a_large_request_sees_why_it_is_refused() {
    let scene = Scene::new().await;
    let large = vec![7; 8 << 20];
    let (sealed, opener) = scene.seal("POST", "/nowhere", &large).await;
    let answer = opener.open_bytes(scene.post(&sealed).await.body, 10_000).await.unwrap();
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (404, "request.no_route"));
    let (sealed, opener) = scene.seal("POST", "/act", &large).await;
    scene.world.clock.advance(autoclave_seal::fresh::WINDOW_S + 1);
    let answer = opener.open_bytes(scene.post(&sealed).await.body, 10_000).await.unwrap();
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (400, "seal.date_window"));
}

#[tokio::test]
async fn a_truncated_request_never_reaches_a_handler() {
    let scene = Scene::new().await;
    for path in ["/act", "/echo"] {
        let (sealed, opener) = scene.seal("POST", path, &[7; 1000]).await;
        let answer = scene.post(&sealed[..sealed.len() - 1]).await;
        let answer = opener.open_bytes(answer.body, 10_000).await.unwrap();
        assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (400, "seal.truncated"));
    }
    let (sealed, _) = scene.seal("POST", "/act", b"").await;
    let answer = scene.post(&sealed[..20]).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "seal.truncated"));
    assert!(!scene.metrics().await.contains("toy"));
}

#[tokio::test]
async fn a_large_truncated_body_ends_in_an_error_for_its_reader() {
    let scene = Scene::new().await;
    let (sealed, opener) = scene.seal("POST", "/echo", &vec![7; 300_000]).await;
    let answer = scene.post(&sealed[..sealed.len() - 100]).await;
    let answer = opener.open_bytes(answer.body, 1_000_000).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(!scene.metrics().await.contains("toy"));
}

#[tokio::test]
async fn a_flipped_bit_is_refused() {
    let scene = Scene::new().await;
    let (mut sealed, opener) = scene.seal("POST", "/act", &[7; 1000]).await;
    *sealed.last_mut().unwrap() ^= 1;
    let answer = opener.open_bytes(scene.post(&sealed).await.body, 10_000).await.unwrap();
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (400, "seal.broken"));
    assert!(!scene.metrics().await.contains("toy"));
}

#[tokio::test]
async fn a_request_to_keys_of_an_earlier_life_is_told_so() {
    let scene = Scene::new().await;
    let (sealed, _) = scene.seal("POST", "/echo", &vec![7; 2_000_000]).await;
    let Scene { world, site, running } = scene;
    running.drain().await;
    let running = world.run(&site, toy).await;
    let answer = exchange(&running, "POST", "/sealed", REQUEST_MEDIA_TYPE, &sealed).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "seal.key_unknown"));
}

#[tokio::test]
async fn sealing_keys_are_replaced_and_then_retired() {
    let scene = Scene::new().await;
    let before = scene.seal("POST", "/act", b"").await.0[0];
    for _ in 0..2 {
        // Past the token's life, and in the end past the keys'.
        for _ in 0..6 {
            scene.world.clock.advance(700);
            scene.running.cell().token().await.unwrap();
        }
    }
    let after = scene.seal("POST", "/act", b"").await.0[0];
    assert_ne!(before, after);
}

#[tokio::test]
async fn what_is_not_sealed_does_not_pass_the_sealed_door() {
    let scene = Scene::new().await;
    let answer = exchange(&scene.running, "POST", "/sealed", "application/json", b"{}").await;
    assert_eq!((answer.status, answer.code().as_str()), (415, "seal.media_type"));
    let answer = exchange(&scene.running, "POST", "/echo", "text/plain", b"clear").await;
    assert_eq!(answer.status, 404);
    assert!(!scene.metrics().await.contains("toy"));
}

#[tokio::test]
async fn state_and_ledger_survive_a_restart() {
    let scene = Scene::new().await;
    scene.ask("POST", "/remember/me", b"").await;
    let key = exchange(&scene.running, "GET", "/ledger/key", "text/plain", b"").await.body;
    let Scene { world, site, running } = scene;
    running.drain().await;
    let running = world.run(&site, toy).await;
    assert_eq!(exchange(&running, "GET", "/ledger/key", "text/plain", b"").await.body, key);
    let lines = running.cell().ledger().size();
    // Genesis, twice boot and what is kept, one change between, which the end may tell again.
    assert!((6..=7).contains(&lines), "{lines}");
    let scene = Scene { world, site, running };
    assert_eq!(scene.ask("GET", "/value", b"").await.body(), b"me");
}

async fn refusal_to_start(world: &World, site: &Site) -> &'static str {
    let build = |cell, NoSettings {}| async move { Ok::<_, BootError>(toy(cell)) };
    let started = start(site.workload, world.launch(site), build).await;
    started.err().map_or("started", |error| error.code())
}

#[tokio::test]
async fn an_altered_or_missing_state_is_refused() {
    let Scene { world, site, running } = Scene::new().await;
    running.drain().await;
    let path = site.folder.path().join("state.sealed");
    let sealed = std::fs::read(&path).unwrap();
    let mut altered = sealed.clone();
    *altered.last_mut().unwrap() ^= 1;
    std::fs::write(&path, altered).unwrap();
    assert_eq!(refusal_to_start(&world, &site).await, "state.tampered");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(refusal_to_start(&world, &site).await, "state.missing");
    std::fs::write(&path, sealed).unwrap();
    assert_eq!(refusal_to_start(&world, &site).await, "started");
}

#[tokio::test]
async fn a_vanished_ledger_is_not_begun_anew() {
    let Scene { world, site, running } = Scene::new().await;
    running.drain().await;
    std::fs::remove_dir_all(site.folder.path().join("ledger")).unwrap();
    assert_eq!(refusal_to_start(&world, &site).await, "ledger.rolled_back");
}

#[tokio::test]
async fn a_bad_configuration_is_refused() {
    let world = World::new().await;
    let mut site = world.site("toy");
    let good = site.config.clone();
    site.config = format!("surprise = 1\n{good}");
    assert_eq!(refusal_to_start(&world, &site).await, "config.malformed");
    site.config = good.replace(r#"profile = "development""#, "");
    assert_eq!(refusal_to_start(&world, &site).await, "config.development_root");
    let (head, tail) = good.split_once("[cell]").unwrap();
    site.config = format!("{head}[cell]\nsurprise = 1{tail}");
    assert_eq!(refusal_to_start(&world, &site).await, "config.malformed");
}

#[tokio::test]
async fn an_enclave_that_no_manifest_names_does_not_become_ready() {
    let world = World::new().await;
    let site = world.unlisted_site("toy");
    let build = |cell, NoSettings {}| async move { Ok::<_, BootError>(toy(cell)) };
    let running = start(site.workload, world.launch(&site), build).await.unwrap();
    let ready = exchange(&running, "GET", "/readyz", "text/plain", b"").await;
    assert_eq!(ready.status, 503);
    let healthy = exchange(&running, "GET", "/healthz", "text/plain", b"").await;
    assert_eq!(healthy.status, 200);
    running.drain().await;
}

#[tokio::test]
async fn the_token_is_renewed_when_it_has_ended() {
    let scene = Scene::new().await;
    let first = scene.running.cell().token().await.unwrap();
    scene.world.clock.advance(autoclave_attest::token::TOKEN_LIFE_SECONDS);
    let second = scene.running.cell().token().await.unwrap();
    assert_ne!(first.digest(), second.digest());
    assert!(scene.world.clock.now() < second.expires());
}

#[tokio::test]
async fn the_plain_routes_answer() {
    let scene = Scene::new().await;
    let get = async |path| exchange(&scene.running, "GET", path, "text/plain", b"").await;
    assert_eq!(get("/readyz").await.status, 200);
    let token: serde_json::Value =
        serde_json::from_slice(&get("/.well-known/autoclave/token").await.body).unwrap();
    assert_eq!(token["token"], scene.running.cell().token().await.unwrap().raw());
    let keys = get("/.well-known/ohttp-gateway").await;
    assert!(keys.head.contains("application/ohttp-keys"));
    let checkpoint = get("/ledger/checkpoint").await;
    assert_eq!(checkpoint.body, scene.running.cell().ledger().checkpoint().into_bytes());
    assert_eq!(get("/ledger/tile/0/000.p/2").await.body.len(), 64);
    let nothing = get("/ledger/journal").await;
    assert_eq!((nothing.status, nothing.code().as_str()), (404, "ledger.no_file"));
    let path = "/.well-known/autoclave/evidence";
    let bad = exchange(&scene.running, "POST", path, "application/json", b"{}").await;
    assert_eq!((bad.status, bad.code().as_str()), (400, "request.malformed"));
    let huge = vec![b' '; limits::JSON_BYTES_MAX + 1];
    let bad = exchange(&scene.running, "POST", path, "application/json", &huge).await;
    assert_eq!((bad.status, bad.code().as_str()), (400, "request.malformed"));
}

#[tokio::test]
async fn metrics_name_templates_and_never_paths() {
    let scene = Scene::new().await;
    scene.ask("POST", "/remember/jane-doe", b"").await;
    scene.ask("GET", "/jane-doe", b"").await;
    let metrics = scene.metrics().await;
    assert!(metrics.contains(r#"route="/remember/{value}""#), "{metrics}");
    assert!(metrics.contains(r#"route="unmatched""#), "{metrics}");
    assert!(!metrics.contains("jane-doe"), "{metrics}");
}

#[tokio::test]
async fn older_state_beside_a_newer_ledger_is_refused_and_the_newest_starts() {
    let Scene { world, site, running } = Scene::new().await;
    running.drain().await;
    let path = site.folder.path().join("state.sealed");
    let old = std::fs::read(&path).unwrap();
    let running = world.run(&site, toy).await;
    let scene = Scene { world, site, running };
    scene.ask("POST", "/remember/me", b"").await;
    let Scene { world, site, running } = scene;
    running.drain().await;
    let new = std::fs::read(&path).unwrap();
    std::fs::write(&path, old).unwrap();
    assert_eq!(refusal_to_start(&world, &site).await, "state.rolled_back");
    std::fs::write(&path, new).unwrap();
    let running = world.run(&site, toy).await;
    let scene = Scene { world, site, running };
    assert_eq!(scene.ask("GET", "/value", b"").await.body(), b"me");
}

#[tokio::test]
async fn a_store_that_counts_less_than_the_ledger_knows_is_refused() {
    let Scene { world, site, running } = Scene::new().await;
    let kept = running.cell().bind("records", 5).await.unwrap();
    kept.changed(7);
    kept.changed(6);
    running.drain().await;
    let running = world.run(&site, toy).await;
    let refused = running.cell().bind("records", 6).await.err().unwrap();
    assert_eq!(refused.code(), "state.rolled_back");
    assert!(running.cell().bind("records", 7).await.is_ok());
    assert!(running.cell().bind("other", 0).await.is_ok());
}
