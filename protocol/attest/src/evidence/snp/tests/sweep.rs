//! Bytes that are anything: refused, never a panic. And layers of different machines.

use rand::{Rng as _, RngExt as _};

use super::super::*;
use super::machine::{Machine, Shown};
use crate::fixtures::rng;

/// Random inputs for each parser.
const RUNS: usize = 3_000;

#[test]
fn no_byte_of_a_report_under_a_list_can_be_changed() {
    let machine = Machine::new(Product::Turin, KeyKind::Vlek);
    let (shown, roots) = (machine.shown(), machine.roots(SnpPolicy::default()));
    let crl = super::der::crl("ARK-Turin", super::machine::SPAN, &[9], &[], &machine.ark);
    let shown = Shown { crls: vec![crl.clone()], ..shown };
    assert!(shown.verify(&roots).is_ok());
    for at in 0..shown.report.len() {
        let mut bad = shown.clone();
        bad.report[at] ^= 1 << (at % 8);
        assert!(bad.verify(&roots).is_err(), "report {at}");
    }
    for at in 0..crl.len() {
        let mut bad = shown.clone();
        bad.crls[0][at] ^= 1 << (at % 8);
        assert!(bad.verify(&roots).is_err(), "list {at}");
    }
}

#[test]
fn parts_of_two_machines_never_verify_together() {
    let (one, mut two) = (Machine::milan(), Machine::milan());
    two.chip = vec![0xa5; 64];
    let roots = one.roots(SnpPolicy::default());
    let (first, second) = (one.shown(), two.shown());
    assert!(first.verify(&roots).is_ok() && second.verify(&roots).is_ok());
    let report = Shown { report: second.report.clone(), ..first.clone() };
    assert_eq!(report.refusal(&roots), SnpRefusal::Signature);
    let genoa = Machine::new(Product::Genoa, KeyKind::Vcek).shown();
    let ask = Shown { ask: genoa.ask.clone(), ..first.clone() };
    assert_eq!(ask.refusal(&roots), SnpRefusal::Root);
    let ark = Shown { ark: genoa.ark, ..first };
    assert_eq!(ark.refusal(&roots), SnpRefusal::Root);
}

#[test]
fn parsers_of_reports_certificates_and_lists_survive_anything() {
    let machine = Machine::milan();
    let (good, roots) = (machine.shown(), machine.roots(SnpPolicy::default()));
    let crl = super::der::crl("ARK-Milan", super::machine::SPAN, &[9], &[], &machine.ark);
    let good = Shown { crls: vec![crl], ..good };
    let mut random = rng(5);
    for run in 0..RUNS {
        let mut shown = good.clone();
        let part = match run % 5 {
            0 => &mut shown.report,
            1 => &mut shown.vek,
            2 => &mut shown.ask,
            3 => shown.ark.as_mut().unwrap(),
            _ => &mut shown.crls[0],
        };
        let (at, length) = (random.random_range(0..part.len()), random.random_range(1..40));
        let end = part.len().min(at + length);
        if run % 2 == 0 {
            random.fill_bytes(&mut part[at..end]);
        } else {
            part.drain(at..end);
        }
        let _ = shown.verify(&roots);
    }
}
