//! One enclave as a process: command line in, exit code out. The cell's; a role's `main`
//! is one call of it. What a panic says is never printed, only where it happened.

use std::future::Future;
use std::panic::PanicHookInfo;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use autoclave_base::LogSafe;
use serde::de::DeserializeOwned;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::boot::{Launch, Running, start};
use crate::{BootError, Cell, Clock, Machine, Network, Platform, Routes, event, telemetry};

/// Runs the enclave `workload` until SIGTERM or SIGINT: `BINARY CONFIG.toml --platform
/// PLATFORM`, as [`Platform::parse`] takes it. `build` makes the role's routes from the cell and
/// its settings.
pub fn run<C, B, F, R>(workload: &'static str, build: B) -> ExitCode
where
    C: DeserializeOwned + Send + 'static,
    B: FnOnce(Arc<Cell>, C) -> F + Send + 'static,
    F: Future<Output = Result<R, BootError>> + Send + 'static,
    R: Into<Routes>,
{
    telemetry::start();
    std::panic::set_hook(Box::new(tell_panic));
    match serve(workload, build) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            event!(ERROR, "cell.failed", reason = error.code(), detail = Detail(&error));
            ExitCode::FAILURE
        }
    }
}

fn serve<C, B, F, R>(workload: &'static str, build: B) -> Result<(), BootError>
where
    C: DeserializeOwned + Send + 'static,
    B: FnOnce(Arc<Cell>, C) -> F + Send + 'static,
    F: Future<Output = Result<R, BootError>> + Send + 'static,
    R: Into<Routes>,
{
    let launch = launch(std::env::args().collect())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| BootError::setup("cell.runtime", error))?;
    runtime.block_on(async move {
        let mut signals = Signals::new()?;
        let mut running = start(workload, launch, build).await?;
        let outcome = until_told(&mut running, &mut signals).await;
        event!(INFO, "cell.draining", workload = workload);
        tokio::select! {
            () = running.drain() => {}
            () = signals.any() => {}
        }
        event!(INFO, "cell.stopped", workload = workload);
        outcome
    })
}

/// Serves until a signal, or until it turns out that the enclave cannot become ready.
async fn until_told(running: &mut Running, signals: &mut Signals) -> Result<(), BootError> {
    tokio::select! {
        ready = running.ready() => ready?,
        () = signals.any() => return Ok(()),
    }
    event!(INFO, "cell.ready", workload = *running.cell().workload());
    signals.any().await;
    Ok(())
}

fn launch(arguments: Vec<String>) -> Result<Launch, BootError> {
    let mut words = arguments.into_iter();
    let usage = BootError::Usage(words.next().unwrap_or_default());
    let words: Vec<String> = words.collect();
    let (config, platform) = match &words[..] {
        [config, option, platform] if option == "--platform" => (config, platform),
        [option, platform, config] if option == "--platform" => (config, platform),
        _ => return Err(usage),
    };
    let config = std::fs::read_to_string(PathBuf::from(config)).map_err(BootError::Unreadable)?;
    Ok(Launch {
        config,
        platform: Platform::parse(platform)?,
        clock: Clock::system(),
        network: Network::system(),
        machine: Machine::system(),
    })
}

/// The two ways to tell a process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, BootError> {
        let listen = |kind| signal(kind).map_err(|error| BootError::setup("cell.signals", error));
        let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
        Ok(Self { terminate: listen(terminate)?, interrupt: listen(interrupt)? })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The error with its causes. Safe: it arose before a request was served.
struct Detail<'a>(&'a BootError);

impl std::fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut error: &dyn std::error::Error = self.0;
        write!(f, "{error}")?;
        while let Some(cause) = error.source() {
            write!(f, ": {cause}")?;
            error = cause;
        }
        Ok(())
    }
}

impl LogSafe for Detail<'_> {}

/// A place in the program's text.
struct Place<'a>(&'a std::panic::Location<'a>);

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.0.file(), self.0.line())
    }
}

impl LogSafe for Place<'_> {}

/// A panic's text may quote what it tripped over; only its place is told.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    if let Some(place) = panic.location() {
        event!(ERROR, "panic", place = Place(place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(words: &[&str]) -> &'static str {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        launch(words).err().map_or("launched", |error| error.code())
    }

    #[test]
    fn the_command_line_is_a_file_and_a_platform() {
        assert_eq!(code(&[]), "cell.usage");
        assert_eq!(code(&["toy", "config.toml"]), "cell.usage");
        assert_eq!(code(&["toy", "/nowhere", "--platform", "software:x"]), "config.unreadable");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, "").unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(code(&["toy", path, "--platform", "tdx"]), "platform.unknown");
        let nowhere = "software:/nowhere/key.pem";
        assert_eq!(code(&["toy", "--platform", nowhere, path]), "platform.unreadable");
    }

    #[test]
    fn a_boot_error_is_told_with_its_causes() {
        let cause = std::io::Error::other("inner");
        let error = BootError::role("toy.broken", cause);
        assert_eq!(Detail(&error).to_string(), "the role cannot start: toy.broken: inner");
    }
}
