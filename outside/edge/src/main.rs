//! The edge's binary: reads one configuration file, relays until it is told to stop, drains.
//! It belongs to whoever hosts the system.
//! It never starts with a configuration that it does not wholly understand.

use std::path::PathBuf;
use std::process::ExitCode;

use autoclave_edge::{Config, Edge};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(EnvFilter::new("info"))
        .with_writer(std::io::stderr)
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %error, "edge cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let path = configuration_path()?;
    let config = Config::parse(&std::fs::read_to_string(&path)?)?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let edge = Edge::bind(config).await?;
    tracing::info!(address = %edge.address(), "edge listens");
    let stop = async move {
        tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () }
    };
    edge.serve(stop).await;
    Ok(())
}

/// One path, and nothing else.
fn configuration_path() -> Result<PathBuf, &'static str> {
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(path), None) => Ok(PathBuf::from(path)),
        _ => Err("usage: autoclave-edge CONFIG.toml"),
    }
}
