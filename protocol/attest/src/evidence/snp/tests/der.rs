//! Certificates and lists of revoked ones as AMD makes them, written by hand under keys that
//! these tests alone trust.

use ring::rand::SystemRandom;
use ring::signature::{RSA_PSS_SHA384, RsaKeyPair};
use x509_cert::der::asn1::ObjectIdentifier;

/// AMD's identifier of RSA-PSS with SHA-384, as newer certificates write it.
const PSS: &str = "304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a\
                   06092a864886f70d010108300d06096086480165030402020500a203020130";

pub(in crate::evidence) fn tlv(tag: u8, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    let head = match value.len() {
        0..=0x7f => vec![tag, length[1]],
        0x80..=0xff => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [head.as_slice(), value].concat()
}

pub(in crate::evidence) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, parts.concat())
}

pub(in crate::evidence) fn oid(text: &str) -> Vec<u8> {
    tlv(0x06, ObjectIdentifier::new_unwrap(text).as_bytes())
}

pub(in crate::evidence) fn number(value: u8) -> Vec<u8> {
    if value < 0x80 { vec![2, 1, value] } else { vec![2, 2, 0, value] }
}

pub(in crate::evidence) fn name(common: &str) -> Vec<u8> {
    let attribute = sequence(&[&oid("2.5.4.3"), &tlv(0x0c, common)]);
    sequence(&[&tlv(0x31, attribute)])
}

pub(in crate::evidence) fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    sequence(&[&oid(id), flag, &tlv(0x04, value)])
}

/// Extensions of an authority.
pub(in crate::evidence) fn authority() -> Vec<u8> {
    let basic = extension("2.5.29.19", true, &sequence(&[&[1, 1, 0xff]]));
    [basic, extension("2.5.29.15", true, &[3, 2, 1, 6])].concat()
}

pub(in crate::evidence) fn pss() -> Vec<u8> {
    let digits: Vec<u8> = PSS.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |one: u8| u8::try_from((one as char).to_digit(16).unwrap()).unwrap();
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// An RSA key of these tests.
pub(in crate::evidence) fn rsa(file: &str) -> RsaKeyPair {
    let path = format!("{}/vectors/snp/{file}.der", env!("CARGO_MANIFEST_DIR"));
    RsaKeyPair::from_der(&std::fs::read(path).unwrap()).unwrap()
}

pub(in crate::evidence) fn rsa_key(key: &RsaKeyPair) -> Vec<u8> {
    let algorithm = sequence(&[&oid("1.2.840.113549.1.1.1"), &[5, 0]]);
    let bits = [[0].as_slice(), key.public().as_ref()].concat();
    sequence(&[&algorithm, &tlv(0x03, bits)])
}

pub(in crate::evidence) fn p384_key(point: &[u8]) -> Vec<u8> {
    let algorithm = sequence(&[&oid("1.2.840.10045.2.1"), &oid("1.3.132.0.34")]);
    sequence(&[&algorithm, &tlv(0x03, [[0].as_slice(), point].concat())])
}

/// What a certificate says.
#[derive(Clone)]
pub(in crate::evidence) struct Says {
    pub(in crate::evidence) serial: u8,
    pub(in crate::evidence) issuer: String,
    pub(in crate::evidence) subject: String,
    pub(in crate::evidence) from: &'static str,
    pub(in crate::evidence) until: &'static str,
    pub(in crate::evidence) key: Vec<u8>,
    pub(in crate::evidence) extensions: Vec<u8>,
}

impl Says {
    /// Signed by `key`.
    pub(in crate::evidence) fn sign(&self, key: &RsaKeyPair) -> Vec<u8> {
        let (from, until) = (tlv(0x17, self.from), tlv(0x17, self.until));
        let signed = sequence(&[
            &tlv(0xa0, number(2)),
            &number(self.serial),
            &pss(),
            &name(&self.issuer),
            &sequence(&[&from, &until]),
            &name(&self.subject),
            &self.key,
            &tlv(0xa3, sequence(&[&self.extensions])),
        ]);
        wrap(&signed, key)
    }
}

/// A list of revoked serial numbers.
pub(in crate::evidence) fn crl(
    issuer: &str,
    [from, until]: [&str; 2],
    revoked: &[u8],
    extensions: &[u8],
    key: &RsaKeyPair,
) -> Vec<u8> {
    let date = tlv(0x17, from);
    let entries: Vec<Vec<u8>> =
        revoked.iter().map(|serial| sequence(&[&number(*serial), &date])).collect();
    let entries = if entries.is_empty() { Vec::new() } else { tlv(0x30, entries.concat()) };
    let extensions =
        if extensions.is_empty() { Vec::new() } else { tlv(0xa0, sequence(&[extensions])) };
    let until = tlv(0x17, until);
    let signed =
        sequence(&[&number(1), &pss(), &name(issuer), &date, &until, &entries, &extensions]);
    wrap(&signed, key)
}

fn wrap(signed: &[u8], key: &RsaKeyPair) -> Vec<u8> {
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PSS_SHA384, &SystemRandom::new(), signed, &mut signature).unwrap();
    sequence(&[signed, &pss(), &tlv(0x03, [[0].as_slice(), &signature].concat())])
}
