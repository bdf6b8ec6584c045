//! Which authentic messages are taken: both framings of RFC 9292, what may be left out, and
//! every bound. The messages are sealed by the second implementation, which allows anything.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use autoclave_base::UnixTime;
use autoclave_seal::request::{self, *};
use autoclave_seal::{PublicSealingKey, SealingKeys};
use futures::executor::block_on;
use futures::io::Cursor;
use hpke::kem::X25519HkdfSha256;
use support::bhttp::{fields, request as head, string, varint, whole};
use support::ohttp::{AnswerKeys, Client, REQUEST_INFO, RESPONSE_LABEL, Server, info};

const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);
const IKM: [u8; 32] = [4; 32];

fn keys() -> SealingKeys {
    SealingKeys::generate(&mut support::Given::new(&[&[3; 32], &IKM]))
}

fn x25519() -> PublicSealingKey {
    keys().public().remove(1)
}

/// Seals the plaintext as it is, in chunks of 16,000 bytes.
fn sealed(plain: &[u8]) -> Vec<u8> {
    let mut client = Client::<X25519HkdfSha256>::new(2, x25519().bytes(), &[9; 32]);
    let mut chunks: Vec<&[u8]> = plain.chunks(16_000).collect();
    chunks.push(b"");
    client.request(&chunks)
}

fn opened(plain: &[u8]) -> Result<Opened, OpenRefusal> {
    block_on(request::open(&keys(), Cursor::new(sealed(plain))))
}

fn body(plain: &[u8]) -> Result<Vec<u8>, OpenRefusal> {
    block_on(opened(plain)?.into_parts().0.into_body().read_all(1 << 20))
}

fn refused(plain: &[u8]) -> &'static str {
    body(plain).unwrap_err().code()
}

/// Opens an answer of that plaintext.
fn answer(plain: &[u8]) -> Result<http::Response<Vec<u8>>, OpenRefusal> {
    let ask = http::Request::get("/").body(Vec::new()).unwrap();
    let (asked, opener) = block_on(request::seal_bytes(ask, &x25519(), NOW)).unwrap();
    let private = <X25519HkdfSha256 as hpke::Kem>::derive_keypair(&IKM).0;
    let private = hpke::Serializable::to_bytes(&private);
    let enc = &asked[7..39];
    let server = Server::<X25519HkdfSha256>::new(&private, enc, &info(REQUEST_INFO, &asked[..7]));
    let nonce = [1; 16];
    let mut keys = AnswerKeys::new(&server.secret(RESPONSE_LABEL), enc, &nonce);
    block_on(opener.open_bytes(keys.answer(&nonce, &[plain, b""]), 1000))
}

#[test]
fn both_framings_are_taken() {
    let lines = fields(&[("accept", "*/*"), ("accept", "text/plain")]);
    let known = [head(0, "PUT", "/a"), string(&lines), string("body"), string("")].concat();
    let open = [head(2, "PUT", "/a"), lines, vec![0], string("bo"), string("dy"), vec![0, 0]];
    for plain in [known, open.concat()] {
        let opened = opened(&plain).unwrap();
        assert_eq!((opened.method().as_str(), opened.path().as_str()), ("PUT", "/a"));
        assert_eq!(opened.headers().get_all("accept").iter().count(), 2);
        assert_eq!(body(&plain).unwrap(), b"body");
    }
}

#[test]
fn empty_ends_may_be_left_out() {
    let known = head(0, "GET", "/");
    let indeterminate = head(2, "GET", "/");
    for plain in [
        known.clone(),
        [known.clone(), vec![0]].concat(),
        [known, vec![0, 0, 0]].concat(),
        indeterminate.clone(),
        [indeterminate.clone(), vec![0]].concat(),
        [indeterminate, vec![0, 0]].concat(),
    ] {
        assert_eq!(body(&plain).unwrap(), b"");
    }
}

#[test]
fn messages_that_stop_elsewhere_are_cut() {
    let lines = fields(&[("a", "1")]);
    let full = [head(2, "PUT", "/a"), lines.clone(), vec![0], string("body"), vec![0]].concat();
    let tail = lines.len() + 1 + 5 + 1;
    let fine = [full.len(), full.len() - 6, full.len() - tail];
    for cut in (1..full.len()).filter(|cut| !fine.contains(cut)) {
        assert_eq!(refused(&full[..cut]), "seal.truncated", "at {cut}");
    }
    assert_eq!(refused(b""), "seal.truncated");
}

#[test]
fn padding_is_zero_and_bounded() {
    let plain = whole("GET", "/", &[], &[b"x"]);
    let pad = |bytes| [plain.clone(), vec![0; bytes]].concat();
    assert_eq!(body(&pad(100_000)).unwrap(), b"x");
    assert_eq!(refused(&pad(PADDING_BYTES_MAX + 1)), "seal.malformed");
    assert_eq!(refused(&[plain, vec![0, 0, 7]].concat()), "seal.malformed");
}

#[test]
fn trailers_are_passed_over_but_checked() {
    let with = |lines: &[(&str, &str)]| {
        [head(2, "GET", "/"), vec![0], string("x"), vec![0], fields(lines), vec![0]].concat()
    };
    assert_eq!(body(&with(&[("digest", "1")])).unwrap(), b"x");
    assert_eq!(refused(&with(&[("Digest", "1")])), "seal.malformed");
    let known = [head(0, "GET", "/"), vec![0], string("x"), string(fields(&[("digest", "1")]))];
    assert_eq!(body(&known.concat()).unwrap(), b"x");
}

#[test]
fn heads_that_are_no_requests_are_malformed() {
    for plain in [
        head(1, "GET", "/"),
        head(3, "GET", "/"),
        head(4, "GET", "/"),
        head(2, "", "/"),
        head(2, "GE T", "/"),
        head(2, "GET", ""),
        head(2, "GET", "*"),
        head(2, "GET", "https://elsewhere/"),
        head(2, "GET", "/a b"),
        head(2, "GET", "/\n"),
        [vec![2], string("GET"), string("http"), string(""), string("/")].concat(),
    ] {
        assert_eq!(refused(&plain), "seal.malformed");
    }
}

#[test]
fn fields_that_http_does_not_have_are_malformed() {
    for (name, value) in [
        ("Accept", "1"),
        (":path", "/"),
        ("a b", "1"),
        ("a", "1\r\nb: 2"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "trailers"),
    ] {
        assert_eq!(refused(&whole("GET", "/", &[(name, value)], &[])), "seal.malformed", "{name}");
    }
    let nameless = [head(0, "GET", "/"), string([0, 1, b'x'])].concat();
    assert_eq!(refused(&nameless), "seal.malformed");
}

#[test]
fn a_head_has_a_size() {
    let long = "x".repeat(HEAD_BYTES_MAX);
    let large = "seal.head_too_large";
    assert_eq!(refused(&head(2, "GET", &format!("/{long}"))), large);
    assert_eq!(refused(&whole("GET", "/", &[("a", &long)], &[])), large);
    assert_eq!(refused(&whole("GET", "/", &[("a", "1"); FIELDS_MAX + 1], &[])), large);
    assert!(opened(&whole("GET", "/", &[("a", "1"); FIELDS_MAX], &[])).is_ok());
    let half = "x".repeat(HEAD_BYTES_MAX / 2);
    assert_eq!(refused(&whole("GET", "/", &[("a", &half), ("b", &half)], &[])), large);
    let trailers =
        [head(2, "GET", "/"), fields(&[("a", &half)]), vec![0, 0], fields(&[("b", &half)])];
    assert_eq!(refused(&trailers.concat()), large);
    let endless = [head(2, "GET", "/"), varint(u64::MAX >> 2)].concat();
    assert_eq!(refused(&endless), large);
}

#[test]
fn a_body_has_a_size() {
    let announced = |length: u64| [head(0, "GET", "/"), vec![0], varint(length)].concat();
    assert_eq!(refused(&announced(BODY_BYTES_MAX + 1)), "seal.body_too_large");
    assert_eq!(refused(&announced(u64::MAX >> 2)), "seal.body_too_large");
    assert_eq!(refused(&announced(BODY_BYTES_MAX)), "seal.truncated");
    let rest = varint(BODY_BYTES_MAX);
    let twice = [head(2, "GET", "/"), vec![0], string("x"), rest].concat();
    assert_eq!(refused(&twice), "seal.body_too_large");
    let plain = whole("GET", "/", &[], &[b"12345"]);
    let read = |most| block_on(opened(&plain).unwrap().into_parts().0.into_body().read_all(most));
    assert_eq!(read(5).unwrap(), b"12345");
    assert_eq!(read(4), Err(OpenRefusal::BodyTooLarge));
}

#[test]
fn opened_values_do_not_print() {
    let plain = whole("GET", "/", &[("patient", "Doe")], &[]);
    assert!(!format!("{:?}", opened(&plain).unwrap().headers()).contains("Doe"));
}

#[test]
fn interim_answers_are_passed_over() {
    let interim = [varint(103), fields(&[("link", "</a>")]), vec![0]].concat();
    let last = [varint(200), vec![0], string("x"), vec![0, 0]].concat();
    let many = |count| [vec![3], interim.repeat(count), last.clone()].concat();
    assert_eq!(answer(&many(0)).unwrap().body(), b"x");
    assert_eq!(answer(&many(8)).unwrap().status(), 200);
    assert_eq!(answer(&many(9)).unwrap_err().code(), "seal.head_too_large");
}

#[test]
fn answers_that_are_none_are_malformed() {
    for plain in [
        [vec![2], varint(200)].concat(),
        [vec![3], varint(99)].concat(),
        [vec![3], varint(600)].concat(),
        [vec![3], varint(70_000)].concat(),
    ] {
        assert_eq!(answer(&plain).unwrap_err().code(), "seal.malformed");
    }
    assert_eq!(answer(&[3]).unwrap_err().code(), "seal.truncated");
}

#[test]
fn what_cannot_be_sent_is_not_sealed() {
    let seal =
        |request| block_on(request::seal_bytes(request, &x25519(), NOW)).err().map(|e| e.code());
    let ask = |uri: &str| http::Request::get(uri).body(Vec::new()).unwrap();
    assert_eq!(seal(ask("/")), None);
    assert_eq!(seal(ask("clinic:443")), Some("seal.head_unsendable"));
    let mut large = ask("/");
    large.headers_mut().insert("a", "x".repeat(HEAD_BYTES_MAX).parse().unwrap());
    assert_eq!(seal(large), Some("seal.head_unsendable"));
    let respond = |status: u16| {
        let (_, responder) = opened(&whole("GET", "/", &[], &[])).unwrap().into_parts();
        let answer = http::Response::builder().status(status).body(Vec::new()).unwrap();
        block_on(responder.seal_bytes(answer)).err().map(|refusal| refusal.code())
    };
    assert_eq!(respond(204), None);
    assert_eq!(respond(103), Some("seal.head_unsendable"));
    assert_eq!(respond(600), Some("seal.head_unsendable"));
}

#[test]
fn a_key_of_low_order_is_not_sealed_to() {
    let bad = PublicSealingKey::from_parts(2, autoclave_seal::Kem::X25519, &[0; 32]).unwrap();
    let ask = http::Request::get("/").body(Vec::new()).unwrap();
    let refusal = block_on(request::seal_bytes(ask, &bad, NOW)).err().unwrap();
    assert_eq!((refusal, refusal.code()), (SealRefusal::KeyInvalid, "seal.key_invalid"));
}

/// Whatever stands in a chunk that opens: an answer or a refusal, and no panic.
#[test]
fn arbitrary_messages_are_refused_or_taken() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut byte = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    let template = whole("PUT", "/a", &[("a", "1"), ("date", "x")], &[b"body"]);
    for round in 0..400 {
        let mut plain = template.clone();
        for _ in 0..=round % 4 {
            let at = usize::from(byte()) % plain.len();
            plain[at] = byte();
        }
        plain.truncate(plain.len() - usize::from(byte()) % 4);
        let _ = body(&plain);
        let noise: Vec<u8> = (0..byte()).map(|_| byte()).collect();
        let _ = body(&noise);
    }
}
