//! The shelf: which models are resident, and why the others are not yet.
//! It belongs to the diagnosis enclave; a keeper for each model fills it.
//! A model is never half there: it answers, or it says one code.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use autoclave_base::ids::ModelName;
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
    state: RwLock<Result<Arc<Resident>, &'static str>>,
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

    /// The model, if it is there and of this version, where one is asked for.
    pub fn find(&self, name: &str, version: Option<&str>) -> Result<Arc<Resident>, ShelfRefusal> {
        let name = ModelName::parse(name).map_err(|_| ShelfRefusal::Unknown)?;
        let slot = self.0.get(&name).ok_or(ShelfRefusal::Unknown)?;
        if version.is_some_and(|version| version != slot.version) {
            return Err(ShelfRefusal::Unknown);
        }
        slot.read().map_err(ShelfRefusal::NotReady)
    }

    /// Whether all models are there; otherwise the code of the first that is not.
    pub fn ready(&self) -> Result<(), ShelfRefusal> {
        self.0.values().try_for_each(|slot| slot.read().map(|_| ()).map_err(ShelfRefusal::NotReady))
    }

    /// Puts the outcome of an attempt into the model's place.
    pub fn put(&self, name: &ModelName, outcome: Result<Resident, &'static str>) {
        if let Some(slot) = self.0.get(name) {
            *slot.state.write().unwrap_or_else(PoisonError::into_inner) = outcome.map(Arc::new);
        }
    }
}

impl Slot {
    fn read(&self) -> Result<Arc<Resident>, &'static str> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
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

    /// Attempts until one succeeds, with growing pauses.
    pub async fn keep_trying(self) {
        let mut pause = RETRY_PAUSE_MIN;
        loop {
            tokio::time::sleep(pause).await;
            if self.attempt().await {
                return;
            }
            pause = longer(pause);
        }
    }

    /// The file is read only once the key is there: refused code learns nothing of it.
    async fn fetch(&self) -> Result<Resident, &'static str> {
        let key = release::obtain(&self.cell, &self.broker, &self.model.key)
            .await
            .map_err(|error| error.code())?;
        let (model, runtime) = (self.model.clone(), Arc::clone(&self.runtime));
        let load = move || -> Result<Resident, ModelError> {
            // The sealed bytes are gone before the engine takes its memory.
            let verified = model::open(&model, &key.secret, &model::read(&model.file)?)?;
            verified.load(&model, &runtime)
        };
        match self.cell.machine().block_on(load).await {
            Ok(outcome) => outcome.map_err(|error| error.code()),
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

    fn code(shelf: &Shelf, name: &str, version: Option<&str>) -> Option<&'static str> {
        shelf.find(name, version).err().map(ShelfRefusal::code)
    }

    #[test]
    fn a_model_is_there_once_it_was_put() {
        let (shelf, name) = shelf();
        assert_eq!(code(&shelf, "add", None), Some("model.loading"));
        shelf.put(&name, Ok(resident("add", ADD_ONE, Preprocessing::None)));
        assert_eq!(code(&shelf, "add", None), None);
        assert_eq!(code(&shelf, "add", Some("1")), None);
        assert_eq!(shelf.ready(), Ok(()));
    }

    #[test]
    fn other_names_and_versions_are_unknown() {
        let (shelf, name) = shelf();
        shelf.put(&name, Ok(resident("add", ADD_ONE, Preprocessing::None)));
        for (name, version) in [("add", Some("2")), ("none", None), ("../add", None), ("", None)] {
            assert_eq!(code(&shelf, name, version), Some("model.unknown"), "{name}");
        }
    }

    #[test]
    fn a_refused_key_shows_as_its_code() {
        let (shelf, name) = shelf();
        shelf.put(&name, Err(release::REFUSED));
        assert_eq!(code(&shelf, "add", None), Some("release.refused"));
        assert_eq!(shelf.ready().err().map(ShelfRefusal::code), Some("release.refused"));
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
