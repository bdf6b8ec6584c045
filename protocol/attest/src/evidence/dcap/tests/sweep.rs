//! Every byte of genuine evidence changed in turn: nothing that changes a claim verifies,
//! and nothing panics.

use super::*;

/// Bytes of a quote before its certificates that are all changed: header, report,
/// signatures, key, the quoting enclave's report (version 5 has the longest).
const SIGNED_BYTES: usize = 48 + 6 + 648;

fn judge(case: &Case, quote: &[u8], collateral: &DcapCollateral) -> Result<Unbound, DcapRefusal> {
    let verifier = DcapVerifier::intel(case.tee(), DcapPolicy::default());
    verifier.verify_quote(quote, Some(collateral), &Endorsements::new(), case.now())
}

#[test]
fn no_signed_byte_of_a_quote_can_be_changed() {
    for case in good() {
        let (quote, collateral) = (case.quote(), case.collateral().unwrap());
        for at in 0..SIGNED_BYTES.min(quote.len()) {
            let mut changed = quote.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(judge(&case, &changed, &collateral).is_err(), "{} byte {at}", case.name);
        }
    }
}

/// Certificates have spellings that mean the same; nothing but the quote's own hash may
/// differ where one verifies.
#[test]
fn what_still_verifies_says_the_same() {
    for case in good() {
        let (quote, collateral) = (case.quote(), case.collateral().unwrap());
        let said = judge(&case, &quote, &collateral).unwrap();
        for at in (SIGNED_BYTES..quote.len()).step_by(11) {
            let mut changed = quote.clone();
            changed[at] ^= 1 << (at % 8);
            let Ok(other) = judge(&case, &changed, &collateral) else { continue };
            assert_eq!(other.report_data(), said.report_data());
            assert_eq!(other.claims().measurement, said.claims().measurement);
            assert_eq!(other.claims().tcb, said.claims().tcb);
            assert_eq!(other.claims().hardware_id, said.claims().hardware_id);
        }
    }
}

#[test]
fn no_quote_can_be_cut() {
    for case in good() {
        let (quote, collateral) = (case.quote(), case.collateral().unwrap());
        let written = quote.iter().rposition(|byte| *byte != 0).unwrap();
        for end in (0..written).step_by(17) {
            assert!(judge(&case, &quote[..end], &collateral).is_err(), "{} to {end}", case.name);
        }
    }
}

#[test]
fn no_statement_of_intel_s_can_be_changed() {
    for case in good() {
        let (quote, collateral) = (case.quote(), case.collateral().unwrap());
        let parts: [fn(&mut DcapCollateral) -> &mut Vec<u8>; 4] = [
            |one| &mut one.root_ca_crl,
            |one| &mut one.pck_crl,
            |one| &mut one.tcb_info_signature,
            |one| &mut one.qe_identity_signature,
        ];
        for part in parts {
            let length = part(&mut collateral.clone()).len();
            for at in (0..length).step_by(1 + length / 97) {
                let mut changed = collateral.clone();
                part(&mut changed)[at] ^= 1 << (at % 8);
                assert!(judge(&case, &quote, &changed).is_err(), "{} byte {at}", case.name);
            }
        }
        let texts: [fn(&mut DcapCollateral) -> &mut String; 2] =
            [|one| &mut one.tcb_info, |one| &mut one.qe_identity];
        for text in texts {
            let length = text(&mut collateral.clone()).len();
            for at in (0..length).step_by(1 + length / 97) {
                let mut changed = collateral.clone();
                let letter = if text(&mut changed).as_bytes()[at] == b'0' { "1" } else { "0" };
                text(&mut changed).replace_range(at..=at, letter);
                assert!(judge(&case, &quote, &changed).is_err(), "{} byte {at}", case.name);
            }
        }
    }
}
