//! The types of evidence that a session takes: ours, and the reports that Linux writes
//! (configfs-tsm), bare or in a conceptual message wrapper. Whoever answers a challenge
//! brings it; verifiers see the signed bytes, and nothing of the wrapping.

use autoclave_attest::evidence::{Evidence, TeeKind};
use autoclave_base::{HexBytes, b64};
use autoclave_cell::Refusal;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::trustee::{Bytes, MALFORMED, UNSUPPORTED};

/// Ours: `{"kind", "body"}`.
const OURS: &str = "application/vnd.autoclave.evidence+json";
/// What a kernel wrote below `/sys/kernel/config/tsm/report`, in JSON.
const TSM: &str = "application/vnd.veraison.configfs-tsm+json";
/// Either in a wrapper (draft-ietf-rats-msg-wrap): `[type, base64url, indicator?]`.
const CMW: &str = "application/cmw+json";

/// All of them.
pub(super) const MEDIA_TYPES: [&str; 3] = [OURS, TSM, CMW];

pub(super) fn is_known(kind: &str) -> bool {
    MEDIA_TYPES.iter().any(|known| is(kind, known))
}

/// Media types compare without case; their parameters say nothing here.
fn is(kind: &str, known: &str) -> bool {
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(known)
}

/// Reads evidence of a known type.
pub(super) fn read(kind: &str, body: &[u8]) -> Result<Evidence, Refusal> {
    if !is(kind, CMW) {
        return bare(kind, body);
    }
    let wrapper: Vec<Value> = serde_json::from_slice(body).map_err(|_| MALFORMED)?;
    match wrapper.as_slice() {
        [Value::String(kind), Value::String(value), ..] => {
            bare(kind, &b64::decode(value).map_err(|_| MALFORMED)?)
        }
        _ => Err(MALFORMED),
    }
}

fn bare(kind: &str, body: &[u8]) -> Result<Evidence, Refusal> {
    if is(kind, OURS) {
        serde_json::from_slice(body).map_err(|_| MALFORMED)
    } else if is(kind, TSM) {
        serde_json::from_slice::<Tsm>(body).map_err(|_| MALFORMED)?.evidence()
    } else {
        Err(UNSUPPORTED)
    }
}

#[derive(Deserialize)]
struct Tsm {
    provider: String,
    outblob: Bytes,
    auxblob: Option<Bytes>,
}

impl Tsm {
    fn evidence(&self) -> Result<Evidence, Refusal> {
        let report = b64::encode(self.outblob.of_base64()?);
        let of = |kind, body: Value| Ok(Evidence { kind, body: body.to_string() });
        match self.provider.trim() {
            "tdx_guest" => of(TeeKind::Tdx, json!({"quote": report})),
            "sev_guest" => {
                let table = self.auxblob.as_ref().map(Bytes::of_base64).transpose()?;
                let mut body = certificates(&table.unwrap_or_default());
                body.insert("report".to_owned(), json!(report));
                of(TeeKind::Snp, Value::Object(body))
            }
            _ => Err(UNSUPPORTED),
        }
    }
}

/// The entries of the certificate table that we know (AMD 56421, section 4.1.8.1), by their
/// GUIDs in the order of bytes that the table has.
const ENTRIES: [(&str, &str); 4] = [
    ("8d75da6364e66445adc5f4b93be8accd", "vek"),
    ("c24b07a85aa23e48aae639c045a0b8a1", "vek"),
    ("79b3b74aacbbe44fa02f05aef327c782", "ask"),
    ("a406b4c003a8524997433fb6014cd0ae", "ark"),
];

/// Entries of one table that are looked at.
const ENTRIES_MAX: usize = 16;

/// A table is 24 bytes an entry (GUID, offset, length) up to one of zeros, and the
/// certificates.
fn certificates(table: &[u8]) -> Map<String, Value> {
    let mut found = Map::new();
    for entry in table.chunks_exact(24).take(ENTRIES_MAX) {
        let (guid, place) = entry.split_at(16);
        if guid.iter().all(|byte| *byte == 0) {
            break;
        }
        let number = |bytes: &[u8]| {
            bytes.iter().rev().fold(0_usize, |all, byte| all << 8 | usize::from(*byte))
        };
        let (offset, length) = (number(&place[..4]), number(&place[4..]));
        let guid = HexBytes::of(guid).to_string();
        let name = ENTRIES.iter().find(|(known, _)| *known == guid).map(|(_, name)| *name);
        let bytes = offset.checked_add(length).and_then(|end| table.get(offset..end));
        if let (Some(name), Some(bytes)) = (name, bytes) {
            found.insert(name.to_owned(), json!(b64::encode(bytes)));
        }
    }
    found
}
