//! The witness over HTTP: `add-checkpoint` as C2SP tlog-witness has it, and a few routes of
//! our own beside it. The witness's. Every request is bounded in size and time; nothing is
//! believed but signatures.
//!
//! `POST /add-checkpoint`; `POST /add-log` (a log's key as text); `GET /DIGEST/checkpoint`
//! (DIGEST: SHA-256 of the log's name in hexadecimal); `POST /exchange` with
//! `{"log", "checkpoint"}`, answered in kind; `GET /evidence`; `GET /key`; `GET /healthz`.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use autoclave_client::clock::now;
use autoclave_ledger::LogKey;
use autoclave_ledger::witness::{AddCheckpoint, REQUEST_BYTES_MAX};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::exchange::{self, Told};
use crate::{Refusal, Witness};

/// Open connections; a deployment has a handful of logs, and each asks now and then.
const CONNECTIONS_MAX: usize = 256;
/// Time for a head, and for a body.
const REQUEST_SECONDS_MAX: Duration = Duration::from_secs(10);
/// Pause after a failed accept, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The media type of the size that a witness answers with (tlog-witness).
const SIZE_TYPE: &str = "text/x.tlog.size";
const TEXT_TYPE: &str = "text/plain; charset=utf-8";
const JSON_TYPE: &str = "application/json";
const PROBLEM_TYPE: &str = "application/problem+json";

/// What is served, and with whom it compares.
pub struct Service {
    /// The witness.
    pub witness: Witness,
    /// Where the files of logs are read, to compare checkpoints of different sizes.
    pub sources: exchange::Sources,
}

/// Opens `address`.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `stop`.
pub async fn serve(service: Arc<Service>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // One too many: closed at once.
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let service = service.clone();
        tokio::spawn(async move {
            let _place = place;
            let answer = service_fn(move |request| {
                let service = service.clone();
                async move { Ok::<_, Infallible>(answer(&service, request).await) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(REQUEST_SECONDS_MAX);
            let _broken = http.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer(service: &Arc<Service>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let body = timeout(REQUEST_SECONDS_MAX, Limited::new(body, REQUEST_BYTES_MAX).collect());
    let Ok(Ok(body)) = body.await else {
        return problem(413, "request.body", "The body is too large, or did not come.");
    };
    let body = body.to_bytes();
    let Ok(text) = std::str::from_utf8(&body) else {
        return problem(400, "request.malformed", "The body is not a text.");
    };
    let (service, path, text) = (service.clone(), head.uri.path().to_owned(), text.to_owned());
    let reading = head.method == Method::GET;
    let writing = head.method == Method::POST;
    // Everything here may wait for the disk.
    let answered = tokio::task::spawn_blocking(move || match path.as_str() {
        "/add-checkpoint" if writing => add_checkpoint(&service.witness, &text),
        "/add-log" if writing => add_log(&service.witness, &text),
        "/exchange" if writing => exchange(&service, &text),
        "/evidence" if reading => evidence(&service.witness),
        "/key" if reading => plain(format!("{}\n", service.witness.key())),
        "/healthz" if reading => plain("ok".to_owned()),
        path if reading => latest(&service.witness, path),
        _ => no_route(),
    });
    answered.await.unwrap_or_else(|_| problem(500, "witness.failed", "The witness failed."))
}

fn add_checkpoint(witness: &Witness, text: &str) -> Answer {
    let asked = AddCheckpoint::parse(text).map_err(Refusal::from);
    match asked.and_then(|asked| witness.add(&asked, now())) {
        Ok(line) => plain(line),
        Err(Refusal::Add(autoclave_ledger::witness::AddRefusal::Conflict(size))) => {
            made(409, SIZE_TYPE, format!("{size}\n"))
        }
        Err(refusal) => refused(&refusal),
    }
}

fn add_log(witness: &Witness, text: &str) -> Answer {
    let key = text.trim().parse::<LogKey>().map_err(|_| Refusal::Key);
    match key.and_then(|key| witness.learn(&key)) {
        Ok(()) => plain("known\n".to_owned()),
        Err(refusal) => refused(&refusal),
    }
}

fn exchange(service: &Service, text: &str) -> Answer {
    let Ok(told) = serde_json::from_str::<Told>(text) else {
        return problem(400, "request.malformed", "Not an exchange of witnesses.");
    };
    match exchange::take(service, &told) {
        Ok(ours) => made(200, JSON_TYPE, json!(ours).to_string()),
        Err(refusal) => refused(&refusal),
    }
}

fn evidence(witness: &Witness) -> Answer {
    let all: Vec<_> = witness.logs().into_iter().filter_map(|known| known.evidence).collect();
    made(200, JSON_TYPE, json!({ "evidence": all }).to_string())
}

fn latest(witness: &Witness, path: &str) -> Answer {
    let digest = path.strip_prefix('/').and_then(|path| path.strip_suffix("/checkpoint"));
    match digest.and_then(|digest| witness.latest(digest, now())) {
        Some(note) => plain(note),
        None => no_route(),
    }
}

fn no_route() -> Answer {
    problem(404, "witness.not_found", "The witness has no such thing.")
}

fn refused(refusal: &Refusal) -> Answer {
    problem(refusal.status(), refusal.code(), &refusal.to_string())
}

fn problem(status: u16, code: &'static str, title: &str) -> Answer {
    let problem = json!({ "status": status, "code": code, "title": title });
    made(status, PROBLEM_TYPE, problem.to_string())
}

fn plain(text: String) -> Answer {
    made(200, TEXT_TYPE, text)
}

fn made(status: u16, kind: &'static str, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    answer
}
