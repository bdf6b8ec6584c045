//! A witness of ledgers (C2SP tlog-witness): it cosigns a log's checkpoint only if the log
//! has grown from what the witness cosigned before, and compares with other witnesses. It
//! belongs to a hospital, a patients' council, an auditor; never to whoever runs the logs.
//! It reads no line of any log, and signs nothing before its own memory is durable.

pub mod exchange;
pub mod server;
pub mod store;

use std::sync::Mutex;
use std::sync::PoisonError;

use autoclave_base::{Digest, UnixTime};
use autoclave_ledger::cosign::with_lines;
use autoclave_ledger::witness::{AddCheckpoint, AddRefusal, Compared, compare, decide};
use autoclave_ledger::{Checkpoint, Hash, LogKey, WitnessKey, WitnessSigner};

pub use store::{Evidence, Known, Store, StoreError};

/// Most logs that strangers can have a witness learn: each takes some kilobytes.
pub const LOGS_MAX: usize = 1024;

/// What the names of our logs begin with; the rest names the workload and the key.
const OUR_ORIGINS: &str = "autoclave.health/";

/// Hexadecimal digits of the key's digest that a log's name ends with.
const NAME_DIGITS: usize = 16;

/// A witness.
pub struct Witness {
    signer: WitnessSigner,
    /// Whether it takes any log whose name follows from its key.
    open: bool,
    /// Locked from the comparison with the latest checkpoint until the new one is durable.
    store: Mutex<Store>,
}

/// Why the witness does not do something.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// By the rules of tlog-witness.
    #[error(transparent)]
    Add(#[from] AddRefusal),
    /// The log was caught with two trees; it is cosigned no more.
    #[error("the log was caught with two different trees")]
    Caught,
    /// The text is no key of a log, or the log's name does not follow from it.
    #[error("not a key of a log that this witness may learn")]
    Key,
    /// No room for another log.
    #[error("the witness knows as many logs as it can")]
    Full,
    /// The disk failed; nothing was signed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Add(refusal) => refusal.code(),
            Self::Caught => "witness.caught",
            Self::Key => "witness.key",
            Self::Full => "witness.full",
            Self::Store(error) => error.code(),
        }
    }

    /// The status over HTTP.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Add(refusal) => refusal.status(),
            Self::Caught | Self::Key => 403,
            Self::Full => 507,
            Self::Store(_) => 500,
        }
    }
}

/// What came of a comparison with another witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// Both saw one log.
    Agree,
    /// The other has nothing that this witness could compare.
    Nothing,
    /// Of different sizes, and no proof at hand.
    Open,
    /// The log has forked; the evidence is on disk.
    Forked,
}

impl Witness {
    /// A witness with its memory.
    pub const fn new(signer: WitnessSigner, open: bool, store: Store) -> Self {
        Self { signer, open, store: Mutex::new(store) }
    }

    /// The key that verifies its cosignatures.
    pub const fn key(&self) -> &WitnessKey {
        self.signer.public()
    }

    /// Learns a log by its key, if it may; a log that it knows stays as it is.
    pub fn learn(&self, key: &LogKey) -> Result<(), Refusal> {
        let mut store = self.lock();
        if store.get(key.name()).is_some_and(|known| known.key == key.to_string()) {
            return Ok(());
        }
        if !self.open || !names_itself(key) || store.get(key.name()).is_some() {
            return Err(Refusal::Key);
        }
        if store.count() >= LOGS_MAX {
            return Err(Refusal::Full);
        }
        Ok(store.add(key)?)
    }

    /// Cosigns, if the log has only grown: the cosignature line. The new checkpoint is
    /// durable before the line exists.
    pub fn add(&self, asked: &AddCheckpoint, now: UnixTime) -> Result<String, Refusal> {
        let mut store = self.lock();
        let origin = asked.claimed_origin().unwrap_or_default();
        let known = store.get(origin).ok_or(AddRefusal::UnknownLog)?;
        let key = known.log_key()?;
        let latest = known.latest()?;
        if known.evidence.is_some() {
            return Err(Refusal::Caught);
        }
        match decide(asked, &key, latest.as_ref()) {
            Ok(new) => store.advance(&key, &asked.checkpoint, &new)?,
            Err(AddRefusal::Forked(size)) => {
                self.catch(&mut store, &key, &asked.checkpoint, "one_size", now)?;
                return Err(AddRefusal::Forked(size).into());
            }
            Err(refusal) => return Err(refusal.into()),
        }
        let line = self.signer.cosign(&asked.checkpoint, &key, now);
        line.map_err(|_| AddRefusal::Signature.into())
    }

    /// The latest checkpoint of a log with this witness's cosignature, by the digest of the
    /// log's name.
    pub fn latest(&self, name_digest: &str, now: UnixTime) -> Option<String> {
        let store = self.lock();
        let known = store.by_digest(name_digest)?;
        let note = known.note.clone()?;
        let key = known.log_key().ok()?;
        let line = self.signer.cosign(&note, &key, now).ok()?;
        with_lines(&note, &line).ok()
    }

    /// All logs as they are known.
    pub fn logs(&self) -> Vec<Known> {
        self.lock().all().cloned().collect()
    }

    /// Compares what another witness has of a log with what this one has. `prove` is asked
    /// for a proof from the smaller to the larger, out of the log's own files.
    pub fn meet(
        &self,
        key: &LogKey,
        theirs: &str,
        now: UnixTime,
        prove: impl FnOnce(u64, u64) -> Option<Vec<Hash>>,
    ) -> Result<Met, Refusal> {
        let _learned = self.learn(key);
        let other = Checkpoint::open(theirs, key).map_err(|_| AddRefusal::Signature)?;
        let mut store = self.lock();
        let known = store.get(key.name()).filter(|known| known.key == key.to_string());
        let known = known.ok_or(AddRefusal::UnknownLog)?;
        let Some(own) = known.latest()? else { return Ok(Met::Nothing) };
        let met = match known.root_at(other.size()) {
            Some(root) if root == *other.root() => Compared::Agree,
            Some(_) => Compared::Contradict,
            None => compare(&own, &other, None),
        };
        let met = if met == Compared::Open {
            let (small, large) = (own.size().min(other.size()), own.size().max(other.size()));
            drop(store);
            let proof = prove(small, large);
            store = self.lock();
            compare(&own, &other, proof.as_deref())
        } else {
            met
        };
        let why = match met {
            Compared::Agree => return Ok(Met::Agree),
            Compared::Open => return Ok(Met::Open),
            Compared::Contradict => "one_size",
            Compared::Apart => "no_consistency",
        };
        self.catch(&mut store, key, theirs, why, now)?;
        Ok(Met::Forked)
    }

    /// Keeps the two checkpoints that contradict each other: the log's own signatures.
    fn catch(
        &self,
        store: &mut Store,
        key: &LogKey,
        theirs: &str,
        why: &'static str,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let ours = store.note_against(key.name(), theirs, key).unwrap_or_default();
        let evidence = Evidence {
            log: key.to_string(),
            ours,
            theirs: theirs.to_owned(),
            why: why.to_owned(),
            found_at: now,
            witness: self.key().to_string(),
        };
        store.keep(key.name(), evidence)
    }

    /// What is kept is replaced whole, so that a panic elsewhere leaves it consistent.
    fn lock(&self) -> std::sync::MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a log's name follows from its key, so that nobody can take another's name.
pub fn names_itself(key: &LogKey) -> bool {
    let digest = Digest::of(key.public_bytes()).hex();
    let rest = key.name().strip_prefix(OUR_ORIGINS);
    rest.and_then(|rest| rest.rsplit_once('/'))
        .is_some_and(|(_, name)| name == &digest[..NAME_DIGITS])
}

/// The digest of a log's name, by which a witness's files and routes name it.
pub fn name_digest(origin: &str) -> String {
    Digest::of(origin).hex()
}
