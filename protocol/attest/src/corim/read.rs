//! The document, taken apart: what stands there and is not of the profile makes the whole
//! of it refused, since a statement that is not understood might take another one back.

use std::collections::BTreeSet;

use autoclave_base::cbor::Value;
use autoclave_base::{HexBytes, UnixTime};

use super::key::Algorithm;
use super::{
    CONTENT_TYPE, Corim, CorimKey, CorimRefusal, PROFILE, REFERENCES_MAX, Reference, TAG_BYTES,
    TAG_COMID, TAG_CORIM, TAG_SIGN1, TAG_SVN, TAG_SVN_MIN, TAG_TIME, TAG_URI, signed,
};
use crate::evidence::TeeKind;

/// Longest name of anything.
const NAME_BYTES_MAX: usize = 128;
/// Digests by their number in the registry of named information: SHA-256, -384, -512.
const DIGESTS: [(u64, usize); 3] = [(1, 32), (7, 48), (8, 64)];

const MALFORMED: CorimRefusal = CorimRefusal::Malformed;
const PROFILED: CorimRefusal = CorimRefusal::Profile;

/// A `COSE_Sign1` whose head is understood.
pub(super) struct Message<'a> {
    protected: &'a [u8],
    pub(super) payload: &'a [u8],
    pub(super) signature: &'a [u8],
    pub(super) algorithm: Algorithm,
    key: Vec<u8>,
}

impl<'a> Message<'a> {
    pub(super) fn of(whole: &'a Value) -> Result<Self, CorimRefusal> {
        let parts = whole.tagged(TAG_SIGN1).and_then(Value::as_array).ok_or(MALFORMED)?;
        let [protected, unprotected, payload, signature] = parts else { return Err(MALFORMED) };
        let bytes = |value: &'a Value| value.as_bytes().ok_or(MALFORMED);
        let (protected, payload, signature) =
            (bytes(protected)?, bytes(payload)?, bytes(signature)?);
        unprotected.as_map().ok_or(MALFORMED)?;
        let head = Value::parse(protected).map_err(|_| MALFORMED)?;
        let algorithm = head.at(1).and_then(Value::as_int).ok_or(MALFORMED)?;
        let algorithm = Algorithm::of(algorithm).ok_or(CorimRefusal::Algorithm)?;
        // A head that marks something as critical asks for what is not known here.
        if head.at(2).is_some() || head.at(3).and_then(Value::as_text) != Some(CONTENT_TYPE) {
            return Err(MALFORMED);
        }
        let key = head.at(4).and_then(Value::as_bytes).ok_or(CorimRefusal::Signer)?.to_vec();
        Ok(Self { protected, payload, signature, algorithm, key })
    }

    /// The configured key that the head names, by its thumbprint: the 32 bytes of it, or its
    /// text in base64url.
    pub(super) fn signer<'k>(&self, keys: &'k [CorimKey]) -> Result<&'k CorimKey, CorimRefusal> {
        let named = |key: &&CorimKey| {
            let thumbprint = key.thumbprint();
            let text = autoclave_base::b64::encode(thumbprint.bytes());
            self.key == thumbprint.bytes() || self.key == text.as_bytes()
        };
        keys.iter().find(named).ok_or(CorimRefusal::Signer)
    }

    pub(super) fn signed(&self) -> Vec<u8> {
        signed(self.protected, self.payload)
    }
}

/// The members of a map; another one is not of the profile.
fn members<'a>(value: &'a Value, known: &[i64]) -> Result<&'a Value, CorimRefusal> {
    let pairs = value.as_map().ok_or(MALFORMED)?;
    let is_known = |(key, _): &(Value, Value)| key.as_int().is_some_and(|key| known.contains(&key));
    if pairs.iter().all(is_known) { Ok(value) } else { Err(PROFILED) }
}

/// Reads what was signed.
pub(super) fn corim(payload: &[u8]) -> Result<Corim, CorimRefusal> {
    let whole = Value::parse(payload).map_err(|_| MALFORMED)?;
    let map = members(whole.tagged(TAG_CORIM).ok_or(MALFORMED)?, &[0, 1, 3, 4, 5])?;
    let profile = map.at(3).and_then(|value| value.tagged(TAG_URI)).and_then(Value::as_text);
    if profile != Some(PROFILE) {
        return Err(PROFILED);
    }
    let validity = members(map.at(4).ok_or(PROFILED)?, &[0, 1])?;
    let not_before = validity.at(0).map_or(Ok(UnixTime::from_seconds(0)), time)?;
    let not_after = time(validity.at(1).ok_or(MALFORMED)?)?;
    let mut references = Vec::new();
    for tag in map.at(1).and_then(Value::as_array).ok_or(MALFORMED)? {
        let module = tag.tagged(TAG_COMID).and_then(Value::as_bytes).ok_or(PROFILED)?;
        comid(&Value::parse(module).map_err(|_| MALFORMED)?, &mut references)?;
    }
    let id = name(map.at(0).ok_or(MALFORMED)?)?;
    Ok(Corim { id, not_before, not_after, references })
}

fn time(value: &Value) -> Result<UnixTime, CorimRefusal> {
    let seconds = value.tagged(TAG_TIME).and_then(Value::as_uint);
    seconds.map(UnixTime::from_seconds).ok_or(MALFORMED)
}

fn name(value: &Value) -> Result<String, CorimRefusal> {
    let text = value.as_text().ok_or(MALFORMED)?;
    let sound = (1..=NAME_BYTES_MAX).contains(&text.len()) && text.chars().all(|c| !c.is_control());
    if sound { Ok(text.to_owned()) } else { Err(MALFORMED) }
}

/// A module: its reference triples, and no other kind of triple.
fn comid(module: &Value, into: &mut Vec<Reference>) -> Result<(), CorimRefusal> {
    let module = members(module, &[1, 2, 4])?;
    let triples = members(module.at(4).ok_or(MALFORMED)?, &[0])?;
    for triple in triples.at(0).and_then(Value::as_array).ok_or(MALFORMED)? {
        let [environment, measurements] = triple.as_array().ok_or(MALFORMED)? else {
            return Err(MALFORMED);
        };
        if into.len() == REFERENCES_MAX {
            return Err(CorimRefusal::TooLarge);
        }
        into.push(reference(environment, measurements)?);
    }
    Ok(())
}

fn reference(environment: &Value, measurements: &Value) -> Result<Reference, CorimRefusal> {
    let class = members(members(environment, &[0])?.at(0).ok_or(PROFILED)?, &[0, 1, 2])?;
    let text = |key| name(class.at(key).ok_or(PROFILED)?);
    let kind = class.at(0).and_then(|id| id.tagged(TAG_BYTES)).and_then(Value::as_bytes);
    let kind = kind.and_then(|kind| std::str::from_utf8(kind).ok()).ok_or(PROFILED)?;
    let kind: TeeKind = serde_json::from_value(kind.into()).map_err(|_| PROFILED)?;
    let mut made = Reference {
        kind,
        vendor: text(1)?,
        model: text(2)?,
        version: None,
        measurements: Vec::new(),
        svn_min: None,
    };
    for measurement in measurements.as_array().ok_or(MALFORMED)? {
        let measurement = members(measurement, &[0, 1])?;
        let key = name(measurement.at(0).ok_or(PROFILED)?)?;
        values(key, members(measurement.at(1).ok_or(MALFORMED)?, &[0, 1, 2])?, &mut made)?;
    }
    if made.measurements.is_empty() { Err(PROFILED) } else { Ok(made) }
}

/// Digests of one register; version and security version stand beside any of them, once.
fn values(key: String, values: &Value, made: &mut Reference) -> Result<(), CorimRefusal> {
    if let Some(version) = values.at(0) {
        let version = name(members(version, &[0, 1])?.at(0).ok_or(MALFORMED)?)?;
        if made.version.replace(version).is_some() {
            return Err(PROFILED);
        }
    }
    if let Some(svn) = values.at(1) {
        // An exact version would refuse a later one, which this profile never means.
        if svn.tagged(TAG_SVN).is_some() || made.svn_min.replace(svn_min(svn)?).is_some() {
            return Err(PROFILED);
        }
    }
    let digests = values.at(2).and_then(Value::as_array).ok_or(PROFILED)?;
    let accepted = digests.iter().map(digest).collect::<Result<BTreeSet<_>, _>>()?;
    if accepted.is_empty() || made.measurements.iter().any(|(known, _)| *known == key) {
        return Err(PROFILED);
    }
    made.measurements.push((key, accepted));
    Ok(())
}

fn svn_min(value: &Value) -> Result<u32, CorimRefusal> {
    let number = value.tagged(TAG_SVN_MIN).and_then(Value::as_uint).ok_or(PROFILED)?;
    u32::try_from(number).map_err(|_| MALFORMED)
}

fn digest(value: &Value) -> Result<HexBytes, CorimRefusal> {
    let [algorithm, bytes] = value.as_array().ok_or(MALFORMED)? else { return Err(MALFORMED) };
    let (algorithm, bytes) =
        (algorithm.as_uint().ok_or(PROFILED)?, bytes.as_bytes().ok_or(MALFORMED)?);
    if DIGESTS.contains(&(algorithm, bytes.len())) { Ok(bytes.into()) } else { Err(PROFILED) }
}
