//! `cargo xtask COMMAND`: the project's own chores, with no tool but cargo to install.
//! Each chore is one module. Nothing here is shipped.

mod bench;
mod definitions;
mod demo;
mod fuzz;
mod reproduce;
mod running;
mod sbom;
mod shell;
mod storm;
mod suites;
mod tcb;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND

  demo [ARGUMENTS]     build, then start all parties on loopback until Ctrl-C
                       (--check: headless, one diagnosis, a JSON summary; --help: all)
  test [SUITE...]      all suites, or those named; prints what was skipped and why
  storm [--seed N]     the simulated world on one seed after the other, without end, or
                       on one again (--from N, --seconds S); --processes [--seconds N]
                       [--seed N]: real processes killed at random under load, in rounds
  fuzz [TARGET...] [--seconds N] [--seed N] [--keep]
                       parsers over inputs that are anything, a minute each unless told;
                       --keep: inputs of new outcomes go to fuzz/corpus
  bench [seal|infer|servers|attest|release|ledger|records [--build-peer]]
                       figures beside peers, in turn in one run, into BENCHMARKS.md
  definitions FOLDER   the tables of protocol/fhir from HL7's JSON in that folder
  tidy                 what a program can check of our style: sizes, layering, words
  tcb [--write]        what each enclave trusts; fails if enclave/TCB.lock is out of date
  sbom                 what each binary is made of, as CycloneDX, under target/sbom
  reproduce [ENCLAVE...] builds the enclaves twice in two folders; the bytes must agree";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let outcome = match command.as_deref() {
        Some("demo") => demo::run(&rest),
        Some("test") => test::run(&rest),
        Some("bench") => bench::run(&rest),
        Some("storm") => storm::run_storm(&rest),
        Some("fuzz") => fuzz::longer(&rest),
        Some("definitions") => definitions::run(&rest),
        Some("tidy") => tidy::run(),
        Some("tcb") => tcb::run(&rest),
        Some("sbom") => sbom::run(),
        Some("reproduce") => reproduce::run_twice(&rest),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            shell::say(&message);
            ExitCode::FAILURE
        }
    }
}
