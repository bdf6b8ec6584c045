//! The engine seam: a model goes in as ONNX bytes, tensors go through it.
//! The diagnosis enclave owns it; which engine stands behind it, its configuration says.
//! No engine opens files, and none ever sees a model whose digest was not checked.

mod ort;
mod rten;
mod spec;
mod turns;

use autoclave_base::Digest;
use thiserror::Error;

pub use self::ort::{Library, LibraryRefusal};
pub use self::spec::{IoSpec, SpecRefusal, TensorSpec};
use crate::config::EngineConfig;
use crate::tensor::{Tensor, TensorView};

/// A loaded model, ready to run. Shared by all requests.
pub trait Engine: Send + Sync {
    /// The model's inputs and outputs.
    fn spec(&self) -> &IoSpec;

    /// Runs the model. Inputs must satisfy [`IoSpec::admit`]; outputs come in the order
    /// of the specification, each finite.
    fn run(&self, inputs: &[TensorView<'_>]) -> Result<Vec<Tensor>, RunError>;
}

/// Why a model cannot be served.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The engine does not take these bytes as a model, or lacks an operator.
    #[error("the engine cannot load the model")]
    Model(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An input or output is not an f32 tensor with a name.
    #[error("the model has an input or output that is not a named f32 tensor")]
    Io,
}

impl LoadError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Model(_) => "engine.load",
            Self::Io => "engine.io_unsupported",
        }
    }
}

/// Why a run gave no result.
#[derive(Debug, Error)]
pub enum RunError {
    /// The inputs are not the model's.
    #[error(transparent)]
    Spec(#[from] SpecRefusal),
    /// The engine failed.
    #[error("the engine failed")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The result has another type or shape than announced, or values that are not finite.
    #[error("the model's result is unusable")]
    Output,
}

impl RunError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Spec(refusal) => refusal.code(),
            Self::Engine(_) => "engine.run",
            Self::Output => "engine.output",
        }
    }
}

/// The engine that this process serves with: one kind, chosen by configuration.
pub struct Runtime {
    kind: Kind,
    threads: usize,
    runs: usize,
}

enum Kind {
    Rten,
    Ort(Library),
}

impl Runtime {
    /// Prepares the configured engine. For `ort` that checks the library's digest and
    /// loads exactly the bytes that were digested.
    pub fn start(config: &EngineConfig) -> Result<Self, LibraryRefusal> {
        let threads = usize::from(config.threads().get());
        let kind = match config {
            EngineConfig::Rten { .. } => Kind::Rten,
            EngineConfig::Ort { library, .. } => Kind::Ort(Library::open(library, threads)?),
        };
        Ok(Self { kind, threads, runs: usize::from(config.runs().get()) })
    }

    /// How many runs there are at once.
    pub const fn runs(&self) -> usize {
        self.runs
    }

    /// Name and version for receipts and metadata.
    pub fn label(&self) -> String {
        match &self.kind {
            Kind::Rten => rten::LABEL.to_owned(),
            Kind::Ort(library) => library.label(),
        }
    }

    /// The digest of the native library, where the engine has one.
    pub fn library(&self) -> Option<Digest> {
        match &self.kind {
            Kind::Rten => None,
            Kind::Ort(library) => Some(library.digest()),
        }
    }

    /// Loads a model whose digest the caller has checked.
    pub fn load(&self, onnx: &[u8]) -> Result<Box<dyn Engine>, LoadError> {
        match &self.kind {
            Kind::Rten => Ok(Box::new(rten::Rten::load(onnx, self.threads, self.runs)?)),
            Kind::Ort(library) => Ok(Box::new(ort::Ort::load(library, onnx, self.runs)?)),
        }
    }
}

#[cfg(test)]
mod tests;
