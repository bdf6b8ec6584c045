//! What whoever carries a sealed message can do to it: cut, swap, repeat, drop, flip, add,
//! splice. Each is refused, in both directions, and never looks like a clean end.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use autoclave_base::UnixTime;
use autoclave_seal::request::{self, OpenRefusal, ResponseOpener};
use autoclave_seal::{Kem, PublicSealingKey, SealingKeys};
use futures::executor::block_on;
use futures::io::Cursor;
use futures::{AsyncRead, AsyncReadExt as _};
use support::ohttp::{Client, parts};

const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);
const BODY_BYTES: usize = 50_000;

struct Exchange {
    keys: SealingKeys,
    to: PublicSealingKey,
}

impl Exchange {
    fn new(kem: Kem) -> Self {
        let keys = SealingKeys::generate(&mut support::rng());
        let to = keys.public().into_iter().find(|key| key.kem() == kem).unwrap();
        Self { keys, to }
    }

    fn ask(&self, bytes: usize) -> (Vec<u8>, ResponseOpener) {
        let request = http::Request::post("/intake").body(vec![7; bytes]).unwrap();
        block_on(request::seal_bytes(request, &self.to, NOW)).unwrap()
    }

    fn answer(&self, sealed: Vec<u8>, bytes: usize) -> Vec<u8> {
        let opened = block_on(request::open(&self.keys, Cursor::new(sealed))).unwrap();
        let (_, responder) = opened.into_parts();
        block_on(responder.seal_bytes(http::Response::new(vec![8; bytes]))).unwrap()
    }

    fn before(&self) -> usize {
        7 + self.to.kem().encapsulated_bytes()
    }

    fn open(&self, sealed: Vec<u8>) -> Result<Vec<u8>, OpenRefusal> {
        block_on(async {
            let opened = request::open(&self.keys, Cursor::new(sealed)).await?;
            opened.into_parts().0.into_body().read_all(1 << 20).await
        })
    }
}

/// Every way to spoil a message at its chunk borders.
fn spoiled(parts: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
    let count = parts.len();
    let mut cases = vec![("with a byte added".to_owned(), [parts.concat(), vec![0]].concat())];
    for at in 0..count {
        cases.push((format!("cut before part {at}"), parts[..at].concat()));
        let (whole, half) = (parts[..at].concat(), &parts[at][..parts[at].len() / 2]);
        cases.push((format!("cut inside part {at}"), [&whole, half].concat()));
    }
    for at in 1..count {
        let dropped = [&parts[..at], &parts[at + 1..]].concat().concat();
        cases.push((format!("without part {at}"), dropped));
        let repeated = [&parts[..=at], &parts[at..]].concat().concat();
        cases.push((format!("with part {at} twice"), repeated));
        for other in at + 1..count {
            let mut swapped = parts.to_vec();
            swapped.swap(at, other);
            cases.push((format!("with parts {at} and {other} swapped"), swapped.concat()));
        }
    }
    cases
}

#[test]
fn a_spoiled_request_is_refused() {
    for kem in [Kem::XWing, Kem::X25519] {
        let exchange = Exchange::new(kem);
        let (sealed, _) = exchange.ask(BODY_BYTES);
        assert_eq!(exchange.open(sealed.clone()).unwrap().len(), BODY_BYTES);
        let parts = parts(&sealed, exchange.before());
        assert!(parts.len() > 5);
        for (how, spoiled) in spoiled(&parts) {
            assert!(exchange.open(spoiled).is_err(), "{how}");
        }
    }
}

#[test]
fn a_spoiled_answer_is_refused() {
    let exchange = Exchange::new(Kem::X25519);
    let cases = Cell::new(1);
    let mut at = 0;
    while at < cases.get() {
        let (sealed, opener) = exchange.ask(10);
        let answer = exchange.answer(sealed, BODY_BYTES);
        let mut all = spoiled(&parts(&answer, 16));
        cases.set(all.len());
        let (how, spoiled) = all.swap_remove(at);
        assert!(block_on(opener.open_bytes(spoiled, 1 << 20)).is_err(), "{how}");
        at += 1;
    }
    assert!(at > 20);
}

#[test]
fn every_flipped_bit_of_a_request_is_refused() {
    let exchange = Exchange::new(Kem::X25519);
    let (sealed, _) = exchange.ask(5);
    for at in 0..sealed.len() {
        for bit in 0..8 {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1 << bit;
            assert!(exchange.open(flipped).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn every_flipped_byte_of_an_answer_is_refused() {
    let exchange = Exchange::new(Kem::X25519);
    let (sealed, opener) = exchange.ask(5);
    let length = exchange.answer(sealed, 5).len();
    drop(opener);
    for at in 0..length {
        let (sealed, opener) = exchange.ask(5);
        let mut answer = exchange.answer(sealed, 5);
        answer[at] ^= 1 << (at % 8);
        assert!(block_on(opener.open_bytes(answer, 100)).is_err(), "byte {at}");
    }
}

#[test]
fn chunks_of_another_message_do_not_fit() {
    let exchange = Exchange::new(Kem::X25519);
    let (one, two) = (exchange.ask(BODY_BYTES).0, exchange.ask(BODY_BYTES).0);
    let (one, two) = (parts(&one, exchange.before()), parts(&two, exchange.before()));
    for at in 1..one.len() {
        let spliced = [&one[..at], &two[at..]].concat().concat();
        assert!(exchange.open(spliced).is_err(), "from part {at} on");
    }
}

#[test]
fn an_answer_opens_for_its_own_request_only() {
    let exchange = Exchange::new(Kem::XWing);
    let (sealed, _) = exchange.ask(5);
    let answer = exchange.answer(sealed, 5);
    let (_, other) = exchange.ask(5);
    let refusal = block_on(other.open_bytes(answer, 100)).unwrap_err();
    assert_eq!(refusal.code(), "seal.broken");
}

#[test]
fn a_retired_key_is_unknown() {
    let mut exchange = Exchange::new(Kem::XWing);
    let (sealed, _) = exchange.ask(5);
    exchange.keys.rotate(&mut support::rng());
    assert!(exchange.open(sealed.clone()).is_ok());
    exchange.keys.retire();
    assert_eq!(exchange.open(sealed).unwrap_err().code(), "seal.key_unknown");
}

#[test]
fn a_key_from_before_a_restart_is_unknown() {
    let (before, after) = (Exchange::new(Kem::XWing), Exchange::new(Kem::XWing));
    let (sealed, _) = before.ask(5);
    assert_eq!(after.open(sealed).unwrap_err().code(), "seal.key_unknown");
}

#[test]
fn a_failed_body_fails_for_ever() {
    let exchange = Exchange::new(Kem::X25519);
    let (mut sealed, _) = exchange.ask(BODY_BYTES);
    let middle = sealed.len() / 2;
    sealed.truncate(middle);
    let opened = block_on(request::open(&exchange.keys, Cursor::new(sealed))).unwrap();
    let mut body = opened.into_parts().0.into_body();
    let error = block_on(body.read_to_end(&mut Vec::new())).unwrap_err();
    assert_eq!(OpenRefusal::of(&error), OpenRefusal::Truncated);
    for _ in 0..3 {
        let error = block_on(body.read(&mut [0; 9])).unwrap_err();
        assert_eq!(OpenRefusal::of(&error), OpenRefusal::Truncated);
    }
}

#[test]
fn a_connection_that_breaks_is_no_end() {
    let exchange = Exchange::new(Kem::X25519);
    let (mut sealed, _) = exchange.ask(BODY_BYTES);
    sealed.truncate(20_000);
    let broken = Cursor::new(sealed).chain(Reset);
    let opened = block_on(request::open(&exchange.keys, broken)).unwrap();
    let refusal = block_on(opened.into_parts().0.into_body().read_all(1 << 20)).unwrap_err();
    assert_eq!(refusal, OpenRefusal::Transport(io::ErrorKind::ConnectionReset));
    assert_eq!(refusal.code(), "seal.transport");
}

#[test]
fn a_body_that_cannot_be_read_is_not_sealed_to_its_end() {
    let exchange = Exchange::new(Kem::X25519);
    let body = Cursor::new(vec![7; 40_000]).chain(Reset);
    let request = http::Request::post("/intake").body(body).unwrap();
    let (mut stream, _) = request::seal(request, &exchange.to, NOW).unwrap();
    let mut sealed = Vec::new();
    let error = block_on(stream.read_to_end(&mut sealed)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert!(block_on(stream.read(&mut [0; 9])).is_err());
    assert_eq!(exchange.open(sealed).unwrap_err(), OpenRefusal::Truncated);
}

/// Empty chunks are allowed, wherever they stand, and none of them is taken for the end.
#[test]
fn empty_chunks_are_no_end() {
    let exchange = Exchange::new(Kem::X25519);
    let plain = support::bhttp::whole("POST", "/x", &[], &[b"all of it"]);
    let (head, rest) = plain.split_at(plain.len() - 6);
    let client = || Client::<hpke::kem::X25519HkdfSha256>::new(2, exchange.to.bytes(), &[9; 32]);
    let sealed = client().request(&[b"", b"", head, b"", rest, b"", b""]);
    assert_eq!(exchange.open(sealed).unwrap(), b"all of it");
    let mut client = client();
    let mut cut = client.envelope();
    for chunk in [head, rest, b"", b""] {
        cut.extend(client.chunk(chunk, false));
    }
    assert_eq!(exchange.open(cut).unwrap_err(), OpenRefusal::Truncated);
}

/// Readers that give one byte at a time, and every other time none yet: no length is cut
/// into pieces that are then waited for in vain.
#[test]
fn a_dribbling_connection_works() {
    let exchange = Exchange::new(Kem::X25519);
    let (sealed, opener) = exchange.ask(20_000);
    let asked = block_on(request::open(&exchange.keys, Dribble(Cursor::new(sealed), false)));
    let (request, responder) = asked.unwrap().into_parts();
    assert_eq!(block_on(request.into_body().read_all(20_000)).unwrap().len(), 20_000);
    let body = Dribble(Cursor::new(vec![8; 500]), false);
    let answer = responder.seal(http::Response::new(body)).unwrap();
    let answer = block_on(opener.open(Dribble(answer, false))).unwrap();
    assert_eq!(block_on(answer.into_body().read_all(500)).unwrap(), vec![8; 500]);
}

struct Reset;

impl AsyncRead for Reset {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

struct Dribble<R>(R, bool);

impl<R: AsyncRead + Unpin> AsyncRead for Dribble<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.1 = !self.1;
        if self.1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let length = buf.len().min(1);
        Pin::new(&mut self.0).poll_read(cx, &mut buf[..length])
    }
}
