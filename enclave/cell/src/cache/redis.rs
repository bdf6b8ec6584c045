//! A Redis server as a cache: `SET … EX`, `GET`, `DEL` in its protocol (RESP2), over a few
//! kept connections. The cell's. It is not believed in anything: values are sealed, and
//! what it says in words is never read, logged or passed on.
//!
//! Three commands do not need the crate `redis` and what it depends on inside enclaves.

use std::sync::{Mutex, PoisonError};

use autoclave_base::Digest;
use http::Uri;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::{Away, Lifetime, SEALED_BYTES_MAX};
use crate::BootError;

/// Connections that are kept; more may be open while many requests ask.
const IDLE_MAX: usize = 16;
/// Longest first line of an answer: a length, or words that are not read.
const LINE_BYTES_MAX: u64 = 1024;
/// Precedes every key, so that a server's operator sees whose they are.
const PREFIX: &str = "autoclave:";

/// A server.
pub(super) struct Redis {
    address: String,
    idle: Mutex<Vec<Connection>>,
}

type Connection = BufReader<TcpStream>;

/// An answer, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
enum Reply {
    Done,
    Nothing,
    Value(Vec<u8>),
    Refused,
}

impl Redis {
    /// At `redis://host:port`, and nothing behind it.
    pub(super) fn new(url: &str) -> Result<Self, BootError> {
        let refused = || BootError::CacheUrl(url.to_owned());
        let parts = url.parse::<Uri>().map_err(|_| refused())?.into_parts();
        let bare = parts.path_and_query.is_none_or(|path| path == "/");
        let scheme = parts.scheme.is_some_and(|scheme| scheme.as_str() == "redis");
        let authority = parts.authority.filter(|it| !it.as_str().contains('@'));
        match authority {
            Some(at) if bare && scheme && at.port_u16().is_some() => {
                Ok(Self { address: at.to_string(), idle: Mutex::default() })
            }
            _ => Err(refused()),
        }
    }

    pub(super) async fn get(&self, key: &Digest) -> Result<Option<Vec<u8>>, Away> {
        match self.command(&[b"GET", name(key).as_bytes()]).await? {
            Reply::Value(value) => Ok(Some(value)),
            Reply::Nothing => Ok(None),
            _ => Err(Away("cache.redis_refused")),
        }
    }

    pub(super) async fn put(
        &self,
        key: &Digest,
        sealed: &[u8],
        life: Lifetime,
    ) -> Result<(), Away> {
        let (name, seconds) = (name(key), life.seconds.to_string());
        self.done(&[b"SET", name.as_bytes(), sealed, b"EX", seconds.as_bytes()]).await
    }

    pub(super) async fn remove(&self, key: &Digest) -> Result<(), Away> {
        self.done(&[b"DEL", name(key).as_bytes()]).await
    }

    async fn done(&self, words: &[&[u8]]) -> Result<(), Away> {
        match self.command(words).await? {
            Reply::Done => Ok(()),
            _ => Err(Away("cache.redis_refused")),
        }
    }

    /// On a kept connection, or a new one where the server has closed that meanwhile. A
    /// connection that failed, or was given up half-way, is not used again.
    async fn command(&self, words: &[&[u8]]) -> Result<Reply, Away> {
        let request = encode(words);
        let kept = self.idle().pop();
        if let Some(mut connection) = kept
            && let Ok(reply) = exchange(&mut connection, &request).await
        {
            self.keep(connection);
            return Ok(reply);
        }
        let stream = TcpStream::connect(&self.address).await;
        let stream = stream.map_err(|_| Away("cache.unreachable"))?;
        stream.set_nodelay(true).map_err(|_| Away("cache.unreachable"))?;
        let mut connection = BufReader::new(stream);
        let reply = exchange(&mut connection, &request).await;
        let reply = reply.map_err(|_| Away("cache.redis_broken"))?;
        self.keep(connection);
        Ok(reply)
    }

    fn keep(&self, connection: Connection) {
        // What follows an answer would be taken for the next one.
        let mut idle = self.idle();
        if connection.buffer().is_empty() && idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }

    /// A list of connections; a panic elsewhere leaves it whole.
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(key: &Digest) -> String {
    format!("{PREFIX}{}", key.hex())
}

/// An array of binary texts.
fn encode(words: &[&[u8]]) -> Vec<u8> {
    let bytes: usize = words.iter().map(|word| word.len() + 16).sum();
    let mut request = Vec::with_capacity(bytes + 16);
    request.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        request.extend_from_slice(word);
        request.extend_from_slice(b"\r\n");
    }
    request
}

async fn exchange(connection: &mut Connection, request: &[u8]) -> std::io::Result<Reply> {
    connection.write_all(request).await?;
    connection.flush().await?;
    let mut line = Vec::new();
    (&mut *connection).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    let line = line.strip_suffix(b"\r\n").ok_or_else(broken)?;
    match line.split_first() {
        Some((b'+' | b':', _)) => Ok(Reply::Done),
        Some((b'-', _)) => Ok(Reply::Refused),
        Some((b'$', b"-1")) => Ok(Reply::Nothing),
        Some((b'$', length)) => value(connection, length).await,
        _ => Err(broken()),
    }
}

async fn value(connection: &mut Connection, length: &[u8]) -> std::io::Result<Reply> {
    let length = std::str::from_utf8(length).ok().and_then(|text| text.parse::<usize>().ok());
    let length = length.filter(|length| *length <= SEALED_BYTES_MAX).ok_or_else(broken)?;
    let mut value = vec![0; length + 2];
    connection.read_exact(&mut value).await?;
    if !value.ends_with(b"\r\n") {
        return Err(broken());
    }
    value.truncate(length);
    Ok(Reply::Value(value))
}

fn broken() -> std::io::Error {
    std::io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_scheme_host_and_port() {
        assert!(Redis::new("redis://127.0.0.1:6379").is_ok());
        assert!(Redis::new("redis://cache.internal:6379/").is_ok());
        for bad in
            ["", "redis://x", "http://x:1", "rediss://x:1", "redis://u:p@x:1", "redis://x:1/0"]
        {
            assert!(Redis::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn words_are_binary() {
        assert_eq!(encode(&[b"GET", b"a\r\n"]), b"*2\r\n$3\r\nGET\r\n$3\r\na\r\n\r\n");
    }
}
