//! The launcher: measures an enclave into the machine's TPM, and starts exactly what it
//! measured. It is the first link that is ours above the machine's firmware and system. It
//! holds no key, and starts nothing that no release manifest names.

mod enrol;
mod error;
mod log;
mod program;
mod run;
mod settings;
mod words;

use std::io::Write as _;
use std::process::ExitCode;

use error::LaunchError;
use words::Words;

fn main() -> ExitCode {
    let outcome = match Words::parse(std::env::args().skip(1).collect()) {
        Ok(Words::Identity { platform }) => enrol::identity(&platform).and_then(|text| say(&text)),
        Ok(Words::Registers { platform }) => {
            enrol::registers(&platform).and_then(|text| say(&text))
        }
        Ok(Words::Activate { platform, challenge }) => {
            enrol::activate(&platform, &challenge).and_then(|text| say(&text))
        }
        Ok(Words::Run(run)) => run.start(),
        Err(error) => Err(error),
    };
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    let _unheard = writeln!(std::io::stderr(), "autoclave-launcher: {}", error.told());
    ExitCode::FAILURE
}

fn say(text: &str) -> Result<(), LaunchError> {
    writeln!(std::io::stdout(), "{text}").map_err(LaunchError::Unheard)
}
