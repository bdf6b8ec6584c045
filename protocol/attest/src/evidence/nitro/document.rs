//! The attestation document (AWS, "Verifying the root of trust"): CBOR in a `COSE_Sign1`
//! (RFC 9052) of one algorithm. Every field is read within the bounds that AWS gives; a
//! field that is not known here refuses the document.

use std::collections::BTreeMap;

use autoclave_base::cbor::Value;

use super::NitroRefusal;

/// Longest document that is looked at: genuine ones have 4 to 6 KiB, AWS's own bound is 16.
const DOCUMENT_BYTES_MAX: usize = 16 * 1024;
/// `{1: -35}`: ES384, the only protected header that there is.
const PROTECTED_ES384: [u8; 4] = [0xa1, 0x01, 0x38, 0x22];
/// `COSE_Sign1`'s tag, which AWS leaves out.
const TAG_SIGN1: u64 = 18;
/// r and s of P-384.
const SIGNATURE_BYTES: usize = 96;
/// SHA-384.
const PCR_BYTES: usize = 48;
const PCRS_MAX: usize = 32;
/// Longest name of a module, in bytes.
const MODULE_BYTES_MAX: usize = 256;
const CERTIFICATE_BYTES_MAX: usize = 1024;
/// Certificates above the leaf; genuine ones have four.
const BUNDLE_MAX: usize = 8;
/// Longest bytes that an enclave may hand in.
const HANDED_IN_BYTES_MAX: usize = 1024;
const FIELDS: [&str; 9] = [
    "module_id",
    "digest",
    "timestamp",
    "pcrs",
    "certificate",
    "cabundle",
    "public_key",
    "user_data",
    "nonce",
];

/// A document whose form is checked, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Name of the enclave's security module.
    pub module_id: String,
    /// When it was signed (milliseconds since 1970).
    pub timestamp_ms: u64,
    /// The registers by their numbers.
    pub pcrs: BTreeMap<u8, Vec<u8>>,
    /// The certificate of the module's key (DER).
    pub certificate: Vec<u8>,
    /// The certificates above it, the root first.
    pub bundle: Vec<Vec<u8>>,
    /// A key that the enclave handed in.
    pub public_key: Option<Vec<u8>>,
    /// Bytes that the enclave handed in.
    pub user_data: Option<Vec<u8>>,
    /// A nonce that the enclave handed in.
    pub nonce: Option<Vec<u8>>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl Document {
    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, NitroRefusal> {
        if bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(NitroRefusal::Document);
        }
        let outer = Value::parse(bytes).map_err(|_| NitroRefusal::Document)?;
        let outer = outer.tagged(TAG_SIGN1).unwrap_or(&outer);
        let Some([Value::Bytes(protected), Value::Map(unprotected), payload, signature]) =
            outer.as_array()
        else {
            return Err(NitroRefusal::Document);
        };
        if *protected != PROTECTED_ES384 || !unprotected.is_empty() {
            return Err(NitroRefusal::Algorithm);
        }
        let signature = bounded(signature, SIGNATURE_BYTES).ok_or(NitroRefusal::Document)?;
        if signature.len() != SIGNATURE_BYTES {
            return Err(NitroRefusal::Document);
        }
        let payload = payload.as_bytes().ok_or(NitroRefusal::Document)?;
        Self::of(payload, signature).ok_or(NitroRefusal::Document)
    }

    fn of(payload: &[u8], signature: Vec<u8>) -> Option<Self> {
        let fields = Value::parse(payload).ok()?;
        let names = fields.as_map()?.iter().map(|(name, _)| name.as_text());
        if !names.into_iter().all(|name| name.is_some_and(|name| FIELDS.contains(&name))) {
            return None;
        }
        let module_id = fields.named("module_id")?.as_text()?;
        let sized = (1..=MODULE_BYTES_MAX).contains(&module_id.len());
        (sized && fields.named("digest")?.as_text()? == "SHA384").then_some(())?;
        Some(Self {
            module_id: module_id.to_owned(),
            timestamp_ms: fields.named("timestamp")?.as_uint().filter(|time| *time > 0)?,
            pcrs: pcrs(fields.named("pcrs")?)?,
            certificate: bounded(fields.named("certificate")?, CERTIFICATE_BYTES_MAX)?,
            bundle: bundle(fields.named("cabundle")?)?,
            public_key: handed_in(&fields, "public_key")?,
            user_data: handed_in(&fields, "user_data")?,
            nonce: handed_in(&fields, "nonce")?,
            payload: payload.to_vec(),
            signature,
        })
    }

    /// What the signature is over: `Sig_structure` of RFC 9052, section 4.4.
    pub fn signed(&self) -> Vec<u8> {
        Value::Array(vec![
            Value::Text("Signature1".to_owned()),
            Value::Bytes(PROTECTED_ES384.to_vec()),
            Value::Bytes(Vec::new()),
            Value::Bytes(self.payload.clone()),
        ])
        .to_bytes()
    }

    /// The signature: r and s.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Whether the host may look inside: then the registers of image, kernel and
    /// application are zero. One that is missing counts as zero.
    pub fn is_debug(&self) -> bool {
        let zero = |pcr: &Vec<u8>| pcr.iter().all(|byte| *byte == 0);
        (0..=2).any(|index| self.pcrs.get(&index).is_none_or(zero))
    }
}

fn bounded(value: &Value, max: usize) -> Option<Vec<u8>> {
    value.as_bytes().filter(|bytes| (1..=max).contains(&bytes.len())).map(<[u8]>::to_vec)
}

fn pcrs(value: &Value) -> Option<BTreeMap<u8, Vec<u8>>> {
    let pairs = value.as_map().filter(|pairs| (1..=PCRS_MAX).contains(&pairs.len()))?;
    let pcr = |(index, value): &(Value, Value)| {
        let index = u8::try_from(index.as_uint()?).ok()?;
        let value = bounded(value, PCR_BYTES).filter(|value| value.len() == PCR_BYTES)?;
        (usize::from(index) < PCRS_MAX).then_some((index, value))
    };
    let all: BTreeMap<u8, Vec<u8>> = pairs.iter().map(pcr).collect::<Option<_>>()?;
    // One number in two spellings would be one register with two values.
    (all.len() == pairs.len()).then_some(all)
}

fn bundle(value: &Value) -> Option<Vec<Vec<u8>>> {
    let items = value.as_array().filter(|items| (1..=BUNDLE_MAX).contains(&items.len()))?;
    items.iter().map(|item| bounded(item, CERTIFICATE_BYTES_MAX)).collect()
}

/// What is absent, null or empty was not handed in.
#[expect(clippy::option_option, reason = "malformed, absent, there")]
fn handed_in(fields: &Value, name: &str) -> Option<Option<Vec<u8>>> {
    match fields.named(name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::Bytes(bytes)) if bytes.is_empty() => Some(None),
        Some(value) => bounded(value, HANDED_IN_BYTES_MAX).map(Some),
    }
}
