//! Genuine evidence (`../shared/evidence`, where it is beside the repository) through the
//! protocols of others, at the time at which its collateral was valid.

mod dcap;

use std::path::{Path, PathBuf};

use autoclave_attest::evidence::Endorsements;
use autoclave_base::{HexBytes, b64};
use http::StatusCode;
use serde_json::{Value, json};

use super::asking::{Answer, parts};
use super::azure::{VERSION, claims};
use super::scene::{Extra, Life, Scene};

/// An AMD machine; its certificate lasts some years.
const SNP: (&str, u64) = ("snp_v3_oak_milan_oc_release_evidence_binarypb", 1_780_000_000);

fn case(folder: &str, name: &str) -> Option<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evidence");
    let case = all.join(folder).join(name);
    if case.exists() {
        return Some(case);
    }
    eprintln!("skipped: {name} is not beside the repository (../shared/evidence)");
    None
}

fn read(case: &Path, file: &str) -> Vec<u8> {
    std::fs::read(case.join(file)).unwrap()
}

/// An attestor at `at` that trusts the vendor of this kind and knows these endorsements.
async fn start(kind: &str, known: &Endorsements, at: u64) -> (Life, [tempfile::TempDir; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle.json");
    std::fs::write(&bundle, serde_json::to_vec(known).unwrap()).unwrap();
    let attestor = format!("endorsements = {bundle:?}\n");
    let trust = format!("hardware = [{{ kind = {kind:?} }}]\n");
    let extra = Extra { at, trust: &trust, attestor: &attestor, ..Extra::default() };
    let scene = Scene::of(&extra);
    (scene.start().await.unwrap(), [scene.into_folder(), folder])
}

async fn attest(life: &Life, kind: &str, body: &Value) -> Answer {
    life.post_json(&format!("/attest/{kind}?{VERSION}"), body).await
}

async fn token(life: &Life, kind: &str, body: &Value) -> Value {
    let answer = attest(life, kind, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    claims(life, answer.json()["token"].as_str().unwrap()).await
}

fn hex(bytes: &[u8]) -> Value {
    json!(HexBytes::of(bytes))
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

#[tokio::test]
async fn a_genuine_snp_report_gets_azures_claims() {
    let Some(case) = case("snp", SNP.0) else { return };
    let report = read(&case, "report.bin");
    let chain: String =
        ["vek.der", "ask.der", "ark.der"].iter().map(|file| pem(&read(&case, file))).collect();
    let (life, _folder) = start("snp", &Endorsements::new(), SNP.1).await;
    let evidence = json!({"SnpReport": b64::encode(&report), "VcekCertChain": b64::encode(chain)});
    let body = json!({"report": b64::encode(evidence.to_string())});
    let claims = token(&life, "SevSnpVm", &body).await;
    assert_eq!(claims["x-ms-attestation-type"], "sevsnpvm");
    assert_eq!(claims["x-ms-sevsnpvm-launchmeasurement"], hex(&report[0x90..0xc0]));
    assert_eq!(claims["x-ms-sevsnpvm-hostdata"], hex(&report[0xc0..0xe0]));
    assert_eq!(claims["x-ms-sevsnpvm-reportdata"], hex(&report[0x50..0x90]));
    assert_eq!(claims["x-ms-sevsnpvm-bootloader-svn"], report[0x180]);
    assert_eq!(claims["x-ms-sevsnpvm-is-debuggable"], false);
    assert_eq!(claims["x-ms-sevsnpvm-vmpl"], 0);
    life.end().await;
}

/// The report as the crate `sev` writes it, which Trustee's attesters send.
fn as_struct(report: &[u8]) -> Value {
    let u32_at = |at: usize| u32::from_le_bytes(report[at..at + 4].try_into().unwrap());
    let u64_at = |at: usize| u64::from_le_bytes(report[at..at + 8].try_into().unwrap());
    let bytes = |at: usize, length: usize| json!(report[at..at + length].to_vec());
    let tcb = |at: usize| {
        let tcb = &report[at..at + 8];
        json!({"fmc": null, "bootloader": tcb[0], "tee": tcb[1], "snp": tcb[6], "microcode": tcb[7]})
    };
    let firmware =
        |at: usize| json!({"build": report[at], "minor": report[at + 1], "major": report[at + 2]});
    json!({
        "version": u32_at(0), "guest_svn": u32_at(4), "policy": u64_at(8),
        "family_id": bytes(0x10, 16), "image_id": bytes(0x20, 16), "vmpl": u32_at(0x30),
        "sig_algo": u32_at(0x34), "current_tcb": tcb(0x38), "plat_info": u64_at(0x40),
        "key_info": u32_at(0x48), "report_data": bytes(0x50, 64),
        "measurement": bytes(0x90, 48), "host_data": bytes(0xc0, 32),
        "id_key_digest": bytes(0xe0, 48), "author_key_digest": bytes(0x110, 48),
        "report_id": bytes(0x140, 32), "report_id_ma": bytes(0x160, 32),
        "reported_tcb": tcb(0x180), "cpuid_fam_id": report[0x188],
        "cpuid_mod_id": report[0x189], "cpuid_step": report[0x18a],
        "chip_id": bytes(0x1a0, 64), "committed_tcb": tcb(0x1e0),
        "current": firmware(0x1e8), "committed": firmware(0x1ec), "launch_tcb": tcb(0x1f0),
        "signature": {"r": bytes(0x2a0, 72), "s": bytes(0x2e8, 72)},
    })
}

#[tokio::test]
async fn trustees_snp_evidence_is_put_back_into_the_bytes_that_were_signed() {
    let Some(case) = case("snp", SNP.0) else { return };
    let report = read(&case, "report.bin");
    let (life, _folder) = start("snp", &Endorsements::new(), SNP.1).await;
    let certificate =
        |name: &str, file: &str| json!({"cert_type": name, "data": read(&case, file)});
    let chain = [
        certificate("VCEK", "vek.der"),
        certificate("ASK", "ask.der"),
        certificate("ARK", "ark.der"),
    ];
    let evidence = json!({"attestation_report": as_struct(&report), "cert_chain": chain});
    let mut part = json!({"tee": "snp", "evidence": b64::encode(evidence.to_string())});
    part["runtime_data"] = json!({"raw": b64::encode(&report[0x50..0x90])});
    part["init_data"] = json!({"init_data_digest": b64::encode(&report[0xc0..0xe0])});
    let request = json!({"verification_requests": [part]});
    let answer = life.post_json("/attestation", &request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let (_, claims) = parts(&answer.text());
    assert_eq!(claims["hw_backed"], true);
    let submod = &claims["submods"]["cpu0"];
    assert_eq!(submod["ear.status"], "contraindicated", "genuine, and not on our manifest");
    assert_eq!(submod["ear.trustworthiness-vector"]["hardware"], 2);
    let snp = &submod["ear.veraison.annotated-evidence"]["snp"];
    assert_eq!(snp["policy_debug_allowed"], "false");
    assert_eq!(snp["reported_tcb_bootloader"], report[0x180].to_string());
    let mut other = request.clone();
    other["verification_requests"][0]["init_data"] =
        json!({"init_data_digest": b64::encode([1; 32])});
    assert_eq!(life.post_json("/attestation", &other).await.code(), "evidence.init_data");
    life.end().await;
}
