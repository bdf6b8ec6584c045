//! The configured alternative: ONNX Runtime, loaded as a native library.
//! The library is a guest of the diagnosis enclave: its digest stands in the measured
//! configuration, and the bytes that were digested are the bytes that are loaded.
//! A library of any other digest is never loaded.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::sync::OnceLock;

use autoclave_base::Digest;
use ort::environment::{Environment, GlobalThreadPoolOptions};
use ort::session::builder::PrepackedWeights;
use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use thiserror::Error;

use super::turns::Turns;
use super::{Engine, IoSpec, LoadError, RunError, TensorSpec};
use crate::config::LibraryConfig;
use crate::tensor::{Tensor, TensorView};

/// A native library; ONNX Runtime 1.31 for x86-64 has 28 MiB.
const LIBRARY_BYTES_MAX: u64 = 512 << 20;

/// ONNX Runtime allows one environment in a process, and no library can be unloaded.
static LOADED: OnceLock<(Digest, Environment)> = OnceLock::new();

/// Why the native library is not used.
#[derive(Debug, Error)]
pub enum LibraryRefusal {
    /// It cannot be read, or is larger than any such library.
    #[error("the engine's library cannot be read")]
    Unreadable(#[source] io::Error),
    /// Its digest is not the configured one.
    #[error("the engine's library is not the one in the configuration")]
    Digest,
    /// It is not a usable ONNX Runtime.
    #[error("the engine's library cannot be loaded")]
    Load(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// This process has loaded a library of another digest already.
    #[error("another library has been loaded already")]
    Other,
}

impl LibraryRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "engine.library_unreadable",
            Self::Digest => "engine.library_digest",
            Self::Load(_) => "engine.library_load",
            Self::Other => "engine.library_other",
        }
    }
}

/// The loaded library, of the digest that the configuration names.
pub struct Library {
    digest: Digest,
    environment: &'static Environment,
}

impl Library {
    /// Reads the library once into sealed memory, digests that, and loads it from there:
    /// who exchanges the file between check and use changes nothing. All models share
    /// `threads` threads, those that the process's first library was opened with.
    pub fn open(config: &LibraryConfig, threads: usize) -> Result<Self, LibraryRefusal> {
        let (copy, digest) = sealed_copy(config).map_err(LibraryRefusal::Unreadable)?;
        if digest != config.digest {
            return Err(LibraryRefusal::Digest);
        }
        let (loaded, environment) = loaded(&copy, digest, threads)?;
        if *loaded != digest {
            return Err(LibraryRefusal::Other);
        }
        Ok(Self { digest, environment })
    }

    /// The digest of the library's bytes.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    pub(super) fn label(&self) -> String {
        format!("onnxruntime {}", self.digest)
    }
}

fn sealed_copy(config: &LibraryConfig) -> io::Result<(File, Digest)> {
    let mut bytes = Vec::new();
    File::open(&config.path)?.take(LIBRARY_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIBRARY_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut copy =
        File::from(memfd_create("onnxruntime", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    copy.write_all(&bytes)?;
    copy.seek(SeekFrom::Start(0))?;
    fcntl_add_seals(
        &copy,
        SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
    )?;
    Ok((copy, Digest::of(&bytes)))
}

fn loaded(
    copy: &File,
    digest: Digest,
    threads: usize,
) -> Result<&'static (Digest, Environment), LibraryRefusal> {
    if let Some(loaded) = LOADED.get() {
        return Ok(loaded);
    }
    let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
    let environment = environment(&path, threads).map_err(LibraryRefusal::Load)?;
    Ok(LOADED.get_or_init(|| (digest, environment)))
}

/// One pool of threads for all sessions, so that two runs at once do not ask for twice the
/// cores; no thread waits by spinning, which would take them from the other run.
fn environment(
    path: &str,
    threads: usize,
) -> Result<Environment, Box<dyn std::error::Error + Send + Sync>> {
    let builder = ort::init_from(path)?;
    let pool =
        GlobalThreadPoolOptions::default().with_intra_threads(threads)?.with_spin_control(false)?;
    let builder = builder.with_name("autoclave").with_telemetry(false);
    Ok(builder.with_global_thread_pool(pool).build()?)
}

/// A model in ONNX Runtime. A session runs one request at a time.
pub(super) struct Ort {
    sessions: Turns<Session>,
    spec: IoSpec,
}

impl Ort {
    /// Loads the model once for each of `runs` at once.
    pub(super) fn load(library: &Library, onnx: &[u8], runs: usize) -> Result<Self, LoadError> {
        let sessions =
            sessions(library, onnx, runs).map_err(|error| LoadError::Model(Box::new(error)))?;
        let first = sessions.first().ok_or(LoadError::Io)?;
        let spec = IoSpec { inputs: specs(first.inputs())?, outputs: specs(first.outputs())? };
        Ok(Self { sessions: Turns::new(sessions), spec })
    }
}

/// Without a plan of all memory for each shape, which takes as much again as the tensors.
fn sessions(library: &Library, onnx: &[u8], runs: usize) -> ort::Result<Vec<Session>> {
    let weights = PrepackedWeights::new();
    let session = |_| {
        let builder = Session::builder(library.environment)?.with_memory_pattern(false)?;
        builder.with_prepacked_weights(&weights)?.commit_from_memory(onnx)
    };
    (0..runs).map(session).collect()
}

impl Engine for Ort {
    fn spec(&self) -> &IoSpec {
        &self.spec
    }

    fn run(&self, inputs: &[TensorView<'_>]) -> Result<Vec<Tensor>, RunError> {
        self.spec.admit(inputs)?;
        let given = inputs
            .iter()
            .map(|input| {
                Ok((input.name, TensorRef::from_array_view((input.shape, input.data))?.into()))
            })
            .collect::<Result<Vec<(&str, SessionInputValue<'_>)>, ort::Error>>()
            .map_err(engine)?;
        let mut taken = self.sessions.take();
        let session = taken.item().ok_or(RunError::Output)?;
        let results = session.run(given).map_err(engine)?;
        let output = |spec: &TensorSpec| {
            let value = results.get(&spec.name).ok_or(RunError::Output)?;
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(engine)?;
            output(spec, shape, data)
        };
        self.spec.outputs.iter().map(output).collect()
    }
}

fn engine(error: ort::Error) -> RunError {
    RunError::Engine(Box::new(error))
}

fn output(spec: &TensorSpec, shape: &[i64], data: &[f32]) -> Result<Tensor, RunError> {
    let shape: Vec<usize> = shape.iter().filter_map(|&side| usize::try_from(side).ok()).collect();
    if !spec.takes(&shape) {
        return Err(RunError::Output);
    }
    Tensor::new(&spec.name, shape, data.to_vec()).map_err(|_| RunError::Output)
}

fn specs(outlets: &[Outlet]) -> Result<Vec<TensorSpec>, LoadError> {
    outlets.iter().map(|outlet| spec(outlet).ok_or(LoadError::Io)).collect()
}

fn spec(outlet: &Outlet) -> Option<TensorSpec> {
    let ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } = outlet.dtype() else {
        return None;
    };
    let shape = shape.iter().map(|&side| usize::try_from(side).ok()).collect();
    Some(TensorSpec { name: outlet.name().to_owned(), shape })
}
