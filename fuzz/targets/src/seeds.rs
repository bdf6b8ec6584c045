//! Inputs to begin with: the smallest of each form that are right, or nearly. Made here, so
//! that the targets reach deep where no genuine evidence lies beside the repository. No key
//! of these opens or signs anything elsewhere.

mod der;

use autoclave_attest::evidence::azure::{Hcl, RuntimeKey};
use autoclave_attest::evidence::snp::{REPORT_BYTES, SnpBody};
use autoclave_attest::jwk::{Jwk, XWING_PUBLIC_BYTES};
use autoclave_attest::jws;
use autoclave_base::cbor::Value;
use autoclave_base::{Secret, b64};
use autoclave_seal::file::{self, FileRefusal};
use p256::ecdsa::{SigningKey, VerifyingKey};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::json;

const CONTEXT: &str = "fuzz";

pub(crate) const fn none() -> Vec<Vec<u8>> {
    Vec::new()
}

/// A patient and an observation with a little of everything.
pub(crate) fn fhir() -> Vec<Vec<u8>> {
    let patient = json!({
        "resourceType": "Patient", "id": "a", "meta": {"tag": [{"code": "x"}]},
        "text": {"status": "generated", "div": "<div><p class=\"a\">b &amp; c</p></div>"},
        "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
        "name": [{"given": ["A", null], "_given": [null, {"extension": [{"url": "u", "valueDate": "2020"}]}]}],
        "birthDate": "1970-02-28", "multipleBirthInteger": 2,
        "managingOrganization": {"reference": "#o"},
    });
    let observation = json!({
        "resourceType": "Observation", "status": "final",
        "meta": {"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-blood-pressure"]},
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
        "effectiveDateTime": "2020-01-01T10:00:00.5+14:00",
        "component": [{"code": {"text": "a"}, "valueQuantity": {"value": 1.50, "code": "mm[Hg]"}}],
    });
    [patient, observation].map(|one| one.to_string().into_bytes()).into()
}

/// An unsigned report of each version.
pub(crate) fn snp_report() -> Vec<Vec<u8>> {
    let of = |version: u8| {
        let mut report = vec![0; REPORT_BYTES];
        report[0] = version;
        report[0x0a] = 3;
        report[0x34] = 1;
        if version > 2 {
            report[0x188..0x18a].copy_from_slice(&[0x19, 0x11]);
        }
        report
    };
    (2..=5).map(of).collect()
}

/// Certificates as AMD's, and a list of revoked ones.
pub(crate) fn der() -> Vec<Vec<u8>> {
    der::all()
}

/// Bodies of evidence, and evidence around them.
pub(crate) fn evidence() -> Vec<Vec<u8>> {
    let body = SnpBody {
        report: snp_report().remove(0),
        vek: Some(der().remove(0)),
        crl: Some(der().remove(3)),
        ..SnpBody::default()
    };
    let body = serde_json::to_string(&body).unwrap_or_default();
    let around = |kind: &str, body: &str| json!({"kind": kind, "body": body}).to_string();
    let document = json!({"document": b64::encode(&cbor()[0])}).to_string();
    let hcl = json!({
        "hcl_report": b64::encode(&azure_hcl()[0]),
        "quote": serde_json::from_slice::<serde_json::Value>(&azure_quote()[0]).unwrap_or_default(),
    });
    vec![
        body.clone().into_bytes(),
        around("snp", &body).into_bytes(),
        around("nitro", &document).into_bytes(),
        around("az-snp-vtpm", &hcl.to_string()).into_bytes(),
    ]
}

/// A paravisor's report with runtime data that name a key.
pub(crate) fn azure_hcl() -> Vec<Vec<u8>> {
    let key = json!({
        "kid": "HCLAkPub", "key_ops": ["sign"], "kty": "RSA", "e": "AQAB",
        "n": b64::encode([0xb5; 256]),
    });
    let data = json!({"keys": [key], "vm-configuration": {}, "user-data": "00"}).to_string();
    let of = |kind: u32, report: &[u8]| {
        let length = u32::try_from(data.len()).unwrap_or_default();
        let numbers =
            |all: &[u32]| all.iter().flat_map(|one| one.to_le_bytes()).collect::<Vec<_>>();
        let magic = u32::from_le_bytes(*b"HCLA");
        let head = numbers(&[magic, 2, 1236 + length, 2, 0, 0, 0, 0]);
        let middle = numbers(&[20 + length, 1, kind, 1, length]);
        let mut report = report.to_vec();
        report.resize(REPORT_BYTES, 0);
        [&head, &report, &middle, data.as_bytes()].concat()
    };
    vec![of(2, &snp_report()[1]), of(4, &[0x81; 1024])]
}

/// The key of the report above.
pub(crate) fn runtime_key() -> Option<RuntimeKey> {
    Hcl::parse(&azure_hcl()[0]).ok().map(|hcl| hcl.key)
}

pub(crate) fn azure_quote() -> Vec<Vec<u8>> {
    let quote = json!({
        "message": b64::encode(tpm_structures()[0].as_slice()),
        "signature": b64::encode([1; 256]),
        "pcrs": vec!["00".repeat(32); 24],
    });
    vec![quote.to_string().into_bytes()]
}

/// A quote, a key, a signature.
pub(crate) fn tpm_structures() -> Vec<Vec<u8>> {
    let quote = [
        [0xff, 0x54, 0x43, 0x47, 0x80, 0x18].as_slice(),
        &[0, 2, 0, 11, 0, 4, 1, 2, 3, 4],
        &[0; 16],
        &[1],
        &[0; 8],
        &[0, 0, 0, 1, 0, 11, 3, 0xff, 0xff, 0, 0, 2, 5, 6],
    ];
    let key = [
        [0, 0x23, 0, 0x0b, 0, 5, 0, 0x72, 0, 0].as_slice(),
        &[0, 0x10, 0, 0x18, 0, 0x0b, 0, 3, 0, 0x10, 0, 32],
        &[1; 32],
        &[0, 32],
        &[2; 32],
    ];
    let signature = [[0, 0x18, 0, 0x0b, 0, 32].as_slice(), &[1; 32], &[0, 32], &[2; 32]].concat();
    vec![quote.concat(), key.concat(), signature]
}

pub(crate) fn tpm_evidence() -> Vec<Vec<u8>> {
    let body = json!({
        "quote": "AA", "signature": "AA", "pcrs": vec!["00".repeat(32); 16],
        "log": [], "ak": "a.b.c", "ek": ["AA"],
    });
    vec![body.to_string().into_bytes()]
}

/// A document as Nitro's, of one byte each.
pub(crate) fn cbor() -> Vec<Vec<u8>> {
    let fields = [
        ("module_id", Value::text("i-1-enc2")),
        ("digest", Value::text("SHA384")),
        ("timestamp", Value::Uint(1_795_132_800_000)),
        ("pcrs", Value::Map(vec![(Value::Uint(0), Value::bytes([1; 48]))])),
        ("certificate", Value::bytes([1])),
        ("cabundle", Value::Array(vec![Value::bytes([1])])),
        ("public_key", Value::Null),
        ("user_data", Value::bytes([7; 64])),
        ("nonce", Value::Null),
    ];
    let fields = fields.into_iter().map(|(name, value)| (Value::text(name), value)).collect();
    let document = Value::Array(vec![
        Value::bytes([0xa1, 0x01, 0x38, 0x22]),
        Value::Map(Vec::new()),
        Value::bytes(Value::Map(fields).to_bytes()),
        Value::bytes([1; 96]),
    ]);
    let numbers = Value::Array(vec![Value::Uint(u64::MAX), Value::Negative(23), Value::Bool(true)]);
    vec![document.to_bytes(), Value::tag(18, numbers).to_bytes()]
}

fn signer(seed: u8) -> Option<SigningKey> {
    SigningKey::from_slice(&[seed; 32]).ok()
}

/// A key that signed nothing.
pub(crate) fn stranger() -> Option<VerifyingKey> {
    signer(2).map(|key| *key.verifying_key())
}

pub(crate) fn jws() -> Vec<Vec<u8>> {
    let sign = |key: &SigningKey| jws::sign("JWT", "kid", &json!({"iss": "x"}), key).into_bytes();
    signer(1).iter().map(sign).collect()
}

fn keys() -> Vec<Jwk> {
    let signing = signer(1).map(|key| Jwk::signing(key.verifying_key()));
    let xwing = Jwk::xwing(1, &[7; XWING_PUBLIC_BYTES]).ok();
    let others = [Jwk::x25519(2, [9; 32]), Jwk::ed25519("ledger", [5; 32])];
    signing.into_iter().chain(xwing).chain(others).collect()
}

pub(crate) fn jwk() -> Vec<Vec<u8>> {
    keys().iter().filter_map(|key| serde_json::to_vec(key).ok()).collect()
}

pub(crate) fn runtime() -> Vec<Vec<u8>> {
    let object = json!({"nonce": b64::encode([3; 32]), "keys": keys()});
    vec![object.to_string().into_bytes()]
}

pub(crate) fn manifest() -> Vec<Vec<u8>> {
    let digest = format!("sha256:{}", "0".repeat(64));
    let workload = json!({
        "name": "clinic", "version": "1", "measurement": digest, "svn": 1, "kinds": ["software"],
    });
    let manifest = json!({"iss": "x", "serial": 1, "iat": 1, "exp": 2, "workloads": [workload]});
    vec![manifest.to_string().into_bytes()]
}

const fn file_key() -> [u8; 32] {
    [6; 32]
}

pub(crate) fn sealed_file() -> Vec<Vec<u8>> {
    let mut random = StdRng::seed_from_u64(1);
    let sealed = [b"".as_slice(), b"text"]
        .map(|text| file::seal_bytes(&mut random, &Secret::new(file_key()), CONTEXT, text).ok());
    sealed.into_iter().flatten().collect()
}

pub(crate) fn open(bytes: &[u8]) -> Result<usize, FileRefusal> {
    let key = Secret::new(file_key());
    file::open_bytes(&key, CONTEXT, bytes).map(|opened| opened.len())
}
