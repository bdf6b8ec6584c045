//! The diagnosis part of the enclave's one measured configuration file.
//! The diagnostics provider writes it; example and tests stand beside it.
//! No secret ever stands here, and an unknown field stops the boot.

use std::num::NonZeroU8;
use std::path::PathBuf;

use autoclave_base::Digest;
use autoclave_base::ids::{KeyName, ModelName, WorkloadName};
use serde::Deserialize;

/// What the diagnosis enclave serves, and with what.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The engine for all models.
    #[serde(default)]
    pub engine: EngineConfig,
    /// Where the models' keys come from.
    pub broker: BrokerConfig,
    /// The chains of workloads that may ask, each from the first that held the data to
    /// the caller.
    pub callers: Vec<Vec<WorkloadName>>,
    /// The models.
    pub models: Vec<ModelConfig>,
}

/// The engine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum EngineConfig {
    /// rten, pure Rust.
    Rten {
        /// Threads of one run.
        #[serde(default = "default_threads")]
        threads: NonZeroU8,
        /// Runs at once; the others wait.
        #[serde(default = "default_runs")]
        runs: NonZeroU8,
    },
    /// ONNX Runtime, a native library.
    Ort {
        /// Threads of one run.
        #[serde(default = "default_threads")]
        threads: NonZeroU8,
        /// Runs at once, each with a session of its own; the others wait.
        #[serde(default = "default_runs")]
        runs: NonZeroU8,
        /// The library, which the measurement covers.
        library: LibraryConfig,
    },
}

/// A native library.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LibraryConfig {
    /// The file.
    pub path: PathBuf,
    /// Its SHA-256; a file of any other is refused.
    pub digest: Digest,
}

/// The model owner's broker.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerConfig {
    /// Base URL of its sealed door.
    pub url: String,
}

/// One model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Its name in every route.
    pub name: ModelName,
    /// Its version in every route and receipt.
    pub version: String,
    /// The sealed file.
    pub file: PathBuf,
    /// SHA-256 of the clear ONNX.
    pub digest: Digest,
    /// The key's name at the broker.
    pub key: KeyName,
    /// What is done to images on their way to the model.
    pub preprocessing: Preprocessing,
    /// Name of the model's input that takes the image.
    #[serde(default = "default_input")]
    pub input: String,
    /// Name of the model's output that is answered.
    #[serde(default = "default_output")]
    pub output: String,
}

/// What is done to images on their way to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preprocessing {
    /// The documented way of the brain model; see [`crate::brain`].
    BrainMri,
    /// None: the model takes tensors only, and has no image route.
    None,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self::Rten { threads: default_threads(), runs: default_runs() }
    }
}

impl EngineConfig {
    /// Threads of one run.
    pub const fn threads(&self) -> NonZeroU8 {
        match self {
            Self::Rten { threads, .. } | Self::Ort { threads, .. } => *threads,
        }
    }

    /// Runs at once.
    pub const fn runs(&self) -> NonZeroU8 {
        match self {
            Self::Rten { runs, .. } | Self::Ort { runs, .. } => *runs,
        }
    }
}

/// One at a time has all threads and the memory of one: two at once took 70 MB more.
const fn default_runs() -> NonZeroU8 {
    NonZeroU8::MIN
}

const fn default_threads() -> NonZeroU8 {
    NonZeroU8::MIN.saturating_add(1)
}

fn default_input() -> String {
    "image".to_owned()
}

fn default_output() -> String {
    "probability".to_owned()
}

#[cfg(test)]
mod tests;
