//! `tpm`: the security officer's station, where machines are enrolled.
//! It belongs to whoever answers for the machines; their TPMs are spoken to by their launchers.
//! A key is certified only after its TPM has proven that it holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use autoclave_attest::evidence::tpm::enrol::{self, Answer};
use autoclave_attest::evidence::tpm::{FirmwarePcr, TpmRoot};
use autoclave_attest::evidence::{Root, TpmVerifier};
use autoclave_base::Digest;
use autoclave_client::clock::{now, random};
use tokio::time::{sleep, timeout};

use crate::cli::{Enrol, Tpm};
use crate::deploy::keys::{self, Keys};
use crate::failure::{Failure, Outcome};
use crate::terminal::{note, out};
use crate::{certificate, files};

/// Pause between two looks for the answer.
const PAUSE: Duration = Duration::from_millis(250);
const DAY_SECONDS: u64 = 86_400;
const MINUTE_SECONDS: u64 = 60;

/// Runs the command.
pub async fn run(command: Tpm) -> Outcome {
    match command {
        Tpm::Enrol(enrol) => certify(&enrol).await,
        Tpm::Root { ek_root, station, development, firmware, toml } => {
            let root = root(&ek_root, &station, development, &firmware)?;
            out(if toml { as_configuration(root)? } else { as_trust(root)? });
            Ok(())
        }
    }
}

/// A member of `roots` in a trust file.
fn as_trust(root: TpmRoot) -> Outcome<String> {
    serde_json::to_string_pretty(&Root::Tpm(root)).map_err(|error| Failure::new("tpm.root", error))
}

/// What an enclave's configuration has: `[[trust.tpm_roots]]`, or in development
/// `[development.tpm_root]`.
fn as_configuration(root: TpmRoot) -> Outcome<String> {
    let development = root.development;
    let value =
        toml::Value::try_from(root).map_err(|error| Failure::new("tpm.root", error))?.to_string();
    Ok(if development {
        format!("[development]\ntpm_root = {value}")
    } else {
        format!("[trust]\ntpm_roots = [{value}]")
    })
}

async fn certify(command: &Enrol) -> Outcome {
    if command.answer.exists() {
        let what = format!("{} is there already", command.answer.display());
        let advice = "It can only be of an earlier challenge: remove it.";
        return Err(Failure::new("tpm.answer_exists", what).advise(advice));
    }
    let station = keys::open_or_make(&command.station)?;
    let identity = files::read_json(&command.identity)?;
    let challenged =
        enrol::challenge(&identity, &certificates(&command.ek_root)?, &mut random(), now());
    let (challenge, expected) = challenged.map_err(|refusal| refused(&refusal, refusal.code()))?;
    files::write_json(&command.challenge, &challenge)?;
    note(format_args!(
        "The challenge is in {}. On the machine:\n  autoclave-launcher activate --platform FILE \
         --challenge challenge.json > answer.json\nWaiting for the answer in {} …",
        command.challenge.display(),
        command.answer.display()
    ));
    let answer = answer(command).await?;
    let life = u64::from(command.days) * DAY_SECONDS;
    let certified = enrol::certify(expected, &answer.secret(), &station, life, now());
    files::write(&command.out, certified.map_err(|refusal| refused(&refusal, refusal.code()))?)?;
    out(format_args!("Enrolled: {}", command.out.display()));
    Ok(())
}

fn refused(refusal: &impl std::fmt::Display, code: &str) -> Failure {
    Failure::new(code, refusal)
}

/// Waits for the answer. A file that is not whole yet is looked at again.
async fn answer(command: &Enrol) -> Outcome<Answer> {
    let limit = Duration::from_secs(u64::from(command.wait_minutes) * MINUTE_SECONDS);
    let looking = async {
        loop {
            if let Ok(answer) = files::read_json(&command.answer) {
                return answer;
            }
            sleep(PAUSE).await;
        }
    };
    timeout(limit, looking).await.map_err(|_| {
        let what = format!("no answer came to {}", command.answer.display());
        Failure::new("tpm.no_answer", what)
    })
}

fn root(
    ek_roots: &[PathBuf],
    station: &Path,
    development: bool,
    firmware: &[String],
) -> Outcome<TpmRoot> {
    let root = TpmRoot {
        ek_roots: certificates(ek_roots)?,
        ak_issuers: vec![Keys::public(&keys::open_or_make(station)?)],
        development,
        firmware: registers(firmware)?,
    };
    TpmVerifier::new(&root).map_err(|refusal| Failure::new(refusal.code(), refusal))?;
    Ok(root)
}

fn certificates(paths: &[PathBuf]) -> Outcome<Vec<Vec<u8>>> {
    paths.iter().map(|path| certificate::read(path)).collect()
}

/// `PCR=sha256:…`, as often as wanted.
fn registers(texts: &[String]) -> Outcome<Vec<FirmwarePcr>> {
    let mut known = BTreeMap::<u8, BTreeSet<Digest>>::new();
    for text in texts {
        let read = text
            .split_once('=')
            .and_then(|(pcr, value)| Some((pcr.parse().ok()?, value.parse::<Digest>().ok()?)));
        let (pcr, value) = read.ok_or_else(|| {
            Failure::new("tpm.firmware", format!("`{text}` is not of the form PCR=sha256:…"))
        })?;
        known.entry(pcr).or_default().insert(value);
    }
    Ok(known.into_iter().map(|(pcr, values)| FirmwarePcr { pcr, values }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_printed_as_a_configuration_has_it() {
        let root = |development| TpmRoot {
            ek_roots: vec![vec![1]],
            ak_issuers: Vec::new(),
            development,
            firmware: Vec::new(),
        };
        for (development, path) in
            [(true, ["development", "tpm_root"]), (false, ["trust", "tpm_roots"])]
        {
            let table: toml::Table = as_configuration(root(development)).unwrap().parse().unwrap();
            let found = table[path[0]][path[1]].clone();
            let found = found.get(0).cloned().unwrap_or(found);
            assert_eq!(found.try_into::<TpmRoot>().unwrap(), root(development));
        }
    }

    #[test]
    fn registers_are_read_with_all_their_values() {
        let value = |text: &str| Digest::of(text).to_string();
        let texts = [format!("7={}", value("a")), format!("7={}", value("b"))];
        let read = registers(&texts).unwrap();
        assert_eq!((read.len(), read[0].pcr, read[0].values.len()), (1, 7, 2));
        for wrong in ["7", "x=sha256:00", "7=00"] {
            assert_eq!(registers(&[wrong.to_owned()]).unwrap_err().code(), "tpm.firmware");
        }
    }
}
