//! Round trips; what attackers do is in `tests/hostile.rs`, and what is taken in
//! `tests/messages.rs`.

use autoclave_base::UnixTime;
use futures::AsyncReadExt as _;
use futures::executor::block_on;
use futures::io::Cursor;

use super::*;
use crate::fixtures::rng;
use crate::{Kem, PublicSealingKey, SealingKeys};

const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);

fn key_of(keys: &SealingKeys, kem: Kem) -> PublicSealingKey {
    keys.public().into_iter().find(|key| key.kem() == kem).unwrap()
}

fn assert_send<T: Send>(value: T) -> T {
    value
}

fn request(body: &[u8]) -> http::Request<Vec<u8>> {
    http::Request::post("https://clinic.example/intake?x=1")
        .header("content-type", "image/png")
        .header("connection", "close")
        .body(body.to_vec())
        .unwrap()
}

#[test]
fn a_request_and_its_answer_make_the_round_trip() {
    for kem in [Kem::XWing, Kem::X25519] {
        let keys = SealingKeys::generate(&mut rng());
        let (sealed, opener) =
            block_on(seal_bytes(request(b"scan"), &key_of(&keys, kem), NOW)).unwrap();
        let received = block_on(assert_send(open(&keys, Cursor::new(sealed)))).unwrap();
        assert_eq!((received.kem(), received.date()), (kem, Ok(NOW)));
        assert_eq!((received.method().as_str(), received.path().as_str()), ("POST", "/intake?x=1"));
        assert!(received.headers().get("connection").is_none());
        let (request, responder) = received.into_parts();
        assert_eq!(request.headers()["content-type"], "image/png");
        assert_eq!(block_on(request.into_body().read_all(4)).unwrap(), b"scan");
        let answer = http::Response::builder().status(201).header("etag", "\"1\"");
        let sealed =
            block_on(responder.seal_bytes(answer.body(b"mask".to_vec()).unwrap())).unwrap();
        let answer = block_on(assert_send(opener.open_bytes(sealed, 4))).unwrap();
        assert_eq!((answer.status().as_u16(), &answer.body()[..]), (201, &b"mask"[..]));
        assert_eq!(answer.headers()["etag"], "\"1\"");
    }
}

#[test]
fn streams_of_pieces_carry_the_same_bytes() {
    use futures::TryStreamExt as _;
    let keys = SealingKeys::generate(&mut rng());
    let body = vec![7; 100_000];
    let (stream, _) = seal(request(&body).map(Cursor::new), &keys.public()[0], NOW).unwrap();
    let reader = stream.into_stream().into_async_read();
    let opened = block_on(open(&keys, reader)).unwrap();
    let mut read = Vec::new();
    let mut pieces = opened.into_parts().0.into_body().into_stream().into_async_read();
    block_on(pieces.read_to_end(&mut read)).unwrap();
    assert_eq!(read, body);
}
