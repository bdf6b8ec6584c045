//! Cosignatures of witnesses (C2SP tlog-cosignature, `cosignature/v1`): Ed25519 over a
//! checkpoint and the time at which the witness had seen nothing larger. They belong to
//! witnesses, who are not the log. A cosignature is made only for a checkpoint that the
//! log itself has signed, and counts only under a key that the reader brought.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use autoclave_base::UnixTime;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::checkpoint::{Checkpoint, CheckpointRefusal};
use crate::note::{self, KeyRefusal, LogKey, NoteRefusal};

/// Marks timestamped Ed25519 cosignatures in key ids and keys.
const COSIGNATURE: u8 = 0x04;

/// The time (8 bytes, big-endian) and the signature.
const BYTES: usize = 8 + 64;

/// The public key of a witness, as text `<name>+<key id>+<base64 of 0x04 and the key>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: VerifyingKey,
}

/// A cosignature that verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// Who cosigned.
    pub witness: String,
    /// When, by the witness's clock.
    pub time: UnixTime,
}

/// The checkpoint has not the cosignatures that the reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CosignRefusal {
    /// Not a checkpoint of this log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointRefusal),
    /// A signature in a witness's name is false.
    #[error("a cosignature is false")]
    False,
    /// Too few witnesses have cosigned it.
    #[error("{found} of {required} witnesses have cosigned the checkpoint")]
    Few {
        /// How many have.
        found: usize,
        /// How many are wanted.
        required: usize,
    },
}

impl CosignRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Checkpoint(refusal) => refusal.code(),
            Self::False => "ledger.cosignature_false",
            Self::Few { .. } => "ledger.cosignatures_few",
        }
    }
}

impl WitnessKey {
    /// The key `key` of the witness `name`.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, KeyRefusal> {
        if note::is_name(name) {
            Ok(Self { name: name.to_owned(), key })
        } else {
            Err(KeyRefusal::Name)
        }
    }

    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When this witness cosigned the note; none where it did not.
    pub fn cosigned(&self, signed: &str) -> Result<Option<UnixTime>, CosignRefusal> {
        let (text, lines) = note::split(signed).map_err(CheckpointRefusal::from)?;
        let mut latest = None;
        for line in lines.split_terminator('\n') {
            let (name, id, blob) = note::signature_line(line).map_err(CheckpointRefusal::from)?;
            if name == self.name && id == self.id() {
                latest = latest.max(Some(self.check(text, &blob)?));
            }
        }
        Ok(latest)
    }

    fn check(&self, text: &str, blob: &[u8]) -> Result<UnixTime, CosignRefusal> {
        let blob: &[u8; BYTES] = blob.try_into().map_err(|_| CosignRefusal::False)?;
        let (time, signature) = blob.split_first_chunk().ok_or(CosignRefusal::False)?;
        let time = UnixTime::from_seconds(u64::from_be_bytes(*time));
        let signature = Signature::from_slice(signature).map_err(|_| CosignRefusal::False)?;
        let checked = self.key.verify_strict(message(time, text).as_bytes(), &signature);
        checked.map(|()| time).map_err(|_| CosignRefusal::False)
    }

    fn id(&self) -> [u8; 4] {
        note::key_id(&self.name, COSIGNATURE, &self.key)
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&note::key_text(&self.name, COSIGNATURE, &self.key))
    }
}

impl FromStr for WitnessKey {
    type Err = KeyRefusal;

    fn from_str(text: &str) -> Result<Self, KeyRefusal> {
        let (name, key) = note::parse_key(text, COSIGNATURE)?;
        Self::new(name, key)
    }
}

/// The private key of a witness. It signs no checkpoint of its own and no log uses it.
#[derive(Clone)]
pub struct WitnessSigner {
    public: WitnessKey,
    key: SigningKey,
}

impl WitnessSigner {
    /// The witness `name` that cosigns with `key`.
    pub fn new(name: &str, key: SigningKey) -> Result<Self, KeyRefusal> {
        Ok(Self { public: WitnessKey::new(name, key.verifying_key())?, key })
    }

    /// The key that verifies what this one cosigns.
    pub const fn public(&self) -> &WitnessKey {
        &self.public
    }

    /// The cosignature line of `signed`, which `log` has signed. The caller has made durable
    /// that this is the largest checkpoint of the log that it has seen.
    pub fn cosign(
        &self,
        signed: &str,
        log: &LogKey,
        time: UnixTime,
    ) -> Result<String, CheckpointRefusal> {
        Checkpoint::open(signed, log)?;
        let (text, _) = note::split(signed)?;
        let signature = self.key.sign(message(time, text).as_bytes()).to_bytes();
        let blob = [&time.seconds().to_be_bytes()[..], &signature].concat();
        Ok(note::line_of(&self.public.name, self.public.id(), &blob))
    }
}

fn message(time: UnixTime, text: &str) -> String {
    format!("cosignature/v1\ntime {}\n{text}", time.seconds())
}

/// Opens a checkpoint of `log` that at least `required` of `witnesses` have cosigned. Two
/// keys of one name are one witness.
pub fn open(
    signed: &str,
    log: &LogKey,
    witnesses: &[WitnessKey],
    required: usize,
) -> Result<(Checkpoint, Vec<Cosignature>), CosignRefusal> {
    let checkpoint = Checkpoint::open(signed, log)?;
    let (mut found, mut names) = (Vec::new(), BTreeSet::new());
    for witness in witnesses {
        if let Some(time) = witness.cosigned(signed)?
            && names.insert(witness.name())
        {
            found.push(Cosignature { witness: witness.name().to_owned(), time });
        }
    }
    if found.len() < required {
        return Err(CosignRefusal::Few { found: found.len(), required });
    }
    Ok((checkpoint, found))
}

/// A signed note with further signature lines; those that it has already stay once.
pub fn with_lines(signed: &str, lines: &str) -> Result<String, NoteRefusal> {
    let mut all = signed.to_owned();
    for line in lines.split_terminator('\n') {
        note::signature_line(line)?;
        if !signed.lines().any(|known| known == line) {
            all.push_str(line);
            all.push('\n');
        }
    }
    note::split(&all)?;
    Ok(all)
}

#[cfg(test)]
pub(crate) mod tests;
