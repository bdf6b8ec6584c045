//! The listening socket: accepts, bounds and drains connections.
//! It belongs to the edge.
//! A connection never outlives the drain's deadline, and a silent one is closed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use autoclave_wire::{Listener, Network, Stream};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::crowd::{Crowd, Member};
use crate::front::{Front, SharedFront};
use crate::io::Impatient;
use crate::page::{Page, PageError};

/// Bytes of a request's head: a method, a short path and a few headers.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Pause after a failed accept, such as too many open files.
const ACCEPT_PAUSE_MS: u64 = 50;

/// Why the edge cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Nobody may listen there, or somebody does.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// What the page needs of its host is not there.
    #[error(transparent)]
    Page(#[from] PageError),
}

impl BindError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "edge.bind",
            Self::Page(error) => error.code(),
        }
    }
}

/// An edge that listens.
pub struct Edge {
    listener: Listener,
    network: Network,
    address: SocketAddr,
    config: Config,
    page: Page,
}

impl Edge {
    /// Reads what the page needs and opens the listening socket.
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        Self::bind_on(Network::system(), config).await
    }

    /// As [`Edge::bind`], on a network that a simulation makes up.
    pub async fn bind_on(network: Network, config: Config) -> Result<Self, BindError> {
        let page = Page::load(&config.page)?;
        let fail = |source| BindError::Listen { address: config.listen, source };
        let listener = network.listen(config.listen).await.map_err(fail)?;
        let address = listener.address().map_err(fail)?;
        Ok(Self { listener, network, address, config, page })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Relays until `stop` is ready, then lets open requests end within the drain's deadline.
    pub async fn serve(mut self, stop: impl Future<Output = ()>) {
        let limits = self.config.limits;
        let (drain, draining) = watch::channel(false);
        let places = Arc::new(Semaphore::new(limits.connections_max));
        let crowd = Crowd::new(limits.connections_per_address_max);
        let front = Arc::new(Front::new(self.config, self.page, &self.network));
        let mut open = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let place = tokio::select! {
                biased;
                () = &mut stop => break,
                place = Arc::clone(&places).acquire_owned() => place,
            };
            let Ok(place) = place else { break };
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, from)) => {
                    // One address too many: closed at once.
                    let Some(member) = crowd.join(from.ip()) else { continue };
                    let places = (place, member);
                    let connection = Connection { stream, from, places, stall: limits.stall() };
                    open.spawn(connection.serve(Arc::clone(&front), draining.clone()));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await,
            }
            while open.try_join_next().is_some() {}
        }
        drop(self.listener);
        drain.send_replace(true);
        finish(open, limits.drain()).await;
    }
}

async fn finish(mut open: JoinSet<()>, deadline: Duration) {
    let all = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(deadline, all).await.is_err() {
        tracing::warn!("drain deadline passed; closing what is open");
    }
}

struct Connection {
    stream: Stream,
    from: SocketAddr,
    places: (OwnedSemaphorePermit, Member),
    stall: Duration,
}

impl Connection {
    async fn serve(self, front: SharedFront, mut draining: watch::Receiver<bool>) {
        let _places = self.places;
        let from = self.from.ip();
        let service = service_fn(move |request| {
            let front = Arc::clone(&front);
            async move { Ok::<_, std::convert::Infallible>(front.answer(request, from).await) }
        });
        let io = TokioIo::new(Impatient::new(self.stream, self.stall));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.stall)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(io, service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            _ = draining.wait_for(|draining| *draining) => (),
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}
