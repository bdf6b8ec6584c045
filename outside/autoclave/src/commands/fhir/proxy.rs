//! `fhir proxy`: plain HTTP on loopback for ordinary FHIR clients, verified TLS to the clinic.
//! It belongs to whoever runs it, on a machine of their own.
//! It listens on loopback only, changes no body, and forgets each request with its answer.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{CONNECTION, HOST, HeaderName, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::TcpListener;

use super::Link;
use crate::cli::Proxy;
use crate::failure::{Failure, Outcome};
use crate::terminal::{note, out};

/// Headers that are about one connection (RFC 9110, section 7.6.1).
const OF_THE_CONNECTION: [HeaderName; 4] = [CONNECTION, TRANSFER_ENCODING, UPGRADE, HOST];

type Answer = Response<UnsyncBoxBody<Bytes, hyper::Error>>;

/// Runs the command, until it is interrupted.
pub(super) async fn run(command: Proxy) -> Outcome {
    if !command.listen.ip().is_loopback() {
        return Err(Failure::new("fhir.not_loopback", "plain HTTP never leaves this machine"));
    }
    let granted = &command.granted;
    let link = Arc::new(Link::open_with(&granted.connection, &granted.scope).await?);
    // A wrong key or scope is said now, not to the first client.
    link.token().await?;
    let listener = TcpListener::bind(command.listen).await;
    let listener = listener.map_err(|error| Failure::new("fhir.listen", error))?;
    let at = listener.local_addr().unwrap_or(command.listen);
    out(format_args!("http://{at}/fhir"));
    note(format_args!("relays to {}/fhir, verified; Ctrl-C stops it", link.address()));
    serve(listener, at, link).await
}

async fn serve(listener: TcpListener, at: SocketAddr, link: Arc<Link>) -> Outcome {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _slower_at_worst = stream.set_nodelay(true);
        let link = link.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(link.clone(), at, request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            let _a_client_that_left = connection.await;
        });
    }
}

async fn answer(
    link: Arc<Link>,
    at: SocketAddr,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let (mut parts, body) = request.into_parts();
    for name in &OF_THE_CONNECTION {
        parts.headers.remove(name);
    }
    parts.uri = match parts.uri.path_and_query() {
        Some(path) => path.clone().into(),
        None => parts.uri,
    };
    forwarded(&mut parts.headers, at);
    let request = Request::from_parts(parts, body.boxed_unsync());
    Ok(match link.forward(request).await {
        Ok(response) => relayed(response, at, link.address()),
        Err(failure) => refused(&failure),
    })
}

/// Says where this relay is reached, so that the links in bodies lead back to it.
fn forwarded(headers: &mut HeaderMap, at: SocketAddr) {
    headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    if let Ok(at) = at.to_string().parse() {
        headers.insert("x-forwarded-host", at);
    }
}

/// The clinic's answer; where it names a place at the clinic, the place here.
fn relayed(response: Response<Incoming>, at: SocketAddr, base: &str) -> Answer {
    let (mut parts, body) = response.into_parts();
    for name in &OF_THE_CONNECTION {
        parts.headers.remove(name);
    }
    here(&mut parts.headers, at, base);
    Response::from_parts(parts, body.boxed_unsync())
}

fn here(headers: &mut HeaderMap, at: SocketAddr, base: &str) {
    for name in [header::LOCATION, header::CONTENT_LOCATION] {
        let there = headers.get(&name).and_then(|value| value.to_str().ok());
        let here = there.and_then(|there| there.strip_prefix(base));
        if let Some(Ok(here)) = here.map(|path| format!("http://{at}{path}").parse()) {
            headers.insert(name, here);
        }
    }
}

fn refused(failure: &Failure) -> Answer {
    let outcome = json!({"resourceType": "OperationOutcome", "issue": [{
        "severity": "error", "code": "transient",
        "details": {"coding": [{"system": "urn:autoclave:code", "code": failure.code()}]},
        "diagnostics": "The relay has no verified connection to the clinic.",
    }]});
    let body = Full::new(Bytes::from(outcome.to_string()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    let media_type = HeaderValue::from_static("application/fhir+json");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_at_the_clinic_become_places_here() {
        let mut headers = HeaderMap::new();
        let there = "https://localhost:7414/fhir/Patient/1/_history/1";
        headers.insert(header::LOCATION, there.parse().unwrap());
        headers.insert(header::CONTENT_LOCATION, "https://other/x".parse().unwrap());
        here(&mut headers, "127.0.0.1:8080".parse().unwrap(), "https://localhost:7414");
        assert_eq!(headers[header::LOCATION], "http://127.0.0.1:8080/fhir/Patient/1/_history/1");
        assert_eq!(headers[header::CONTENT_LOCATION], "https://other/x");
    }

    #[tokio::test]
    async fn it_listens_on_loopback_only() {
        let connection =
            crate::cli::Connection { client: "nowhere".into(), address: None, trust: None };
        let granted = crate::cli::Granted { scope: "system/*.rs".into(), connection };
        let refused = run(Proxy { listen: "0.0.0.0:8080".parse().unwrap(), granted }).await;
        assert_eq!(refused.unwrap_err().code(), "fhir.not_loopback");
    }
}
