//! 200 MB stream through both ways while almost nothing of it is held anywhere: what was
//! read from the source and did not reach the reader yet is counted at every step.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use autoclave_base::UnixTime;
use autoclave_seal::SealingKeys;
use autoclave_seal::request::{self, Body};
use futures::executor::block_on;
use futures::{AsyncRead, AsyncReadExt as _};

const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);
const BODY_BYTES: u64 = 200_000_000;
/// A few chunks of 16 KiB: one being sealed, one on its way, one being read.
const HELD_BYTES_MAX: u64 = 128 * 1024;

/// Gives `left` bytes of a pattern, and counts what it gave.
struct Source {
    left: u64,
    given: Arc<AtomicU64>,
}

impl AsyncRead for Source {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let count = u64::try_from(buf.len()).unwrap().min(self.left);
        buf[..usize::try_from(count).unwrap()].fill(self.left.to_le_bytes()[2]);
        self.left -= count;
        self.given.fetch_add(count, Ordering::Relaxed);
        Poll::Ready(Ok(usize::try_from(count).unwrap()))
    }
}

async fn drain(mut body: Body, given: &AtomicU64) -> u64 {
    let mut buf = vec![0; 10_000];
    let (mut read, mut held_max) = (0, 0);
    loop {
        let count = u64::try_from(body.read(&mut buf).await.unwrap()).unwrap();
        read += count;
        held_max = held_max.max(given.load(Ordering::Relaxed) - read);
        if count == 0 {
            assert!(held_max < HELD_BYTES_MAX, "{held_max} bytes were held");
            return read;
        }
    }
}

#[test]
fn large_bodies_stream_both_ways() {
    let keys = SealingKeys::generate(&mut support::rng());
    let given = Arc::new(AtomicU64::new(0));
    let source = |given: &Arc<_>| Source { left: BODY_BYTES, given: Arc::clone(given) };
    block_on(async {
        let ask = http::Request::post("/intake").body(source(&given)).unwrap();
        let (sealed, opener) = request::seal(ask, &keys.public()[0], NOW).unwrap();
        let (ask, responder) = request::open(&keys, sealed).await.unwrap().into_parts();
        assert_eq!(drain(ask.into_body(), &given).await, BODY_BYTES);
        given.store(0, Ordering::Relaxed);
        let sealed = responder.seal(http::Response::new(source(&given))).unwrap();
        let answer = opener.open(sealed).await.unwrap();
        assert_eq!(drain(answer.into_body(), &given).await, BODY_BYTES);
    });
}
