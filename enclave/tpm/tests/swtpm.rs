//! The commands against a real software TPM. `cargo xtask test tpm` runs them.

mod support;

use autoclave_base::Digest;
use autoclave_tpm::{FIRST_OURS, Tpm};
use support::Maker;

#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn registers_are_zero_after_a_start_and_extended_as_the_formula_says() {
    let mut machine = Maker::new().machine();
    let mut tpm = Tpm::open(&machine.device()).unwrap();
    assert_eq!(tpm.pcrs().unwrap()[FIRST_OURS..], [[0; 32]; 8]);
    let digest = Digest::of("event");
    tpm.extend(9, &digest).unwrap();
    let expected = Digest::of([&[0; 32][..], digest.bytes()].concat());
    assert_eq!(tpm.pcrs().unwrap()[9], *expected.bytes());
    drop(tpm);
    machine.reboot();
    assert_eq!(Tpm::open(&machine.device()).unwrap().pcrs().unwrap()[9], [0; 32]);
}

#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn the_keys_are_made_once_and_outlive_a_start() {
    let mut machine = Maker::new().machine();
    let mut tpm = Tpm::open(&machine.device()).unwrap();
    assert!(tpm.ak().unwrap().is_none());
    let made = tpm.ensure_ak().unwrap();
    assert_eq!(tpm.ensure_ak().unwrap(), made);
    let certificate = tpm.ek_certificate().unwrap();
    assert_eq!(certificate[..2], [0x30, 0x82]);
    drop(tpm);
    machine.reboot();
    let mut tpm = Tpm::open(&machine.device()).unwrap();
    assert_eq!(tpm.ak().unwrap().unwrap(), made);
    assert_eq!(tpm.ek_certificate().unwrap(), certificate);
}

/// Three slots would be full after three objects that somebody forgot.
#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn no_slot_stays_taken() {
    let machine = Maker::new().machine();
    let mut tpm = Tpm::open(&machine.device()).unwrap();
    tpm.ensure_ak().unwrap();
    for round in 0..5 {
        tpm.workload_secret().unwrap();
        assert!(tpm.activate(&blob(50), &blob(256)).is_err());
        let quote = tpm.quote(&[round; 32]).unwrap();
        assert!(quote.attest.windows(32).any(|part| part == [round; 32]));
    }
}

#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn the_secret_is_the_same_for_a_workload_and_another_for_another() {
    let mut machine = Maker::new().machine();
    let mut secret = |workload: &str, code: &str| {
        machine.reboot();
        let mut tpm = Tpm::open(&machine.device()).unwrap();
        tpm.extend(8, &Digest::of(code)).unwrap();
        tpm.extend(11, &Digest::of(workload)).unwrap();
        tpm.workload_secret().unwrap()
    };
    let first = secret("clinic", "one release");
    assert!(first.same_as(&secret("clinic", "the next release")));
    assert!(!first.same_as(&secret("broker", "one release")));
    let other = Maker::new().machine();
    let mut tpm = Tpm::open(&other.device()).unwrap();
    tpm.extend(11, &Digest::of("clinic")).unwrap();
    assert!(!first.same_as(&tpm.workload_secret().unwrap()));
}

/// Whoever comes second waits, and goes on when the first has gone.
#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn clients_at_once_are_served_in_turn() {
    let machine = Maker::new().machine();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| Tpm::open(&machine.device()).unwrap().pcrs().unwrap());
        }
    });
}

/// A `TPM2B` that opens for nobody.
fn blob(length: u16) -> Vec<u8> {
    [&length.to_be_bytes()[..], &vec![7; length.into()]].concat()
}

/// A power cut must not count as an attempt to guess: a TPM locks itself after some.
#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn a_machine_that_loses_power_often_still_attests() {
    let mut machine = Maker::new().machine();
    for round in 0..12 {
        let mut tpm = Tpm::open(&machine.device()).unwrap();
        tpm.ensure_ak().unwrap();
        tpm.quote(&[round; 32]).unwrap();
        tpm.workload_secret().unwrap();
        drop(tpm);
        machine.reboot();
    }
}

#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn memory_is_defined_written_and_read_as_the_owner() {
    const INDEX: u32 = 0x0140_0002;
    let machine = Maker::new().machine();
    let mut tpm = Tpm::open(&machine.device()).unwrap();
    assert_eq!(tpm.nv_area(INDEX, 2000).unwrap(), None);
    for fill in [1, 2] {
        tpm.nv_put(INDEX, &[fill; 1300]).unwrap();
        assert_eq!(tpm.nv_area(INDEX, 2000).unwrap().unwrap(), [fill; 1300]);
    }
    assert_eq!(tpm.nv_area(INDEX, 1299).unwrap_err().code(), "tpm.malformed");
    assert_eq!(tpm.maker().unwrap(), "IBM");
    assert_eq!(tpm.public(0x8100_0003).unwrap(), None);
}

/// Without our launcher the secret is that of what booted, whatever it is.
#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn another_kernel_or_command_line_gets_another_secret() {
    let mut machine = Maker::new().machine();
    let mut secret = |pcr: usize, what: &str| {
        machine.reboot();
        let mut tpm = Tpm::open(&machine.device()).unwrap();
        tpm.extend(pcr, &Digest::of(what)).unwrap();
        tpm.booted_secret().unwrap()
    };
    let first = secret(4, "kernel");
    assert!(first.same_as(&secret(4, "kernel")));
    for pcr in [4, 7, 8, 9, 11, 12] {
        assert!(!first.same_as(&secret(pcr, "other")), "{pcr}");
    }
}
