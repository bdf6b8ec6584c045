use super::*;
use crate::fixtures::rng;

const INFO: &[u8] = b"autoclave key release v1";
const AAD: &[u8] = b"model/brain-mri";

fn wrapped(keys: &SealingKeys, at: usize) -> Wrapped {
    wrap(&mut rng(), &keys.public()[at], INFO, AAD, &[5; 32]).unwrap()
}

fn keys() -> SealingKeys {
    SealingKeys::generate(&mut rng())
}

fn code(result: Result<Secret<Vec<u8>>, UnwrapRefusal>) -> &'static str {
    result.err().unwrap().code()
}

#[test]
fn both_mechanisms_make_the_round_trip() {
    let keys = keys();
    for at in [0, 1] {
        let wrapped = wrapped(&keys, at);
        let json = serde_json::to_string(&wrapped).unwrap();
        let wrapped = serde_json::from_str(&json).unwrap();
        assert_eq!(*keys.unwrap(&wrapped, INFO, AAD).unwrap().expose(), [5; 32]);
    }
}

#[test]
fn another_purpose_or_belonging_does_not_open() {
    let keys = keys();
    for at in [0, 1] {
        let wrapped = wrapped(&keys, at);
        assert_eq!(code(keys.unwrap(&wrapped, b"other", AAD)), "wrap.broken");
        assert_eq!(code(keys.unwrap(&wrapped, INFO, b"other")), "wrap.broken");
        assert_eq!(code(keys.unwrap(&wrapped, b"", AAD)), "wrap.broken");
    }
}

#[test]
fn another_key_does_not_open() {
    let (mine, other) = (keys(), keys());
    for at in [0, 1] {
        let mut wrapped = wrapped(&mine, at);
        assert_eq!(code(other.unwrap(&wrapped, INFO, AAD)), "wrap.broken");
        wrapped.key_id = 9;
        assert_eq!(code(mine.unwrap(&wrapped, INFO, AAD)), "wrap.key_unknown");
        wrapped.key_id = u8::from(at == 0) + 1;
        assert_eq!(code(mine.unwrap(&wrapped, INFO, AAD)), "wrap.broken");
    }
}

#[test]
fn altered_or_cut_secrets_do_not_open() {
    let keys = keys();
    let whole = wrapped(&keys, 1);
    for at in 0..whole.ct.len() {
        let mut altered = whole.clone();
        altered.ct[at] ^= 1;
        assert_eq!(code(keys.unwrap(&altered, INFO, AAD)), "wrap.broken");
        altered.ct.truncate(at);
        assert_eq!(code(keys.unwrap(&altered, INFO, AAD)), "wrap.broken");
    }
    for at in 0..whole.enc.len() {
        let mut altered = whole.clone();
        altered.enc[at] ^= 1;
        assert_eq!(code(keys.unwrap(&altered, INFO, AAD)), "wrap.broken");
        altered.enc.truncate(at);
        assert_eq!(code(keys.unwrap(&altered, INFO, AAD)), "wrap.broken");
    }
}

#[test]
fn what_cannot_be_wrapped_is_refused() {
    let to = &keys().public()[1];
    let wrap = |to, info: &[u8], bytes| wrap(&mut rng(), to, info, AAD, &vec![0; bytes]);
    assert!(wrap(to, INFO, SECRET_BYTES_MAX).is_ok());
    assert_eq!(wrap(to, INFO, SECRET_BYTES_MAX + 1).unwrap_err().code(), "wrap.too_long");
    assert_eq!(wrap(to, b"message/bhttp request", 1).unwrap_err().code(), "wrap.info");
    let low_order = PublicSealingKey::from_parts(2, Kem::X25519, &[0; 32]).unwrap();
    assert_eq!(wrap(&low_order, INFO, 1).unwrap_err().code(), "wrap.key_invalid");
}

#[test]
fn unknown_members_are_refused() {
    let json = r#"{"key_id":1,"enc":"AA","ct":"AA","alg":"none"}"#;
    assert!(serde_json::from_str::<Wrapped>(json).is_err());
}
