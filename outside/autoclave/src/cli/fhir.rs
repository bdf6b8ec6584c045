//! The words of `fhir`.

use std::net::SocketAddr;

use clap::{Args, Subcommand};

use super::Connection;

/// `fhir`
#[derive(Debug, Subcommand)]
pub enum Fhir {
    /// Print an access token of the clinic's FHIR server, good for five minutes.
    Token(Granted),
    /// Print what the FHIR server answers to a GET.
    Get(Get),
    /// Let ordinary clients speak plain HTTP on this machine: verifies the clinic, adds a token.
    Proxy(Proxy),
}

/// On whose behalf, and how far.
#[derive(Debug, Args)]
pub struct Granted {
    /// What to ask for; all that the client is registered for, where nothing is said.
    #[arg(long, default_value = "system/*.cruds")]
    pub scope: String,
    /// Where and whom.
    #[command(flatten)]
    pub connection: Connection,
}

/// `fhir get`
#[derive(Debug, Args)]
pub struct Get {
    /// The path below the base, as in `Patient?name=doe`.
    #[arg(default_value = "metadata")]
    pub path: String,
    /// On whose behalf.
    #[command(flatten)]
    pub granted: Granted,
}

/// `fhir proxy`
#[derive(Debug, Args)]
pub struct Proxy {
    /// Where to listen: an address of this machine's loopback.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// On whose behalf.
    #[command(flatten)]
    pub granted: Granted,
}
