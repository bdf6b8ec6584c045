//! Genuine Azure VMs as Trustee recorded them (`../shared/evidence/azure-vtpm`). Without the
//! folder these tests say so and check nothing.

use std::path::Path;

use autoclave_base::{Digest, UnixTime};

use super::super::*;
use crate::evidence::{Endorsements, SnpPolicy, Verifier as _};

/// Within the certificates' time of all of them.
const NOW: UnixTime = UnixTime::from_seconds(1_795_132_800);

fn genuine(name: &str) -> Option<Vec<u8>> {
    let folder = "../../../shared/evidence/azure-vtpm/trustee";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
    if path.is_file() {
        return Some(std::fs::read(path).unwrap());
    }
    println!("skipped: genuine evidence is not beside the repository (../shared/evidence)");
    None
}

#[test]
fn genuine_vms_verify_in_every_form_that_trustee_writes() {
    let verifier = AzureSnpVerifier::new(&SnpPolicy::default());
    for name in ["v0", "v1", "v2", "genoa"] {
        let Some(json) = genuine(&format!("snp_evidence-{name}.json")) else { return };
        let evidence = read_trustee(&json).unwrap();
        let unbound = verifier.verify_unbound(&evidence, &Endorsements::new(), NOW).unwrap();
        let claims = unbound.claims();
        assert!(claims.are_consistent() && claims.hw_backed, "{name}");
        assert!(unbound.report_data().iter().any(|byte| *byte != 0), "{name}");
    }
}

#[test]
fn layers_of_two_genuine_vms_never_verify_together() {
    let Some(one) = genuine("snp_evidence-v1.json") else { return };
    let two = genuine("snp_evidence-genoa.json").unwrap();
    let [one, two] = [one, two].map(|json| {
        let evidence = read_trustee(&json).unwrap();
        serde_json::from_str::<AzureSnpBody>(&evidence.body).unwrap()
    });
    let verifier = AzureSnpVerifier::new(&SnpPolicy::default());
    let swapped = [
        AzureSnpBody { quote: two.quote.clone(), ..one.clone() },
        AzureSnpBody { hcl_report: two.hcl_report.clone(), ..one.clone() },
        AzureSnpBody { vek: two.vek.clone(), ..one.clone() },
        AzureSnpBody { quote: one.quote.clone(), ..two.clone() },
    ];
    for body in swapped {
        let evidence = super::machine::evidence(&body);
        assert!(verifier.verify_unbound(&evidence, &Endorsements::new(), NOW).is_err());
    }
}

/// The files that are one TDX VM's: its runtime data are those of its report, and its quote
/// is signed by the key in them, over the registers shown.
#[test]
fn the_outer_layer_of_a_genuine_tdx_vm_is_read() {
    let Some(report) = genuine("tdx_hcl-report.bin") else { return };
    let hcl = Hcl::parse(&report).unwrap();
    assert_eq!(hcl.hardware, Hardware::Tdx);
    let data: [u8; 64] = hcl.tdx_report_data().unwrap().try_into().unwrap();
    assert!(hcl.is_vouched_for_by(&data));
    let quote: serde_json::Value =
        serde_json::from_slice(&genuine("tdx_tpm-quote-v1.json").unwrap()).unwrap();
    let hex = |value: &serde_json::Value| {
        let hex: autoclave_base::HexBytes = value.as_str().unwrap().parse().unwrap();
        hex.bytes().to_vec()
    };
    let pcrs = quote["pcrs"].as_array().unwrap().iter();
    let pcrs: Vec<Digest> =
        pcrs.map(|pcr| Digest::from_bytes(hex(pcr).try_into().unwrap())).collect();
    let quote = AzureQuote {
        message: hex(&quote["message"]),
        signature: hex(&quote["signature"]),
        pcrs: pcrs.try_into().unwrap(),
    };
    assert!(quote.verify(&hcl.key).is_ok());
    let td_quote = genuine("tdx_td-quote.bin").unwrap();
    assert_eq!(&td_quote[48 + 120..48 + 520], hcl.tdx_domain().unwrap());
    assert_eq!(td_quote[48 + 520..48 + 584], data);
}
