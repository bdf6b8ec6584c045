//! A model on its way from the sealed file into memory.
//! It belongs to the diagnostics provider, whose broker holds the key.
//! No byte of it is run unless the digest in the measured configuration is its own, and
//! it is never written anywhere in clear.

use std::io;
use std::path::Path;

use autoclave_base::{Digest, Secret};
use autoclave_seal::file::{self, FileRefusal};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::brain::{self, BrainError};
use crate::config::{ModelConfig, Preprocessing};
use crate::engine::{Engine, IoSpec, LoadError, Runtime};
use crate::kserve::ModelLabel;

/// A sealed model file.
pub const MODEL_BYTES_MAX: u64 = 512 << 20;
/// Bytes of a model's key.
pub const KEY_BYTES: usize = 32;

/// Why a model is not resident.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The file cannot be read, or is too large.
    #[error("the model's file cannot be read")]
    Unreadable(#[source] io::Error),
    /// The file does not open: another key, another name, or altered.
    #[error("the model's file does not open")]
    Sealed(#[source] FileRefusal),
    /// The clear bytes are not the ones that the configuration names.
    #[error("the model is not the one in the configuration")]
    Digest,
    /// The engine does not take it.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It does not fit its preprocessing, or lacks its configured input or output.
    #[error(transparent)]
    Form(#[from] BrainError),
}

impl ModelError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "model.unreadable",
            Self::Sealed(_) => "model.sealed",
            Self::Digest => "model.digest",
            Self::Load(error) => error.code(),
            Self::Form(error) => error.code(),
        }
    }
}

/// Clear ONNX bytes of the configured digest; erased when dropped. Only [`open`] makes it.
pub struct VerifiedModel {
    onnx: Zeroizing<Vec<u8>>,
}

/// A model that is loaded and ready to run.
pub struct Resident {
    config: ModelConfig,
    engine: Box<dyn Engine>,
}

/// What a model's file is sealed for: its name, so that one model cannot pass for another.
pub fn context(config: &ModelConfig) -> String {
    format!("model:{}", config.name)
}

/// Reads the sealed file.
pub fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    let length = std::fs::metadata(path).map_err(ModelError::Unreadable)?.len();
    if length > MODEL_BYTES_MAX {
        return Err(ModelError::Unreadable(io::ErrorKind::FileTooLarge.into()));
    }
    std::fs::read(path).map_err(ModelError::Unreadable)
}

/// Opens the sealed bytes and checks the digest of what was in them.
pub fn open(
    config: &ModelConfig,
    key: &Secret<[u8; KEY_BYTES]>,
    sealed: &[u8],
) -> Result<VerifiedModel, ModelError> {
    let onnx = file::open_bytes(key, &context(config), sealed).map_err(ModelError::Sealed)?;
    let onnx = Zeroizing::new(onnx);
    if Digest::of(&*onnx) != config.digest {
        return Err(ModelError::Digest);
    }
    Ok(VerifiedModel { onnx })
}

impl VerifiedModel {
    /// Loads the model into the engine, and checks that it fits its preprocessing.
    pub fn load(self, config: &ModelConfig, runtime: &Runtime) -> Result<Resident, ModelError> {
        let engine = runtime.load(&self.onnx)?;
        if config.preprocessing == Preprocessing::BrainMri {
            brain::fits(engine.spec(), &config.input, &config.output)?;
        }
        Ok(Resident { config: config.clone(), engine })
    }
}

impl Resident {
    /// Name and version.
    pub fn label(&self) -> ModelLabel {
        ModelLabel { name: self.config.name.clone(), version: self.config.version.clone() }
    }

    /// What the configuration says of it.
    pub const fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The engine that holds it.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// Its inputs and outputs.
    pub fn spec(&self) -> &IoSpec {
        self.engine.spec()
    }
}

#[cfg(test)]
pub(crate) mod tests;
