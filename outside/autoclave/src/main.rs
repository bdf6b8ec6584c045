//! The command line `autoclave`. It belongs to whoever sits at the terminal.
//! It never prints a key, and it exits with 0 only if what it was asked for holds.

use std::process::ExitCode;

use autoclave::cli::{Cli, Command, Records};
use autoclave::{commands, terminal};
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo(demo) => Box::pin(commands::demo::run(demo)).await,
        Command::Diagnose(diagnose) => commands::diagnose::run(diagnose).await,
        Command::Code(code) => commands::code::run(&code),
        Command::Token(token) => commands::token::run(token).await,
        Command::Receipt(receipt) => commands::receipt::run(receipt),
        Command::Ledger(ledger) => commands::ledger::run(ledger).await,
        Command::Records(Records::Import(import)) => commands::records::import(&import).await,
        Command::Model(model) => commands::model::run(model),
        Command::Policy(policy) => commands::policy::run(policy).await,
        Command::Evidence(evidence) => return commands::evidence::run(&evidence),
        Command::Collateral(collateral) => commands::collateral::run(collateral).await,
        Command::Release(release) => commands::release::run(release),
        Command::Tpm(tpm) => commands::tpm::run(tpm).await,
        Command::Witness(witness) => commands::witness::run(witness).await,
        Command::Probe(probe) => commands::probe::run(probe).await,
        Command::Broker(broker) => commands::broker::run(broker).await,
        Command::Fhir(fhir) => commands::fhir::run(fhir).await,
        Command::Doctor(doctor) => commands::doctor::run(doctor).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::note(format_args!("autoclave: {failure}"));
            ExitCode::FAILURE
        }
    }
}
