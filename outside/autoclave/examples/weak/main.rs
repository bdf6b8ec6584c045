//! A front door that is weakened on purpose: it relays to a real one, and where the attestor
//! refuses it answers with the last token that it saw. It shows that `autoclave probe` can
//! fail. Run by `cargo xtask test probe`; never shipped.
//!
//!     weak ADDRESS OF-THE-EDGE      (prints where it listens)

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use autoclave_client::http::{Answer, Http};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Where refusals are turned into tokens.
const ATTEST: &str = "/parties/attestor/attest";

/// The last token.
type Last = Arc<Mutex<Option<Bytes>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let edge = Http::new(&std::env::args().nth(1).ok_or("usage: weak ADDRESS")?)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(format_args!("http://{}", listener.local_addr()?));
    let last = Last::default();
    loop {
        let (stream, _) = listener.accept().await?;
        let (edge, last) = (edge.clone(), last.clone());
        tokio::spawn(async move {
            let relay = service_fn(move |request| relay(edge.clone(), last.clone(), request));
            let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), relay).await;
        });
    }
}

async fn relay(
    edge: Http,
    last: Last,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let weak = head.method == Method::POST && path == ATTEST;
    let answer = edge.plain(head.method, path, kind.unwrap_or_default(), body).await;
    let answer = answer.unwrap_or(Answer { status: StatusCode::BAD_GATEWAY, body: Bytes::new() });
    Ok(if weak { let_in(&last, answer) } else { made(answer.status, answer.body) })
}

/// The weakness.
fn let_in(last: &Last, answer: Answer) -> Response<Full<Bytes>> {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    if answer.status.is_success() {
        *last = Some(answer.body.clone());
    }
    match last.clone() {
        Some(token) => made(StatusCode::OK, token),
        None => made(answer.status, answer.body),
    }
}

fn made(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}

#[expect(clippy::print_stdout, reason = "whoever started it reads where it listens")]
fn say(line: impl std::fmt::Display) {
    println!("{line}");
}
