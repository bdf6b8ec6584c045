//! The verifier on genuine quotes, and on what becomes of them. The evidence lies beside
//! the project, not in it; without it these tests say so and pass.

mod changes;
mod sweep;

use std::path::PathBuf;

use serde::Deserialize;

use super::*;
use crate::evidence::TcbStatus;

/// One case of `expected.json`.
#[derive(Clone, Deserialize)]
pub(super) struct Case {
    pub(super) name: String,
    kind: String,
    #[serde(default)]
    tee: String,
    #[serde(default, rename = "dcap_qvl_071_default")]
    verdict: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    verify_at: u64,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evidence")
}

/// All genuine cases, or none where they are not there.
pub(super) fn cases() -> Vec<Case> {
    let Ok(text) = std::fs::read(folder().join("expected.json")) else {
        eprintln!("skipped: no genuine evidence beside the project");
        return Vec::new();
    };
    let all: Vec<Case> = serde_json::from_slice(&text).unwrap();
    all.into_iter().filter(|case| case.kind == "dcap").collect()
}

pub(super) fn good() -> Vec<Case> {
    cases().into_iter().filter(|case| case.verdict == "OK").collect()
}

impl Case {
    pub(super) fn tee(&self) -> DcapTee {
        if self.tee == "SGX" { DcapTee::Sgx } else { DcapTee::Tdx }
    }

    pub(super) fn now(&self) -> UnixTime {
        UnixTime::from_seconds(self.verify_at.max(1_750_000_000))
    }

    fn path(&self, file: &str) -> PathBuf {
        folder().join("dcap").join(&self.name).join(file)
    }

    pub(super) fn quote(&self) -> Vec<u8> {
        std::fs::read(self.path("quote.bin")).unwrap()
    }

    pub(super) fn collateral(&self) -> Option<DcapCollateral> {
        let text = std::fs::read(self.path("collateral.json")).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    }

    pub(super) fn under(&self, policy: DcapPolicy) -> Result<Unbound, DcapRefusal> {
        let verifier = DcapVerifier::intel(self.tee(), policy);
        let kept = Endorsements::new();
        verifier.verify_quote(&self.quote(), self.collateral().as_ref(), &kept, self.now())
    }
}

#[test]
fn genuine_quotes_are_judged_as_expected() {
    for case in cases() {
        let expected = match (case.verdict.as_str(), case.detail.as_str()) {
            ("OK", _) => None,
            ("NOCOLL", _) => Some(DcapRefusal::CollateralMissing),
            (_, "SEPT_VE_DISABLE is not enabled") => Some(DcapRefusal::SeptVeDisable),
            (_, "Debug mode is enabled") => Some(DcapRefusal::Debug),
            (_, "No matching TCB level found") => Some(DcapRefusal::TcbNoLevel),
            (verdict, detail) => panic!("{verdict} {detail}"),
        };
        let judged = case.under(DcapPolicy::default());
        assert_eq!(judged.as_ref().err(), expected.as_ref(), "{}", case.name);
        let Ok(unbound) = judged else { continue };
        let claims = unbound.claims();
        assert!(claims.hw_backed && !claims.debug && claims.are_consistent(), "{}", case.name);
        let tcb = claims.tcb.as_ref().unwrap();
        assert!(case.detail.contains(&format!("status={}", tcb.status)), "{}", case.name);
        assert!(tcb.advisories.iter().all(|one| case.detail.contains(one)), "{}", case.name);
    }
}

#[test]
fn claims_of_quotes_survive_json_and_contradictions_do_not() {
    for case in good() {
        let claims = case.under(DcapPolicy::default()).unwrap().claims().clone();
        let json = serde_json::to_string(&claims).unwrap();
        let again: crate::evidence::Claims = serde_json::from_str(&json).unwrap();
        assert_eq!(again, claims);
        let other_kind = crate::evidence::Claims { kind: TeeKind::Snp, ..claims.clone() };
        assert!(!other_kind.are_consistent());
        let other_code = crate::evidence::Claims {
            measurement: autoclave_base::Digest::of("other"),
            ..claims.clone()
        };
        assert!(!other_code.are_consistent());
        let bare = crate::evidence::Claims { fields: None, ..claims };
        assert!(!bare.are_consistent());
    }
}

/// An SGX quote of an enclave for debugging on a platform that is out of date.
#[test]
fn what_a_policy_lets_through_is_named_in_the_claims() {
    let debug = |case: &Case| case.detail == "Debug mode is enabled";
    let Some(case) = cases().into_iter().find(debug) else { return };
    let open = DcapPolicy { allow_debug: true, ..DcapPolicy::default() };
    let refused = case.under(open.clone()).unwrap_err();
    assert_eq!(refused, DcapRefusal::TcbStatus(TcbStatus::OutOfDate));
    let mut lenient = DcapPolicy { grace_seconds: 10 * 366 * 86_400, ..open };
    lenient.statuses.insert(TcbStatus::OutOfDate);
    let unbound = case.under(lenient.clone()).unwrap();
    let tcb = unbound.claims().tcb.clone().unwrap();
    assert!(unbound.claims().debug && tcb.status == TcbStatus::OutOfDate);
    assert!(tcb.advisories.len() > 1);
    let advised = DcapPolicy {
        advisories_refused: [tcb.advisories[0].to_lowercase()].into(),
        ..lenient.clone()
    };
    assert_eq!(case.under(advised).unwrap_err(), DcapRefusal::Advisory);
    let newer = DcapPolicy { evaluation_min: tcb.evaluation.unwrap() + 1, ..lenient };
    assert_eq!(case.under(newer).unwrap_err(), DcapRefusal::TcbEvaluation);
}

#[test]
fn collateral_may_come_from_the_store_by_the_quote_s_certificate() {
    for case in good() {
        let key = collateral_key(&case.quote()).unwrap();
        assert_eq!(key.tee, case.tee());
        let mut store = Endorsements::new();
        store.insert_dcap(key, case.collateral().unwrap()).unwrap();
        let verifier = DcapVerifier::intel(case.tee(), DcapPolicy::default());
        assert!(verifier.verify_quote(&case.quote(), None, &store, case.now()).is_ok());
        let json = serde_json::to_string(&store).unwrap();
        assert_eq!(serde_json::from_str::<Endorsements>(&json).unwrap(), store);
    }
}

#[test]
fn evidence_of_quotes_binds_the_code_s_own_bytes_and_no_others() {
    for case in good() {
        let body = Body { quote: case.quote(), collateral: case.collateral(), event_log: None };
        let evidence = body.into_evidence(case.tee());
        let verifier = DcapVerifier::intel(case.tee(), DcapPolicy::default());
        let kept = Endorsements::new();
        let unbound = verifier.verify_unbound(&evidence, &kept, case.now()).unwrap();
        let mut data = *unbound.report_data();
        assert!(verifier.verify(&evidence, &data, &kept, case.now()).is_ok());
        data[63] ^= 1;
        let refused = verifier.verify(&evidence, &data, &kept, case.now()).unwrap_err();
        assert_eq!(refused, EvidenceRefusal::ReportData);
    }
}

#[test]
fn a_stranger_s_root_is_not_intel_s() {
    for case in good() {
        let other = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap();
        let root = other.cert.der().to_vec();
        let verifier = DcapVerifier::stranger(case.tee(), DcapPolicy::default(), root);
        assert!(verifier.development());
        let collateral = case.collateral();
        let kept = Endorsements::new();
        let refused = verifier.verify_quote(&case.quote(), collateral.as_ref(), &kept, case.now());
        assert_eq!(refused.unwrap_err(), DcapRefusal::Crl);
    }
}
