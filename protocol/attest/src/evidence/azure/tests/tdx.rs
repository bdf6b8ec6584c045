//! A genuine Azure VM on TDX (`DCesv5`), whose domain lets its host take pages away: refused
//! for that and nothing before it, and for whatever else is changed before it.

use std::path::Path;

use autoclave_base::UnixTime;

use super::super::*;
use crate::evidence::dcap::collateral_key;
use crate::evidence::{
    DcapPolicy, DcapRefusal, Endorsements, Evidence, EvidenceRefusal, TeeKind, Verifier as _,
};

/// When the collateral held.
const NOW: UnixTime = UnixTime::from_seconds(1_762_289_120);

fn genuine() -> Option<AzureTdxBody> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evidence");
    let Ok(json) = std::fs::read(folder.join("azure-vtpm/trustee/tdx_evidence-v1.json")) else {
        println!("skipped: genuine evidence is not beside the repository (../shared/evidence)");
        return None;
    };
    let evidence = read_trustee(&json).unwrap();
    assert_eq!(evidence.kind, TeeKind::AzureTdx);
    let body: AzureTdxBody = serde_json::from_str(&evidence.body).unwrap();
    let case = folder.join("dcap/tdx_v4_trustee_tdx_evidence_v1_json/collateral.json");
    let collateral = serde_json::from_slice(&std::fs::read(case).unwrap()).unwrap();
    Some(AzureTdxBody { collateral: Some(collateral), ..body })
}

fn refusal(body: &AzureTdxBody, kept: &Endorsements) -> EvidenceRefusal {
    let body = serde_json::to_string(body).unwrap();
    let evidence = Evidence { kind: TeeKind::AzureTdx, body };
    let verifier = AzureTdxVerifier::new(DcapPolicy::default());
    verifier.verify_unbound(&evidence, kept, NOW).unwrap_err()
}

#[test]
fn a_genuine_vm_on_tdx_is_refused_for_its_domain_s_attributes() {
    let Some(body) = genuine() else { return };
    let none = Endorsements::new();
    assert_eq!(refusal(&body, &none), DcapRefusal::SeptVeDisable.into());
    let mut kept = Endorsements::new();
    let key = collateral_key(&body.td_quote).unwrap();
    kept.insert_dcap(key, body.collateral.clone().unwrap()).unwrap();
    let bare = AzureTdxBody { collateral: None, ..body.clone() };
    assert_eq!(refusal(&bare, &kept), DcapRefusal::SeptVeDisable.into());
    assert_eq!(refusal(&bare, &none), DcapRefusal::CollateralMissing.into());
    let mut changed = body.clone();
    changed.td_quote[48 + 64] ^= 1;
    assert_eq!(refusal(&changed, &none), DcapRefusal::Signature.into());
    let mut changed = body;
    changed.hcl_report[0] ^= 1;
    assert_eq!(refusal(&changed, &none), AzureRefusal::Report.into());
}
