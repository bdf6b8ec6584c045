//! Fetching from a server that replays Intel's answers. The answers are genuine statements
//! that lie beside the project; without them these tests say so and pass.

use std::collections::BTreeMap;
use std::path::PathBuf;

use autoclave_attest::evidence::dcap::{Body, collateral_key};
use autoclave_attest::evidence::{DcapCollateral, DcapTee};
use autoclave_base::HexBytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::cli::Sources;

/// When the genuine quote's collateral held.
const AT: u64 = 1_751_624_924;

fn genuine() -> Option<(PathBuf, DcapCollateral)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/evidence/dcap/sgx_v3_dcap_qvl_sgx_quote");
    let Ok(bytes) = std::fs::read(folder.join("collateral.json")) else {
        eprintln!("skipped: no genuine evidence beside the project");
        return None;
    };
    Some((folder.join("quote.bin"), serde_json::from_slice(&bytes).unwrap()))
}

type Answers = BTreeMap<String, (String, Vec<u8>)>;

/// What PCS answers, as recorded: percent-encoded chains in headers, statements in bodies.
fn recorded(key: &autoclave_attest::evidence::DcapKey, one: &DcapCollateral) -> Answers {
    let encoded = |pem: &str| pem.replace('\n', "%0A").replace(' ', "%20").replace('+', "%2B");
    let statement = |name: &str, text: &str, signature: &[u8]| {
        let signature = HexBytes::of(signature);
        format!("{{\"{name}\":{text},\"signature\":\"{signature}\"}}").into_bytes()
    };
    let chain = |name: &str, pem: &str| format!("{name}: {}\r\n", encoded(pem));
    let v4 = "sgx/certification/v4";
    [
        (
            format!("/{v4}/pckcrl?ca=processor&encoding=der"),
            (chain("SGX-PCK-CRL-Issuer-Chain", &one.pck_crl_issuer_chain), one.pck_crl.clone()),
        ),
        (
            format!("/{v4}/tcb?fmspc={}", key.fmspc),
            (
                chain("TCB-Info-Issuer-Chain", &one.tcb_info_issuer_chain),
                statement("tcbInfo", &one.tcb_info, &one.tcb_info_signature),
            ),
        ),
        (
            format!("/{v4}/qe/identity"),
            (
                chain("SGX-Enclave-Identity-Issuer-Chain", &one.qe_identity_issuer_chain),
                statement("enclaveIdentity", &one.qe_identity, &one.qe_identity_signature),
            ),
        ),
        (
            format!("/{v4}/rootcacrl"),
            (String::new(), HexBytes::of(&one.root_ca_crl).to_string().into_bytes()),
        ),
    ]
    .into()
}

/// Replays answers on loopback, whatever else is asked for is not there.
async fn serve(answers: Answers) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = text.split(' ').nth(1).unwrap_or("").to_owned();
            let answer = match answers.get(&path) {
                Some((headers, body)) => {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n",
                        body.len()
                    );
                    [head.into_bytes(), body.clone()].concat()
                }
                None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
            };
            let _ = stream.write_all(&answer).await;
        }
    });
    format!("http://{address}")
}

fn sources(pcs: &str) -> Sources {
    let root_crl = format!("{pcs}/sgx/certification/v4/rootcacrl");
    Sources { pcs: pcs.to_owned(), root_crl, kds: pcs.to_owned(), at: Some(AT) }
}

#[tokio::test]
async fn collateral_is_fetched_verified_kept_and_good_for_its_quote() {
    let Some((quote, collateral)) = genuine() else { return };
    let bytes = std::fs::read(&quote).unwrap();
    let key = collateral_key(&bytes).unwrap();
    let pcs = serve(recorded(&key, &collateral)).await;
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle.json");
    fetch::fetch(&bundle, &sources(&pcs), &[quote]).await.unwrap();
    let kept = open(&bundle).unwrap();
    assert_eq!(kept.dcap(&key), Some(&collateral));
    let evidence = Body { quote: bytes, collateral: None, event_log: None };
    let evidence = evidence.into_evidence(DcapTee::Sgx);
    let now = UnixTime::from_seconds(AT);
    assert!(crate::commands::evidence::verify(&evidence, &kept, now).is_ok());
    assert!(show(&kept, now).is_ok());
    let late = show(&kept, now.plus(60 * 86_400)).unwrap_err();
    assert_eq!(late.code(), "collateral.refused");
}

#[tokio::test]
async fn what_does_not_verify_or_is_not_there_leaves_what_was_kept() {
    let Some((quote, collateral)) = genuine() else { return };
    let key = collateral_key(&std::fs::read(&quote).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle.json");
    let mut before = Endorsements::new();
    before.insert_dcap(key.clone(), collateral.clone()).unwrap();
    save(&bundle, &before).unwrap();
    let mut forged = collateral.clone();
    forged.tcb_info = forged.tcb_info.replace("OutOfDate", "UpToDate");
    let mut missing = recorded(&key, &collateral);
    missing.retain(|path, _| !path.contains("identity"));
    for answers in [recorded(&key, &forged), missing] {
        let pcs = serve(answers).await;
        let failed = fetch::fetch(&bundle, &sources(&pcs), &[]).await.unwrap_err();
        assert_eq!(failed.code(), "collateral.fetch");
        assert_eq!(open(&bundle).unwrap(), before);
    }
}

#[tokio::test]
async fn a_bundle_is_verified_item_by_item_when_it_is_brought() {
    let Some((quote, collateral)) = genuine() else { return };
    let key = collateral_key(&std::fs::read(&quote).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut brought = Endorsements::new();
    brought.insert_dcap(key.clone(), collateral.clone()).unwrap();
    let mut other = key.clone();
    other.fmspc = HexBytes::of([9; 6]);
    brought.insert_dcap(other, collateral.clone()).unwrap();
    save(&path("brought"), &brought).unwrap();
    let import = |file: &str, at| {
        run(Collateral::Import { bundle: path("kept"), file: path(file), at: Some(at) })
    };
    assert_eq!(import("brought", AT).await.unwrap_err().code(), "collateral.refused");
    let kept = open(&path("kept")).unwrap();
    assert_eq!(kept.all_dcap().count(), 1);
    assert!(kept.dcap(&key).is_some());
    let out = path("carried");
    run(Collateral::Export { bundle: path("kept"), out, at: Some(AT) }).await.unwrap();
    assert_eq!(open(&path("carried")).unwrap(), kept);
    import("carried", AT).await.unwrap();
    assert!(import("carried", AT + 60 * 86_400).await.is_err(), "it has ended");
}

/// A genuine report of a Genoa, and what KDS answers for it; without a list, since none of
/// AMD's lies beside the project.
fn chip() -> Option<(PathBuf, Answers)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/evidence/snp/snp_v5_oak_genoa_oc_evidence_binarypb");
    let file = |name: &str| std::fs::read(folder.join(name)).ok();
    let bytes = file("report.bin")?;
    let report = autoclave_attest::evidence::snp::Report::parse(&bytes).unwrap();
    let [bootloader, tee, .., snp, microcode] = report.reported_tcb();
    let vek = format!(
        "/vcek/v1/Genoa/{}?blSPL={bootloader:02}&teeSPL={tee:02}&snpSPL={snp:02}&ucodeSPL={microcode:02}",
        HexBytes::of(report.chip_id())
    );
    let pem = |der: &[u8]| {
        let text = autoclave_base::b64::encode(der).replace('-', "+").replace('_', "/");
        let padding = "=".repeat((4 - text.len() % 4) % 4);
        format!("-----BEGIN CERTIFICATE-----\n{text}{padding}\n-----END CERTIFICATE-----\n")
    };
    let chain = pem(&file("ask.der")?) + &pem(&file("ark.der")?);
    let answers = [
        (vek, (String::new(), file("vek.der")?)),
        ("/vcek/v1/Genoa/cert_chain".to_owned(), (String::new(), chain.into_bytes())),
    ];
    Some((folder.join("report.bin"), answers.into()))
}

#[tokio::test]
async fn a_chip_s_certificates_are_fetched_and_good_for_its_report() {
    let Some((report, answers)) = chip() else { return };
    let kds = serve(answers).await;
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle.json");
    let from = Sources { at: Some(1_760_000_000), ..sources(&kds) };
    fetch::fetch(&bundle, &from, std::slice::from_ref(&report)).await.unwrap();
    let kept = open(&bundle).unwrap();
    assert_eq!((kept.all_veks().count(), kept.all_snp().count()), (1, 1));
    let report = std::fs::read(report).unwrap();
    let body = autoclave_attest::evidence::snp::SnpBody { report, ..Default::default() };
    let now = UnixTime::from_seconds(1_760_000_000);
    assert!(crate::commands::evidence::verify(&body.into_evidence(), &kept, now).is_ok());
    let again = fetch::fetch(&bundle, &from, &[]).await.unwrap_err();
    assert_eq!(again.code(), "collateral.fetch", "no list of what was revoked to be had");
    assert_eq!(open(&bundle).unwrap(), kept);
}
