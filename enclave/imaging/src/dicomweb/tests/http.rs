//! A door for peers in other processes: plain HTTP on loopback, in tests only.

use std::convert::Infallible;
use std::net::SocketAddr;

use futures::{StreamExt as _, TryStreamExt as _};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::scene::caller;
use crate::dicomweb::{DicomRequest, Dicomweb};
use crate::{BrokenOff, Chunks};

/// Serves until the test ends; the base is `http://127.0.0.1:PORT/dicom-web`.
pub(super) async fn serve(web: Dicomweb) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let web = web.clone();
            let service = service_fn(move |request| {
                let web = web.clone();
                async move { Ok::<_, Infallible>(answer(&web, request, address).await) }
            });
            let serving = hyper::server::conn::http1::Builder::new();
            tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

async fn answer(
    web: &Dicomweb,
    request: http::Request<Incoming>,
    address: SocketAddr,
) -> http::Response<http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, BrokenOff>> {
    let (head, body) = request.into_parts();
    let body: Chunks = body.into_data_stream().map_err(|_| BrokenOff).boxed();
    let path = head.uri.path().trim_start_matches("/dicom-web").trim_matches('/');
    let request = DicomRequest {
        method: head.method,
        path: path.split('/').map(str::to_owned).collect(),
        query: head.uri.query().map(str::to_owned),
        headers: head.headers,
        body,
        base: format!("http://{address}/dicom-web"),
    };
    let answer = web.handle(&caller(), request).await;
    answer.map(|body| StreamBody::new(body.into_chunks().map_ok(Frame::data)).boxed_unsync())
}
