//! One part of genuine evidence changed, and the stage that it falls at.

use super::*;

fn judge(case: &Case, quote: &[u8], collateral: &DcapCollateral) -> Result<Unbound, DcapRefusal> {
    let verifier = DcapVerifier::intel(case.tee(), DcapPolicy::default());
    verifier.verify_quote(quote, Some(collateral), &Endorsements::new(), case.now())
}

fn refusal(case: &Case, change: impl Fn(&mut Vec<u8>, &mut DcapCollateral)) -> DcapRefusal {
    let (mut quote, mut collateral) = (case.quote(), case.collateral().unwrap());
    change(&mut quote, &mut collateral);
    judge(case, &quote, &collateral).unwrap_err()
}

fn sgx() -> Option<Case> {
    good().into_iter().find(|case| case.tee() == DcapTee::Sgx)
}

/// Offsets in a version 3 quote: header 48, report 384, length 4, then signature, key, the
/// quoting enclave's report and its signature.
const SIGNATURE: usize = 48 + 384 + 4;
const KEY: usize = SIGNATURE + 64;
const QE_REPORT: usize = KEY + 64;
const QE_SIGNATURE: usize = QE_REPORT + 384;

#[test]
fn each_stage_has_its_own_code() {
    let Some(case) = sgx() else { return };
    let flipped = |at: usize| refusal(&case, |quote, _| quote[at] ^= 1);
    assert_eq!(flipped(0), DcapRefusal::Unsupported);
    assert_eq!(flipped(2), DcapRefusal::Unsupported);
    assert_eq!(flipped(5), DcapRefusal::Unsupported);
    assert_eq!(flipped(12), DcapRefusal::Unsupported);
    assert_eq!(flipped(48 + 64), DcapRefusal::Signature);
    assert_eq!(flipped(SIGNATURE), DcapRefusal::Signature);
    assert_eq!(flipped(KEY), DcapRefusal::QeReport);
    assert_eq!(flipped(QE_REPORT), DcapRefusal::QeReport);
    assert_eq!(flipped(QE_SIGNATURE), DcapRefusal::QeReport);
    assert_eq!(refusal(&case, |quote, _| quote.push(1)), DcapRefusal::Parse);
    assert_eq!(refusal(&case, |quote, _| quote.truncate(1000)), DcapRefusal::Parse);
    assert_eq!(refusal(&case, |quote, _| quote.resize(QUOTE_BYTES_MAX + 1, 0)), DcapRefusal::Parse);
    assert_eq!(refusal(&case, |quote, _| quote[4] = 0x81), DcapRefusal::Tee);
}

#[test]
fn each_part_of_the_collateral_has_its_own_code() {
    let Some(case) = sgx() else { return };
    let of = |change: fn(&mut DcapCollateral)| refusal(&case, |_, collateral| change(collateral));
    assert_eq!(of(|one| one.tcb_info_signature[0] ^= 1), DcapRefusal::TcbInfo);
    assert_eq!(of(|one| one.tcb_info.push(' ')), DcapRefusal::TcbInfo);
    assert_eq!(of(|one| one.tcb_info.truncate(20)), DcapRefusal::CollateralMalformed);
    assert_eq!(of(|one| one.qe_identity_signature[0] ^= 1), DcapRefusal::QeIdentity);
    assert_eq!(of(|one| one.qe_identity.push(' ')), DcapRefusal::QeIdentity);
    let last = |der: &mut Vec<u8>| *der.last_mut().unwrap() ^= 1;
    let root_crl = refusal(&case, |_, one| last(&mut one.root_ca_crl));
    assert_eq!(root_crl, DcapRefusal::Crl);
    assert_eq!(refusal(&case, |_, one| last(&mut one.pck_crl)), DcapRefusal::Crl);
    assert_eq!(of(|one| one.pck_crl = one.root_ca_crl.clone()), DcapRefusal::Crl);
    assert_eq!(of(|one| one.pck_crl.clear()), DcapRefusal::CollateralMalformed);
    assert_eq!(of(|one| one.tcb_info_issuer_chain.clear()), DcapRefusal::Chain);
    assert_eq!(of(|one| one.pck_certificate_chain = Some(String::new())), DcapRefusal::Chain);
}

#[test]
fn collateral_holds_from_its_latest_beginning_to_its_earliest_end() {
    for case in good() {
        let (quote, collateral) = (case.quote(), case.collateral().unwrap());
        let window = Window::of(&collateral).unwrap();
        let verifier = DcapVerifier::intel(case.tee(), DcapPolicy::default());
        let at =
            |now| verifier.verify_quote(&quote, Some(&collateral), &Endorsements::new(), now).err();
        assert_eq!(at(window.begins), None, "{}", case.name);
        assert_eq!(at(window.ends.minus(1)), None, "{}", case.name);
        assert_eq!(at(window.begins.minus(1)), Some(DcapRefusal::CollateralNotYetValid));
        assert_eq!(at(window.ends), Some(DcapRefusal::CollateralExpired));
    }
}

/// Everything that can be exchanged between two genuine machines, part by part.
#[test]
fn parts_of_another_machine_s_evidence_are_never_accepted() {
    let cases = cases();
    for case in good() {
        for other in cases.iter().filter(|other| other.name != case.name) {
            let Some(theirs) = other.collateral() else { continue };
            let ours = case.collateral().unwrap();
            let mut mixed = ours.clone();
            mixed.tcb_info.clone_from(&theirs.tcb_info);
            if theirs.tcb_info != ours.tcb_info {
                assert!(judge(&case, &case.quote(), &mixed).is_err());
            }
            mixed.tcb_info_signature.clone_from(&theirs.tcb_info_signature);
            mixed.tcb_info_issuer_chain.clone_from(&theirs.tcb_info_issuer_chain);
            let same_platform = collateral_key(&other.quote()) == collateral_key(&case.quote());
            if !same_platform {
                assert!(judge(&case, &case.quote(), &mixed).is_err(), "{}", other.name);
                assert!(judge(&case, &case.quote(), &theirs).is_err(), "{}", other.name);
            }
        }
    }
}

/// The signed parts of one quote in another of the same length.
#[test]
fn reports_and_signatures_of_another_quote_are_never_accepted() {
    let quotes: Vec<_> = cases().iter().map(Case::quote).collect();
    for case in good() {
        let (ours, collateral) = (case.quote(), case.collateral().unwrap());
        for theirs in quotes.iter().filter(|theirs| **theirs != ours) {
            for (from, to) in [(48, 432), (432, 640), (640, 1100)] {
                let mut mixed = ours.clone();
                let Some(part) = theirs.get(from..to) else { continue };
                mixed[from..to].copy_from_slice(part);
                assert!(judge(&case, &mixed, &collateral).is_err(), "{}", case.name);
            }
        }
    }
}

#[test]
fn collateral_by_itself_is_known_as_intel_s_and_for_its_platform_only() {
    for case in good() {
        let (key, genuine) = (collateral_key(&case.quote()).unwrap(), case.collateral().unwrap());
        let judge = |key: &crate::evidence::DcapKey, one: &DcapCollateral| {
            verify_collateral(key, one, case.now()).err()
        };
        assert_eq!(judge(&key, &genuine), None, "{}", case.name);
        let fmspc = autoclave_base::HexBytes::of([0; 6]);
        let other = crate::evidence::DcapKey { fmspc, ..key.clone() };
        assert_eq!(judge(&other, &genuine), Some(DcapRefusal::CollateralMismatch));
        let mut changed = genuine.clone();
        changed.tcb_info_signature[5] ^= 1;
        assert_eq!(judge(&key, &changed), Some(DcapRefusal::TcbInfo));
        let mut changed = genuine.clone();
        changed.qe_identity.push(' ');
        assert_eq!(judge(&key, &changed), Some(DcapRefusal::QeIdentity));
        let lists: [fn(&mut DcapCollateral) -> &mut Vec<u8>; 2] =
            [|one| &mut one.pck_crl, |one| &mut one.root_ca_crl];
        for list in lists {
            let mut changed = genuine.clone();
            *list(&mut changed).last_mut().unwrap() ^= 1;
            assert_eq!(judge(&key, &changed), Some(DcapRefusal::Crl));
        }
        let mut changed = genuine.clone();
        changed.tcb_info_issuer_chain = genuine.pck_crl_issuer_chain.clone();
        assert_eq!(judge(&key, &changed), Some(DcapRefusal::TcbInfo));
    }
}
