//! `ledger`: what outsiders do with ledgers.
//! It belongs to auditors, patients, and whoever wants to know.
//! Nothing that a ledger's host says is believed.

mod export;
mod monitor;
mod source;
mod verify;

use crate::cli::Ledger;
use crate::failure::Outcome;

/// Runs the command.
pub async fn run(command: Ledger) -> Outcome {
    match command {
        Ledger::Verify { dir, key, since, proof, lines, json } => {
            verify::run(verify::Asked { dir, key, since, proof, lines, json })
        }
        Ledger::Monitor(monitor) => monitor::run(monitor).await,
        Ledger::Export(export) => export::run(&export),
    }
}
