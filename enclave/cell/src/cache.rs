//! Values that save work when they are there and cost nothing when they are not: kept in
//! process, in Redis, or in an attested cache enclave. The cell's, for its role. No value
//! leaves unsealed, no name leaves in clear, and a cache that is gone, slow, full or lying
//! is a miss, never a failure and never another answer.

mod attested;
mod config;
mod health;
mod memory;
mod redis;
mod sealing;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use autoclave_attest::chain::Link;
use autoclave_base::{Digest, Phi, Secret};
use axum::body::Bytes;
use rand::Rng as _;
use tokio::time::{Instant, timeout};

use self::attested::Attested;
use self::health::{Change, Health};
use self::redis::Redis;
use self::sealing::{Keys, Unusable};
use crate::metrics::Metrics;
use crate::{BootError, Cell, Clock, Entropy, event};

pub use attested::Lifetime;
pub use config::CacheConfig;
pub use memory::{Bounds, Memory};

/// Largest value, in clear bytes: most slices and every mask. What is larger would push
/// out a hundred others, and is read from its own store.
pub const VALUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Largest value as it is sealed: with its trailer, generously.
pub const SEALED_BYTES_MAX: usize = VALUE_BYTES_MAX + 1024;

/// Longest life of a value, in seconds: a day. Beyond it, its own store is asked again.
pub const SECONDS_MAX: u64 = 86_400;

/// Longest wait for a cache outside this process: above it, the value's own store would
/// have answered.
const PATIENCE: Duration = Duration::from_secs(2);

/// Bounds in process: some thousand sessions, the day's results, the last images.
const IN_PROCESS: Bounds = Bounds { entries: 16_384, bytes: 64 * 1024 * 1024 };

/// The key's name in the sealed state: what is cached outlives a restart.
const KEY_STATE: &str = "cell.cache";

/// What the counters are filed under.
const COUNTS: &str = "cache";

/// What a value is for; values of one space are never found in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space(&'static str);

impl Space {
    /// The name is part of each key, fixed as long as old values shall be found.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }
}

/// A cache of one role.
pub struct Cache {
    backing: Backing,
    keys: Keys,
    clock: Clock,
    metrics: Arc<Metrics>,
    health: Health,
    patience: Duration,
}

enum Backing {
    Memory(Mutex<Memory>),
    Redis(Redis),
    Attested(Box<Attested>),
}

/// Why a cache was of no use: a stable code.
pub(crate) struct Away(&'static str);

/// A sealed value, and the links of the attested components that it came through.
struct Found {
    sealed: Vec<u8>,
    links: Vec<Link>,
}

impl Cache {
    /// The cache that `config` names, under a key that this enclave keeps in its state. An
    /// outside cache is not waited for: it may come later.
    pub fn open(cell: &Arc<Cell>, config: &CacheConfig) -> Result<Self, BootError> {
        let backing = match config {
            CacheConfig::InProcess => Backing::in_process(),
            CacheConfig::Redis { url } => Backing::Redis(Redis::new(url)?),
            CacheConfig::Attested { url, workload } => {
                let peer = cell.peer(workload.clone(), url)?;
                Backing::Attested(Box::new(Attested::new(peer)))
            }
        };
        let (key, clock) = (key(cell)?, cell.clock().clone());
        Ok(Self::new(backing, &key, clock, cell.shared_metrics()))
    }

    /// A cache in this process under `key`.
    pub fn in_process(key: &Secret<[u8; 32]>, clock: Clock) -> Self {
        Self::new(Backing::in_process(), key, clock, Arc::default())
    }

    /// A cache in the Redis server at `url`, `redis://host:port`, under `key`.
    pub fn in_redis(url: &str, key: &Secret<[u8; 32]>, clock: Clock) -> Result<Self, BootError> {
        Ok(Self::new(Backing::Redis(Redis::new(url)?), key, clock, Arc::default()))
    }

    fn new(backing: Backing, key: &Secret<[u8; 32]>, clock: Clock, metrics: Arc<Metrics>) -> Self {
        let (keys, health) = (Keys::derive(key), Health::default());
        Self { backing, keys, clock, metrics, health, patience: PATIENCE }
    }

    /// The value of that name, if it is there, whole, in its place and in time.
    pub async fn get(&self, space: Space, name: &[u8]) -> Option<Phi<Vec<u8>>> {
        let key = self.keys.name(space.0, name);
        let asked = self.ask(self.backing.get(&key, self.clock.now())).await?;
        self.opened(&key, self.found(asked)?.sealed)
    }

    /// As [`Cache::get`], for a value that goes on to another enclave: with the links of the
    /// attested components that held it, to stand before this enclave's own.
    pub async fn fetch(&self, space: Space, name: &[u8]) -> Option<(Phi<Vec<u8>>, Vec<Link>)> {
        let key = self.keys.name(space.0, name);
        let asked = self.ask(self.backing.fetch(&key, self.clock.now())).await?;
        let found = self.found(asked)?;
        Some((self.opened(&key, found.sealed)?, found.links))
    }

    /// Keeps a value for `seconds`, at most [`SECONDS_MAX`]; what is larger than
    /// [`VALUE_BYTES_MAX`] is not kept.
    pub async fn put(&self, space: Space, name: &[u8], value: Phi<Vec<u8>>, seconds: u64) {
        if value.expose().len() > VALUE_BYTES_MAX || seconds == 0 {
            return;
        }
        let (key, now) = (self.keys.name(space.0, name), self.clock.now());
        let life = Lifetime { now, seconds: seconds.min(SECONDS_MAX) };
        let sealed = self.keys.seal(&key, value, life.end(), &mut Entropy);
        let _kept = self.ask(self.backing.put(&key, sealed.into(), life)).await;
    }

    /// Forgets a value, if the cache can be reached; otherwise it ends by its time. Who must
    /// be sure asks for another name from then on.
    pub async fn remove(&self, space: Space, name: &[u8]) {
        let key = self.keys.name(space.0, name);
        let _removed = self.ask(self.backing.remove(&key)).await;
    }

    /// How often something happened: `hit`, `miss`, `away`, or the code of a refused value.
    pub fn count(&self, label: &'static str) -> u64 {
        self.metrics.counted(COUNTS, label)
    }

    fn found(&self, asked: Option<Found>) -> Option<Found> {
        if asked.is_none() {
            self.metrics.count(COUNTS, "miss");
        }
        asked
    }

    fn opened(&self, key: &Digest, sealed: Vec<u8>) -> Option<Phi<Vec<u8>>> {
        let opened = self.keys.open(key, sealed, self.clock.now());
        match &opened {
            Ok(_) => self.metrics.count(COUNTS, "hit"),
            Err(refusal) => self.metrics.count(COUNTS, refusal.code()),
        }
        // An end that has just passed is no lie.
        let lied = matches!(opened, Err(Unusable::Altered));
        if self.health.judged(lied) {
            event!(WARN, "cache.value_refused");
        }
        opened.ok()
    }

    /// Asks the cache unless it is known to be away; nothing if it does not answer.
    async fn ask<T>(&self, asking: impl Future<Output = Result<T, Away>>) -> Option<T> {
        if !self.health.may_ask(Instant::now()) {
            self.metrics.count(COUNTS, "away");
            return None;
        }
        let answer = timeout(self.patience, asking).await.unwrap_or(Err(Away("cache.timeout")));
        match (self.health.went(answer.is_ok(), Instant::now()), &answer) {
            (Change::Gone, Err(Away(reason))) => event!(WARN, "cache.away", reason = *reason),
            (Change::Back, _) => event!(INFO, "cache.back"),
            _ => {}
        }
        if answer.is_err() {
            self.metrics.count(COUNTS, "away");
        }
        answer.ok()
    }
}

impl Backing {
    fn in_process() -> Self {
        Self::Memory(Mutex::new(Memory::new(IN_PROCESS)))
    }

    async fn get(&self, key: &Digest, now: autoclave_base::UnixTime) -> Asked {
        match self {
            Self::Memory(memory) => Ok(lock(memory).get(key, now).map(Found::alone)),
            Self::Redis(redis) => Ok(redis.get(key).await?.map(Found::alone)),
            Self::Attested(cache) => Ok(cache.get(key).await?.map(Found::alone)),
        }
    }

    async fn fetch(&self, key: &Digest, now: autoclave_base::UnixTime) -> Asked {
        match self {
            Self::Attested(cache) => {
                let found = cache.fetch(key).await?;
                Ok(found.map(|(sealed, links)| Found { sealed: sealed.into(), links }))
            }
            _ => self.get(key, now).await,
        }
    }

    async fn put(&self, key: &Digest, sealed: Bytes, life: Lifetime) -> Result<(), Away> {
        match self {
            Self::Memory(memory) => {
                lock(memory).put(*key, sealed, life.end(), life.now);
                Ok(())
            }
            Self::Redis(redis) => redis.put(key, &sealed, life).await,
            Self::Attested(cache) => cache.put(key, sealed, life).await,
        }
    }

    async fn remove(&self, key: &Digest) -> Result<(), Away> {
        match self {
            Self::Memory(memory) => {
                lock(memory).remove(key);
                Ok(())
            }
            Self::Redis(redis) => redis.remove(key).await,
            Self::Attested(cache) => cache.remove(key).await,
        }
    }
}

type Asked = Result<Option<Found>, Away>;

impl Found {
    fn alone(sealed: impl Into<Vec<u8>>) -> Self {
        Self { sealed: sealed.into(), links: Vec::new() }
    }
}

/// Entries are changed by single steps; a panic elsewhere leaves them whole.
fn lock(memory: &Mutex<Memory>) -> std::sync::MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The key from the sealed state, made the first time.
fn key(cell: &Cell) -> Result<Secret<[u8; 32]>, BootError> {
    if let Some(kept) = cell.state().get(KEY_STATE)
        && let Ok(key) = <[u8; 32]>::try_from(kept.expose().as_slice())
    {
        return Ok(Secret::new(key));
    }
    let mut fresh = [0; 32];
    Entropy.fill_bytes(&mut fresh);
    let key = Secret::new(fresh);
    cell.state().put(KEY_STATE, key.expose())?;
    Ok(key)
}
