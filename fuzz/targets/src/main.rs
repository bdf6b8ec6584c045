//! `autoclave-fuzz [TARGET…] [--seconds N] [--seed N] [--keep]`: runs targets on stable Rust.
//! Ends with 1 if one of them found something, and says where the input lies.
//! `autoclave-fuzz TARGET --input FILE` runs one input again, and says what comes of it.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use autoclave_fuzz::{TARGETS, Target, run};

/// Seconds for each target, unless said otherwise.
const SECONDS: u64 = 5;

struct Asked {
    targets: Vec<&'static Target>,
    seconds: u64,
    seed: u64,
    keep: bool,
    input: Option<Vec<u8>>,
}

fn asked() -> Result<Asked, String> {
    let mut asked =
        Asked { targets: Vec::new(), seconds: SECONDS, seed: 1, keep: false, input: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments.next().unwrap_or_default();
            text.parse().map_err(|_| format!("{argument} needs a number"))
        };
        match argument.as_str() {
            "--seconds" => asked.seconds = number()?,
            "--seed" => asked.seed = number()?,
            "--keep" => asked.keep = true,
            "--input" => {
                let file = arguments.next().unwrap_or_default();
                let input = std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
                asked.input = Some(input);
            }
            name => {
                let target = TARGETS.iter().find(|target| target.name == name);
                asked.targets.push(target.ok_or_else(|| format!("no target {name}"))?);
            }
        }
    }
    if asked.targets.is_empty() {
        asked.targets = TARGETS.iter().collect();
    }
    Ok(asked)
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn main() -> ExitCode {
    let asked = match asked() {
        Ok(asked) => asked,
        Err(message) => {
            say(&message);
            return ExitCode::from(2);
        }
    };
    if let Some(input) = &asked.input {
        for target in asked.targets {
            say(&format!("{:16} {}", target.name, (target.run)(input)));
        }
        return ExitCode::SUCCESS;
    }
    let mut found = false;
    for target in asked.targets {
        let time = Duration::from_secs(asked.seconds);
        match run::run(target, time, asked.seed, asked.keep) {
            Ok(came) => say(&format!(
                "{:16} {:>9} inputs, {:>2} outcomes",
                target.name,
                came.tried,
                came.outcomes.len()
            )),
            Err(finding) => {
                found = true;
                let path = finding.path.display();
                say(&format!("{:16} {}: {path}", target.name, finding.what));
            }
        }
    }
    if found { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
