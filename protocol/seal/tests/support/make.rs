//! Makes the project's own vectors. Everything is decided here; nothing is random.

use autoclave_base::{Digest, Secret, UnixTime};
use autoclave_seal::{Kem, SealingKeys, file, wrap};
use hpke::Serializable as _;
use hpke::kem::{Kem as HpkeKem, X25519HkdfSha256, XWing};
use serde_json::{Value, json};

use super::ohttp::{AnswerKeys, Client, REQUEST_INFO, frame, info};
use super::{Given, bhttp, count, hex};

/// The date in the request.
pub const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);
pub const DATE: &str = "Mon, 21 Sep 2026 14:13:20 GMT";
const IKM_XWING: u8 = 0x10;
const IKM_X25519: u8 = 0x40;
const EKM: u8 = 0x70;
const RESPONSE_NONCE: u8 = 0xa0;
const BODY: [&[u8]; 2] = [b"first half, ", b"second half"];
const ANSWER: &[u8] = b"{\"pixels\":7}";
const WRAP_INFO: &[u8] = b"autoclave key release v1";
const WRAP_AAD: &[u8] = b"{\"key\":\"model/brain-mri\"}";

/// The keys that all vectors are sealed to.
pub fn keys() -> SealingKeys {
    SealingKeys::generate(&mut Given::new(&[&count::<32>(IKM_XWING), &count::<32>(IKM_X25519)]))
}

/// All files, by name.
pub fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("x-wing.json", sealed::<XWing>(Kem::XWing, IKM_XWING, 64)),
        ("x25519.json", sealed::<X25519HkdfSha256>(Kem::X25519, IKM_X25519, 32)),
        ("file.json", sealed_file()),
    ]
}

/// How the files are written: members in order, whichever features `serde_json` has.
pub fn text(vector: &Value) -> String {
    let sorted = autoclave_base::jcs::to_vec(vector).unwrap();
    let sorted: Value = serde_json::from_slice(&sorted).unwrap();
    let mut text = serde_json::to_string_pretty(&sorted).unwrap();
    text.push('\n');
    text
}

fn ekm(bytes: usize) -> Vec<u8> {
    count::<64>(EKM)[..bytes].to_vec()
}

fn sealed<K: HpkeKem>(kem: Kem, ikm: u8, ekm_bytes: usize) -> Value {
    let keys = keys();
    let public = keys.public().into_iter().find(|key| key.kem() == kem).unwrap();
    let (private, derived) = K::derive_keypair(&count::<32>(ikm));
    assert_eq!(derived.to_bytes().as_slice(), public.bytes());
    let ekm = ekm(ekm_bytes);
    let new = || Client::<K>::new(public.key_id(), public.bytes(), &ekm);
    let (request, bad_requests) = request(new);
    let (response, bad_responses) = response(&new());
    let wrapped = wrap::wrap(&mut Given::new(&[&ekm]), &public, WRAP_INFO, WRAP_AAD, &[5; 32]);
    let wrapped = wrapped.unwrap();
    json!({
        "kem": kem.name(), "kem_id": kem.id(), "kdf_id": 1, "aead_id": 1,
        "key_id": public.key_id(),
        "recipient": {
            "ikm": hex(count::<32>(ikm)),
            "private_key": hex(private.to_bytes()),
            "public_key": hex(public.bytes()),
            "ohttp_keys": hex(keys.ohttp_keys()),
        },
        "request": request,
        "response": response,
        "wrap": {
            "ekm": hex(&ekm), "info": hex(WRAP_INFO), "aad": hex(WRAP_AAD),
            "secret": hex([5; 32]), "enc": hex(&wrapped.enc), "ct": hex(&wrapped.ct),
        },
        "must_fail": { "requests": bad_requests, "responses": bad_responses },
    })
}

/// The plaintext of the request's chunks: two of them cut where nothing ends.
fn request_chunks() -> Vec<Vec<u8>> {
    let lines = [("content-type", "image/png"), ("date", DATE)];
    let plain = bhttp::whole("POST", "/diagnose/brain-mri?trace=1", &lines, &BODY);
    let cut = plain.len() - 20;
    vec![plain[..cut].to_vec(), plain[cut..].to_vec(), Vec::new()]
}

fn request<K: HpkeKem>(new: impl Fn() -> Client<K>) -> (Value, Value) {
    let plain = request_chunks();
    let chunks: Vec<&[u8]> = plain.iter().map(Vec::as_slice).collect();
    let client = new();
    let (envelope, header) = (client.envelope(), client.header.clone());
    let encapsulated = new().request(&chunks);
    let parts = super::ohttp::parts(&encapsulated, envelope.len());
    let value = json!({
        "ekm": hex(ekm(if client.enc.len() == 32 { 32 } else { 64 })),
        "enc": hex(&client.enc),
        "info": hex(info(REQUEST_INFO, &header)),
        "bhttp": hex(plain.concat()),
        "chunks": chunks_json(&plain, &parts[1..]),
        "encapsulated": hex(&encapsulated),
        "key": Digest::of(&envelope).to_string(),
        "opened": {
            "method": "POST", "path": "/diagnose/brain-mri?trace=1",
            "headers": [["content-type", "image/png"], ["date", DATE]],
            "date": NOW.seconds(), "body": hex(BODY.concat()),
        },
    });
    (value, bad_requests(new, &parts))
}

fn bad_requests<K: HpkeKem>(new: impl Fn() -> Client<K>, parts: &[Vec<u8>]) -> Value {
    let plain = request_chunks();
    let mut bad = spoiled(parts);
    let mut unknown = parts.concat();
    unknown[0] = 9;
    bad.push(case("the key id is not known", &unknown, "seal.key_unknown"));
    let mut suite = parts.concat();
    suite[6] = 2;
    bad.push(case("the suite is not the key's", &suite, "seal.suite"));
    let mut first = parts.concat();
    first[parts[0].len() + 3] ^= 1;
    bad.push(case("a bit of the first chunk is flipped", &first, "seal.key_unknown"));
    let authentic = |chunks: &[&[u8]]| new().request(chunks);
    let short = authentic(&[&plain[0], &plain[1][..plain[1].len() - 8], b""]);
    bad.push(case("authentic, but the message stops inside its body", &short, "seal.truncated"));
    let answer = authentic(&[&[3, 0x40, 0xc8, 0, 0, 0], b""]);
    bad.push(case("authentic, but an answer", &answer, "seal.malformed"));
    let upper = bhttp::whole("GET", "/", &[("Date", DATE)], &[]);
    bad.push(case("a field name in upper case", &authentic(&[&upper, b""]), "seal.malformed"));
    let hop = bhttp::whole("GET", "/", &[("transfer-encoding", "chunked")], &[]);
    bad.push(case("a field of connections", &authentic(&[&hop, b""]), "seal.malformed"));
    let padded = [bhttp::whole("GET", "/", &[], &[]), vec![0, 1]].concat();
    bad.push(case("padding that is not zero", &authentic(&[&padded, b""]), "seal.malformed"));
    Value::Array(bad)
}

fn response<K: HpkeKem>(client: &Client<K>) -> (Value, Value) {
    let nonce = count::<16>(RESPONSE_NONCE);
    let head =
        [vec![3, 0x40, 0xc8], bhttp::fields(&[("content-type", "application/json")]), vec![0]];
    let plain = vec![[head.concat(), bhttp::string(ANSWER)].concat(), vec![0, 0], Vec::new()];
    let chunks: Vec<&[u8]> = plain.iter().map(Vec::as_slice).collect();
    let keys = || AnswerKeys::new(&client.secret(), &client.enc, &nonce);
    let encapsulated = keys().answer(&nonce, &chunks);
    let parts = super::ohttp::parts(&encapsulated, nonce.len());
    let value = json!({
        "nonce": hex(nonce),
        "exported_secret": hex(client.secret()),
        "aead_key": hex(keys().key),
        "aead_nonce": hex(keys().nonce),
        "bhttp": hex(plain.concat()),
        "chunks": chunks_json(&plain, &parts[1..]),
        "encapsulated": hex(&encapsulated),
        "opened": {
            "status": 200, "headers": [["content-type", "application/json"]],
            "body": hex(ANSWER),
        },
    });
    (value, Value::Array(spoiled(&parts)))
}

fn chunks_json(plain: &[Vec<u8>], framed: &[Vec<u8>]) -> Value {
    let last = plain.len() - 1;
    let chunk = |(at, (plain, framed)): (usize, (&Vec<u8>, &Vec<u8>))| {
        let aad = if at == last { "final" } else { "" };
        json!({ "plaintext": hex(plain), "aad": hex(aad), "framed": hex(framed) })
    };
    plain.iter().zip(framed).enumerate().map(chunk).collect()
}

/// What whoever carries a message can do to it: parts are what precedes the chunks, two
/// chunks, and the final one.
fn spoiled(parts: &[Vec<u8>]) -> Vec<Value> {
    let [before, one, two, last] = parts else { panic!("two chunks and a final one") };
    let join = |parts: &[&[u8]]| parts.concat();
    let mut flipped = two.clone();
    let end = flipped.len() - 1;
    flipped[end] ^= 0x80;
    let as_final = frame(&two[1..], true);
    vec![
        case("no final chunk", &join(&[before, one, two]), "seal.truncated"),
        case("cut inside a chunk", &join(&[before, one, &two[..two.len() - 1]]), "seal.truncated"),
        case(
            "the second chunk passed off as final",
            &join(&[before, one, &as_final]),
            "seal.broken",
        ),
        case("the second chunk is missing", &join(&[before, one, last]), "seal.broken"),
        case("the second chunk comes twice", &join(&[before, one, two, two, last]), "seal.broken"),
        case("the first chunk comes twice", &join(&[before, one, one, two, last]), "seal.broken"),
        case(
            "a bit of the second chunk is flipped",
            &join(&[before, one, &flipped, last]),
            "seal.broken",
        ),
        case(
            "bytes behind the final chunk",
            &join(&[before, one, two, last, b"\0"]),
            "seal.broken",
        ),
        case(
            "a chunk above the limit",
            &join(&[before, one, &[0x80, 0, 0x40, 0x11]]),
            "seal.chunk_too_large",
        ),
    ]
}

fn case(why: &str, encapsulated: &[u8], code: &str) -> Value {
    json!({ "why": why, "encapsulated": hex(encapsulated), "code": code })
}

fn sealed_file() -> Value {
    let (key, salt) = (count::<32>(0xc0), count::<32>(0xe0));
    let secret = Secret::new(key);
    let seal = |plain: &[u8]| {
        file::seal_bytes(&mut Given::new(&[&salt]), &secret, "model:brain-mri", plain).unwrap()
    };
    let long: Vec<u8> = (0..=file::CHUNK_BYTES).map(|at| u8::try_from(at % 251).unwrap()).collect();
    json!({
        "key": hex(key), "salt": hex(salt), "context": "model:brain-mri",
        "short": { "plaintext": hex("weights"), "sealed": hex(seal(b"weights")) },
        "empty": { "plaintext": "", "sealed": hex(seal(b"")) },
        "long": {
            "plaintext": "65,537 bytes; the one at n is n modulo 251",
            "sealed_bytes": seal(&long).len(),
            "sealed_digest": Digest::of(seal(&long)).to_string(),
        },
    })
}
