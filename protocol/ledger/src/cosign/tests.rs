use super::*;
use crate::checkpoint::tests::signer;
use crate::hash::Hash;

/// A witness that tests of this crate share.
pub(crate) fn witness(name: &str, seed: u8) -> WitnessSigner {
    WitnessSigner::new(name, SigningKey::from_bytes(&[seed; 32])).unwrap()
}

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

/// The note that two of three witnesses have cosigned.
fn cosigned() -> (LogKey, String, [WitnessSigner; 3]) {
    let log = signer("example.com/log");
    let note = log.sign(3, &Hash::of_nothing());
    let witnesses =
        [witness("w.example/1", 1), witness("w.example/2", 2), witness("w.example/3", 3)];
    let lines: String = witnesses[..2]
        .iter()
        .map(|witness| witness.cosign(&note, log.public(), at(1_679_315_147)).unwrap())
        .collect();
    (log.public().clone(), with_lines(&note, &lines).unwrap(), witnesses)
}

#[test]
fn a_quorum_is_counted_by_witness() {
    let (log, note, witnesses) = cosigned();
    let keys: Vec<_> = witnesses.iter().map(|witness| witness.public().clone()).collect();
    let (checkpoint, found) = open(&note, &log, &keys, 2).unwrap();
    assert_eq!((checkpoint.size(), found.len()), (3, 2));
    assert_eq!(found[0].time, at(1_679_315_147));
    let refusal = open(&note, &log, &keys, 3).unwrap_err();
    assert_eq!(refusal, CosignRefusal::Few { found: 2, required: 3 });
    assert_eq!(refusal.code(), "ledger.cosignatures_few");
    let twice = [keys[0].clone(), keys[0].clone(), keys[2].clone()];
    assert!(open(&note, &log, &twice, 2).is_err());
}

#[test]
fn the_message_and_the_key_are_those_of_the_specification() {
    let key = witness("w.example/1", 1);
    let text = key.public().to_string();
    assert_eq!(text.parse::<WitnessKey>().unwrap(), *key.public());
    assert!(text.parse::<LogKey>().is_err());
    assert!(signer("example.com/log").public().to_string().parse::<WitnessKey>().is_err());
    assert_eq!(message(at(7), "o\n1\nr\n"), "cosignature/v1\ntime 7\no\n1\nr\n");
    let blob = key.public().key.to_bytes();
    let id = sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(
        [b"w.example/1\n\x04", &blob[..]].concat(),
    ));
    assert_eq!(key.public().id(), id[..4]);
}

#[test]
fn every_altered_byte_of_a_cosignature_is_noticed() {
    let (log, note, witnesses) = cosigned();
    let keys = [witnesses[0].public().clone()];
    let line = note.lines().find(|line| line.starts_with("— w.example/1")).unwrap();
    let (name, blob) = line.rsplit_once(' ').unwrap();
    let blob = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, blob).unwrap();
    for at in 0..blob.len() {
        let mut other = blob.clone();
        other[at] ^= 1;
        let other = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, other);
        let note = note.replace(line, &format!("{name} {other}"));
        assert!(open(&note, &log, &keys, 1).is_err(), "byte {at}");
    }
}

#[test]
fn a_witness_cosigns_nothing_that_the_log_did_not_sign() {
    let (other, key) = (signer("example.com/other"), signer("example.com/log"));
    let note = other.sign(3, &Hash::of_nothing());
    assert!(witness("w", 1).cosign(&note, key.public(), at(1)).is_err());
}
