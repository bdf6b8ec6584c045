//! The launcher's command line, read by hand: every crate here is trusted with all that
//! the enclaves hold.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::LaunchError;
use crate::run::Run;

/// What the launcher is told to do.
pub(crate) enum Words {
    /// Say which machine this is, for its enrolment.
    Identity { platform: PathBuf },
    /// Say what the TPM's registers hold, as roots name known firmware.
    Registers { platform: PathBuf },
    /// Answer the challenge of an enrolment.
    Activate { platform: PathBuf, challenge: PathBuf },
    /// Measure and start.
    Run(Run),
}

impl Words {
    /// `identity`, `registers`, `activate` or `run`, as the usage of [`LaunchError`] has them.
    pub(crate) fn parse(words: Vec<String>) -> Result<Self, LaunchError> {
        let mut words = words.into_iter();
        let command = words.next().ok_or(LaunchError::Usage)?;
        let mut options = Options::default();
        while let Some(word) = words.next() {
            if word == "--" {
                break;
            }
            options.take(&word, words.next().ok_or(LaunchError::Usage)?)?;
        }
        options.command(&command, words.collect())
    }
}

#[derive(Default)]
struct Options {
    platform: Option<PathBuf>,
    challenge: Option<PathBuf>,
    manifest: Option<PathBuf>,
    release_keys: Vec<PathBuf>,
}

impl Options {
    fn take(&mut self, name: &str, value: String) -> Result<(), LaunchError> {
        let value = PathBuf::from(value);
        let place = match name {
            "--platform" => &mut self.platform,
            "--challenge" => &mut self.challenge,
            "--manifest" => &mut self.manifest,
            "--release-key" => {
                self.release_keys.push(value);
                return Ok(());
            }
            _ => return Err(LaunchError::Usage),
        };
        if place.replace(value).is_some() { Err(LaunchError::Usage) } else { Ok(()) }
    }

    fn command(self, command: &str, rest: Vec<String>) -> Result<Words, LaunchError> {
        match (command, self) {
            (
                "identity" | "registers",
                Self { platform: Some(platform), challenge: None, manifest: None, release_keys },
            ) if release_keys.is_empty() && rest.is_empty() => Ok(match command {
                "identity" => Words::Identity { platform },
                _ => Words::Registers { platform },
            }),
            (
                "activate",
                Self {
                    platform: Some(platform),
                    challenge: Some(challenge),
                    manifest: None,
                    release_keys,
                },
            ) if release_keys.is_empty() && rest.is_empty() => {
                Ok(Words::Activate { platform, challenge })
            }
            (
                "run",
                Self {
                    platform: Some(platform),
                    challenge: None,
                    manifest: Some(manifest),
                    release_keys,
                },
            ) if !release_keys.is_empty() => run(platform, manifest, release_keys, rest),
            _ => Err(LaunchError::Usage),
        }
    }
}

fn run(
    platform: PathBuf,
    manifest: PathBuf,
    release_keys: Vec<PathBuf>,
    rest: Vec<String>,
) -> Result<Words, LaunchError> {
    let [binary, configuration] = rest.try_into().map_err(|_| LaunchError::Usage)?;
    let (binary, configuration) = (PathBuf::from(binary), PathBuf::from(configuration));
    Ok(Words::Run(Run { platform, manifest, release_keys, binary, configuration }))
}

/// The program's own command line: its configuration, and the machine that it runs on.
pub(crate) fn of_program(run: &Run) -> [OsString; 3] {
    let mut platform = OsString::from("tpm:");
    platform.push(&run.platform);
    [run.configuration.clone().into(), "--platform".into(), platform]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Words, LaunchError> {
        Words::parse(words.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn the_four_commands_are_understood() {
        assert!(matches!(parse("identity --platform p"), Ok(Words::Identity { .. })));
        assert!(matches!(parse("registers --platform p"), Ok(Words::Registers { .. })));
        let activate = parse("activate --platform p --challenge c");
        assert!(matches!(activate, Ok(Words::Activate { .. })));
        let run = parse("run --platform p --manifest m --release-key a --release-key b -- x c");
        let Ok(Words::Run(run)) = run else { panic!("no run") };
        assert_eq!(run.release_keys.len(), 2);
        assert_eq!(of_program(&run), ["c", "--platform", "tpm:p"]);
    }

    #[test]
    fn whatever_is_missing_unknown_or_too_much_is_refused() {
        for words in [
            "",
            "identity",
            "identity --platform",
            "identity --platform p --platform q",
            "identity --platform p more",
            "activate --platform p",
            "start --platform p",
            "run --platform p --manifest m -- x c",
            "run --platform p --release-key k -- x c",
            "run --platform p --manifest m --release-key k -- x",
            "run --platform p --manifest m --release-key k -- x c more",
            "run --platform p --manifest m --release-key k --debug -- x c",
        ] {
            assert!(matches!(parse(words), Err(LaunchError::Usage)), "{words}");
        }
    }
}
