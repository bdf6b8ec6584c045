//! Vectors: those of RFC 9180 and RFC 9458, and the project's own, which a second
//! implementation must open and produce. Here the crate opens them through `ohttp`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use autoclave_base::{Digest, Secret};
use autoclave_seal::request::{self, OpenRefusal};
use autoclave_seal::wrap::{Wrapped, wrap};
use autoclave_seal::{Kem, PublicSealingKey, SealingKeys, file};
use futures::executor::block_on;
use futures::io::Cursor;
use hpke::Serializable as _;
use hpke::kem::{Kem as HpkeKem, X25519HkdfSha256, XWing};
use serde_json::Value;
use support::ohttp::{AnswerKeys, Client, Server, WHOLE_REQUEST_INFO, WHOLE_RESPONSE_LABEL};
use support::{Given, bytes, hex, make};

fn written(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn vector(name: &str) -> Value {
    serde_json::from_str(&written(name)).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn key_of(keys: &SealingKeys, kem: &Value) -> PublicSealingKey {
    keys.public().into_iter().find(|key| kem == key.kem().name()).unwrap()
}

#[test]
fn rfc_9180_a1_our_wrapping_gives_the_first_encryption() {
    let v = vector("rfc9180-a1.json");
    let keys = SealingKeys::generate(&mut Given::new(&[&[0; 32], &bytes(&v["ikmR"])]));
    let to = key_of(&keys, &"X25519".into());
    assert_eq!(hex(to.bytes()), v["pkRm"]);
    let (first, info) = (&v["encryptions"][0], bytes(&v["info"]));
    let (aad, secret) = (bytes(&first["aad"]), bytes(&first["pt"]));
    let mut rng = Given::new(&[&bytes(&v["ikmE"])]);
    let wrapped = wrap(&mut rng, &to, &info, &aad, &secret).unwrap();
    assert_eq!(hex(&wrapped.enc), v["enc"]);
    assert_eq!(hex(&wrapped.ct), first["ct"]);
    assert_eq!(*keys.unwrap(&wrapped, &info, &aad).unwrap().expose(), secret);
}

#[test]
fn rfc_9180_a1_all_encryptions_and_exports() {
    let v = vector("rfc9180-a1.json");
    let new = || {
        Server::<X25519HkdfSha256>::new(&bytes(&v["skRm"]), &bytes(&v["enc"]), &bytes(&v["info"]))
    };
    for export in list(&v["exports"]) {
        let mut value = [0; 32];
        new().context.export(&bytes(&export["exporter_context"]), &mut value).unwrap();
        assert_eq!(hex(value), export["exported_value"]);
    }
    let mut server = new();
    let first = &v["encryptions"][0];
    assert_eq!(hex(server.open(&bytes(&first["ct"]), &bytes(&first["aad"]))), first["pt"]);
    let second = &v["encryptions"][1];
    assert_eq!(hex(server.open(&bytes(&second["ct"]), &bytes(&second["aad"]))), second["pt"]);
}

#[test]
fn rfc_9458_a_request_and_response() {
    let v = vector("rfc9458-a.json");
    let sealed = bytes(&v["encapsulated_request"]);
    let info = support::ohttp::info(WHOLE_REQUEST_INFO, &sealed[..7]);
    assert_eq!(hex(&info), v["info"]);
    let mut server =
        Server::<X25519HkdfSha256>::new(&bytes(&v["private_key"]), &sealed[7..39], &info);
    assert_eq!(hex(server.open(&sealed[39..], b"")), v["request"]);
    let secret = server.secret(WHOLE_RESPONSE_LABEL);
    assert_eq!(hex(secret), v["exported_secret"]);
    let nonce = bytes(&v["response_nonce"]);
    let mut keys = AnswerKeys::new(&secret, &server.enc, &nonce);
    assert_eq!((hex(keys.key), hex(keys.nonce)), (text(&v["aead_key"]), text(&v["aead_nonce"])));
    let answer = [nonce.clone(), keys.seal(&bytes(&v["response"]), false)].concat();
    assert_eq!(hex(answer), v["encapsulated_response"]);
}

/// RFC 9458's key configuration offers a second suite, which is passed over.
#[test]
fn rfc_9458_a_key_configuration() {
    let config = bytes(&vector("rfc9458-a.json")["key_config"]);
    let list = [u16::try_from(config.len()).unwrap().to_be_bytes().to_vec(), config.clone()];
    let keys = PublicSealingKey::list_from_ohttp_keys(&list.concat()).unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!((keys[0].key_id(), keys[0].kem()), (1, Kem::X25519));
    assert_eq!(keys[0].bytes(), &config[3..35]);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn the_files_are_what_the_generator_writes() {
    for (name, made) in make::all() {
        assert!(
            written(name) == make::text(&made),
            "run `cargo run -p autoclave-seal --example vectors`: {name}"
        );
    }
}

#[test]
fn keys_come_from_the_seeds_of_the_vectors() {
    for name in ["x-wing.json", "x25519.json"] {
        let v = vector(name);
        let to = key_of(&make::keys(), &v["kem"]);
        assert_eq!(hex(to.bytes()), v["recipient"]["public_key"]);
        assert_eq!(v["key_id"], to.key_id());
        let listed = bytes(&v["recipient"]["ohttp_keys"]);
        let listed = PublicSealingKey::list_from_ohttp_keys(&listed).unwrap();
        assert_eq!(listed, make::keys().public());
    }
}

#[test]
fn requests_open() {
    for name in ["x-wing.json", "x25519.json"] {
        let v = vector(name);
        let (wanted, sealed) = (&v["request"]["opened"], bytes(&v["request"]["encapsulated"]));
        let opened = block_on(request::open(&make::keys(), Cursor::new(sealed))).unwrap();
        assert_eq!(opened.id().to_string(), v["request"]["key"]);
        assert_eq!(opened.method().as_str(), wanted["method"]);
        assert_eq!(opened.path().as_str(), wanted["path"]);
        assert_eq!(opened.date().unwrap().seconds(), wanted["date"]);
        for field in list(&wanted["headers"]) {
            assert_eq!(opened.headers()[field[0].as_str().unwrap()], field[1].as_str().unwrap());
        }
        let body = opened.into_parts().0.into_body();
        assert_eq!(hex(block_on(body.read_all(1000)).unwrap()), wanted["body"]);
    }
}

#[test]
fn bad_requests_are_refused_with_their_codes() {
    for name in ["x-wing.json", "x25519.json"] {
        for case in list(&vector(name)["must_fail"]["requests"]) {
            let refusal = open_whole(&make::keys(), bytes(&case["encapsulated"])).unwrap_err();
            assert_eq!(refusal.code(), case["code"], "{name}: {}", case["why"]);
        }
    }
}

fn open_whole(keys: &SealingKeys, sealed: Vec<u8>) -> Result<Vec<u8>, OpenRefusal> {
    block_on(async {
        let opened = request::open(keys, Cursor::new(sealed)).await?;
        opened.into_parts().0.into_body().read_all(1 << 20).await
    })
}

#[test]
fn answers_open_in_the_second_implementation() {
    answers_open::<XWing>("x-wing.json");
    answers_open::<X25519HkdfSha256>("x25519.json");
}

fn answers_open<K: HpkeKem>(name: &str) {
    let v = vector(name);
    let client = client::<K>(&v);
    assert_eq!(hex(client.secret()), v["response"]["exported_secret"]);
    let opened = client.open(&bytes(&v["response"]["encapsulated"])).unwrap();
    assert_eq!(hex(opened), v["response"]["bhttp"]);
    for case in list(&v["must_fail"]["responses"]) {
        let why = text(&case["why"]);
        let limit = case["code"] == "seal.chunk_too_large";
        assert!(client.open(&bytes(&case["encapsulated"])).is_none() || limit, "{why}");
    }
}

fn client<K: HpkeKem>(v: &Value) -> Client<K> {
    let ekm = bytes(&v["request"]["ekm"]);
    let key_id = u8::try_from(v["key_id"].as_u64().unwrap()).unwrap();
    Client::new(key_id, &bytes(&v["recipient"]["public_key"]), &ekm)
}

/// The crate's server answers the second implementation's client, and the other way round.
#[test]
fn both_implementations_understand_each_other() {
    understand::<XWing>("x-wing.json");
    understand::<X25519HkdfSha256>("x25519.json");
}

fn understand<K: HpkeKem>(name: &str) {
    let v = vector(name);
    let keys = make::keys();
    let sealed = bytes(&v["request"]["encapsulated"]);
    let (_, responder) = block_on(request::open(&keys, Cursor::new(sealed))).unwrap().into_parts();
    let answer = http::Response::builder().status(201).body(b"done".to_vec()).unwrap();
    let sealed = block_on(responder.seal_bytes(answer)).unwrap();
    let plain = client::<K>(&v).open(&sealed).unwrap();
    assert_eq!(plain, [&[3, 0x40, 0xc9, 0, 0x40, 4][..], b"done", &[0, 0]].concat());

    let to = key_of(&keys, &v["kem"]);
    let ask = http::Request::get("/x").body(Vec::new()).unwrap();
    let (sealed, opener) = block_on(request::seal_bytes(ask, &to, make::NOW)).unwrap();
    let private = K::derive_keypair(&bytes(&v["recipient"]["ikm"])).0.to_bytes();
    let info = support::ohttp::info(support::ohttp::REQUEST_INFO, &sealed[..7]);
    let enc = &sealed[7..7 + to.kem().encapsulated_bytes()];
    let server = Server::<K>::new(&private, enc, &info);
    let secret = server.secret(support::ohttp::RESPONSE_LABEL);
    let nonce = [3; 16];
    let sealed = AnswerKeys::new(&secret, enc, &nonce)
        .answer(&nonce, &[&[3, 0x40, 0xcc], &[0], b"", &[0, 0], b""]);
    let answer = block_on(opener.open_bytes(sealed, 10)).unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().len()), (204, 0));
}

#[test]
fn wrapped_secrets_open() {
    for name in ["x-wing.json", "x25519.json"] {
        let v = vector(name);
        let w = &v["wrap"];
        let key_id = key_of(&make::keys(), &v["kem"]).key_id();
        let wrapped = Wrapped { key_id, enc: bytes(&w["enc"]), ct: bytes(&w["ct"]) };
        let secret = make::keys().unwrap(&wrapped, &bytes(&w["info"]), &bytes(&w["aad"]));
        assert_eq!(hex(secret.unwrap().expose()), w["secret"]);
    }
}

#[test]
fn sealed_files_open() {
    let v = vector("file.json");
    let key = Secret::new(<[u8; 32]>::try_from(bytes(&v["key"])).unwrap());
    let context = text(&v["context"]);
    let open = |name: &str| file::open_bytes(&key, &context, &bytes(&v[name]["sealed"])).unwrap();
    assert_eq!(open("short"), b"weights");
    assert_eq!(open("empty"), b"");
    let long: Vec<u8> = (0..65_537_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let sealed = file::seal_bytes(&mut Given::new(&[&bytes(&v["salt"])]), &key, &context, &long);
    assert_eq!(Digest::of(sealed.unwrap()).to_string(), v["long"]["sealed_digest"]);
}
