//! The machine's side of its enrolment: who it is, and the proof that the key which signs
//! its evidence lives in the same TPM as the key that the TPM's maker certified.

use std::path::Path;

use autoclave_attest::evidence::tpm::enrol::{Answer, Challenge, Identity};
use autoclave_base::Digest;
use autoclave_tpm::{FIRST_OURS, Platform, Tpm, platform};
use serde::Serialize;

use crate::error::LaunchError;

/// The machine's identity as JSON; makes its attestation key if it has none.
pub(crate) fn identity(file: &Path) -> Result<String, LaunchError> {
    let platform = Platform::read(file)?;
    let mut tpm = Tpm::open(&platform.device)?;
    let ak_public = tpm.ensure_ak()?.0;
    let mut ek_chain = vec![tpm.ek_certificate()?];
    ek_chain.extend(platform.intermediates()?);
    text(file, &Identity { ek_chain, ak_public })
}

/// The firmware's registers, a line for each, as `autoclave tpm root --firmware` takes them.
pub(crate) fn registers(file: &Path) -> Result<String, LaunchError> {
    let platform = Platform::read(file)?;
    let values = Tpm::open(&platform.device)?.pcrs()?.map(Digest::from_bytes);
    let lines = values[..FIRST_OURS].iter().enumerate();
    Ok(lines.map(|(pcr, value)| format!("{pcr}={value}")).collect::<Vec<_>>().join("\n"))
}

/// The answer to a challenge as JSON.
pub(crate) fn activate(file: &Path, challenge: &Path) -> Result<String, LaunchError> {
    let platform = Platform::read(file)?;
    let asked: Challenge = serde_json::from_slice(&platform::read(challenge)?)
        .map_err(|_| LaunchError::Malformed(challenge.to_owned()))?;
    let mut tpm = Tpm::open(&platform.device)?;
    let secret = tpm.activate(&asked.credential_blob, &asked.secret_enc)?;
    text(challenge, &Answer::new(&secret))
}

fn text(about: &Path, value: &impl Serialize) -> Result<String, LaunchError> {
    serde_json::to_string_pretty(value).map_err(|_| LaunchError::Malformed(about.to_owned()))
}
