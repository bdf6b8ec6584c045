//! Our own releases as reference values that others can read: one module for each release
//! of a manifest, one triple for each kind of TEE that it may run in.

use autoclave_base::cbor::Value;
use autoclave_base::{HexBytes, UnixTime};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};

use super::key::Algorithm;
use super::{
    CONTENT_TYPE, Corim, PROFILE, Reference, TAG_BYTES, TAG_COMID, TAG_CORIM, TAG_SIGN1,
    TAG_SVN_MIN, TAG_TIME, TAG_URI, WHOLE, signed,
};
use crate::jwk::Jwk;
use crate::release::Manifest;

/// Whose releases they are.
const VENDOR: &str = "autoclave.health";

impl Corim {
    /// What `manifest` says, as reference values: the measurement over all that was measured.
    pub fn of_manifest(manifest: &Manifest) -> Self {
        let references = manifest.workloads.iter().flat_map(|release| {
            release.kinds.iter().map(|kind| Reference {
                kind: *kind,
                vendor: VENDOR.to_owned(),
                model: release.name.to_string(),
                version: Some(release.version.clone()),
                measurements: vec![(
                    WHOLE.to_owned(),
                    [HexBytes::of(release.measurement.bytes())].into(),
                )],
                svn_min: Some(release.svn),
            })
        });
        Self {
            id: format!("{}/{}", manifest.iss, manifest.serial),
            not_before: manifest.iat,
            not_after: manifest.exp,
            references: references.collect(),
        }
    }
}

/// Signs reference values with ES256 in the name of `signer`.
pub fn sign(corim: &Corim, signer: &str, key: &SigningKey) -> Vec<u8> {
    let payload = payload(corim).to_bytes();
    let kid = Jwk::signing(key.verifying_key()).thumbprint().digest();
    let meta = Value::map([(0, Value::map([(0, Value::text(signer))]))]).to_bytes();
    let protected = Value::map([
        (1, Value::int(Algorithm::Es256.number())),
        (3, Value::text(CONTENT_TYPE)),
        (4, Value::bytes(*kid.bytes())),
        (8, Value::bytes(meta)),
    ]);
    let protected = protected.to_bytes();
    let signature: Signature = key.sign(&signed(&protected, &payload));
    let parts = vec![
        Value::bytes(protected),
        Value::Map(Vec::new()),
        Value::bytes(payload),
        Value::bytes(signature.to_bytes().to_vec()),
    ];
    Value::tag(TAG_SIGN1, Value::Array(parts)).to_bytes()
}

fn payload(corim: &Corim) -> Value {
    let triples = Value::Array(corim.references.iter().map(triple).collect());
    let module = Value::map([
        (1, Value::map([(0, Value::text(&corim.id))])),
        (4, Value::map([(0, triples)])),
    ]);
    let module = Value::tag(TAG_COMID, Value::bytes(module.to_bytes()));
    let validity = Value::map([(0, time(corim.not_before)), (1, time(corim.not_after))]);
    Value::tag(
        TAG_CORIM,
        Value::map([
            (0, Value::text(&corim.id)),
            (1, Value::Array(vec![module])),
            (3, Value::tag(TAG_URI, Value::text(PROFILE))),
            (4, validity),
        ]),
    )
}

fn time(time: UnixTime) -> Value {
    Value::tag(TAG_TIME, Value::Uint(time.seconds()))
}

fn triple(reference: &Reference) -> Value {
    let class = Value::map([
        (0, Value::tag(TAG_BYTES, Value::bytes(reference.kind.as_str().as_bytes()))),
        (1, Value::text(&reference.vendor)),
        (2, Value::text(&reference.model)),
    ]);
    let measurements = reference.measurements.iter().enumerate();
    let measurements = measurements.map(|(at, (name, accepted))| {
        let mut values = Vec::new();
        if at == 0 {
            let version = reference
                .version
                .as_ref()
                .map(|version| (Value::int(0), Value::map([(0, Value::text(version))])));
            values.extend(version);
            let svn = reference
                .svn_min
                .map(|svn| (Value::int(1), Value::tag(TAG_SVN_MIN, Value::Uint(svn.into()))));
            values.extend(svn);
        }
        values.push((Value::int(2), Value::Array(accepted.iter().map(digest).collect())));
        Value::map([(0, Value::text(name)), (1, Value::Map(values))])
    });
    Value::Array(vec![Value::map([(0, class)]), Value::Array(measurements.collect())])
}

fn digest(bytes: &HexBytes) -> Value {
    let algorithm = match bytes.bytes().len() {
        48 => 7,
        64 => 8,
        _ => 1,
    };
    Value::Array(vec![Value::Uint(algorithm), Value::bytes(bytes.bytes())])
}
