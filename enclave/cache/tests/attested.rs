//! The cache enclave, started for real on loopback beside a toy attestor, its callers, and
//! whoever pretends to be it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::unused_async,
    reason = "a test may fail; the toy world is shared"
)]

#[path = "../../cell/tests/support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, Phi};
use autoclave_cell::cache::{Cache, CacheConfig, Space};
use autoclave_cell::{Cell, Refusal, Running, start};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::routing::post;
use http_body_util::BodyExt as _;
use support::{Site, World};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const SPACE: Space = Space::new("test");
const CALLERS: &str = "callers = [[\"clinic\"], [\"other\"]]\n";

fn name(text: &str) -> WorkloadName {
    WorkloadName::parse(text).unwrap()
}

fn nothing(_: Arc<Cell>) -> Router {
    Router::new()
}

/// As diagnosis does: accepts the clinic, alone or behind the cache, and says whom it saw.
fn diagnosis(cell: Arc<Cell>) -> Router {
    Router::new().route("/who", post(who)).with_state(cell)
}

async fn who(State(cell): State<Arc<Cell>>, request: Request) -> Result<String, Refusal> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Refusal::internal("toy.body"))?.to_bytes();
    let accepted = [vec![name("clinic")], vec![name("cache"), name("clinic")]];
    let chain = cell.chain(&parts, Digest::of(&body), &accepted).await?;
    let names: Vec<_> = chain.tokens().iter().map(|token| token.workload().as_str()).collect();
    Ok(names.join(">"))
}

struct Scene {
    world: World,
    cache_site: Site,
    cache: Running,
    clinic: Running,
    other: Running,
    stranger: Running,
    diagnosis: Running,
    _sites: [Site; 4],
}

fn cache_site(world: &World) -> Site {
    let mut site = world.unlisted_site("cache");
    site.config = format!("{CALLERS}{}", site.config);
    site
}

async fn run_cache(world: &World, site: &Site) -> Running {
    let mut cache = start("cache", world.launch(site), autoclave_cache::build).await.unwrap();
    cache.ready().await.unwrap();
    cache
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let sites = ["clinic", "other", "stranger", "diagnosis"].map(|name| world.site(name));
        let cache_site = cache_site(&world);
        world.list("cache", &cache_site.config);
        let cache = run_cache(&world, &cache_site).await;
        let clinic = world.run(&sites[0], nothing).await;
        let other = world.run(&sites[1], nothing).await;
        let stranger = world.run(&sites[2], nothing).await;
        let diagnosis = world.run(&sites[3], diagnosis).await;
        Self { world, cache_site, cache, clinic, other, stranger, diagnosis, _sites: sites }
    }

    fn cache_of(&self, caller: &Running) -> Cache {
        attested(caller, self.cache.addresses().sealed)
    }
}

fn attested(caller: &Running, address: SocketAddr) -> Cache {
    let (url, workload) = (format!("http://{address}"), name("cache"));
    Cache::open(caller.cell(), &CacheConfig::Attested { url, workload }).unwrap()
}

fn phi(text: &str) -> Phi<Vec<u8>> {
    Phi::new(text.as_bytes().to_vec())
}

#[tokio::test]
async fn values_are_kept_until_their_end_each_below_its_caller() {
    let scene = Scene::new().await;
    let (clinic, other) = (scene.cache_of(&scene.clinic), scene.cache_of(&scene.other));
    assert!(clinic.get(SPACE, b"a").await.is_none());
    clinic.put(SPACE, b"a", phi("one"), 60).await;
    assert_eq!(clinic.get(SPACE, b"a").await.unwrap().expose(), b"one");
    assert!(other.get(SPACE, b"a").await.is_none());
    other.remove(SPACE, b"a").await;
    assert_eq!(clinic.get(SPACE, b"a").await.unwrap().expose(), b"one");
    scene.world.clock.advance(60);
    assert!(clinic.get(SPACE, b"a").await.is_none());
    clinic.put(SPACE, b"a", phi("two"), 60).await;
    clinic.remove(SPACE, b"a").await;
    assert!(clinic.get(SPACE, b"a").await.is_none());
    assert_eq!((clinic.count("away"), clinic.count("altered")), (0, 0));
}

#[tokio::test]
async fn a_value_that_goes_on_brings_the_caches_link() {
    let scene = Scene::new().await;
    let cache = scene.cache_of(&scene.clinic);
    cache.put(SPACE, b"image", phi("pixels"), 60).await;
    let (value, links) = cache.fetch(SPACE, b"image").await.unwrap();
    assert_eq!((value.expose().as_slice(), links.len()), (b"pixels".as_slice(), 1));
    let url = format!("http://{}", scene.diagnosis.addresses().sealed);
    let ask = || http::Request::post("/who").body(Bytes::from_static(b"pixels")).unwrap();
    let peer = scene.clinic.cell().peer(name("diagnosis"), &url).unwrap();
    let answer = peer.send(ask(), &links).await.unwrap();
    assert_eq!(answer.body().as_ref(), b"cache>clinic");
    // The link names the clinic as the next one; nobody else can stand behind it.
    let peer = scene.other.cell().peer(name("diagnosis"), &url).unwrap();
    let answer = peer.send(ask(), &links).await.unwrap();
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn code_that_is_no_caller_gets_nothing_and_the_ledger_hears_of_it() {
    let scene = Scene::new().await;
    let clinic = scene.cache_of(&scene.clinic);
    clinic.put(SPACE, b"a", phi("one"), 60).await;
    let before = scene.cache.cell().ledger().size();
    for _ in 0..5 {
        let stranger = scene.cache_of(&scene.stranger);
        stranger.put(SPACE, b"a", phi("two"), 60).await;
        assert!(stranger.get(SPACE, b"a").await.is_none());
        assert_eq!(stranger.count("hit"), 0);
    }
    assert_eq!(scene.cache.cell().ledger().size(), before + 5);
    let metrics = scene.cache.cell().metrics().render();
    let counted = r#"{event="cache_refusals",label="not_accepted"} 5"#;
    assert!(metrics.contains(counted), "{metrics}");
    assert_eq!(clinic.get(SPACE, b"a").await.unwrap().expose(), b"one");
}

#[tokio::test]
async fn a_cache_that_has_restarted_is_verified_again_and_has_forgotten() {
    let scene = Scene::new().await;
    let cache = scene.cache_of(&scene.clinic);
    cache.put(SPACE, b"a", phi("one"), 60).await;
    let address = scene.cache.addresses().sealed;
    scene.cache.drain().await;
    let config = scene.cache_site.config.replacen("127.0.0.1:0", &address.to_string(), 1);
    scene.world.list("cache", &config);
    let clock = &scene.world.clock;
    clock.advance(autoclave_attest::token::TOKEN_LIFE_SECONDS + 1);
    let site = Site { config, ..scene.cache_site };
    let restarted = run_cache(&scene.world, &site).await;
    assert_eq!(restarted.addresses().sealed, address);
    assert!(cache.get(SPACE, b"a").await.is_none());
    cache.put(SPACE, b"a", phi("two"), 60).await;
    assert_eq!(cache.get(SPACE, b"a").await.unwrap().expose(), b"two");
    assert_eq!(cache.count("away"), 0);
}

#[tokio::test]
async fn a_cache_that_is_gone_is_a_miss() {
    let scene = Scene::new().await;
    let cache = scene.cache_of(&scene.clinic);
    cache.put(SPACE, b"a", phi("one"), 60).await;
    scene.cache.drain().await;
    assert!(cache.get(SPACE, b"a").await.is_none());
    cache.put(SPACE, b"a", phi("one"), 60).await;
    assert_eq!(cache.count("away"), 2);
}

/// Passes bytes on to `to`, or swallows them, and keeps what it heard.
struct Tap {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    async fn before(to: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
        let ears = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tap(stream, to, ears.clone()));
            }
        });
        Self { address, heard }
    }

    /// Method and path of each request; one may stand right behind the body before it.
    fn requests(&self) -> Vec<String> {
        let heard = String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned();
        let requests = heard.split_inclusive(" HTTP/1.1").filter_map(|text| {
            text.strip_suffix(" HTTP/1.1")?.rsplit(['\n', '}']).next().map(str::to_owned)
        });
        requests.collect()
    }
}

async fn tap(mut from: TcpStream, to: Option<SocketAddr>, heard: Arc<Mutex<Vec<u8>>>) {
    let mut behind = match to {
        Some(to) => Some(TcpStream::connect(to).await.unwrap()),
        None => None,
    };
    let (mut there, mut back) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    loop {
        let Some(behind) = &mut behind else {
            let read = from.read(&mut there).await.unwrap_or(0);
            heard.lock().unwrap().extend_from_slice(&there[..read]);
            let body = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
            if read == 0 || from.write_all(body.as_bytes()).await.is_err() {
                return;
            }
            continue;
        };
        tokio::select! {
            read = from.read(&mut there) => {
                let read = read.unwrap_or(0);
                heard.lock().unwrap().extend_from_slice(&there[..read]);
                if read == 0 || behind.write_all(&there[..read]).await.is_err() { return }
            }
            read = behind.read(&mut back) => {
                let read = read.unwrap_or(0);
                if read == 0 || from.write_all(&back[..read]).await.is_err() { return }
            }
        }
    }
}

/// A clinic uses the cache at the tap; the tap must have heard nonces and nothing else.
async fn nothing_is_sent(clinic: &Running, tap: &Tap, how: &str) {
    let cache = attested(clinic, tap.address);
    let before = cache.count("away");
    cache.put(SPACE, b"name-of-okafor", phi("value-of-okafor"), 60).await;
    assert!(cache.get(SPACE, b"name-of-okafor").await.is_none(), "{how}");
    assert!(cache.fetch(SPACE, b"name-of-okafor").await.is_none(), "{how}");
    cache.remove(SPACE, b"name-of-okafor").await;
    assert_eq!(cache.count("away"), before + 4, "{how}");
    let (requests, asked) = (tap.requests(), "POST /.well-known/autoclave/evidence");
    assert!(
        !requests.is_empty() && requests.iter().all(|line| line == asked),
        "{how}: {requests:?}"
    );
    // A nonce of 32 bytes in a request of one header or two: 400 bytes are generous.
    let bytes = tap.heard.lock().unwrap().len();
    assert!(bytes <= 400 * requests.len(), "{how}: {bytes} bytes in {} requests", requests.len());
}

#[tokio::test]
async fn a_cache_that_does_not_prove_itself_never_gets_a_byte() {
    let scene = Scene::new().await;
    let unlisted = cache_site(&scene.world);
    let unlisted = run_unlisted(&scene.world, &unlisted).await;
    let diagnosis = scene.diagnosis.addresses().sealed;
    nothing_is_sent(&scene.clinic, &Tap::before(None).await, "no enclave").await;
    nothing_is_sent(&scene.clinic, &Tap::before(Some(diagnosis)).await, "another workload").await;
    let unlisted = unlisted.addresses().sealed;
    nothing_is_sent(&scene.clinic, &Tap::before(Some(unlisted)).await, "other measurement").await;
    let honest = Tap::before(Some(scene.cache.addresses().sealed)).await;
    attested(&scene.clinic, honest.address).put(SPACE, b"a", phi("one"), 60).await;
    let sealed = |line: &String| line == "POST /sealed";
    assert_eq!(honest.requests().iter().filter(|line| sealed(line)).count(), 1, "taps do hear");
}

/// Its doors are open, and no attestor gives it a token.
async fn run_unlisted(world: &World, site: &Site) -> Running {
    start("cache", world.launch(site), autoclave_cache::build).await.unwrap()
}
