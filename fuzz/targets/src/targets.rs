//! The targets. Each reads bytes as the code of a party does, and checks what must hold of
//! whatever was read: what is written again is what was read, and what is not signed never
//! verifies. The answer is the code of a refusal, by which the runner tells inputs apart.

use autoclave_attest::evidence::azure::{AzureQuote, Hcl, read_trustee};
use autoclave_attest::evidence::eventlog::Algorithm;
use autoclave_attest::evidence::nitro::Document;
use autoclave_attest::evidence::snp::{CrlFacts, Product, Report, VekFacts};
use autoclave_attest::evidence::tpm::{AkPublic, Attest, Body, Signature, replay};
use autoclave_attest::evidence::{
    DcapCa, DcapCollateral, DcapKey, DcapPolicy, DcapRefusal, DcapTee, DcapVerifier, Endorsements,
    EventLog, EventLogRefusal, Evidence, EvidenceRefusal, NitroVerifier, Root, SnpPolicy,
    Verifier as _, Verifiers, dcap,
};
use autoclave_attest::jwk::Jwk;
use autoclave_attest::jws::Unverified;
use autoclave_attest::release::Manifest;
use autoclave_attest::runtime::Runtime;
use autoclave_base::cbor::Value;
use autoclave_base::{HexBytes, UnixTime};
use autoclave_fhir::{Document as FhirDocument, Stamp};
use autoclave_validate::{Context, check, operation_outcome, validate};

use crate::imaging::{self, dicom, stow};
use crate::seeds;

/// 2026-11-20: within the time of everything that is genuine and lives long.
const NOW: UnixTime = UnixTime::from_seconds(1_795_132_800);
pub(crate) const READ: &str = "read";

/// One parser.
pub struct Target {
    /// Its name, and that of its folder of inputs.
    pub name: &'static str,
    /// Reads any bytes, and says how far they came.
    pub run: fn(&[u8]) -> &'static str,
    /// Inputs to begin with, beside those that were kept.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Folders and files of genuine evidence to begin with, where there is some.
    pub genuine: &'static [&'static str],
}

macro_rules! target {
    ($name:ident, $seeds:expr, $genuine:expr) => {
        Target { name: stringify!($name), run: $name, seeds: $seeds, genuine: $genuine }
    };
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target!(snp_report, seeds::snp_report, &["snp/*/report.bin"]),
    target!(snp_vek, seeds::der, &["snp/*/vek.der"]),
    target!(snp_crl, seeds::der, &[]),
    target!(dcap_quote, seeds::none, &["dcap/*/quote.bin"]),
    target!(dcap_collateral, seeds::none, &["dcap/*/collateral.json"]),
    target!(event_log, seeds::none, &["ccel/go-eventlog/*.bin"]),
    target!(snp_evidence, seeds::evidence, &[]),
    target!(azure_hcl, seeds::azure_hcl, &["azure-vtpm/trustee/*_hcl-report.bin"]),
    target!(azure_trustee, seeds::none, &["azure-vtpm/trustee/*_evidence-*.json"]),
    target!(azure_quote, seeds::azure_quote, &[]),
    target!(tpm_structures, seeds::tpm_structures, &["swtpm-raw/quote.*", "swtpm-raw/ak.pub"]),
    target!(tpm_evidence, seeds::tpm_evidence, &[]),
    target!(nitro_document, seeds::cbor, &["nitro/*/*doc-bytes"]),
    target!(cbor, seeds::cbor, &["nitro/*/*doc-bytes"]),
    target!(evidence, seeds::evidence, &[]),
    target!(fhir, seeds::fhir, &[]),
    target!(jws, seeds::jws, &[]),
    target!(jwk, seeds::jwk, &[]),
    target!(runtime, seeds::runtime, &[]),
    target!(manifest, seeds::manifest, &[]),
    target!(sealed_file, seeds::sealed_file, &[]),
    target!(dicom, imaging::dicom_seeds, &[]),
    target!(stow, imaging::stow_seeds, &[]),
];

fn snp_report(bytes: &[u8]) -> &'static str {
    match Report::parse(bytes) {
        Err(refusal) => refusal.code(),
        Ok(report) => {
            assert!((2..=5).contains(&report.version()) && report.vmpl() <= 3);
            assert!(!report.is_signed_by(&[4; 97]));
            let line =
                report.processor().map(|(family, model)| Product::of_processor(family, model));
            match (line, report.allows_debug(), report.allows_migration()) {
                (None, ..) => "read.old",
                (Some(None), ..) => "read.unknown",
                (_, true, _) => "read.debug",
                (_, _, true) => "read.migration",
                _ => READ,
            }
        }
    }
}

fn snp_vek(bytes: &[u8]) -> &'static str {
    VekFacts::read(bytes).map_or_else(autoclave_attest::evidence::SnpRefusal::code, |_| READ)
}

fn snp_crl(bytes: &[u8]) -> &'static str {
    CrlFacts::read(bytes).map_or_else(autoclave_attest::evidence::SnpRefusal::code, |facts| {
        if facts.revoked == 0 { "read.empty" } else { READ }
    })
}

/// What AMD never signed never verifies, whatever stands around it.
fn snp_evidence(bytes: &[u8]) -> &'static str {
    of_kind(bytes, &Root::Snp { policy: SnpPolicy::default() })
}

/// Quotes of any machine without collateral: all that is read before anything is signed.
fn dcap_quote(bytes: &[u8]) -> &'static str {
    let sought = dcap::collateral_key(bytes).is_some();
    let none = Endorsements::new();
    for tee in [DcapTee::Sgx, DcapTee::Tdx] {
        let verifier = DcapVerifier::intel(tee, DcapPolicy::default());
        match verifier.verify_quote(bytes, None, &none, NOW) {
            Ok(_) => return READ,
            Err(DcapRefusal::Tee) => {}
            Err(DcapRefusal::CollateralMissing) if sought => return "read.certified",
            Err(refusal) => return refusal.code(),
        }
    }
    DcapRefusal::Tee.code()
}

/// Collateral by itself: nothing but Intel's own is ever believed.
fn dcap_collateral(bytes: &[u8]) -> &'static str {
    let Ok(collateral) = serde_json::from_slice::<DcapCollateral>(bytes) else { return "json" };
    let fmspc = HexBytes::of([0; 6]);
    let key = DcapKey { tee: DcapTee::Tdx, fmspc, ca: DcapCa::Platform };
    match dcap::Window::of(&collateral) {
        Err(refusal) => refusal.code(),
        Ok(window) => dcap::verify_collateral(&key, &collateral, window.begins)
            .map_or_else(DcapRefusal::code, |_| READ),
    }
}

/// Event logs of firmware: what is read is replayed, and never grows.
fn event_log(bytes: &[u8]) -> &'static str {
    match EventLog::parse(bytes) {
        Err(refusal) => refusal.code(),
        Ok(log) => {
            assert!(log.events().len() <= bytes.len());
            let replayed = log.replay(Algorithm::Sha384);
            replayed.map_or_else(EventLogRefusal::code, |_| READ)
        }
    }
}

fn of_kind(bytes: &[u8], root: &Root) -> &'static str {
    let (Ok(body), Ok(verifiers)) =
        (std::str::from_utf8(bytes), Verifiers::from_roots(std::slice::from_ref(root)))
    else {
        return "text";
    };
    let evidence = Evidence { kind: root.kind(), body: body.to_owned() };
    match verifiers.verify_unbound(&evidence, &Endorsements::new(), NOW) {
        Ok(_) => READ,
        Err(refusal) => refusal.code(),
    }
}

fn azure_hcl(bytes: &[u8]) -> &'static str {
    match Hcl::parse(bytes) {
        Err(refusal) => refusal.code(),
        Ok(hcl) => {
            assert!(!hcl.is_vouched_for_by(&[0; 64]));
            if hcl.tdx_domain().is_some() { "read.tdx" } else { READ }
        }
    }
}

/// A signature of nobody over a quote that may be anything.
fn azure_quote(bytes: &[u8]) -> &'static str {
    let Ok(quote) = serde_json::from_slice::<AzureQuote>(bytes) else { return "json" };
    let Some(key) = seeds::runtime_key() else { return "key" };
    quote.verify(&key).map_or_else(autoclave_attest::evidence::AzureRefusal::code, |_| READ)
}

fn azure_trustee(bytes: &[u8]) -> &'static str {
    let Some(evidence) = read_trustee(bytes) else { return "trustee" };
    of_kind(evidence.body.as_bytes(), &Root::AzureSnp { policy: SnpPolicy::default() })
}

fn tpm_structures(bytes: &[u8]) -> &'static str {
    match (Attest::parse(bytes), AkPublic::parse(bytes), Signature::parse(bytes)) {
        (Ok(attest), ..) if attest.selects_all() => "quote.all",
        (Ok(_), ..) => "quote",
        (_, Ok(key), _) if key.only_attests() => "key.attests",
        (_, Ok(_), _) => "key",
        (_, _, Ok(_)) => "signature",
        _ => "malformed",
    }
}

fn tpm_evidence(bytes: &[u8]) -> &'static str {
    let Ok(body) = serde_json::from_slice::<Body>(bytes) else { return "json" };
    let registers = replay(&body.log);
    let same = registers.iter().zip(&body.pcrs).all(|(replayed, shown)| replayed == shown);
    if same { "read.explained" } else { READ }
}

fn nitro_document(bytes: &[u8]) -> &'static str {
    match Document::parse(bytes) {
        Err(refusal) => refusal.code(),
        Ok(document) => {
            let verifier = NitroVerifier::new();
            assert_eq!(verifier.kind(), autoclave_attest::evidence::TeeKind::Nitro);
            let now = UnixTime::from_seconds(document.timestamp_ms / 1000);
            verifier.verify_document(bytes, now).map_or_else(EvidenceRefusal::code, |_| READ)
        }
    }
}

/// What is read is written, and read again as the same.
fn cbor(bytes: &[u8]) -> &'static str {
    let Ok(value) = Value::parse(bytes) else { return "malformed" };
    let written = value.to_bytes();
    assert!(written.len() <= bytes.len(), "written longer than read");
    assert_eq!(Value::parse(&written), Ok(value), "written and read again");
    if written == bytes { "read.shortest" } else { READ }
}

/// A resource as its author wrote it: read, stamped, and judged by R4 and US Core.
fn fhir(bytes: &[u8]) -> &'static str {
    let Ok(document) = FhirDocument::parse(bytes.to_vec()) else { return "document" };
    let stamp = Stamp { id: "7", version: 1, last_updated: "2026-11-20T08:00:00.000Z" };
    let stamped = document.stamped(stamp).map(|stamped| stamped.node().is_ok());
    assert_eq!(stamped, Ok(true), "a resource that was read can be stamped");
    let Ok(node) = document.node() else { return "document" };
    let findings = validate(&node, &[], &Context::default());
    let outcome = operation_outcome(&findings);
    assert!(check(&outcome).is_empty(), "what is said of a resource is a resource");
    findings.iter().find(|one| one.is_error()).map_or(READ, |one| one.issue.code())
}

/// Evidence of any kind, as it comes through a door.
fn evidence(bytes: &[u8]) -> &'static str {
    let Ok(evidence) = serde_json::from_slice::<Evidence>(bytes) else { return "json" };
    let roots = [
        Root::Snp { policy: SnpPolicy::default() },
        Root::AzureSnp { policy: SnpPolicy::default() },
        Root::AzureTdx { policy: DcapPolicy::default() },
        Root::Sgx { policy: DcapPolicy::default() },
        Root::Tdx { policy: DcapPolicy::default() },
        Root::Nitro {},
    ];
    let Ok(verifiers) = Verifiers::from_roots(&roots) else { return "roots" };
    verifiers
        .verify_unbound(&evidence, &Endorsements::new(), NOW)
        .map_or_else(EvidenceRefusal::code, |_| READ)
}

fn jws(bytes: &[u8]) -> &'static str {
    let Ok(text) = std::str::from_utf8(bytes) else { return "text" };
    match Unverified::parse(text, "JWT") {
        Err(refusal) => refusal.code(),
        Ok(parsed) => {
            let verified = seeds::stranger().map(|key| parsed.verify(&key));
            assert!(!matches!(verified, Some(Ok(_))), "a stranger's signature");
            READ
        }
    }
}

/// A key is written as it was read.
fn jwk(bytes: &[u8]) -> &'static str {
    let Ok(key) = serde_json::from_slice::<Jwk>(bytes) else { return "json" };
    let written = serde_json::to_vec(&key).unwrap_or_default();
    assert_eq!(serde_json::from_slice::<Jwk>(&written).ok(), Some(key.clone()));
    match key.key() {
        autoclave_attest::jwk::Key::EcP256(_) => "read.p256",
        autoclave_attest::jwk::Key::X25519(_) => "read.x25519",
        autoclave_attest::jwk::Key::Ed25519(_) => "read.ed25519",
        autoclave_attest::jwk::Key::XWing(_) => "read.xwing",
    }
}

/// A runtime object is written as it was read, and vouches for the same.
fn runtime(bytes: &[u8]) -> &'static str {
    let Ok(runtime) = serde_json::from_slice::<Runtime>(bytes) else { return "json" };
    let written = serde_json::to_vec(&runtime).unwrap_or_default();
    let again = serde_json::from_slice::<Runtime>(&written).ok();
    assert_eq!(again.map(|again| again.report_data()), Some(runtime.report_data()));
    READ
}

fn manifest(bytes: &[u8]) -> &'static str {
    let Ok(manifest) = serde_json::from_slice::<Manifest>(bytes) else { return "json" };
    if manifest.workloads.is_empty() { "read.empty" } else { READ }
}

/// A sealed file under a key that is known: opens only if it was sealed so.
fn sealed_file(bytes: &[u8]) -> &'static str {
    seeds::open(bytes).map_or_else(|refusal| refusal.code(), |_| READ)
}
