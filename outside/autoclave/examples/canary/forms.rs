//! A marker in all the forms in which it could appear, and the search for them.
//! It belongs to the test.
//! A form that is not listed here is not found: compression and encryption hide a marker.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use autoclave_base::b64;

/// Bytes of a form's beginning that are looked up in a table before anything is compared.
const PREFIX_BYTES: usize = 3;

/// A text that is planted, under the name of what it stands for.
#[derive(Clone)]
pub(crate) struct Marker {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// One form of a marker.
struct Needle {
    marker: usize,
    form: &'static str,
    bytes: Vec<u8>,
}

/// Something that was found: the marker's name and the form.
pub(crate) type Found = BTreeSet<(&'static str, &'static str)>;

/// All forms of all markers, ready to be searched for.
pub(crate) struct Needles {
    names: Vec<&'static str>,
    all: Vec<Needle>,
    prefixes: Vec<bool>,
}

/// Every form of some bytes.
pub(crate) fn forms(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = vec![("raw", bytes.to_vec())];
    for (shift, form) in ["base64", "base64 shifted by 1", "base64 shifted by 2"].iter().enumerate()
    {
        let url = base64_at(bytes, shift);
        let standard = url.iter().map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        });
        forms.push((form, standard.collect()));
        forms.push((form, url));
    }
    let plain = hex("", bytes);
    forms.push(("hex", plain.to_uppercase().into_bytes()));
    forms.push(("hex", plain.into_bytes()));
    let percent = hex("%", bytes);
    forms.push(("percent", percent.to_uppercase().into_bytes()));
    forms.push(("percent", percent.into_bytes()));
    let listed: Vec<String> = bytes.iter().map(u8::to_string).collect();
    forms.push(("list of numbers", listed.join(",").into_bytes()));
    forms.push(("list of numbers", listed.join(", ").into_bytes()));
    if let Ok(text) = std::str::from_utf8(bytes) {
        forms.extend(text_forms(text));
    }
    forms
}

/// Bytes in hexadecimal, each after `mark`.
pub(crate) fn hex(mark: &str, bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in bytes {
        let _infallible = write!(hex, "{mark}{byte:02x}");
    }
    hex
}

/// Forms that only texts have.
fn text_forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let escaped = |all: bool| -> String {
        let escape = |unit: &u16| match u8::try_from(*unit) {
            Ok(byte) if byte.is_ascii() && !all => char::from(byte).to_string(),
            _ => format!("\\u{unit:04x}"),
        };
        units.iter().map(escape).collect()
    };
    let percent = text.bytes().map(|byte| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    vec![
        ("UTF-16", units.iter().flat_map(|unit| unit.to_le_bytes()).collect()),
        ("UTF-16", units.iter().flat_map(|unit| unit.to_be_bytes()).collect()),
        ("JSON escapes", escaped(true).into_bytes()),
        ("JSON escapes", escaped(false).into_bytes()),
        ("percent", percent.collect::<String>().into_bytes()),
    ]
}

/// The characters of base64 that depend on `bytes` alone where `shift` bytes stand before.
fn base64_at(bytes: &[u8], shift: usize) -> Vec<u8> {
    const BITS: usize = 6;
    let all = b64::encode([vec![0; shift], bytes.to_vec()].concat()).into_bytes();
    let (first, end) = ((shift * 8).div_ceil(BITS), (shift + bytes.len()) * 8 / BITS);
    all[first..end].to_vec()
}

impl Needles {
    /// Prepares all forms.
    pub(crate) fn new(markers: &[Marker]) -> Self {
        let mut seen = BTreeSet::new();
        let (mut all, mut prefixes) = (Vec::new(), vec![false; 1 << (8 * PREFIX_BYTES)]);
        for (marker, planted) in markers.iter().enumerate() {
            for (form, bytes) in forms(&planted.bytes) {
                prefixes[prefix(&bytes)] = true;
                if seen.insert(bytes.clone()) {
                    all.push(Needle { marker, form, bytes });
                }
            }
        }
        Self { names: markers.iter().map(|marker| marker.name).collect(), all, prefixes }
    }

    /// What stands in `hay`.
    pub(crate) fn find(&self, hay: &[u8]) -> Found {
        let mut found = Found::new();
        for (at, window) in hay.windows(PREFIX_BYTES).enumerate() {
            if !self.prefixes[prefix(window)] {
                continue;
            }
            let here = self.all.iter().filter(|needle| hay[at..].starts_with(&needle.bytes));
            found.extend(here.map(|needle| (self.names[needle.marker], needle.form)));
        }
        found
    }

    /// Longest form: what is read in pieces overlaps by so many bytes.
    pub(crate) fn longest(&self) -> usize {
        self.all.iter().map(|needle| needle.bytes.len()).max().unwrap_or_default()
    }
}

fn prefix(bytes: &[u8]) -> usize {
    bytes[..PREFIX_BYTES].iter().fold(0, |prefix, byte| prefix << 8 | usize::from(*byte))
}

/// Whether each form of each marker is found where it stands, and nothing where nothing does.
pub(crate) fn prove_search(markers: &[Marker]) -> Result<usize, String> {
    let needles = Needles::new(markers);
    let mut proved = 0;
    for marker in markers {
        for (form, bytes) in forms(&marker.bytes) {
            let hay = [b"before ".as_slice(), &bytes, b" after"].concat();
            if !needles.find(&hay).iter().any(|(name, _)| *name == marker.name) {
                return Err(format!("{} as {form} is not found where it stands", marker.name));
            }
            proved += 1;
        }
        for (shift, padding) in [b"".as_slice(), b"x", b"xy"].iter().enumerate() {
            let hay = b64::encode([padding, marker.bytes.as_slice(), b"rest"].concat());
            if needles.find(hay.as_bytes()).is_empty() {
                return Err(format!("{} is not found in base64 at {shift}", marker.name));
            }
        }
    }
    if needles.find(&[b'a'; 10_000]).is_empty() { Ok(proved) } else { Err("found nothing".into()) }
}
