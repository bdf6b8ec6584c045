//! Accepting connections: bounded in number, in silence and in time, and drained when the
//! enclave is told to stop.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::stall::Stalling;
use crate::limits;
use crate::network::{Listener, Stream};

/// Pause after the system refused a connection (no file descriptors left): others end
/// meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The signal to stop, for any number of listeners.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// The signal, and the switch that gives it: on `true`, or when the switch is gone.
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (switch, signal) = watch::channel(false);
        (switch, Self(signal))
    }

    /// Returns when the signal was given.
    pub(crate) async fn given(&mut self) {
        let _switch_is_gone = self.0.wait_for(|stop| *stop).await;
    }
}

/// What lies between TCP and HTTP.
#[derive(Clone)]
pub(crate) enum Transport {
    /// Nothing: the messages are sealed, or public.
    Plain,
    /// TLS with the attested certificate.
    Tls(TlsAcceptor),
}

/// Serves `router` until the signal, then lets open requests finish within
/// [`limits::DRAIN_SECONDS_MAX`].
pub(crate) async fn serve(
    mut listener: Listener,
    router: Router,
    transport: Transport,
    mut stop: Stop,
) {
    let permits = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.given() => break,
            Some(_ended) = open.join_next() => {}
            accepted = accept(&mut listener, &permits) => if let Some((stream, permit)) = accepted {
                let (router, transport, stop) = (router.clone(), transport.clone(), stop.clone());
                open.spawn(async move {
                    connection(stream, router, transport, stop).await;
                    drop(permit);
                });
            },
        }
    }
    drop(listener);
    drain(open).await;
}

/// Takes a permit first: connections over the bound wait in the system's queue.
async fn accept(
    listener: &mut Listener,
    permits: &Arc<Semaphore>,
) -> Option<(Stream, OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.ok()?;
    if let Ok(stream) = listener.accept().await {
        return Some((stream, permit));
    }
    tokio::time::sleep(ACCEPT_PAUSE).await;
    None
}

async fn drain(mut open: JoinSet<()>) {
    let all_ended = async { while open.join_next().await.is_some() {} };
    if timeout(limits::DRAIN_SECONDS_MAX, all_ended).await.is_err() {
        open.shutdown().await;
    }
}

async fn connection(stream: Stream, router: Router, transport: Transport, stop: Stop) {
    match transport {
        Transport::Plain => http(stream, router, stop).await,
        Transport::Tls(acceptor) => {
            let handshake = timeout(limits::HANDSHAKE_SECONDS_MAX, acceptor.accept(stream));
            if let Ok(Ok(stream)) = handshake.await {
                http(stream, router, stop).await;
            }
        }
    }
}

/// HTTP/1.1 on one connection. What a client does wrong ends its connection, and is no
/// event of ours.
async fn http<I>(io: I, router: Router, mut stop: Stop)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(Stalling::new(io, limits::STALL_SECONDS_MAX));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_SECONDS_MAX)
        .max_header_size(limits::HEAD_BYTES_MAX)
        .serve_connection(io, TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        _ended = connection.as_mut() => return,
        () = stop.given() => connection.as_mut().graceful_shutdown(),
    }
    let _ended = connection.await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::Notify;

    use super::*;

    async fn listening() -> (Listener, std::net::SocketAddr) {
        let network = crate::Network::system();
        let listener = network.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.address().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn an_open_request_is_answered_after_the_signal_to_stop() {
        let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (arrived_inside, go_inside) = (arrived.clone(), go.clone());
        let handler = move || async move {
            arrived_inside.notify_one();
            go_inside.notified().await;
            "late"
        };
        let (listener, address) = listening().await;
        let (switch, stop) = Stop::new();
        let router = Router::new().route("/", get(handler));
        let server = tokio::spawn(serve(listener, router, Transport::Plain, stop));

        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        arrived.notified().await;
        switch.send(true).unwrap();
        go.notify_one();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("late"), "{answer}");
        server.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn an_idle_connection_does_not_hold_the_drain_up() {
        let (listener, address) = listening().await;
        let (switch, stop) = Stop::new();
        let server = tokio::spawn(serve(listener, Router::new(), Transport::Plain, stop));
        let _idle = TcpStream::connect(address).await.unwrap();
        drop(switch);
        server.await.unwrap();
    }
}
