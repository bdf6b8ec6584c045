//! One key with its versions, and the rules of when a version may be used. The vault's.
//! Pure: each rule takes the time, and nothing here reads or writes.

use autoclave_base::UnixTime;
use autoclave_ledger::Label;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::material::Material;
use crate::release::RecordedRelease;

/// Versions of one key that are listed; the oldest that is destroyed makes room.
pub const VERSIONS_MAX: usize = 64;

/// Versions of a configured key that are kept: the current one and the one before.
const CONFIGURED_VERSIONS: usize = 2;

/// Room for the clear form of a version, so that writing it leaves no copies behind.
const VERSION_BYTES_MAX: usize = 16 * 1024;

/// Where a key comes from, which says by which way it may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Declared in the measured configuration; needs no end.
    Configured,
    /// Made by an administrator; leaves by the rules.
    Institution,
    /// Made through the API of Azure Key Vault; leaves by its own release policy.
    KeyVault,
}

/// How a version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It may be used within its time.
    Enabled,
    /// An administrator stopped it for a while.
    Disabled,
    /// It is withdrawn for good.
    Revoked,
    /// Its bytes are gone.
    Destroyed,
}

/// Why a version is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is disabled, revoked or destroyed.
    State(State),
    /// The whole key is deleted.
    Deleted,
    /// Its time has not begun.
    NotYet,
    /// Its time is over.
    Expired,
    /// A newer version replaced it, and the overlap is over.
    Replaced,
}

impl Unusable {
    /// One word for the administrator.
    pub const fn word(self) -> &'static str {
        match self {
            Self::State(State::Enabled) => "enabled",
            Self::State(State::Disabled) => "disabled",
            Self::State(State::Revoked) => "revoked",
            Self::State(State::Destroyed) => "destroyed",
            Self::Deleted => "deleted",
            Self::NotYet => "not-yet",
            Self::Expired => "expired",
            Self::Replaced => "replaced",
        }
    }
}

/// A release policy in the grammar of Azure Key Vault, as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyText {
    /// The text.
    pub text: String,
    /// Whether it can never be replaced.
    pub immutable: bool,
}

/// When a version may be used, and whether it may leave.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Terms {
    /// Not before this time.
    pub not_before: Option<UnixTime>,
    /// Not from this time on.
    pub expires: Option<UnixTime>,
    /// Whether it may leave at all.
    pub exportable: bool,
    /// Whether it begins enabled.
    pub enabled: bool,
    /// Under which conditions, where it is a key of [`Origin::KeyVault`].
    pub policy: Option<PolicyText>,
}

/// One version of a key.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    pub(crate) number: u32,
    /// Its name in the API of Azure Key Vault: 32 hex digits.
    pub(crate) id: String,
    pub(crate) made: UnixTime,
    pub(crate) updated: UnixTime,
    pub(crate) not_before: Option<UnixTime>,
    pub(crate) expires: Option<UnixTime>,
    /// When a newer one came.
    pub(crate) replaced: Option<UnixTime>,
    pub(crate) state: State,
    pub(crate) exportable: bool,
    pub(crate) policy: Option<PolicyText>,
    material: Option<Material>,
}

/// A key with its versions, the newest first.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRecord {
    pub(crate) origin: Origin,
    pub(crate) purpose: Label,
    /// Seconds that a replaced version is still used; without end where it is absent.
    pub(crate) overlap: Option<u64>,
    pub(crate) deleted: Option<UnixTime>,
    last: u32,
    versions: Vec<Version>,
}

impl Version {
    /// What the version is made of, for whoever has recorded that it leaves.
    pub(crate) fn released(&self, _recorded: &RecordedRelease) -> Option<&Material> {
        self.material.as_ref()
    }

    /// What the vault itself works with; it never leaves by this way.
    pub(super) const fn material(&self) -> Option<&Material> {
        self.material.as_ref()
    }

    /// The kind and public part, for a description of the key.
    pub(crate) fn describe<T>(&self, work: impl FnOnce(Public<'_>) -> T) -> Option<T> {
        let public = match self.material.as_ref()? {
            Material::Oct { .. } => Public::Oct,
            Material::Rsa { n, e, .. } => Public::Rsa { n, e },
            Material::Ec { crv, x, y, .. } => Public::Ec { crv: *crv, x, y },
        };
        Some(work(public))
    }

    /// Erases the bytes.
    pub(crate) fn destroy(&mut self) {
        self.material = None;
        self.state = State::Destroyed;
    }
}

/// What of a key everybody may know.
pub(crate) enum Public<'a> {
    Oct,
    Rsa { n: &'a [u8], e: &'a [u8] },
    Ec { crv: super::Curve, x: &'a [u8], y: &'a [u8] },
}

impl KeyRecord {
    /// A key without versions.
    pub(crate) const fn new(origin: Origin, purpose: Label, overlap: Option<u64>) -> Self {
        Self { origin, purpose, overlap, deleted: None, last: 0, versions: Vec::new() }
    }

    /// For a key that was numbered before: the next version is the one after `last`.
    pub(super) const fn begin_at(&mut self, last: u32) {
        self.last = last;
    }

    /// All versions that are listed, the newest first.
    pub(crate) fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The newest version.
    pub(crate) fn current(&self) -> Option<&Version> {
        self.versions.first()
    }

    /// The version of that number, or the newest one.
    pub(crate) fn find(&self, number: Option<u32>) -> Option<&Version> {
        match number {
            Some(number) => self.versions.iter().find(|it| it.number == number),
            None => self.current(),
        }
    }

    /// As [`Self::find`], to change it.
    pub(crate) fn find_mut(&mut self, number: Option<u32>) -> Option<&mut Version> {
        let number = self.find(number)?.number;
        self.versions.iter_mut().find(|it| it.number == number)
    }

    /// The version of that name in the API of Azure Key Vault, or the newest one.
    pub(crate) fn find_id(&self, id: &str) -> Option<&Version> {
        if id.is_empty() { self.current() } else { self.versions.iter().find(|it| it.id == id) }
    }

    /// Whether `version` may be used now.
    pub(crate) fn usable(&self, version: &Version, now: UnixTime) -> Result<(), Unusable> {
        if self.deleted.is_some() {
            return Err(Unusable::Deleted);
        }
        if version.state != State::Enabled {
            return Err(Unusable::State(version.state));
        }
        if version.not_before.is_some_and(|from| now < from) {
            return Err(Unusable::NotYet);
        }
        if version.expires.is_some_and(|end| now >= end) {
            return Err(Unusable::Expired);
        }
        let over = |replaced: UnixTime, overlap| now >= replaced.plus(overlap);
        match (version.replaced, self.overlap) {
            (Some(replaced), Some(overlap)) if over(replaced, overlap) => Err(Unusable::Replaced),
            _ => Ok(()),
        }
    }

    /// Adds a version; the one before is replaced from `now` on. None if no room is left.
    pub(crate) fn add(
        &mut self,
        id: String,
        material: Material,
        terms: Terms,
        now: UnixTime,
    ) -> Option<u32> {
        if self.origin != Origin::Configured && self.versions.len() >= VERSIONS_MAX {
            let oldest = self.versions.last()?;
            if oldest.state != State::Destroyed {
                return None;
            }
            self.versions.pop();
        }
        if let Some(current) = self.versions.first_mut() {
            current.replaced.get_or_insert(now);
        }
        let number = self.last.checked_add(1)?;
        self.last = number;
        let Terms { not_before, expires, exportable, enabled, policy } = terms;
        let state = if enabled { State::Enabled } else { State::Disabled };
        let (made, updated, replaced) = (now, now, None);
        let material = Some(material);
        let version = Version {
            number,
            id,
            made,
            updated,
            not_before,
            expires,
            replaced,
            state,
            exportable,
            policy,
            material,
        };
        self.versions.insert(0, version);
        if self.origin == Origin::Configured {
            self.versions.truncate(CONFIGURED_VERSIONS);
        }
        Some(number)
    }

    /// The clear form, for a sealed record.
    pub(crate) fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let room = VERSION_BYTES_MAX * (self.versions.len() + 1);
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *bytes, self).ok()?;
        Some(bytes)
    }

    /// Reads the clear form.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        let falls = record.versions.windows(2).all(|pair| pair[0].number > pair[1].number);
        let newest = record.current().is_none_or(|it| it.number <= record.last);
        (falls && newest).then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use autoclave_cell::Entropy;

    use super::*;
    use crate::fixtures::NOW;

    fn record(overlap: Option<u64>, terms: &Terms, versions: u32) -> KeyRecord {
        let mut record = KeyRecord::new(Origin::Institution, Label::code("model"), overlap);
        for number in 0..versions {
            let material = Material::new_oct(32, &mut Entropy);
            record.add(number.to_string(), material, terms.clone(), NOW).unwrap();
        }
        record
    }

    fn open() -> Terms {
        Terms { enabled: true, expires: Some(NOW.plus(1000)), ..Terms::default() }
    }

    fn usable(record: &KeyRecord, number: u32, now: UnixTime) -> Result<(), Unusable> {
        record.usable(record.find(Some(number)).unwrap(), now)
    }

    #[test]
    fn a_version_is_used_within_its_time_only() {
        let terms = Terms { not_before: Some(NOW.plus(10)), ..open() };
        let record = record(None, &terms, 1);
        assert_eq!(usable(&record, 1, NOW.plus(9)), Err(Unusable::NotYet));
        assert_eq!(usable(&record, 1, NOW.plus(10)), Ok(()));
        assert_eq!(usable(&record, 1, NOW.plus(999)), Ok(()));
        assert_eq!(usable(&record, 1, NOW.plus(1000)), Err(Unusable::Expired));
    }

    #[test]
    fn the_version_before_is_used_until_the_overlap_ends() {
        let record = record(Some(60), &open(), 2);
        assert_eq!(usable(&record, 1, NOW.plus(59)), Ok(()));
        assert_eq!(usable(&record, 1, NOW.plus(60)), Err(Unusable::Replaced));
        assert_eq!(usable(&record, 2, NOW.plus(60)), Ok(()));
    }

    #[test]
    fn what_is_not_enabled_is_not_used() {
        let mut record = record(None, &open(), 1);
        for state in [State::Disabled, State::Revoked] {
            record.find_mut(None).unwrap().state = state;
            assert_eq!(usable(&record, 1, NOW), Err(Unusable::State(state)));
        }
        record.find_mut(None).unwrap().destroy();
        assert_eq!(usable(&record, 1, NOW), Err(Unusable::State(State::Destroyed)));
        record.deleted = Some(NOW);
        assert_eq!(usable(&record, 1, NOW), Err(Unusable::Deleted));
    }

    #[test]
    fn the_clear_form_reads_back_and_no_other_does() {
        let record = record(Some(60), &open(), 3);
        let bytes = record.to_bytes().unwrap();
        let read = KeyRecord::from_bytes(&bytes).unwrap();
        let same = |number| {
            let of = |it: &KeyRecord| it.find(Some(number)).unwrap().material().unwrap().clone();
            of(&read).same_as(&of(&record))
        };
        assert!((1..=3).all(same));
        assert!(KeyRecord::from_bytes(b"{}").is_none());
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let unordered = text.replace("\"number\":3", "\"number\":1");
        assert!(KeyRecord::from_bytes(unordered.as_bytes()).is_none());
    }

    #[test]
    fn a_key_has_a_bounded_number_of_versions() {
        let mut record = record(None, &open(), u32::try_from(VERSIONS_MAX).unwrap());
        let more = |record: &mut KeyRecord| {
            record.add("more".to_owned(), Material::new_oct(32, &mut Entropy), open(), NOW)
        };
        assert_eq!(more(&mut record), None);
        record.find_mut(Some(1)).unwrap().destroy();
        assert_eq!(more(&mut record), Some(u32::try_from(VERSIONS_MAX).unwrap() + 1));
    }
}
