//! Connections that are slow, half-open, silent or too many: they are given up within their
//! time, and others are served meanwhile.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use autoclave::deploy::party::Party;
use futures::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::common::Any;
use super::common::scene::Scene;
use super::works;

/// Longest that any of them may be kept: the longest patience of a door (30 s), and what a
/// busy machine adds.
const GIVEN_UP_WITHIN: Duration = Duration::from_mins(1);
/// Pause between two bytes of somebody slow.
const DRIP_PAUSE: Duration = Duration::from_secs(1);
/// Connections of one stranger, more than any door takes at once.
const STRANGERS: usize = 1_100;
/// Answers that nobody reads: far more than the buffers between two sockets hold.
const UNREAD_REQUESTS: usize = 40_000;

/// How somebody is slow.
#[derive(Clone, Copy, Debug)]
enum Slow {
    /// Sends nothing.
    Silent,
    /// Sends a head byte by byte.
    DripsHead,
    /// Sends half a body and then nothing.
    HalfBody,
    /// Asks and asks and never reads.
    NeverReads,
    /// Sends half a head and closes its side.
    HalfClosed,
}

/// All kinds of slowness at all kinds of doors.
pub(crate) async fn slow(scene: &mut Scene) -> Any<String> {
    let (ports, begun) = (scene.ports, Instant::now());
    let edge = ports.sealed(Party::Edge);
    let clinic = (ports.sealed(Party::Clinic), ports.direct(Party::Clinic));
    let mut all = Vec::new();
    for kind in [Slow::Silent, Slow::DripsHead, Slow::HalfBody, Slow::NeverReads, Slow::HalfClosed]
    {
        let (path, metrics) = ("/parties/clinic/sealed", "/metrics");
        all.push((format!("edge {kind:?}"), kind, edge, path, "/healthz"));
        all.push((format!("sealed door {kind:?}"), kind, clinic.0, "/sealed", metrics));
        all.push((format!("direct door {kind:?}"), kind, clinic.1, "/sealed", metrics));
    }
    let count = all.len();
    let ended = join_all(all.into_iter().map(async |(name, kind, at, post, get)| {
        let ended = timeout(GIVEN_UP_WITHIN, be(kind, at, post, get)).await;
        ended.map_err(|_| format!("{name} is not given up"))
    }));
    let served = async {
        let mut served = 0;
        while begun.elapsed() < Duration::from_secs(12) {
            works(scene).await?;
            served += 1;
        }
        Any::Ok(served)
    };
    let (ended, served) = tokio::join!(ended, served);
    ended.into_iter().collect::<Result<Vec<()>, String>>()?;
    Ok(format!(
        "{count} slow connections given up in {} s, {} diagnoses meanwhile",
        begun.elapsed().as_secs(),
        served?
    ))
}

/// Is slow until the other end gives up.
async fn be(kind: Slow, at: SocketAddr, post: &str, get: &str) {
    let Ok(mut stream) = stranger(at).await else { return };
    let head = format!(
        "POST {post} HTTP/1.1\r\nhost: x\r\ncontent-type: message/ohttp-chunked-req\r\n\
         content-length: 100000\r\n\r\n"
    );
    match kind {
        Slow::Silent => {}
        Slow::DripsHead => {
            for byte in format!("{head}{}", "x".repeat(100)).bytes() {
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
                if closed_within(&mut stream, DRIP_PAUSE).await {
                    return;
                }
            }
        }
        Slow::HalfBody => {
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&vec![7; 50_000]).await;
        }
        Slow::NeverReads => {
            let ask = format!("GET {get} HTTP/1.1\r\nhost: x\r\n\r\n");
            for _ in 0..UNREAD_REQUESTS {
                if stream.write_all(ask.as_bytes()).await.is_err() {
                    return;
                }
            }
            // Whoever does not read learns by writing that the other end has closed.
            while stream.write_all(ask.as_bytes()).await.is_ok() {
                sleep(DRIP_PAUSE).await;
            }
            return;
        }
        Slow::HalfClosed => {
            let _ = stream.write_all(&head.as_bytes()[..40]).await;
            let _ = stream.shutdown().await;
        }
    }
    closed(&mut stream).await;
}

/// Returns when the other end has closed; what it says before does not matter.
async fn closed(stream: &mut TcpStream) {
    let mut buffer = vec![0; 1 << 16];
    while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
}

async fn closed_within(stream: &mut TcpStream, time: Duration) -> bool {
    let mut buffer = [0; 1024];
    match timeout(time, stream.read(&mut buffer)).await {
        Ok(Ok(bytes)) => bytes == 0,
        Ok(Err(_)) => true,
        Err(_) => false,
    }
}

/// One stranger opens more connections than may be: at the edge, others are served at once;
/// at a door that is not meant for strangers, as soon as the silent ones are given up.
pub(crate) async fn too_many(scene: &mut Scene) -> Any<String> {
    let begun = Instant::now();
    let held = crowd(scene.ports.sealed(Party::Edge)).await?;
    works(scene).await?;
    let meanwhile = begun.elapsed();
    drop(held);
    let held = crowd(scene.ports.sealed(Party::Clinic)).await?;
    let (begun, mut refused) = (Instant::now(), 0);
    while works(scene).await.is_err() {
        refused += 1;
        if begun.elapsed() > GIVEN_UP_WITHIN {
            return Err("nobody is served any more".into());
        }
        sleep(DRIP_PAUSE).await;
    }
    drop(held);
    Ok(format!(
        "{STRANGERS} at the edge: others served after {} ms; at a door: after {} s and {refused} refusals",
        meanwhile.as_millis(),
        begun.elapsed().as_secs()
    ))
}

/// Connections from an address of the stranger's own; as many as are taken.
async fn crowd(at: SocketAddr) -> Any<Vec<TcpStream>> {
    let mut held = Vec::new();
    for _ in 0..STRANGERS {
        match timeout(DRIP_PAUSE, stranger(at)).await {
            Ok(Ok(stream)) => held.push(stream),
            Ok(Err(error)) if error.kind() == ErrorKind::AddrNotAvailable => {
                return Err(error.into());
            }
            // The system's queue is full: that is a bound as well.
            _ => break,
        }
    }
    Ok(held)
}

/// A connection from another address than everybody else's, so that what the edge allows to
/// each address does not count for all.
async fn stranger(at: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 2], 0).into())?;
    socket.connect(at).await
}
