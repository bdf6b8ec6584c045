//! Where connections come from: TCP, or a network that a simulation makes up. The edge's and
//! the client's; enclaves have their own, because they share no code with who is outside.
//! It carries bytes, and nothing here reads, checks or trusts what it carries.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::Uri;
use http::uri::Authority;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower::Service;

/// A made-up connection's end.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A network that is made up, as one party sees it.
pub trait Fabric: Send + Sync + 'static {
    /// Connections that others make to this address.
    fn listen(&self, at: SocketAddr) -> io::Result<mpsc::Receiver<Box<dyn Wire>>>;

    /// A connection to whoever listens at `host:port`.
    fn connect(&self, to: &Authority) -> BoxFuture<'static, io::Result<Box<dyn Wire>>>;
}

/// Where a party listens and connects.
#[derive(Clone, Default)]
pub struct Network(Source);

#[derive(Clone, Default)]
enum Source {
    #[default]
    Tcp,
    Simulated(Arc<dyn Fabric>),
}

impl Network {
    /// TCP, as the machine has it.
    pub const fn system() -> Self {
        Self(Source::Tcp)
    }

    /// A made-up network.
    pub fn simulated(fabric: Arc<dyn Fabric>) -> Self {
        Self(Source::Simulated(fabric))
    }

    /// Opens `address`; with port 0, TCP chooses one.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        match &self.0 {
            Source::Tcp => Ok(Listener(Door::Tcp(TcpListener::bind(address).await?))),
            Source::Simulated(fabric) => {
                let arriving = fabric.listen(address)?;
                Ok(Listener(Door::Simulated { address, arriving }))
            }
        }
    }

    /// What an HTTP client makes connections with.
    /// Over TCP it gives up after `patience`.
    pub fn connector(&self, patience: Duration) -> Connector {
        match &self.0 {
            Source::Tcp => {
                let mut connector = HttpConnector::new();
                connector.set_nodelay(true);
                connector.set_connect_timeout(Some(patience));
                Connector(Means::Tcp(connector))
            }
            Source::Simulated(fabric) => Connector(Means::Simulated(fabric.clone())),
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Tcp => "Network(tcp)",
            Source::Simulated(_) => "Network(simulated)",
        })
    }
}

/// An open address.
pub struct Listener(Door);

enum Door {
    Tcp(TcpListener),
    Simulated { address: SocketAddr, arriving: mpsc::Receiver<Box<dyn Wire>> },
}

impl Listener {
    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Door::Tcp(listener) => listener.local_addr(),
            Door::Simulated { address, .. } => Ok(*address),
        }
    }

    /// The next connection, and who made it; on a made-up network that is the listener's
    /// own address.
    pub async fn accept(&mut self) -> io::Result<(Stream, SocketAddr)> {
        match &mut self.0 {
            Door::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                // Small answers go at once; a socket without the option still works.
                let _ = stream.set_nodelay(true);
                Ok((Stream(Way::Tcp(stream)), from))
            }
            Door::Simulated { address, arriving } => match arriving.recv().await {
                Some(wire) => Ok((Stream(Way::Simulated(wire)), *address)),
                None => Err(io::ErrorKind::NotConnected.into()),
            },
        }
    }
}

/// One connection.
pub struct Stream(Way);

enum Way {
    Tcp(TcpStream),
    Simulated(Box<dyn Wire>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match &self.0 {
            Way::Tcp(stream) => stream.connected(),
            Way::Simulated(_) => Connected::new(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Way::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Way::Simulated(wire) => Pin::new(wire).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Way::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Way::Simulated(wire) => Pin::new(wire).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Way::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Way::Simulated(wire) => Pin::new(wire).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Way::Tcp(stream) => stream.is_write_vectored(),
            Way::Simulated(wire) => wire.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Way::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Way::Simulated(wire) => Pin::new(wire).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Way::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Way::Simulated(wire) => Pin::new(wire).poll_shutdown(context),
        }
    }
}

/// Makes connections for an HTTP client.
#[derive(Clone)]
pub struct Connector(Means);

#[derive(Clone)]
enum Means {
    Tcp(HttpConnector),
    Simulated(Arc<dyn Fabric>),
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = AnyError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match &mut self.0 {
            Means::Tcp(connector) => connector.poll_ready(context).map_err(Into::into),
            Means::Simulated(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        match &mut self.0 {
            Means::Tcp(connector) => over_tcp(connector.call(uri)).boxed(),
            Means::Simulated(fabric) => {
                let connecting = uri.authority().map(|authority| fabric.connect(authority));
                async move {
                    let connecting =
                        connecting.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
                    Ok(TokioIo::new(Stream(Way::Simulated(connecting.await?))))
                }
                .boxed()
            }
        }
    }
}

async fn over_tcp<E: Into<AnyError>>(
    connecting: impl Future<Output = Result<TokioIo<TcpStream>, E>>,
) -> Result<TokioIo<Stream>, AnyError> {
    let stream = connecting.await.map_err(Into::into)?;
    Ok(TokioIo::new(Stream(Way::Tcp(stream.into_inner()))))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Everybody reaches the last who listens.
    #[derive(Default)]
    struct OneRoom(Mutex<Option<mpsc::Sender<Box<dyn Wire>>>>);

    impl Fabric for OneRoom {
        fn listen(&self, _at: SocketAddr) -> io::Result<mpsc::Receiver<Box<dyn Wire>>> {
            let (door, arriving) = mpsc::channel(1);
            *self.0.lock().unwrap() = Some(door);
            Ok(arriving)
        }

        fn connect(&self, _to: &Authority) -> BoxFuture<'static, io::Result<Box<dyn Wire>>> {
            let door = self.0.lock().unwrap().clone();
            async move {
                let (near, far) = tokio::io::duplex(64);
                let door = door.ok_or(io::ErrorKind::ConnectionRefused)?;
                door.send(Box::new(far)).await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
                Ok(Box::new(near) as Box<dyn Wire>)
            }
            .boxed()
        }
    }

    async fn greets(network: Network) {
        let mut listener = network.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.address().unwrap();
        let uri: Uri = format!("http://{address}").parse().unwrap();
        let connect = async {
            network.connector(Duration::from_secs(5)).call(uri).await.unwrap().into_inner()
        };
        let (near, far) = tokio::join!(connect, listener.accept());
        let (mut near, mut far) = (near, far.unwrap().0);
        near.write_all(b"hello").await.unwrap();
        near.shutdown().await.unwrap();
        let mut heard = String::new();
        far.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "hello");
    }

    #[tokio::test]
    async fn tcp_carries_bytes() {
        greets(Network::system()).await;
    }

    #[tokio::test]
    async fn a_made_up_network_carries_bytes() {
        greets(Network::simulated(Arc::new(OneRoom::default()))).await;
    }

    #[tokio::test]
    async fn where_nobody_listens_there_is_no_connection() {
        let network = Network::simulated(Arc::new(OneRoom::default()));
        assert!(
            network
                .connector(Duration::from_secs(5))
                .call("http://x:1".parse().unwrap())
                .await
                .is_err()
        );
    }
}
