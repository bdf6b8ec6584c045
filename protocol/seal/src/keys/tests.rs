use super::*;
use crate::fixtures::rng;

fn keys() -> SealingKeys {
    SealingKeys::generate(&mut rng())
}

fn ids(keys: &SealingKeys) -> Vec<u8> {
    keys.public().iter().map(PublicSealingKey::key_id).collect()
}

#[test]
fn first_keys_have_the_ids_1_and_2() {
    let public = keys().public();
    assert_eq!((public[0].key_id(), public[0].kem()), (1, Kem::XWing));
    assert_eq!((public[1].key_id(), public[1].kem()), (2, Kem::X25519));
    assert_eq!(public[0].bytes().len(), Kem::XWing.public_key_bytes());
    assert_eq!(PublicSealingKey::best(&public), Some(&public[0]));
    assert_eq!(PublicSealingKey::best(&public[1..]), Some(&public[1]));
    assert_eq!(PublicSealingKey::best(&[]), None);
}

#[test]
fn the_list_is_what_ohttp_reads_and_writes() {
    let keys = keys();
    let list = keys.ohttp_keys();
    let configs: Vec<_> = keys.current.iter().map(|pair| pair.config.clone()).collect();
    assert_eq!(list, KeyConfig::encode_list(&configs).unwrap());
    assert_eq!(PublicSealingKey::list_from_ohttp_keys(&list).unwrap(), keys.public());
}

#[test]
fn rotation_keeps_one_generation() {
    let mut keys = keys();
    keys.rotate(&mut rng());
    assert_eq!(ids(&keys), [3, 4]);
    assert!(keys.find(1).is_some());
    keys.rotate(&mut rng());
    assert!(keys.find(1).is_none() && keys.find(3).is_some());
    keys.retire();
    assert!(keys.find(3).is_none() && keys.find(5).is_some());
}

#[test]
fn key_ids_come_round_without_zero() {
    let mut keys = SealingKeys { current: key_pairs(&mut rng(), 251), previous: Vec::new() };
    keys.rotate(&mut rng());
    assert_eq!(ids(&keys), [253, 254]);
    keys.rotate(&mut rng());
    assert_eq!(ids(&keys), [1, 2]);
}

#[test]
fn what_is_no_key_is_refused() {
    let refused = |kem, bytes: &[u8]| {
        assert_eq!(PublicSealingKey::from_parts(1, kem, bytes), Err(KeyRefusal::Malformed));
    };
    refused(Kem::X25519, &[1; 31]);
    refused(Kem::X25519, &[1; 33]);
    refused(Kem::XWing, &[1; 1215]);
    refused(Kem::XWing, &[0xff; 1216]);
    assert_eq!(KeyRefusal::Malformed.code(), "seal.key_malformed");
}

#[test]
fn lists_cut_anywhere_are_refused() {
    let list = keys().ohttp_keys();
    let first = 2 + 1 + 2 + Kem::XWing.public_key_bytes() + 2 + 4;
    for cut in (1..list.len()).filter(|cut| *cut != first) {
        let refusal = PublicSealingKey::list_from_ohttp_keys(&list[..cut]);
        assert_eq!(refusal, Err(KeyRefusal::List), "cut at {cut}");
    }
    assert_eq!(PublicSealingKey::list_from_ohttp_keys(&list[..first]).unwrap().len(), 1);
    assert_eq!(KeyRefusal::List.code(), "seal.key_list");
}

#[test]
fn unknown_mechanisms_and_suites_are_passed_over() {
    let read = |list: &[u8]| PublicSealingKey::list_from_ohttp_keys(list).unwrap();
    assert!(read(&[]).is_empty());
    assert!(read(&[0, 3, 7, 0x12, 0x34]).is_empty());
    let mut list = keys().ohttp_keys();
    *list.last_mut().unwrap() = 3;
    assert_eq!(read(&list).len(), 1);
}

#[test]
fn endless_lists_are_refused() {
    let list = [0, 3, 7, 0x12, 0x34].repeat(17);
    assert_eq!(PublicSealingKey::list_from_ohttp_keys(&list), Err(KeyRefusal::List));
}

#[test]
fn a_public_key_prints_its_id_only() {
    assert_eq!(format!("{:?}", keys().public()[0]), "PublicSealingKey(1 X-Wing)");
}
