//! What an institution trusts no more: a workload, a measurement, one token. The
//! institution's, kept beside its keys. Nothing here is undone: whoever trusts again
//! releases new code.
//!
//! Every decision reads the list anew, so that a revocation holds for the first request
//! after it was answered, in every replica that shares the store. Code that already holds a
//! key asks again for its lease within
//! [`LEASE_SECONDS_MAX`](autoclave_cell::release::LEASE_SECONDS_MAX), and gives the key up.

use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime};
use autoclave_cell::ledger::Ledger;
use autoclave_ledger::{Event, Label};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::keep::{KeepError, Kept};
use crate::release::Caller;
use crate::vault::VaultError;

/// Entries of one institution. More would be another problem than one of code.
pub const REVOCATIONS_MAX: usize = 2048;

/// How long the revocation of a token is remembered: no token lives for longer.
pub const TOKEN_SECONDS_MAX: u64 = 7 * 24 * 3600;

/// What kind of thing is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A role of the release manifest, whatever its version.
    Workload,
    /// One measured code and configuration.
    Measurement,
    /// One token, by its `jti`.
    Token,
}

impl Kind {
    /// As rules and the ledger call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Workload => "workload",
            Self::Measurement => "measurement",
            Self::Token => "token",
        }
    }

    /// Whether `what` can be the name of such a thing.
    pub fn fits(self, what: &Label) -> bool {
        match self {
            Self::Workload => WorkloadName::parse(what.as_str()).is_ok(),
            Self::Measurement => what.as_str().parse::<Digest>().is_ok() || is_hex(what.as_str()),
            Self::Token => true,
        }
    }
}

/// A measurement as other authorities write it: 16 to 64 bytes in hex.
fn is_hex(text: &str) -> bool {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (32..=128).contains(&text.len()) && text.bytes().all(digit)
}

/// One revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number, from 1.
    pub serial: u64,
    /// Of what kind.
    pub kind: Kind,
    /// What.
    pub what: Label,
    /// By whom.
    pub by: Label,
    /// When.
    pub at: UnixTime,
}

/// All that one institution has revoked, as it was read for one decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// The number of the last one.
    pub serial: u64,
    /// The entries, in the order of their numbers.
    pub entries: Vec<Entry>,
}

impl Revoked {
    /// The entry that the caller falls under, if any.
    pub(crate) fn hit(&self, caller: &Caller) -> Option<&Entry> {
        let measurement = caller.measurement().map(|it| it.to_string());
        let jti = match caller {
            Caller::Workload(token) => Some(token.claims().jti.as_str()),
            Caller::Authority(token, ..) => token.jti(),
        };
        let claimed = match caller {
            Caller::Authority(token, ..) => token.measurements(),
            Caller::Workload(_) => Vec::new(),
        };
        self.entries.iter().find(|entry| {
            let what = entry.what.as_str();
            match entry.kind {
                Kind::Workload => caller.workload().is_some_and(|it| it.as_str() == what),
                Kind::Measurement => {
                    measurement.as_deref() == Some(what) || claimed.contains(&what)
                }
                Kind::Token => jti.is_some_and(|jti| Label::of_claim(jti) == entry.what),
            }
        })
    }

    /// The entry that a guest falls under, if any.
    pub(crate) fn hit_by(
        &self,
        workload: &WorkloadName,
        measurement: Digest,
        jti: &str,
    ) -> Option<&Entry> {
        self.entries.iter().find(|entry| match entry.kind {
            Kind::Workload => workload.as_str() == entry.what.as_str(),
            Kind::Measurement => measurement.to_string() == entry.what.as_str(),
            Kind::Token => Label::of_claim(jti) == entry.what,
        })
    }

    fn find(&self, kind: Kind, what: &Label) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.kind == kind && entry.what == *what)
    }

    /// Adds an entry; what no token can be any more is forgotten.
    fn add(&mut self, kind: Kind, what: Label, by: Label, at: UnixTime) -> Option<Entry> {
        let lives =
            |entry: &Entry| entry.kind != Kind::Token || at < entry.at.plus(TOKEN_SECONDS_MAX);
        self.entries.retain(lives);
        if self.entries.len() >= REVOCATIONS_MAX {
            return None;
        }
        self.serial += 1;
        let entry = Entry { serial: self.serial, kind, what, by, at };
        self.entries.push(entry.clone());
        Some(entry)
    }
}

/// The lists of all institutions.
pub struct Revocations {
    kept: Kept,
    changing: Mutex<()>,
}

impl Revocations {
    /// The lists in `kept`.
    pub fn new(kept: Kept) -> Self {
        Self { kept, changing: Mutex::new(()) }
    }

    /// What `institution` has revoked.
    pub async fn of(&self, institution: &Label) -> Result<Revoked, KeepError> {
        Ok(self.read(institution).await?.0)
    }

    async fn read(&self, institution: &Label) -> Result<(Revoked, Option<u64>), KeepError> {
        match self.kept.get(&place(institution)).await? {
            None => Ok((Revoked::default(), None)),
            Some(opened) => {
                let list = serde_json::from_slice(&opened.bytes).map_err(|_| KeepError::Damaged)?;
                Ok((list, Some(opened.version)))
            }
        }
    }

    /// Revokes `what`: the line, then the list. Twice the same is once.
    pub async fn revoke(
        &self,
        institution: &Label,
        (kind, what): (Kind, Label),
        by: &Label,
        now: UnixTime,
        ledger: &Ledger,
    ) -> Result<Entry, VaultError> {
        let _changing = self.changing.lock().await;
        let (mut list, version) = self.read(institution).await?;
        if let Some(known) = list.find(kind, &what) {
            return Ok(known.clone());
        }
        let entry = list.add(kind, what, by.clone(), now).ok_or(VaultError::Full)?;
        let line = Event::Revocation {
            institution: institution.clone(),
            kind: Label::code(kind.as_str()),
            what: entry.what.clone(),
            serial: entry.serial,
            by: by.clone(),
        };
        ledger.append(line).await?;
        let bytes = serde_json::to_vec(&list).map_err(|_| VaultError::Full)?;
        self.kept.put(&place(institution), version, &bytes).await?;
        Ok(entry)
    }
}

fn place(institution: &Label) -> String {
    format!("revocations/{institution}")
}
