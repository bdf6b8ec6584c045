//! One thing wrong at a time, in evidence of a made-up machine that is right otherwise.

use std::collections::{BTreeMap, BTreeSet};

use autoclave_base::{Digest, UnixTime};

use super::super::*;
use super::der::{self, Says, crl, extension, number, tlv};
use super::machine::{Machine, NOW, SPAN, Shown};

fn strict() -> SnpPolicy {
    SnpPolicy::default()
}

#[test]
fn every_processor_and_both_kinds_of_key_verify() {
    for product in Product::ALL {
        for kind in [KeyKind::Vcek, KeyKind::Vlek] {
            let machine = Machine::new(product, kind);
            let guest = machine.shown().verify(&machine.roots(strict())).ok().unwrap();
            assert_eq!((guest.product, guest.kind), (product, kind));
            assert_eq!(TcbParts::read(product, machine.tcb), Some(guest.tcb));
            let rootless = Shown { ark: None, ..machine.shown() };
            assert!(rootless.verify(&machine.roots(strict())).is_ok());
        }
    }
}

#[test]
fn a_chip_id_may_be_an_octet_string() {
    let machine = Machine::milan();
    let extensions = machine.vek_extensions();
    let plain = extension("1.3.6.1.4.1.3704.1.4", false, &machine.chip);
    let wrapped = extension("1.3.6.1.4.1.3704.1.4", false, &tlv(4, &machine.chip));
    let extensions = [&extensions[..extensions.len() - plain.len()], &wrapped].concat();
    let vek = Says { extensions, ..machine.vek_says() }.sign(&machine.ask);
    let shown = Shown { vek, ..machine.shown() };
    assert!(shown.verify(&machine.roots(strict())).is_ok());
}

#[test]
fn versions_that_are_not_known_are_refused() {
    let machine = Machine::milan();
    let roots = machine.roots(strict());
    for version in [0_u32, 1, 6, 7, u32::MAX] {
        assert_eq!(machine.with(0, &version.to_le_bytes()).refusal(&roots), SnpRefusal::Version);
    }
    for version in [3_u32, 4, 5] {
        assert!(machine.with(0, &version.to_le_bytes()).verify(&roots).is_ok());
    }
    // Version 2 tells no processor.
    assert_eq!(machine.with(0, &2_u32.to_le_bytes()).refusal(&roots), SnpRefusal::Report);
}

#[test]
fn what_is_reserved_must_be_zero() {
    let machine = Machine::milan();
    let roots = machine.roots(strict());
    for at in [0x4c, 0x4f, 0x18b, 0x19f, 0x1eb, 0x1ef, 0x208, 0x29f] {
        assert_eq!(machine.with(at, &[1]).refusal(&roots), SnpRefusal::Report, "{at:#x}");
    }
    // The padding of the signature is not signed, and matters all the same.
    for at in [0x2d0, 0x2e7, 0x318, 0x32f, 0x330, 0x49f] {
        let mut shown = machine.shown();
        shown.report[at] = 1;
        assert_eq!(shown.refusal(&roots), SnpRefusal::Report, "{at:#x}");
    }
    // Vectors of mitigations: from version 4 on.
    assert!(machine.with(0x1f8, &[1; 16]).verify(&roots).is_ok());
    let mut old = machine.unsigned();
    old[0] = 3;
    old[0x1f8] = 1;
    let old = Shown { report: machine.sign(old), ..machine.shown() };
    assert_eq!(old.refusal(&roots), SnpRefusal::Report);
    for length in [0, 1, REPORT_BYTES - 1, REPORT_BYTES + 1] {
        let mut shown = machine.shown();
        shown.report.resize(length, 0);
        assert_eq!(shown.refusal(&roots), SnpRefusal::Report, "{length}");
    }
}

#[test]
fn what_a_report_says_of_its_key_must_fit_the_certificate() {
    let machine = Machine::milan();
    let roots = machine.roots(strict());
    for (info, refusal) in [
        (2_u32, SnpRefusal::Unsigned),
        (7 << 2, SnpRefusal::Unsigned),
        (2 << 2, SnpRefusal::Unsigned),
        (1 << 2, SnpRefusal::KeyKind),
        (1 << 5, SnpRefusal::Report),
    ] {
        assert_eq!(machine.with(0x48, &info.to_le_bytes()).refusal(&roots), refusal, "{info}");
    }
    assert_eq!(machine.with(0x34, &[2]).refusal(&roots), SnpRefusal::Unsigned);
    let provider = Machine::new(Product::Milan, KeyKind::Vlek);
    let shown = provider.with(0x48, &[0]);
    assert_eq!(shown.refusal(&provider.roots(strict())), SnpRefusal::KeyKind);
}

#[test]
fn a_certificate_for_both_kinds_of_key_or_for_none_is_refused() {
    let machine = Machine::milan();
    let roots = machine.roots(strict());
    let provider = extension("1.3.6.1.4.1.3704.1.5", false, &tlv(0x16, "CN=x"));
    let extensions = [machine.vek_extensions(), provider].concat();
    let both = Says { extensions, ..machine.vek_says() };
    let none = Says { subject: "SEV-VLEK".into(), ..machine.vek_says() };
    for says in [both, none] {
        let shown = Shown { vek: says.sign(&machine.ask), ..machine.shown() };
        assert_eq!(shown.refusal(&roots), SnpRefusal::KeyKind);
    }
    let other = Says { subject: "SEV".into(), ..machine.vek_says() };
    let shown = Shown { vek: other.sign(&machine.ask), ..machine.shown() };
    assert_eq!(shown.refusal(&roots), SnpRefusal::Certificate);
    // A provider's key under the authority of chips.
    let provider = Machine::new(Product::Milan, KeyKind::Vlek);
    let ask = Says { subject: "SEV-Milan".into(), ..provider.ask_says() }.sign(&provider.ark);
    let vek = Says { issuer: "SEV-Milan".into(), ..provider.vek_says() }.sign(&provider.ask);
    let shown = Shown { vek, ask, ..provider.shown() };
    assert_eq!(shown.refusal(&provider.roots(strict())), SnpRefusal::KeyKind);
}

#[test]
fn key_and_report_must_be_of_one_chip_and_one_version() {
    let machine = Machine::milan();
    let roots = machine.roots(strict());
    assert_eq!(machine.with(0x1a0, &[0; 64]).refusal(&roots), SnpRefusal::ChipId);
    assert_eq!(machine.with(0x1df, &[1]).refusal(&roots), SnpRefusal::ChipId);
    for at in 0x180..0x188 {
        assert_eq!(machine.with(at, &[0x77]).refusal(&roots), SnpRefusal::TcbBinding, "{at:#x}");
    }
    let turin = Machine::new(Product::Turin, KeyKind::Vcek);
    let roots = turin.roots(strict());
    assert_eq!(turin.with(0x1a8, &[1]).refusal(&roots), SnpRefusal::ChipId);
    let mut nobody = Machine::milan();
    nobody.chip = vec![0; 64];
    assert_eq!(nobody.shown().refusal(&nobody.roots(strict())), SnpRefusal::ChipId);
}

#[test]
fn report_certificate_and_root_must_be_of_one_processor() {
    let machine = Machine::milan();
    let roots = machine.roots(strict());
    for processor in [[0x19, 0x11, 1], [0x1a, 2, 1], [0x1a, 0x50, 0], [0, 0, 0]] {
        let shown = machine.with(0x188, &processor);
        assert_eq!(shown.refusal(&roots), SnpRefusal::Product, "{processor:?}");
    }
    let named = |name: &str| {
        let (from, to) = (tlv(0x16, "Milan"), tlv(0x16, name));
        let extensions = machine.vek_extensions();
        let at = extensions.windows(from.len()).position(|window| window == from).unwrap();
        let mut extensions = extensions;
        extensions[at..at + from.len()].copy_from_slice(&to);
        let vek = Says { extensions, ..machine.vek_says() }.sign(&machine.ask);
        Shown { vek, ..machine.shown() }
    };
    assert!(named("Milan").verify(&roots).is_ok());
    assert_eq!(named("Genoa").refusal(&roots), SnpRefusal::Product);
    let products = BTreeSet::from([Product::Genoa, Product::Turin]);
    let roots = machine.roots(SnpPolicy { products, ..strict() });
    assert_eq!(machine.shown().refusal(&roots), SnpRefusal::Product);
}

#[test]
fn who_asked_must_be_the_guest() {
    let machine = Machine::milan();
    let roots = machine.roots(strict());
    assert_eq!(machine.with(0x30, &[0xff; 4]).refusal(&roots), SnpRefusal::Asker);
    assert_eq!(machine.with(0x30, &[4]).refusal(&roots), SnpRefusal::Asker);
    assert!(machine.with(0x30, &[1]).verify(&roots).is_ok());
    assert_eq!(machine.with(0x30, &[2]).refusal(&roots), SnpRefusal::Vmpl);
    let roots = machine.roots(SnpPolicy { vmpl_max: 0, ..strict() });
    assert_eq!(machine.with(0x30, &[1]).refusal(&roots), SnpRefusal::Vmpl);
}

#[test]
fn debugged_and_migratable_guests_are_refused_by_every_policy() {
    let machine = Machine::milan();
    let policy = SnpPolicy { vmpl_max: 3, ..strict() };
    let roots = machine.roots(policy);
    let with = |policy: u64| machine.with(8, &policy.to_le_bytes());
    assert_eq!(with(0xb_0000).refusal(&roots), SnpRefusal::Debug);
    assert_eq!(with(0x7_0000).refusal(&roots), SnpRefusal::Migration);
    assert_eq!(machine.with(0x160, &[0; 32]).refusal(&roots), SnpRefusal::Migration);
    for reserved in [0x1_0000_u64, 1 << 26 | 0x3_0000, 1 << 63 | 0x3_0000] {
        assert_eq!(with(reserved).refusal(&roots), SnpRefusal::Policy, "{reserved:#x}");
    }
    for known in [0x2_0000_u64, 0x3_001f, 0x3f2_0000] {
        assert!(with(known).verify(&roots).is_ok(), "{known:#x}");
    }
}

#[test]
fn a_policy_may_ask_for_more() {
    let machine = Machine::milan();
    let newer = TcbParts { fmc: None, bootloader: 4, tee: 1, snp: 0x18, microcode: 0xdc };
    let minimum =
        |parts| SnpPolicy { minimum_tcb: BTreeMap::from([(Product::Milan, parts)]), ..strict() };
    let shown = machine.shown();
    assert_eq!(shown.refusal(&machine.roots(minimum(newer))), SnpRefusal::TcbMinimum);
    let same = TcbParts { microcode: 0xdb, ..newer };
    assert!(shown.verify(&machine.roots(minimum(same))).is_ok());
    let alone = machine.roots(SnpPolicy { forbid_smt: true, ..strict() });
    assert_eq!(shown.refusal(&alone), SnpRefusal::Smt);
    assert!(machine.with(8, &0x2_0000_u64.to_le_bytes()).verify(&alone).is_ok());
    let aliases = machine.roots(SnpPolicy { require_alias_check: true, ..strict() });
    assert!(shown.verify(&aliases).is_ok());
    assert_eq!(machine.with(0x40, &[5]).refusal(&aliases), SnpRefusal::AliasCheck);
}

#[test]
fn chains_under_other_keys_are_refused() {
    let machine = Machine::milan();
    let (shown, roots) = (machine.shown(), machine.roots(strict()));
    assert_eq!(shown.refusal(&SnpRoots::amd(strict())), SnpRefusal::Root);
    let nobody = Says { issuer: "ARK-Rome".into(), ..machine.ask_says() }.sign(&machine.ark);
    let unknown = Shown { ask: nobody, ..shown.clone() };
    assert_eq!(unknown.refusal(&roots), SnpRefusal::Root);
    let own = Shown { ask: machine.ask_says().sign(&machine.ask), ..shown.clone() };
    assert_eq!(own.refusal(&roots), SnpRefusal::Chain);
    let self_made = Shown { vek: machine.vek_says().sign(&machine.ark), ..shown.clone() };
    assert_eq!(self_made.refusal(&roots), SnpRefusal::Chain);
    let fake = Says { key: der::rsa_key(&machine.ask), ..machine.ark_says() }.sign(&machine.ask);
    let fake = Shown { ark: Some(fake), ..shown.clone() };
    assert_eq!(fake.refusal(&roots), SnpRefusal::Root);
    let leaf = Says { extensions: Vec::new(), ..machine.ask_says() }.sign(&machine.ark);
    assert_eq!(Shown { ask: leaf, ..shown.clone() }.refusal(&roots), SnpRefusal::Chain);
    let strange = extension("1.2.3", true, &number(1));
    let extensions = [machine.vek_extensions(), strange].concat();
    let strange = Says { extensions, ..machine.vek_says() }.sign(&machine.ask);
    assert_eq!(Shown { vek: strange, ..shown }.refusal(&roots), SnpRefusal::Certificate);
}

#[test]
fn every_certificate_must_be_valid_now() {
    let machine = Machine::milan();
    let (shown, roots) = (machine.shown(), machine.roots(strict()));
    let past = ["240101000000Z", "250101000000Z"];
    let future = ["270101000000Z", "280101000000Z"];
    for [from, until] in [past, future] {
        let vek = Says { from, until, ..machine.vek_says() }.sign(&machine.ask);
        assert_eq!(Shown { vek, ..shown.clone() }.refusal(&roots), SnpRefusal::Validity);
        let ask = Says { from, until, ..machine.ask_says() }.sign(&machine.ark);
        assert_eq!(Shown { ask, ..shown.clone() }.refusal(&roots), SnpRefusal::Validity);
    }
    for now in [0, 4_000_000_000] {
        let refusal = shown.verify_at(&roots, UnixTime::from_seconds(now)).err();
        assert_eq!(refusal, Some(SnpRefusal::Validity));
    }
}

#[test]
fn revoked_authorities_and_keys_are_refused() {
    let machine = Machine::milan();
    let (shown, roots) = (machine.shown(), machine.roots(strict()));
    let by_root = |revoked: &[u8]| crl("ARK-Milan", SPAN, revoked, &[], &machine.ark);
    let by_ask = |revoked: &[u8]| crl("SEV-Milan", SPAN, revoked, &[], &machine.ask);
    let with = |crls: Vec<Vec<u8>>| Shown { crls, ..shown.clone() };
    assert!(with(vec![by_root(&[9]), by_ask(&[7])]).verify(&roots).is_ok());
    assert_eq!(with(vec![by_root(&[9, 2])]).refusal(&roots), SnpRefusal::Revoked);
    assert_eq!(with(vec![by_ask(&[0])]).refusal(&roots), SnpRefusal::Revoked);
    // A list that is over still says what was revoked.
    let over = crl("ARK-Milan", ["250101000000Z", "250201000000Z"], &[2], &[], &machine.ark);
    assert_eq!(with(vec![over]).refusal(&roots), SnpRefusal::Revoked);
    for der in [&shown.ask, &shown.vek] {
        let revoked = BTreeSet::from([Digest::of(der)]);
        let roots = machine.roots(SnpPolicy { revoked, ..strict() });
        assert_eq!(shown.refusal(&roots), SnpRefusal::Revoked);
    }
}

#[test]
fn lists_that_amd_did_not_sign_or_that_say_more_are_refused() {
    let machine = Machine::milan();
    let (shown, roots) = (machine.shown(), machine.roots(strict()));
    let strange = extension("2.5.29.28", true, &der::sequence(&[]));
    let mut flipped = crl("ARK-Milan", SPAN, &[9], &[], &machine.ark);
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    for bad in [
        crl("ARK-Milan", SPAN, &[], &[], &machine.ask),
        crl("ARK-Genoa", SPAN, &[], &[], &machine.ark),
        crl("ARK-Milan", SPAN, &[], &strange, &machine.ark),
        flipped,
        vec![0x30; 100],
        vec![0; 70_000],
    ] {
        let shown = Shown { crls: vec![bad], ..shown.clone() };
        assert_eq!(shown.refusal(&roots), SnpRefusal::Crl);
    }
}

#[test]
fn a_policy_may_demand_a_list_that_is_in_force() {
    let machine = Machine::milan();
    let roots = machine.roots(SnpPolicy { crl_required: true, ..strict() });
    let shown = machine.shown();
    let with = |crls: Vec<Vec<u8>>| Shown { crls, ..shown.clone() };
    assert_eq!(shown.refusal(&roots), SnpRefusal::CrlMissing);
    let own = crl("SEV-Milan", SPAN, &[], &[], &machine.ask);
    assert_eq!(with(vec![own]).refusal(&roots), SnpRefusal::CrlMissing);
    for span in [["250101000000Z", "250201000000Z"], ["270101000000Z", "280101000000Z"]] {
        let late = crl("ARK-Milan", span, &[], &[], &machine.ark);
        assert_eq!(with(vec![late]).refusal(&roots), SnpRefusal::CrlExpired);
    }
    let soon = crl("ARK-Milan", ["261101000000Z", "261201000000Z"], &[], &[], &machine.ark);
    let guest = with(vec![soon]).verify(&roots).ok().unwrap();
    assert_eq!(guest.ends.rfc3339(), "2026-12-01T00:00:00Z");
    assert!(guest.ends > NOW);
}
