use p256::elliptic_curve::Generate as _;
use x509_cert::Certificate as X509;
use x509_cert::der::Decode as _;

use super::*;
use crate::Entropy;

#[test]
fn lengths_are_written_as_der_asks() {
    assert_eq!(utf8_string(""), [0x0c, 0]);
    assert_eq!(utf8_string("ab"), [0x0c, 2, b'a', b'b']);
    assert_eq!(utf8_string(&"a".repeat(0x7f))[..2], [0x0c, 0x7f]);
    assert_eq!(utf8_string(&"a".repeat(0x80))[..3], [0x0c, 0x81, 0x80]);
    assert_eq!(utf8_string(&"a".repeat(0x1234))[..4], [0x0c, 0x82, 0x12, 0x34]);
}

#[test]
fn the_certificate_is_for_the_signing_key() {
    let key = SigningKey::generate_from_rng(&mut Entropy);
    let certified = certified("toy", &key, None).unwrap();
    let certificate = X509::from_der(&certified.cert[0]).unwrap();
    let point = key.verifying_key().to_sec1_point(false);
    let shown = certificate.tbs_certificate().subject_public_key_info();
    assert_eq!(shown.subject_public_key.raw_bytes(), point.as_bytes());
}

#[test]
fn before_the_first_token_there_is_no_certificate() {
    assert!(Certificate::default().0.read().unwrap().is_none());
}
