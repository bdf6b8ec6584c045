//! Enrolment of a demo's machines: each proves that its attestation key lives in the TPM
//! that its maker certified, and gets that in writing.
//! It belongs to the deployment, in the place of a hospital's security officer.
//! The launcher speaks to the TPM; here is only the officer's side.

use std::path::Path;
use std::process::{Command, Stdio};

use autoclave_attest::evidence::tpm::AkCertificate;
use autoclave_attest::evidence::tpm::enrol::{self, Answer, EnrolRefusal};
use autoclave_base::{UnixTime, b64};
use autoclave_client::clock::random;
use p256::ecdsa::SigningKey;
use serde::de::DeserializeOwned;

use super::{LAUNCHER, Machine};
use crate::deploy::layout::Layout;
use crate::deploy::party::Party;
use crate::failure::{Failure, Outcome};
use crate::files;

/// A demo's certificate ends after so many days; a start renews it.
const LIFE_SECONDS: u64 = 180 * 86_400;
/// One that ends sooner is renewed.
const RENEW_SECONDS: u64 = 30 * 86_400;

/// Whether a party's machine has a certificate that lasts. The parties judge it; here it is
/// only looked at.
pub(super) fn is_valid(layout: &Layout, party: Party, now: UnixTime) -> bool {
    let text = files::read_text(&certificate(layout, party)).unwrap_or_default();
    let payload = text.split('.').nth(1).and_then(|part| b64::decode(part).ok());
    let read = payload.and_then(|bytes| serde_json::from_slice::<AkCertificate>(&bytes).ok());
    read.is_some_and(|read| read.exp > now.plus(RENEW_SECONDS))
}

/// Enrols a party's machine.
pub(super) fn enrol(
    layout: &Layout,
    binaries: &Path,
    party: Party,
    ek_roots: &[Vec<u8>],
    station: &SigningKey,
    now: UnixTime,
) -> Outcome {
    let _machine = Machine::start(layout, party)?;
    let ask = |words: &[&str]| launcher(layout, binaries, party, words);
    let identity = parsed(&ask(&["identity"])?)?;
    let challenged = enrol::challenge(&identity, ek_roots, &mut random(), now);
    let (challenge, expected) = challenged.map_err(|refusal| refused(party, refusal))?;
    let path = layout.tpm(party).join("challenge.json");
    files::write_json(&path, &challenge)?;
    let told = ask(&["activate", "--challenge", &format!("{party}/tpm/challenge.json")]);
    let _ = std::fs::remove_file(&path);
    let answer: Answer = parsed(&told?)?;
    let certified = enrol::certify(expected, &answer.secret(), station, LIFE_SECONDS, now);
    let text = certified.map_err(|refusal| refused(party, refusal))?;
    files::write(&certificate(layout, party), text)
}

fn certificate(layout: &Layout, party: Party) -> std::path::PathBuf {
    layout.tpm(party).join("ak.jws")
}

/// What a party's launcher says.
fn launcher(layout: &Layout, binaries: &Path, party: Party, words: &[&str]) -> Outcome<Vec<u8>> {
    let binary = binaries.join(LAUNCHER);
    let output = Command::new(&binary)
        .args(words)
        .args(["--platform", &format!("{party}/tpm/platform.toml")])
        .current_dir(layout.root())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::file(&binary, &error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let what = format!("the machine of {party} cannot be enrolled");
    Err(Failure::new("deploy.tpm_enrolment", what).advise(String::from_utf8_lossy(&output.stderr)))
}

fn parsed<T: DeserializeOwned>(text: &[u8]) -> Outcome<T> {
    serde_json::from_slice(text).map_err(|error| Failure::new("deploy.tpm_enrolment", error))
}

fn refused(party: Party, refusal: EnrolRefusal) -> Failure {
    Failure::new(refusal.code(), format!("the machine of {party}: {refusal}"))
}
