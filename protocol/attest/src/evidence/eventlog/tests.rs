//! Logs made here in both of TCG's forms, and genuine ones that lie beside the project.

use std::path::PathBuf;

use super::*;

/// A log in the newer form with SHA-256 and SHA-384.
fn log(events: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let mut spec = SPEC_ID.to_vec();
    spec.extend([0, 0, 0, 0, 0, 2, 0, 2]);
    spec.extend(2u32.to_le_bytes());
    spec.extend([0x0b, 0, 32, 0, 0x0c, 0, 48, 0, 0]);
    let mut log = old(0, EV_NO_ACTION, [0; 20], &spec);
    for (register, kind, data) in events {
        log.extend(register.to_le_bytes());
        log.extend(kind.to_le_bytes());
        log.extend(2u32.to_le_bytes());
        for (number, hash) in [(0x0bu16, &digest::SHA256), (0x0c, &digest::SHA384)] {
            log.extend(number.to_le_bytes());
            log.extend(digest::digest(hash, data).as_ref());
        }
        log.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        log.extend(*data);
    }
    log
}

fn old(register: u32, kind: u32, by: [u8; 20], data: &[u8]) -> Vec<u8> {
    let mut event = register.to_le_bytes().to_vec();
    event.extend(kind.to_le_bytes());
    event.extend(by);
    event.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    event.extend(data);
    event
}

fn extended(algorithm: Algorithm, start: &[u8], data: &[u8]) -> Vec<u8> {
    algorithm.extended(start, digest::digest(algorithm.hash(), data).as_ref())
}

#[test]
fn each_bank_is_replayed_in_order() {
    let bytes = log(&[(4, 13, b"a"), (4, 13, b"b"), (7, 1, b"c")]);
    let log = EventLog::parse(&bytes).unwrap();
    assert_eq!(log.events().len(), 3);
    for algorithm in [Algorithm::Sha256, Algorithm::Sha384] {
        let once = extended(algorithm, &vec![0; algorithm.bytes()], b"a");
        let twice = extended(algorithm, &once, b"b");
        let replayed = log.replay(algorithm).unwrap();
        assert_eq!(replayed[&4], twice);
        assert_eq!(replayed.len(), 2);
        log.explains_pcrs(algorithm, &replayed).unwrap();
        let swapped = [(4, replayed[&7].clone())].into();
        let refused = log.explains_pcrs(algorithm, &swapped);
        assert_eq!(refused, Err(EventLogRefusal::Unexplained));
    }
    assert_eq!(log.replay(Algorithm::Sha1), Err(EventLogRefusal::Algorithm));
}

#[test]
fn the_older_form_has_sha_1_only() {
    let mut bytes = old(0, 8, [1; 20], b"version");
    bytes.extend(old(0, 4, [2; 20], &[0; 4]));
    let log = EventLog::parse(&bytes).unwrap();
    let once = Algorithm::Sha1.extended(&[0; 20], &[1; 20]);
    let twice = Algorithm::Sha1.extended(&once, &[2; 20]);
    assert_eq!(log.replay(Algorithm::Sha1).unwrap(), [(0, twice)].into());
    assert_eq!(log.replay(Algorithm::Sha256), Err(EventLogRefusal::Algorithm));
}

#[test]
fn register_0_starts_at_the_locality_that_the_log_names() {
    let locality = [STARTUP_LOCALITY, &[3]].concat();
    let log = EventLog::parse(&log(&[(0, EV_NO_ACTION, &locality), (0, 8, b"v")])).unwrap();
    let mut start = [0; 32];
    start[31] = 3;
    let expected = extended(Algorithm::Sha256, &start, b"v");
    assert_eq!(log.replay(Algorithm::Sha256).unwrap()[&0], expected);
}

#[test]
fn padding_ends_a_log_and_nothing_else_may_follow() {
    let bytes = log(&[(1, 13, b"a")]);
    for padding in [0, 0xff] {
        let padded = [bytes.clone(), vec![padding; 100]].concat();
        assert_eq!(EventLog::parse(&padded), EventLog::parse(&bytes));
    }
    let odd = [bytes.clone(), vec![0xff; 12], vec![1]].concat();
    assert_eq!(EventLog::parse(&odd), Err(EventLogRefusal::Malformed));
    let other = EventLog::parse(&log(&[(24, 13, b"a")]));
    assert_eq!(other, Err(EventLogRefusal::Register));
    let long = EventLog::parse(&vec![0; LOG_BYTES_MAX + 1]);
    assert_eq!(long, Err(EventLogRefusal::TooLarge));
}

#[test]
fn no_log_can_be_cut_within_an_event() {
    let bytes = log(&[(1, 13, b"abc"), (2, 13, b"def")]);
    let whole = EventLog::parse(&bytes).unwrap();
    for end in 1..bytes.len() {
        if let Ok(log) = EventLog::parse(&bytes[..end]) {
            assert!(log.events().len() < whole.events().len(), "to {end}");
        }
    }
}

/// RTMRs of a domain whose log has one event.
#[test]
fn a_domain_s_registers_must_all_be_explained() {
    let bytes = log(&[(2, 13, b"a")]);
    let log = EventLog::parse(&bytes).unwrap();
    let zero = [0; 48];
    let rtmr1 = extended(Algorithm::Sha384, &zero, b"a");
    let explained = |rtmrs: [&[u8]; 4]| log.explains_rtmrs(&rtmrs);
    assert_eq!(explained([&zero, &rtmr1, &zero, &zero]), Ok(()));
    let unexplained = Err(EventLogRefusal::Unexplained);
    assert_eq!(explained([&rtmr1, &zero, &zero, &zero]), unexplained);
    assert_eq!(explained([&zero, &rtmr1, &zero, &[1; 48]]), unexplained);
}

/// Registers of genuine logs, as another program (Python's `hashlib`) replays them.
#[test]
fn genuine_logs_of_domains_are_replayed() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = folder.join("../../../shared/evidence/ccel/go-eventlog");
    let cases = [
        (
            "cos-113-intel-tdx-dupe-separator-unpadded.bin",
            43,
            "a4de2df23e9611299123ba4359c42a5e578b0f84",
        ),
        ("event_log.bin", 27, "f68df15175d7c810a6b35f1847ba318723b9de33"),
        ("CCEL_unpadded.data.bin", 19, "8083cd6898cc52a90231cdf9c0532bf9513c4046"),
    ];
    for (name, events, rtmr0) in cases {
        let Ok(bytes) = std::fs::read(folder.join(name)) else {
            eprintln!("skipped: no genuine evidence beside the project");
            return;
        };
        let log = EventLog::parse(&bytes).unwrap();
        assert_eq!(log.events().len(), events, "{name}");
        let register = log.replay(Algorithm::Sha384).unwrap()[&1].clone();
        let hex = autoclave_base::HexBytes::of(register).to_string();
        assert!(hex.starts_with(rtmr0), "{name}");
    }
}
