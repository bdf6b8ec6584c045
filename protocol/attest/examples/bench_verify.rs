//! How long verifying takes on one core: a DCAP quote, an SEV-SNP report, a token that is
//! seen for the first time, and one that is known. A program for people and for `xtask
//! bench`; it prints one JSON object, in microseconds, the best and the median of its runs.
//! Genuine evidence is read from the folder that is given; without it those lines are null.

use std::path::Path;
use std::time::Instant;

use autoclave_attest::evidence::dcap::Body;
use autoclave_attest::evidence::snp::SnpBody;
use autoclave_attest::evidence::{DcapTee, Endorsements, Evidence, Root, Verifiers};
use autoclave_attest::token::{Expectation, KeySet, TokenBook, verify};
use autoclave_base::UnixTime;
use serde_json::{Value, json};

/// Runs of each measurement.
const RUNS: usize = 200;

/// Tokens, as every implementation must accept them.
const VECTORS: &str = include_str!("../vectors/token.json");

/// A quote that verifies, and when it did.
const QUOTE: (&str, u64) = ("dcap/tdx_v4_dcap_qvl_tdx_quote", 1_751_624_191);

/// A report of a Genoa that verifies, and when it did.
const REPORT: (&str, u64) = ("snp/snp_v5_oak_genoa_oc_evidence_binarypb", 1_760_000_000);

#[expect(clippy::print_stdout, reason = "a program's answer")]
fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "../shared/evidence".to_owned());
    let folder = Path::new(&folder);
    let quote = quote(&folder.join(QUOTE.0)).map(|one| verifying(&one, QUOTE.1, "tdx"));
    let report = report(&folder.join(REPORT.0)).map(|one| verifying(&one, REPORT.1, "snp"));
    println!(
        "{}",
        json!({ "runs": RUNS, "dcap_quote": quote, "snp_report": report, "tokens": tokens() })
    );
}

fn quote(folder: &Path) -> Option<Evidence> {
    let quote = std::fs::read(folder.join("quote.bin")).ok()?;
    let collateral = std::fs::read(folder.join("collateral.json")).ok()?;
    let collateral = serde_json::from_slice(&collateral).ok()?;
    Some(Body { quote, collateral, event_log: None }.into_evidence(DcapTee::Tdx))
}

fn report(folder: &Path) -> Option<Evidence> {
    let file = |name: &str| std::fs::read(folder.join(name)).ok();
    let body = SnpBody {
        report: file("report.bin")?,
        vek: file("vek.der"),
        ask: file("ask.der"),
        ark: file("ark.der"),
        crl: None,
    };
    Some(body.into_evidence())
}

fn verifying(evidence: &Evidence, at: u64, kind: &str) -> Value {
    let root: Root = serde_json::from_value(json!({ "kind": kind })).unwrap_or_else(never);
    let verifiers = Verifiers::from_roots(&[root]).unwrap_or_else(never);
    let kept = Endorsements::new();
    let now = UnixTime::from_seconds(at);
    measured(|| verifiers.verify_unbound(evidence, &kept, now).is_ok())
}

/// Ends the program: what is measured must hold.
fn never<T>(error: impl std::fmt::Display) -> T {
    panic!("cannot be measured: {error}")
}

/// Microseconds of `work`, which must succeed each time.
fn measured(mut work: impl FnMut() -> bool) -> Value {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let begun = Instant::now();
            assert!(work(), "what is measured does not verify");
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let rounded = |value: f64| (value * 10.0).round() / 10.0;
    json!({ "best_us": rounded(times[0]), "median_us": rounded(times[RUNS / 2]) })
}

/// A token of the test vectors, verified anew each time, and looked up in a book.
fn tokens() -> Value {
    let file: Value = serde_json::from_str(VECTORS).unwrap_or_else(never);
    let text = |name: &str| file[name].as_str().unwrap_or_default();
    let keys = KeySet::parse(file["jwks"].to_string().as_bytes()).unwrap_or_else(never);
    let expected = || Expectation::new(text("issuer"), text("audience")).hardware_required(false);
    let now = UnixTime::from_seconds(file["now"].as_u64().unwrap_or_default());
    let token = text("token");
    let new = measured(|| verify(token, &keys, &expected(), now).is_ok());
    let book = TokenBook::new(keys, expected());
    json!({ "new": new, "known": measured(|| book.verify(token, now).is_ok()) })
}
