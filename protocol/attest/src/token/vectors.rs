//! The vectors in `protocol/attest/vectors`: tokens that every implementation must accept
//! or refuse alike. Signatures are deterministic (RFC 6979), so that the file is exactly
//! what this code makes.

use std::collections::BTreeMap;

use autoclave_base::{Digest, HexBytes, b64};
use serde_json::{Value, json};

use super::{Expectation, KeySet, TYP, TokenClaims, verify};
use crate::evidence::{AzureFields, Claims, Fields, NitroFields, SnpFields, TeeKind};
use crate::fixtures::{AUDIENCE, ISSUER, NOW, World, jwk, key, runtime, subject};
use crate::jws;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/token.json");

fn claims() -> TokenClaims {
    let nonce = b64::encode([1; 32]).parse().unwrap();
    let mut claims = World::new().claims(&subject("clinic"), &runtime(&key(4), nonce));
    claims.jti = "AAAAAAAAAAAAAAAAAAAAAA".to_owned();
    claims
}

fn signed(change: impl FnOnce(&mut TokenClaims)) -> String {
    let mut claims = claims();
    change(&mut claims);
    claims.sign(&key(3))
}

fn unsigned() -> String {
    let good = signed(|_| ());
    let header = b64::encode(json!({"alg": "none", "typ": TYP}).to_string());
    format!("{header}.{}.", good.split('.').nth(1).unwrap())
}

fn filled(len: usize) -> HexBytes {
    HexBytes::of(vec![7; len])
}

fn snp() -> SnpFields {
    SnpFields {
        version: 5,
        product: "Turin".to_owned(),
        guest_svn: 1,
        policy: 0x3_0000,
        family_id: filled(16),
        image_id: filled(16),
        vmpl: 0,
        platform_info: 1,
        report_data: filled(64),
        measurement: filled(48),
        host_data: filled(32),
        id_key_digest: filled(48),
        author_key_digest: filled(48),
        report_id: filled(32),
        report_id_ma: filled(32),
        smt_allowed: true,
        migration_allowed: false,
        signed_by: "vcek".to_owned(),
        bootloader_svn: 1,
        tee_svn: 1,
        snpfw_svn: 1,
        microcode_svn: 1,
        fmc_svn: Some(1),
    }
}

fn azure() -> AzureFields {
    AzureFields {
        hcl_version: 1,
        runtime_data: Digest::of("runtime data"),
        user_data: filled(64),
        vm_configuration: "{}".to_owned(),
    }
}

fn nitro() -> NitroFields {
    let (module_id, timestamp_ms) = ("i-0-enc0".to_owned(), 1);
    NitroFields { module_id, timestamp_ms, public_key: None, user_data: None, nonce: None }
}

/// What verifiers make of evidence of a kind whose hardware measures by itself.
fn of_hardware(kind: TeeKind) -> Claims {
    let (register, fields, layers) = match kind {
        TeeKind::Snp => ("launch_measurement", Fields::Snp(Box::new(snp())), vec![]),
        TeeKind::AzureSnp => {
            ("pcr4", Fields::Azure(Box::new(azure())), vec![of_hardware(TeeKind::Snp)])
        }
        _ => ("pcr0", Fields::Nitro(Box::new(nitro())), vec![]),
    };
    let registers = BTreeMap::from([(register.to_owned(), filled(48))]);
    Claims { fields: Some(fields), layers, svn: 1, ..Claims::of_hardware(kind, registers) }
}

/// A token over such claims, after a change of them.
fn on_hardware(kind: TeeKind, change: impl FnOnce(&mut Claims)) -> String {
    let mut evidence = of_hardware(kind);
    change(&mut evidence);
    signed(|claims| {
        claims.measurement = evidence.measurement;
        claims.hw_backed = evidence.hw_backed;
        claims.dbgstat = evidence.debug.into();
        claims.attestation_type = kind;
        claims.submods.cpu0.evidence = evidence.into();
    })
}

fn accepted_on_hardware() -> [String; 3] {
    [TeeKind::Snp, TeeKind::AzureSnp, TeeKind::Nitro].map(|kind| on_hardware(kind, |_| ()))
}

/// Claims that contradict themselves, each in one way.
fn inconsistent_on_hardware() -> Vec<String> {
    vec![
        on_hardware(TeeKind::Snp, |claims| claims.measurement = Digest::of("another")),
        on_hardware(TeeKind::Snp, |claims| {
            claims.measurements.insert("host_data".to_owned(), filled(32));
        }),
        on_hardware(TeeKind::Snp, |claims| claims.layers.push(of_hardware(TeeKind::Snp))),
        on_hardware(TeeKind::AzureSnp, |claims| claims.layers.clear()),
        on_hardware(TeeKind::AzureSnp, |claims| claims.layers[0] = of_hardware(TeeKind::Nitro)),
        on_hardware(TeeKind::AzureSnp, |claims| claims.layers[0].hw_backed = false),
        on_hardware(TeeKind::AzureSnp, |claims| claims.layers[0].debug = true),
    ]
}

/// Each with the code that it is refused with.
fn refused() -> Vec<(&'static str, String)> {
    let inconsistent = inconsistent_on_hardware().into_iter();
    let inconsistent = inconsistent.map(|token| ("token.malformed", token));
    refused_on_software().into_iter().chain(inconsistent).collect()
}

fn refused_on_software() -> Vec<(&'static str, String)> {
    let kid = jwk(&key(3)).thumbprint().to_string();
    let other_kid = jwk(&key(9)).thumbprint().to_string();
    vec![
        ("token.alg_not_allowed", unsigned()),
        ("token.key_unknown", claims().sign(&key(9))),
        ("token.key_unknown", jws::sign(TYP, &other_kid, &claims(), &key(3))),
        ("token.signature", jws::sign(TYP, &kid, &claims(), &key(9))),
        ("token.issuer", signed(|claims| claims.iss = "http://other.test".to_owned())),
        ("token.audience", signed(|claims| claims.aud = "somebody else".to_owned())),
        ("token.expired", signed(|claims| claims.exp = NOW)),
        ("token.not_yet_valid", signed(|claims| claims.nbf = NOW.plus(31))),
        ("token.workload", signed(|claims| claims.sub = "broker".to_owned())),
        ("token.malformed", signed(|claims| claims.cnf.jwk = jwk(&key(5)))),
        ("token.malformed", jws::sign("autoclave-proof+jwt", &kid, &claims(), &key(3))),
    ]
}

fn document() -> Value {
    let world = World::new();
    let refused = refused().into_iter().map(|(code, token)| json!({"code": code, "token": token}));
    json!({
        "now": NOW,
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "workload": "clinic",
        "nonce": claims().eat_nonce,
        "hardware_required": false,
        "jwks": world.keys(),
        "jwks_digest": world.keys().digest(),
        "token": signed(|_| ()),
        "tokens_of_hardware": accepted_on_hardware(),
        "claims": claims(),
        "signing_key_thumbprint": claims().runtime.thumbprint(),
        "report_data": b64::encode(claims().runtime.report_data()),
        "refused": refused.collect::<Vec<_>>(),
    })
}

#[test]
fn the_file_is_what_this_code_makes() {
    let file: Value = serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap();
    assert_eq!(file, document(), "run `write_the_file` where the change is wanted");
}

#[test]
fn the_file_s_tokens_are_accepted_and_refused_as_it_says() {
    let file: Value = serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap();
    let keys: KeySet = serde_json::from_value(file["jwks"].clone()).unwrap();
    let expected = Expectation::new(ISSUER, AUDIENCE)
        .hardware_required(false)
        .workload(crate::fixtures::workload("clinic"))
        .nonce(serde_json::from_value(file["nonce"].clone()).unwrap());
    let check = |token: &Value| verify(token.as_str().unwrap(), &keys, &expected, NOW);
    assert!(check(&file["token"]).is_ok());
    for token in file["tokens_of_hardware"].as_array().unwrap() {
        assert!(check(token).unwrap().claims().hw_backed);
    }
    for case in file["refused"].as_array().unwrap() {
        assert_eq!(check(&case["token"]).unwrap_err().code(), case["code"]);
    }
}

#[test]
#[ignore = "writes the file"]
fn write_the_file() {
    let text = serde_json::to_string_pretty(&document()).unwrap();
    std::fs::write(FILE, text + "\n").unwrap();
}
