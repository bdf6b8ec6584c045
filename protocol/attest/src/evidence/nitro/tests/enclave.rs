//! A made-up security module under a made-up root, which these tests alone trust.

use autoclave_base::cbor::Value;
use autoclave_base::{Digest, UnixTime};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P384_SHA384, SerialNumber, date_time_ymd,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};

use super::super::*;

/// 2026-11-20.
pub(super) const NOW: UnixTime = UnixTime::from_seconds(1_795_132_800);

/// Everything that a document says, to be changed before it is signed.
pub(super) struct Enclave {
    pub(super) root: CertifiedIssuer<'static, KeyPair>,
    pub(super) zone: CertifiedIssuer<'static, KeyPair>,
    pub(super) leaf: Vec<u8>,
    pub(super) key: KeyPair,
    pub(super) protected: Vec<u8>,
    pub(super) unprotected: Vec<(Value, Value)>,
    pub(super) fields: Vec<(Value, Value)>,
}

pub(super) fn params(name: &str, authority: bool) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 11, 1);
    params.not_after = date_time_ymd(2026, 12, 1);
    params.serial_number = Some(SerialNumber::from(7_u64));
    if authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    } else {
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    }
    params
}

pub(super) fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap()
}

impl Enclave {
    pub(super) fn new() -> Self {
        let root = CertifiedIssuer::self_signed(params("root", true), key()).unwrap();
        let zone = CertifiedIssuer::signed_by(params("zone", true), key(), &root).unwrap();
        let key = key();
        let leaf = params("module", false).signed_by(&key, &zone).unwrap().der().to_vec();
        let pcrs = (0..16).map(|index| {
            let value = if index < 3 { vec![index + 1; 48] } else { vec![0; 48] };
            (Value::Uint(index.into()), Value::Bytes(value))
        });
        let fields = vec![
            ("module_id", Value::text("i-1234-enc5678")),
            ("digest", Value::text("SHA384")),
            ("timestamp", Value::Uint(NOW.seconds() * 1000)),
            ("pcrs", Value::Map(pcrs.collect())),
            ("certificate", Value::bytes(leaf.clone())),
            (
                "cabundle",
                Value::Array(vec![
                    Value::bytes(root.der().to_vec()),
                    Value::bytes(zone.der().to_vec()),
                ]),
            ),
            ("public_key", Value::Null),
            ("user_data", Value::bytes([7; 64])),
            ("nonce", Value::Null),
        ];
        let fields = fields.into_iter().map(|(name, value)| (Value::text(name), value)).collect();
        let protected = vec![0xa1, 0x01, 0x38, 0x22];
        Self { root, zone, leaf, key, protected, unprotected: Vec::new(), fields }
    }

    pub(super) fn verifier(&self) -> NitroVerifier {
        NitroVerifier::under(Digest::of(self.root.der()))
    }

    /// The same with another value under a name.
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.set(name, value);
        self
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        let field = self.fields.iter_mut().find(|(found, _)| found.as_text() == Some(name));
        field.unwrap().1 = value;
    }

    pub(super) fn document(&self) -> Vec<u8> {
        let payload = Value::Map(self.fields.clone()).to_bytes();
        let signed = Value::Array(vec![
            Value::text("Signature1"),
            Value::bytes(self.protected.clone()),
            Value::bytes([]),
            Value::bytes(payload.clone()),
        ])
        .to_bytes();
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P384_SHA384_FIXED_SIGNING,
            self.key.serialized_der(),
            &random,
        );
        let signature = key.unwrap().sign(&random, &signed).unwrap();
        Value::Array(vec![
            Value::bytes(self.protected.clone()),
            Value::Map(self.unprotected.clone()),
            Value::bytes(payload),
            Value::bytes(signature.as_ref()),
        ])
        .to_bytes()
    }

    /// Why it is refused now.
    pub(super) fn refusal(&self) -> crate::evidence::EvidenceRefusal {
        self.verifier().verify_document(&self.document(), NOW).unwrap_err()
    }
}
