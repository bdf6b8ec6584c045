//! The shelf: which models are resident, and why the others are not.
//! It belongs to the diagnosis enclave; a keeper for each model fills it, asks its owner's
//! broker again and again whether the model may stay, and unloads it when it may not.
//! A model is never half there: it answers, or it says one code. Beyond its lease it does
//! not answer, whether anybody could be asked or not.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use autoclave_base::UnixTime;
use autoclave_base::ids::ModelName;
use autoclave_cell::release::{LEASE_SECONDS_ASKED, LEASE_SECONDS_MAX, ObtainError};
use autoclave_cell::{Cell, Peer, event, release};
use thiserror::Error;

use crate::config::ModelConfig;
use crate::engine::Runtime;
use crate::model::{self, ModelError, Resident};

/// First pause after a failure: a broker that is starting is there soon.
const RETRY_PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest pause: a key that is granted at last is used within a minute.
const RETRY_PAUSE_MAX: Duration = Duration::from_mins(1);
/// The code before the first attempt has ended.
const LOADING: &str = "model.loading";
/// The code when the lease is over and the broker could not be asked.
const LEASE_OVER: &str = "model.lease_over";

/// Why a model does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ShelfRefusal {
    /// No such model or version.
    #[error("there is no such model")]
    Unknown,
    /// It is not resident, for a reason with this code.
    #[error("the model is not ready")]
    NotReady(&'static str),
}

impl ShelfRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "model.unknown",
            Self::NotReady(code) => code,
        }
    }
}

/// All configured models.
pub struct Shelf(BTreeMap<ModelName, Slot>);

struct Slot {
    version: String,
    state: RwLock<Result<Leased, &'static str>>,
}

/// A model that may be used for a while.
#[derive(Clone)]
struct Leased {
    resident: Arc<Resident>,
    key: KeyLease,
}

/// Which version of the key opened a model, and until when the model may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLease {
    /// The version.
    pub version: u32,
    /// From when the model is not used any more.
    pub until: UnixTime,
}

impl Shelf {
    /// A place for each model, all of them empty.
    pub fn new<'a>(models: impl IntoIterator<Item = &'a ModelConfig>) -> Self {
        let slot = |model: &ModelConfig| Slot {
            version: model.version.clone(),
            state: RwLock::new(Err(LOADING)),
        };
        Self(models.into_iter().map(|model| (model.name.clone(), slot(model))).collect())
    }

    /// The model, if it is there, may be used now, and is of this version, where one is asked
    /// for.
    pub fn find(
        &self,
        name: &str,
        version: Option<&str>,
        now: UnixTime,
    ) -> Result<Arc<Resident>, ShelfRefusal> {
        let name = ModelName::parse(name).map_err(|_| ShelfRefusal::Unknown)?;
        let slot = self.0.get(&name).ok_or(ShelfRefusal::Unknown)?;
        if version.is_some_and(|version| version != slot.version) {
            return Err(ShelfRefusal::Unknown);
        }
        slot.usable(now).map_err(ShelfRefusal::NotReady)
    }

    /// Whether all models are there; otherwise the code of the first that is not.
    pub fn ready(&self, now: UnixTime) -> Result<(), ShelfRefusal> {
        let mut slots = self.0.values();
        slots.try_for_each(|slot| slot.usable(now).map(|_| ()).map_err(ShelfRefusal::NotReady))
    }

    /// Puts the outcome of an attempt into the model's place. What was there is unloaded when
    /// the last request that uses it has ended.
    pub fn put(&self, name: &ModelName, outcome: Result<(Resident, KeyLease), &'static str>) {
        let leased = |(resident, key)| Leased { resident: Arc::new(resident), key };
        if let Some(slot) = self.0.get(name) {
            *slot.state.write().unwrap_or_else(PoisonError::into_inner) = outcome.map(leased);
        }
    }

    /// The lease of a model that is there.
    pub fn lease(&self, name: &ModelName) -> Option<KeyLease> {
        let state = self.0.get(name)?.state.read().unwrap_or_else(PoisonError::into_inner);
        state.as_ref().ok().map(|leased| leased.key)
    }

    /// What came of asking again, at `asked`: the model stays for so many seconds more, or is
    /// unloaded at once where the broker refused, and at the end of its lease where it could
    /// not be asked. The code, if the model went.
    pub fn settle(
        &self,
        name: &ModelName,
        answer: Result<u64, &ObtainError>,
        asked: UnixTime,
        now: UnixTime,
    ) -> Result<(), &'static str> {
        let Some(slot) = self.0.get(name) else { return Ok(()) };
        let mut state = slot.state.write().unwrap_or_else(PoisonError::into_inner);
        let Ok(leased) = state.as_mut() else { return Ok(()) };
        let code = match answer {
            Ok(seconds) => {
                leased.key.until = asked.plus(seconds.min(LEASE_SECONDS_MAX));
                return Ok(());
            }
            Err(refused @ ObtainError::Refused) => refused.code(),
            Err(_) if now >= leased.key.until => LEASE_OVER,
            Err(_) => return Ok(()),
        };
        *state = Err(code);
        Err(code)
    }
}

impl Slot {
    fn usable(&self, now: UnixTime) -> Result<Arc<Resident>, &'static str> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let leased = state.as_ref().map_err(|code| *code)?;
        if now < leased.key.until { Ok(leased.resident.clone()) } else { Err(LEASE_OVER) }
    }
}

/// What brings one model onto the shelf.
pub struct Keeper {
    /// The enclave.
    pub cell: Arc<Cell>,
    /// The model owner's broker.
    pub broker: Arc<Peer>,
    /// The engine.
    pub runtime: Arc<Runtime>,
    /// Where the model goes.
    pub shelf: Arc<Shelf>,
    /// Which model.
    pub model: ModelConfig,
}

impl Keeper {
    /// One attempt; its outcome stands on the shelf afterwards.
    pub async fn attempt(&self) -> bool {
        let outcome = self.fetch().await;
        let code = outcome.as_ref().err().copied();
        self.shelf.put(&self.model.name, outcome);
        match code {
            None => {
                event!(INFO, "model.ready", model = self.model.name, digest = self.model.digest);
            }
            Some(reason) => {
                event!(WARN, "model.not_ready", model = self.model.name, reason = reason);
            }
        }
        code.is_none()
    }

    /// As long as the enclave lives: while the model is there, asks whether it may stay;
    /// while it is not, attempts to load it, with growing pauses.
    pub async fn keep(self) {
        let mut pause = RETRY_PAUSE_MIN;
        loop {
            if let Some(lease) = self.shelf.lease(&self.model.name) {
                tokio::time::sleep(Duration::from_secs(LEASE_SECONDS_ASKED)).await;
                self.renew(lease).await;
                pause = RETRY_PAUSE_MIN;
            } else {
                tokio::time::sleep(pause).await;
                self.attempt().await;
                pause = longer(pause);
            }
        }
    }

    async fn renew(&self, lease: KeyLease) {
        let asked = self.cell.now();
        let answer = release::renew(&self.broker, &self.model.key, lease.version).await;
        let name = &self.model.name;
        let settled = self.shelf.settle(name, answer.as_ref().copied(), asked, self.cell.now());
        if let Err(reason) = settled {
            event!(WARN, "model.unloaded", model = self.model.name, reason = reason);
        }
    }

    /// The file is read only once the key is there: refused code learns nothing of it.
    async fn fetch(&self) -> Result<(Resident, KeyLease), &'static str> {
        let until = self.cell.now().plus(LEASE_SECONDS_MAX);
        let key = release::obtain(&self.cell, &self.broker, &self.model.key)
            .await
            .map_err(|error| error.code())?;
        let lease = KeyLease { version: key.version, until };
        let (model, runtime) = (self.model.clone(), Arc::clone(&self.runtime));
        let load = move || -> Result<Resident, ModelError> {
            // The sealed bytes are gone before the engine takes its memory.
            let verified = model::open(&model, &key.secret, &model::read(&model.file)?)?;
            verified.load(&model, &runtime)
        };
        match self.cell.machine().block_on(load).await {
            Ok(outcome) => outcome.map(|it| (it, lease)).map_err(|error| error.code()),
            Err(_) => Err("engine.crashed"),
        }
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).min(RETRY_PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Preprocessing;
    use crate::model::tests::{ADD_ONE, resident};

    fn shelf() -> (Shelf, ModelName) {
        let model = resident("add", ADD_ONE, Preprocessing::None);
        (Shelf::new([model.config()]), model.config().name.clone())
    }

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn code(shelf: &Shelf, name: &str, version: Option<&str>) -> Option<&'static str> {
        code_at(shelf, name, version, NOW)
    }

    fn code_at(
        shelf: &Shelf,
        name: &str,
        version: Option<&str>,
        now: UnixTime,
    ) -> Option<&'static str> {
        shelf.find(name, version, now).err().map(ShelfRefusal::code)
    }

    fn add() -> (Resident, KeyLease) {
        let lease = KeyLease { version: 1, until: NOW.plus(LEASE_SECONDS_MAX) };
        (resident("add", ADD_ONE, Preprocessing::None), lease)
    }

    #[test]
    fn a_model_is_there_once_it_was_put() {
        let (shelf, name) = shelf();
        assert_eq!(code(&shelf, "add", None), Some("model.loading"));
        shelf.put(&name, Ok(add()));
        assert_eq!(code(&shelf, "add", None), None);
        assert_eq!(code(&shelf, "add", Some("1")), None);
        assert_eq!(shelf.ready(NOW), Ok(()));
    }

    #[test]
    fn other_names_and_versions_are_unknown() {
        let (shelf, name) = shelf();
        shelf.put(&name, Ok(add()));
        for (name, version) in [("add", Some("2")), ("none", None), ("../add", None), ("", None)] {
            assert_eq!(code(&shelf, name, version), Some("model.unknown"), "{name}");
        }
    }

    #[test]
    fn a_refused_key_shows_as_its_code() {
        let (shelf, name) = shelf();
        shelf.put(&name, Err(release::REFUSED));
        assert_eq!(code(&shelf, "add", None), Some("release.refused"));
        assert_eq!(shelf.ready(NOW).err().map(ShelfRefusal::code), Some("release.refused"));
    }

    #[test]
    fn a_withdrawn_model_is_unloaded_by_the_next_question() {
        let (shelf, name) = shelf();
        shelf.put(&name, Ok(add()));
        let later = NOW.plus(LEASE_SECONDS_ASKED);
        let used = shelf.find("add", None, NOW).unwrap();
        let refused = shelf.settle(&name, Err(&ObtainError::Refused), later, later);
        assert_eq!(refused, Err("release.refused"));
        assert_eq!(code_at(&shelf, "add", None, later), Some("release.refused"));
        // What was being used is freed with its last request: the shelf holds nothing of it.
        assert_eq!(Arc::strong_count(&used), 1);
    }

    #[test]
    fn a_model_is_not_used_beyond_its_lease_whether_anybody_answers_or_not() {
        let (shelf, name) = shelf();
        shelf.put(&name, Ok(add()));
        let end = NOW.plus(LEASE_SECONDS_MAX);
        let silent = Err(&ObtainError::Unavailable);
        assert_eq!(shelf.settle(&name, silent, NOW.plus(30), NOW.plus(30)), Ok(()));
        assert_eq!(code_at(&shelf, "add", None, end.minus(1)), None);
        // Even before anybody settles anything.
        assert_eq!(code_at(&shelf, "add", None, end), Some("model.lease_over"));
        assert_eq!(shelf.settle(&name, silent, end, end), Err("model.lease_over"));
        assert_eq!(shelf.lease(&name), None);
    }

    #[test]
    fn a_lease_is_counted_from_the_question_and_has_a_bound() {
        let (shelf, name) = shelf();
        shelf.put(&name, Ok(add()));
        shelf.settle(&name, Ok(u64::MAX), NOW.plus(50), NOW.plus(70)).unwrap();
        let until = shelf.lease(&name).unwrap().until;
        assert_eq!(until, NOW.plus(50 + LEASE_SECONDS_MAX));
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        let pauses: Vec<_> =
            std::iter::successors(Some(RETRY_PAUSE_MIN), |pause| Some(longer(*pause)))
                .take(9)
                .collect();
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(pauses.last(), Some(&RETRY_PAUSE_MAX));
    }
}
