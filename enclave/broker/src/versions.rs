//! The versions of one key: the current one and the one before, so that what was sealed
//! under it still opens. The vault's; the clear form below exists in sealed state only.

use autoclave_base::{Secret, UnixTime, b64};
use autoclave_cell::release::KEY_BYTES;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// Room for the clear form, so that writing it leaves no copies behind.
const STORED_BYTES_MAX: usize = 1024;

/// One version of a key.
#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) number: u32,
    pub(crate) made: UnixTime,
    pub(crate) secret: Secret<[u8; KEY_BYTES]>,
}

/// The current version, and the previous one.
#[derive(Clone)]
pub(crate) struct Versions {
    current: Version,
    previous: Option<Version>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    number: u32,
    made: UnixTime,
    secret: SecretText,
}

/// 32 bytes in base64url; erased when dropped.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretText(String);

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl SecretText {
    /// The key, if it is one.
    pub(crate) fn decode(&self) -> Option<Secret<[u8; KEY_BYTES]>> {
        b64::decode_array(&self.0).ok().map(Secret::new)
    }
}

impl Versions {
    /// The first version.
    pub(crate) const fn first(secret: Secret<[u8; KEY_BYTES]>, made: UnixTime) -> Self {
        Self { current: Version { number: 1, made, secret }, previous: None }
    }

    /// The same with one more version; the oldest is forgotten.
    pub(crate) fn next(&self, secret: Secret<[u8; KEY_BYTES]>, made: UnixTime) -> Self {
        let number = self.current.number.saturating_add(1);
        Self { current: Version { number, made, secret }, previous: Some(self.current.clone()) }
    }

    pub(crate) const fn current(&self) -> &Version {
        &self.current
    }

    /// All that are kept, the current one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    pub(crate) fn find(&self, number: u32) -> Option<&Version> {
        self.all().find(|version| version.number == number)
    }

    /// The clear form, for sealed state.
    pub(crate) fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        let stored: Vec<Stored> = self.all().map(Stored::of).collect();
        let mut bytes = Zeroizing::new(Vec::with_capacity(STORED_BYTES_MAX));
        serde_json::to_writer(&mut *bytes, &stored)?;
        Ok(bytes)
    }

    /// Reads the clear form: one or two versions, the newer first.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let stored: Vec<Stored> = serde_json::from_slice(bytes).ok()?;
        let mut versions = stored.iter().map(Stored::version);
        let current = versions.next()??;
        let previous = match versions.next() {
            Some(previous) => Some(previous?).filter(|it| it.number < current.number),
            None => None,
        };
        let complete = stored.len() == 1 + usize::from(previous.is_some());
        complete.then_some(Self { current, previous })
    }
}

impl Stored {
    fn of(version: &Version) -> Self {
        let secret = SecretText(b64::encode(version.secret.expose()));
        Self { number: version.number, made: version.made, secret }
    }

    fn version(&self) -> Option<Version> {
        Some(Version { number: self.number, made: self.made, secret: self.secret.decode()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

    fn key(byte: u8) -> Secret<[u8; KEY_BYTES]> {
        Secret::new([byte; KEY_BYTES])
    }

    #[test]
    fn the_version_before_is_kept_and_no_older_one() {
        let versions = Versions::first(key(1), NOW).next(key(2), NOW).next(key(3), NOW);
        let numbers: Vec<_> = versions.all().map(|version| version.number).collect();
        assert_eq!(numbers, [3, 2]);
        assert!(versions.find(2).unwrap().secret.same_as(&key(2)));
        assert!(versions.find(1).is_none());
    }

    #[test]
    fn the_clear_form_reads_back() {
        for versions in
            [Versions::first(key(1), NOW), Versions::first(key(1), NOW).next(key(2), NOW)]
        {
            let read = Versions::from_bytes(&versions.to_bytes().unwrap()).unwrap();
            let numbers = |of: &Versions| of.all().map(|it| it.number).collect::<Vec<_>>();
            assert_eq!(numbers(&read), numbers(&versions));
            assert!(read.current().secret.same_as(&versions.current().secret));
        }
    }

    #[test]
    fn other_forms_are_refused() {
        let secret = b64::encode([1; 32]);
        let one = format!(r#"{{"number":1,"made":1,"secret":"{secret}"}}"#);
        let bad = [
            "[]".to_owned(),
            "{}".to_owned(),
            format!("[{one},{one}]"),
            format!("[{one},{one},{one}]"),
            r#"[{"number":1,"made":1,"secret":"AAAA"}]"#.to_owned(),
        ];
        for text in bad {
            assert!(Versions::from_bytes(text.as_bytes()).is_none(), "{text}");
        }
    }
}
