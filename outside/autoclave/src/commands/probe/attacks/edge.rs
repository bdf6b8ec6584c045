//! Attacks on the front door: paths that climb, methods that are not there, requests that
//! never end. They belong to the probe.
//! They need no account and no trust.

use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::commands::probe::Attack;
use crate::commands::probe::site::{Reply, Site, Tried};

/// A half-open request must have ended by then.
const HALF_OPEN_SECONDS_MAX: Duration = Duration::from_secs(75);
/// Bytes of an answer that are read.
const ANSWER_BYTES: usize = 4096;

macro_rules! paths {
    ($($name:literal, $method:ident, $path:literal, $tries:literal;)*) => {
        &[
            $(Attack {
                name: $name,
                tries: $tries,
                refused_by: &["edge.", "ledger.no_file", "request."],
                run: |site| Box::pin(path(site, Method::$method, $path)),
            },)*
            Attack {
                name: "edge.half_open",
                tries: "a request whose body never comes",
                refused_by: &[],
                run: |site| Box::pin(half_open(site)),
            },
            Attack {
                name: "edge.smuggled",
                tries: "a request with two lengths (content-length and chunked)",
                refused_by: &[],
                run: |site| Box::pin(smuggled(site)),
            },
            Attack {
                name: "edge.head_huge",
                tries: "a request whose head is a megabyte",
                refused_by: &[],
                run: |site| Box::pin(head_huge(site)),
            },
        ]
    };
}

pub(super) const ATTACKS: &[Attack] = paths! {
    "edge.metrics", GET, "/parties/clinic/metrics", "figures that are the host's only";
    "edge.unsealed", GET, "/parties/clinic/patients", "records without sealing";
    "edge.unsealed_keys", GET, "/parties/broker/keys/model/brain-mri", "keys without sealing";
    "edge.party_unknown", GET, "/parties/mallory/healthz", "a party that there is not";
    "edge.climb", GET, "/parties/clinic/../broker/metrics", "a path that climbs";
    "edge.climb_encoded", GET, "/parties/clinic/%2e%2e/%2e%2e/etc/passwd", "an encoded path that climbs";
    "edge.climb_tile", GET, "/parties/clinic/ledger/tile/../../state.sealed", "a tile's path that climbs";
    "edge.journal", GET, "/parties/clinic/ledger/journal", "the ledger's journal";
    "edge.asset_climb", GET, "/assets/../trust.json.bak", "a page's path that climbs";
    "edge.method", DELETE, "/parties/clinic/ledger/checkpoint", "deleting a checkpoint";
    "edge.ledger_written", POST, "/parties/clinic/ledger/checkpoint", "writing a checkpoint";
    "edge.trace", TRACE, "/", "the method TRACE";
};

/// A path as it is: no client is asked to tidy it up.
async fn path(site: &Site, method: Method, path: &str) -> Tried {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: probe\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    exchange(site, request.into_bytes()).await
}

/// Sends bytes and reads until the other side has answered or closed.
async fn exchange(site: &Site, bytes: Vec<u8>) -> Tried {
    let talking = async {
        let mut stream = TcpStream::connect(site.http.authority().as_str()).await?;
        // The other side may close before it has all.
        let _closed = stream.write_all(&bytes).await;
        let mut answer = vec![0; ANSWER_BYTES];
        let mut length = 0;
        while length < ANSWER_BYTES {
            match stream.read(&mut answer[length..]).await {
                Ok(0) | Err(_) => break,
                Ok(more) => length += more,
            }
        }
        answer.truncate(length);
        Ok::<_, std::io::Error>(answer)
    };
    match timeout(HALF_OPEN_SECONDS_MAX, talking).await {
        Err(_) => Ok(Reply { status: 0, code: "still open".to_owned(), through: true }),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(answer)) => Ok(read(&answer)),
    }
}

fn read(answer: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(answer);
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    status.map_or_else(|| Reply::closed("connection closed"), |it| Reply::of(it, body.as_bytes()))
}

async fn half_open(site: &Site) -> Tried {
    let head = "POST /parties/attestor/attest HTTP/1.1\r\nhost: probe\r\ncontent-length: 100\r\n\
                content-type: application/json\r\n\r\n{";
    exchange(site, head.as_bytes().to_vec()).await
}

async fn smuggled(site: &Site) -> Tried {
    let request = "POST /parties/attestor/attest HTTP/1.1\r\nhost: probe\r\ncontent-length: 4\r\n\
                   transfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\n\
                   GET /parties/clinic/metrics HTTP/1.1\r\nhost: probe\r\n\r\n";
    exchange(site, request.as_bytes().to_vec()).await
}

async fn head_huge(site: &Site) -> Tried {
    let long = "x".repeat(1024 * 1024);
    let request = format!("GET /healthz HTTP/1.1\r\nhost: probe\r\nx-long: {long}\r\n\r\n");
    exchange(site, request.into_bytes()).await
}
