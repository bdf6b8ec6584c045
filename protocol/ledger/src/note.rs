//! Signed notes (C2SP signed-note) with Ed25519: a text, a blank line, and lines that each
//! name a key and carry its signature. A note belongs to whoever holds the key. No text is
//! looked at before a known key has signed it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// Longest note: a checkpoint is under 300 bytes, sixteen cosignatures of 5 kB may follow.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;

/// Most signature lines; the specification asks for at least 16.
const SIGNATURES_MAX: usize = 32;

/// Longest name of a key: an origin is a short URL without its scheme.
const NAME_BYTES_MAX: usize = 255;

/// Marks Ed25519 in key ids and keys (signed-note, "Signature types").
const ED25519: u8 = 0x01;

/// The public key of a log: name, and Ed25519 key. As text it is
/// `<name>+<key id, 8 hexadecimal digits>+<base64 of 0x01 and the key>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey {
    name: String,
    key: VerifyingKey,
}

/// The text is no key of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// The name is empty, too long, or has a space, a plus or a control character.
    #[error("not a name for a log")]
    Name,
    /// Not `<name>+<id>+<key>`, or not an Ed25519 key, or its id is another key's.
    #[error("not an Ed25519 note verification key")]
    Key,
}

impl KeyRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Name => "ledger.key_name",
            Self::Key => "ledger.key_malformed",
        }
    }
}

/// The note is not signed by the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteRefusal {
    /// Not a signed note.
    #[error("not a signed note")]
    Malformed,
    /// The key did not sign it.
    #[error("the note is not signed by this key")]
    Unsigned,
    /// A signature in the key's name is false.
    #[error("the note's signature is false")]
    Signature,
}

impl LogKey {
    /// The key `key` under `name`, which is the log's origin.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, KeyRefusal> {
        if is_name(name) { Ok(Self { name: name.to_owned(), key }) } else { Err(KeyRefusal::Name) }
    }

    /// The name, which is the origin of the log's checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The raw public key (32 bytes), as the attested runtime lists it.
    pub fn public_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// The text of a note that this key signed.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteRefusal> {
        let (text, signatures) = split(note)?;
        let mut signed = false;
        for line in signatures.split_terminator('\n') {
            let (name, id, signature) = signature_line(line)?;
            if name == self.name && id == self.id() {
                let signature =
                    Signature::from_slice(&signature).map_err(|_| NoteRefusal::Signature)?;
                let checked = self.key.verify_strict(text.as_bytes(), &signature);
                checked.map_err(|_| NoteRefusal::Signature)?;
                signed = true;
            }
        }
        if signed { Ok(text) } else { Err(NoteRefusal::Unsigned) }
    }

    fn id(&self) -> [u8; 4] {
        key_id(&self.name, ED25519, &self.key)
    }
}

impl fmt::Display for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key_text(&self.name, ED25519, &self.key))
    }
}

impl FromStr for LogKey {
    type Err = KeyRefusal;

    fn from_str(text: &str) -> Result<Self, KeyRefusal> {
        let (name, key) = parse_key(text, ED25519)?;
        Self::new(name, key)
    }
}

/// The first four bytes of SHA-256 over name, newline, kind and key.
pub(crate) fn key_id(name: &str, kind: u8, key: &VerifyingKey) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(name.as_bytes());
    hash.update([b'\n', kind]);
    hash.update(key.as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// A verification key of `kind` as text.
pub(crate) fn key_text(name: &str, kind: u8, key: &VerifyingKey) -> String {
    let id = u32::from_be_bytes(key_id(name, kind, key));
    format!("{name}+{id:08x}+{}", STANDARD.encode([&[kind], key.as_bytes().as_slice()].concat()))
}

/// Name and key of a verification key of `kind`, in its one spelling.
pub(crate) fn parse_key(text: &str, kind: u8) -> Result<(&str, VerifyingKey), KeyRefusal> {
    let (name, rest) = text.split_once('+').ok_or(KeyRefusal::Key)?;
    let (_, key) = rest.split_once('+').ok_or(KeyRefusal::Key)?;
    let bytes = STANDARD.decode(key).map_err(|_| KeyRefusal::Key)?;
    let (found, raw) = bytes.split_first().ok_or(KeyRefusal::Key)?;
    let raw: &[u8; 32] = raw.try_into().map_err(|_| KeyRefusal::Key)?;
    let key = VerifyingKey::from_bytes(raw).map_err(|_| KeyRefusal::Key)?;
    // Writing it again checks the id and refuses every other spelling.
    let same = *found == kind && key_text(name, kind, &key) == text;
    if same { Ok((name, key)) } else { Err(KeyRefusal::Key) }
}

/// Signs `text`, which ends with a newline, as `key` under the name of `public`.
pub(crate) fn sign(text: &str, public: &LogKey, key: &SigningKey) -> String {
    let signature = key.sign(text.as_bytes()).to_bytes();
    format!("{text}\n{}", line_of(&public.name, public.id(), &signature))
}

/// A signature line with its newline.
pub(crate) fn line_of(name: &str, id: [u8; 4], signature: &[u8]) -> String {
    format!("— {name} {}\n", STANDARD.encode([id.as_slice(), signature].concat()))
}

pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(allowed)
}

/// The text with its newline, and the signature lines.
pub(crate) fn split(note: &str) -> Result<(&str, &str), NoteRefusal> {
    let plain = note.chars().all(|c| c == '\n' || c >= ' ');
    if note.len() > NOTE_BYTES_MAX || !plain {
        return Err(NoteRefusal::Malformed);
    }
    let border = note.rfind("\n\n").ok_or(NoteRefusal::Malformed)?;
    let (text, signatures) = (&note[..=border], &note[border + 2..]);
    let lines = signatures.split_terminator('\n').count();
    let whole = signatures.ends_with('\n') && (1..=SIGNATURES_MAX).contains(&lines);
    if whole { Ok((text, signatures)) } else { Err(NoteRefusal::Malformed) }
}

/// Name, key id and signature of `— <name> <base64>`.
pub(crate) fn signature_line(line: &str) -> Result<(&str, [u8; 4], Vec<u8>), NoteRefusal> {
    let rest = line.strip_prefix("— ").ok_or(NoteRefusal::Malformed)?;
    let (name, blob) = rest.split_once(' ').ok_or(NoteRefusal::Malformed)?;
    let mut blob = STANDARD.decode(blob).map_err(|_| NoteRefusal::Malformed)?;
    if !is_name(name) || blob.len() < 5 {
        return Err(NoteRefusal::Malformed);
    }
    let signature = blob.split_off(4);
    Ok((name, [blob[0], blob[1], blob[2], blob[3]], signature))
}

#[cfg(test)]
mod tests;
