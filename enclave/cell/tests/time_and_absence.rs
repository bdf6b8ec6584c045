//! Clocks that step, and an attestor that is gone: what still works, when it stops, and how
//! it goes on. Time is turned by hand, for all parties at once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use autoclave_attest::token::TOKEN_LIFE_SECONDS;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime};
use autoclave_cell::{Cell, Peer, Refusal, Running};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::routing::post;
use http_body_util::BodyExt as _;
use support::{World, exchange};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A step of a clock that somebody corrected: an hour, as after a change to summer time.
const STEP_SECONDS: u64 = 3600;
/// Attempts to get a token after the attestor is back: each waits for ten seconds, and the
/// longest pause between two attempts of the enclave is fifteen.
const ATTEMPTS: usize = 6;

fn name(text: &str) -> WorkloadName {
    WorkloadName::parse(text).unwrap()
}

fn back(cell: Arc<Cell>) -> Router {
    Router::new().route("/who", post(who)).with_state(cell)
}

async fn who(State(cell): State<Arc<Cell>>, request: Request) -> Result<String, Refusal> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Refusal::internal("toy.body"))?.to_bytes();
    let chain = cell.chain(&parts, Digest::of(&body), &[vec![name("front")]]).await?;
    Ok(chain.caller().workload().to_string())
}

fn nothing(_cell: Arc<Cell>) -> Router {
    Router::new()
}

/// A line to the attestor that can be cut.
struct Line {
    address: SocketAddr,
    whole: watch::Sender<bool>,
}

impl Line {
    async fn to(attestor: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (whole, watch) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, attestor, watch.clone()));
            }
        });
        Self { address, whole }
    }
}

async fn carry(mut near: TcpStream, attestor: SocketAddr, mut whole: watch::Receiver<bool>) {
    if !*whole.borrow() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(attestor).await else { return };
    tokio::select! {
        _ended = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
        _cut = whole.wait_for(|whole| !*whole) => {}
    }
}

/// `front` and `back`, whose lines to the attestor can be cut.
struct Scene {
    world: World,
    line: Line,
    front: Running,
    peer: Peer,
    back: Running,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        // The manifest is older than the steps that are to come.
        world.clock.advance(2 * STEP_SECONDS);
        let line = Line::to(world.attestor.addresses().sealed).await;
        let (straight, cut) = (world.attestor_url(), format!("http://{}", line.address));
        let site = |workload| {
            let mut site = world.unlisted_site(workload);
            site.config = site.config.replace(&straight, &cut);
            world.list(workload, &site.config);
            site
        };
        let (back_site, front_site) = (site("back"), site("front"));
        let back = world.run(&back_site, back).await;
        let front = world.run(&front_site, nothing).await;
        let url = format!("http://{}", back.addresses().sealed);
        let peer = front.cell().peer(name("back"), &url).unwrap();
        Self { world, line, front, peer, back }
    }

    /// Asks `back` as `front`; its answer, or the code of why there is none.
    async fn ask(&self) -> String {
        let request = http::Request::post("/who").body(Bytes::from_static(b"?")).unwrap();
        match self.peer.send(request, &[]).await {
            Ok(answer) => String::from_utf8_lossy(answer.body()).into_owned(),
            Err(error) => error.code().to_owned(),
        }
    }

    async fn is_ready(&self) -> bool {
        exchange(&self.front, "GET", "/readyz", "text/plain", b"").await.status == 200
    }

    fn step(&self, change: impl FnOnce(UnixTime) -> UnixTime) {
        self.world.clock.set(change(self.world.clock.now()));
    }
}

#[tokio::test]
async fn work_stops_with_the_tokens_and_goes_on_when_the_attestor_is_back() {
    let scene = Scene::new().await;
    assert_eq!(scene.ask().await, "front");
    scene.line.whole.send_replace(false);
    for _ in 0..4 {
        scene.world.clock.advance(TOKEN_LIFE_SECONDS / 5);
        assert_eq!(scene.ask().await, "front", "tokens live");
        assert!(scene.is_ready().await);
    }
    scene.world.clock.advance(TOKEN_LIFE_SECONDS);
    assert_eq!(scene.ask().await, "peer.unreachable", "the attestor is");
    assert!(!scene.is_ready().await);
    assert_eq!(scene.front.cell().token().await.unwrap_err().code(), "cell.no_token");
    scene.line.whole.send_replace(true);
    let mut attempts = 0;
    while scene.front.cell().token().await.is_err() {
        attempts += 1;
        assert!(attempts < ATTEMPTS, "it does not go on");
    }
    // The peer takes its time as well.
    while scene.ask().await != "front" {
        attempts += 1;
        assert!(attempts < 2 * ATTEMPTS, "it does not go on");
        let _waits = scene.back.cell().token().await;
    }
    assert!(scene.is_ready().await);
}

#[tokio::test]
async fn a_clock_that_steps_forwards_renews_everything() {
    let scene = Scene::new().await;
    assert_eq!(scene.ask().await, "front");
    scene.step(|now| now.plus(STEP_SECONDS));
    assert_eq!(scene.ask().await, "front");
}

#[tokio::test]
async fn a_clock_that_steps_backwards_renews_everything() {
    let scene = Scene::new().await;
    assert_eq!(scene.ask().await, "front");
    let before = scene.front.cell().token().await.unwrap();
    scene.step(|now| now.minus(STEP_SECONDS));
    assert_eq!(scene.ask().await, "front");
    let after = scene.front.cell().token().await.unwrap();
    assert_ne!(before.digest(), after.digest(), "a token from the future is no token");
    scene.step(|now| now.plus(2 * STEP_SECONDS));
    assert_eq!(scene.ask().await, "front");
}
