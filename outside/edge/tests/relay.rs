//! The edge between real sockets: what passes, what does not, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;

use autoclave_edge::{Config, Edge};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

async fn edge(upstream: SocketAddr, limits: &str) -> Running {
    let text = format!(
        "listen = \"127.0.0.1:0\"\n[parties]\nclinic = \"http://{upstream}\"\n[limits]\n{limits}"
    );
    let edge = Edge::bind(Config::parse(&text).unwrap()).await.unwrap();
    let (stop, stopped) = oneshot::channel();
    let address = edge.address();
    let task = tokio::spawn(edge.serve(async { drop(stopped.await) }));
    Running { address, stop: Some(stop), task }
}

/// A party that answers each request with what it received, head and body.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let head = read_head(&mut stream).await;
                let length = content_length(&head);
                let mut body = vec![0; length];
                stream.read_exact(&mut body).await.unwrap();
                let seen = [head.as_bytes(), &body].concat();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nset-cookie: a=b\r\n\
                     content-type: application/json\r\nconnection: close\r\n\r\n",
                    seen.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.write_all(&seen).await.unwrap();
            });
        }
    });
    address
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

fn content_length(head: &str) -> usize {
    let line = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: e\r\ncontent-length: {length}\r\nconnection: close\r\n\
         {headers}\r\n{body}"
    )
}

#[tokio::test]
async fn a_sealed_request_passes_with_the_allowed_headers_only() {
    let running = edge(echo().await, "").await;
    let headers = "content-type: message/ohttp-chunked-req\r\ncookie: s=1\r\nx-patient: Ada\r\n";
    let answer =
        ask(running.address, &post("/parties/clinic/sealed?name=Ada", headers, "xyz")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("post /sealed http/1.1"), "{answer}");
    assert!(answer.contains("content-type: message/ohttp-chunked-req"));
    assert!(answer.ends_with("xyz"));
    for absent in ["Ada", "ada", "cookie"] {
        assert!(!answer.contains(absent), "{absent} in {answer}");
    }
    assert!(answer.contains("x-content-type-options: nosniff"));
}

#[tokio::test]
async fn refusals_have_stable_codes() {
    let running = edge(echo().await, "").await;
    for (path, code) in [
        ("/parties/clinic/patients", "edge.route_unknown"),
        ("/parties/nobody/sealed", "edge.party_unknown"),
        ("/anything", "edge.route_unknown"),
    ] {
        let answer = ask(running.address, &post(path, "", "")).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        assert!(answer.contains(code), "{answer}");
    }
}

#[tokio::test]
async fn a_declared_body_that_is_too_large_is_refused_before_it_comes() {
    let running = edge(echo().await, "").await;
    let request =
        "POST /parties/clinic/attest HTTP/1.1\r\nhost: e\r\ncontent-length: 65537\r\n\r\n";
    let answer = ask(running.address, request).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("edge.body_too_large"), "{answer}");
}

#[tokio::test]
async fn a_chunked_body_that_grows_too_large_is_refused() {
    let running = edge(echo().await, "").await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head =
        "POST /parties/clinic/attest HTTP/1.1\r\nhost: e\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("4000\r\n{}\r\n", "a".repeat(0x4000));
    for _ in 0..5 {
        let _ = stream.write_all(chunk.as_bytes()).await;
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.contains("edge.body_too_large"), "{answer}");
}

#[tokio::test]
async fn a_party_that_is_down_is_a_bad_gateway() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let running = edge(gone, "").await;
    let answer = ask(running.address, &post("/parties/clinic/sealed", "", "x")).await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert!(answer.contains("edge.upstream_unreachable"), "{answer}");
}

#[tokio::test]
async fn a_party_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = edge(silent.local_addr().unwrap(), "answer_ms = 5\n").await;
    let answer = ask(running.address, &post("/parties/clinic/sealed", "", "x")).await;
    assert!(answer.contains("edge.upstream_silent"), "{answer}");
}

#[tokio::test]
async fn silent_and_half_sent_requests_are_closed() {
    let running = edge(echo().await, "stall_ms = 20\n").await;
    ask(running.address, "").await;
    ask(running.address, "POST /parties/clinic/sealed HT").await;
    let request = "POST /parties/clinic/sealed HTTP/1.1\r\nhost: e\r\ncontent-length: 9\r\n\r\nabc";
    let answer = ask(running.address, request).await;
    assert!(answer.contains("edge.body_stalled"), "{answer}");
}

#[tokio::test]
async fn one_address_cannot_ask_without_end() {
    let limits = "requests_per_second = 1\nburst_requests = 2\n";
    let running = edge(echo().await, limits).await;
    let request = "GET /healthz HTTP/1.1\r\nhost: e\r\nconnection: close\r\n\r\n";
    let mut refused = String::new();
    for _ in 0..50 {
        let answer = ask(running.address, request).await;
        if answer.starts_with("HTTP/1.1 429") {
            refused = answer;
            break;
        }
    }
    assert!(refused.contains("retry-after: 1"), "{refused}");
    assert!(refused.contains("edge.too_many_requests"));
}

async fn get(running: &Running, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: e\r\nconnection: close\r\n\r\n");
    ask(running.address, &request).await
}

#[tokio::test]
async fn the_page_is_served_under_a_strict_policy() {
    let running = edge(echo().await, "").await;
    let page = get(&running, "/").await;
    assert!(page.contains("content-security-policy: default-src 'none'; script-src 'self'"));
    assert!(page.contains("x-content-type-options: nosniff"));
    let script = page.split("src=\"./").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let script = get(&running, &format!("/{script}")).await;
    assert!(script.contains("text/javascript") && script.contains("immutable"), "{page}");
    assert!(get(&running, "/assets/other.js").await.contains("edge.route_unknown"));
}

#[tokio::test]
async fn without_a_trust_file_none_is_served_and_with_one_it_is() {
    let running = edge(echo().await, "").await;
    assert!(get(&running, "/trust.json").await.starts_with("HTTP/1.1 404"));
    let trust = concat!(env!("CARGO_MANIFEST_DIR"), "/edge.example.toml");
    let running = edge(echo().await, &format!("[page]\ntrust = \"{trust}\"\n")).await;
    let served = get(&running, "/trust.json").await;
    assert!(served.contains("no-store") && served.contains("The front door"), "{served}");
}

#[tokio::test]
async fn a_request_under_way_ends_before_the_edge_does() {
    let party = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut running = edge(party.local_addr().unwrap(), "").await;
    let request = post("/parties/clinic/sealed", "", "x");
    let answer = tokio::spawn(ask_owned(running.address, request));
    let (mut stream, _) = party.accept().await.unwrap();
    read_head(&mut stream).await;
    running.stop.take().unwrap().send(()).unwrap();
    let late = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nlate";
    stream.write_all(late).await.unwrap();
    assert!(answer.await.unwrap().ends_with("late"));
    running.task.await.unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

async fn ask_owned(address: SocketAddr, request: String) -> String {
    ask(address, &request).await
}
