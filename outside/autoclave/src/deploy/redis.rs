//! Debian's Redis server as a party: how it is started, and whether it answers.
//! It belongs to the deployment; nobody trusts it.
//! It writes nothing to a disk, and listens on loopback alone.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::party::Party;
use super::ports::Ports;

/// Memory for values: some hundred images. What was used longest ago goes first.
const MEMORY: &str = "256mb";
/// Longest wait for an answer.
const ANSWER_SECONDS_MAX: u64 = 1;

/// The words of its command line: no snapshots, no append-only file.
pub fn words(ports: &Ports) -> Vec<String> {
    let address = ports.sealed(Party::Redis);
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let words = [
        ["--bind", &host],
        ["--port", &port],
        ["--save", ""],
        ["--appendonly", "no"],
        ["--dir", "redis/data"],
        ["--maxmemory", MEMORY],
        ["--maxmemory-policy", "allkeys-lru"],
    ];
    words.concat().into_iter().map(str::to_owned).collect()
}

/// Whether it answers a `PING`.
pub async fn answers(address: SocketAddr) -> bool {
    let asking = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer == *b"+PONG")
    };
    let answered = timeout(Duration::from_secs(ANSWER_SECONDS_MAX), asking).await;
    matches!(answered, Ok(Ok(true)))
}
