//! Texts of DICOM in their character sets (PS3.5, section 6.1), as Unicode. Nobody's: pure.
//! What cannot be read in its set is read as Latin, never dropped.

use std::borrow::Cow;

use dicom_core::VR;
use dicom_encoding::text::{SpecificCharacterSet, TextCodec as _};

/// The character sets of a data set.
#[derive(Clone)]
pub(crate) struct Charset {
    /// The first for what stands before any escape; the others by escapes (ISO 2022).
    sets: Vec<(String, SpecificCharacterSet)>,
}

/// Escapes of ISO 2022 and the sets that they announce (PS3.3, C.12.1.1.2).
const ESCAPES: [(&[u8], &str); 14] = [
    (b"\x1b(B", "ISO_IR 6"),
    (b"\x1b(J", "ISO_IR 13"),
    (b"\x1b)I", "ISO_IR 13"),
    (b"\x1b$B", "ISO_IR 87"),
    (b"\x1b-A", "ISO_IR 100"),
    (b"\x1b-B", "ISO_IR 101"),
    (b"\x1b-C", "ISO_IR 109"),
    (b"\x1b-D", "ISO_IR 110"),
    (b"\x1b-F", "ISO_IR 126"),
    (b"\x1b-G", "ISO_IR 127"),
    (b"\x1b-H", "ISO_IR 138"),
    (b"\x1b-L", "ISO_IR 144"),
    (b"\x1b$)C", "ISO_IR 149"),
    (b"\x1b-T", "ISO_IR 166"),
];

impl Charset {
    /// Of Specific Character Set (0008,0005); the default repertoire where it is missing.
    pub(crate) fn of(value: Option<&str>) -> Self {
        let names = value.unwrap_or_default().split('\\').map(str::trim);
        let sets = names.map(|name| {
            let name = if name.is_empty() { "ISO_IR 6" } else { name };
            // Some writers leave the default unsaid and write UTF-8 or Latin: see `decode`.
            let set = SpecificCharacterSet::from_code(name).unwrap_or_default();
            (name.to_owned(), set)
        });
        Self { sets: sets.collect() }
    }

    /// The text of a value of this representation, all of its components.
    pub(crate) fn decode<'a>(&self, vr: VR, bytes: &'a [u8]) -> Cow<'a, str> {
        if bytes.is_ascii() && !bytes.contains(&0x1b) {
            // Every set of DICOM is ASCII in its lower half but Japanese yen and tilde.
            return String::from_utf8_lossy(bytes);
        }
        if !is_in_charset(vr) {
            return String::from_utf8_lossy(bytes);
        }
        if self.sets.len() > 1 || bytes.contains(&0x1b) {
            return Cow::Owned(self.switched(bytes));
        }
        Cow::Owned(self.first(bytes))
    }

    fn first(&self, bytes: &[u8]) -> String {
        let Some((name, set)) = self.sets.first() else { return latin(bytes) };
        if name.ends_with("IR 6") || SpecificCharacterSet::from_code(name).is_none() {
            return std::str::from_utf8(bytes).map_or_else(|_| latin(bytes), str::to_owned);
        }
        set.decode(bytes).unwrap_or_else(|_| latin(bytes))
    }

    /// Runs of bytes, each behind its escape.
    fn switched(&self, bytes: &[u8]) -> String {
        let mut out = String::new();
        let mut set: Option<&'static str> = None;
        let mut rest = bytes;
        while !rest.is_empty() {
            let run =
                rest[1..].iter().position(|&byte| byte == 0x1b).map_or(rest.len(), |at| at + 1);
            let (here, behind) = rest.split_at(run);
            let escape = ESCAPES.iter().find(|(escape, _)| here.starts_with(escape));
            if let Some((_, name)) = escape {
                set = Some(name);
            }
            out.push_str(&self.run(escape.map_or(&b""[..], |(escape, _)| escape), set, here));
            rest = behind;
        }
        out
    }

    fn run(&self, escape: &[u8], set: Option<&str>, here: &[u8]) -> String {
        let text = &here[escape.len()..];
        match set {
            // These decoders want to see the escape themselves.
            Some(name @ ("ISO_IR 87" | "ISO_IR 149")) => {
                let whole = [if name == "ISO_IR 87" { escape } else { b"" }, text].concat();
                decoded(name, &whole).unwrap_or_else(|| latin(text))
            }
            Some(name) => decoded(name, text).unwrap_or_else(|| latin(text)),
            None => self.first(text),
        }
    }
}

fn decoded(name: &str, bytes: &[u8]) -> Option<String> {
    SpecificCharacterSet::from_code(name)?.decode(bytes).ok()
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// Whether values of this representation are written in the data set's character set.
pub(crate) const fn is_in_charset(vr: VR) -> bool {
    matches!(vr, VR::SH | VR::LO | VR::ST | VR::LT | VR::PN | VR::UC | VR::UT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sets: &str, bytes: &[u8]) -> String {
        Charset::of(Some(sets)).decode(VR::PN, bytes).into_owned()
    }

    #[test]
    fn names_are_read_in_their_character_sets() {
        // The examples of PS3.5, annexes H to K.
        assert_eq!(read("ISO_IR 100", b"Buc^J\xe9r\xf4me"), "Buc^Jérôme");
        assert_eq!(
            read("ISO_IR 192", "Wang^XiaoDong=王^小東=".as_bytes()),
            "Wang^XiaoDong=王^小東="
        );
        assert_eq!(read("GB18030", b"Wang=\xcd\xf5^\xd0\xa1\xb6\xab"), "Wang=王^小东");
        let japanese = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B";
        assert_eq!(read("\\ISO 2022 IR 87", japanese), "Yamada^Tarou=山田^太郎");
        let korean = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7";
        assert_eq!(read("\\ISO 2022 IR 149", korean), "Hong^Gildong=洪^吉洞");
    }

    #[test]
    fn what_no_set_was_said_for_is_utf8_or_latin() {
        assert_eq!(read("", "Jérôme".as_bytes()), "Jérôme");
        assert_eq!(read("", b"J\xe9r\xf4me"), "Jérôme");
        assert_eq!(read("ISO_IR 999", b"J\xe9r\xf4me"), "Jérôme");
    }
}
