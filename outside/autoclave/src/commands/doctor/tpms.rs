//! The machines' TPMs: whether a demo could have some, and whether those of a deployment
//! are certified for long enough.
//! It belongs to the doctor.
//! No TPM is spoken to: its party's enclave holds it.

use std::path::Path;
use std::process::{Command, Stdio};

use autoclave_attest::evidence::tpm::AkCertificate;
use autoclave_base::{UnixTime, b64};
use autoclave_client::clock::now;

use super::{Finding, State};
use crate::deploy::party::Party;
use crate::files;

/// A certificate that ends sooner is announced.
const ANNOUNCED_SECONDS: u64 = 15 * DAY_SECONDS;
const DAY_SECONDS: u64 = 86_400;

/// Looks at the machine and at the deployment under `dir`.
pub(super) fn look(dir: &Path) -> Vec<Finding> {
    let mut findings = vec![software()];
    let certificates = Party::ENCLAVES
        .map(|party| (party, dir.join(party.name()).join("tpm/ak.jws")))
        .into_iter()
        .filter(|(_, path)| path.exists());
    findings.extend(certificates.map(|(party, path)| certificate(party, end(&path), now())));
    findings
}

fn software() -> Finding {
    let mut command = Command::new("swtpm");
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if command.status().is_ok_and(|status| status.success()) {
        return Finding::new("TPMs in software", State::Good, "swtpm is here: demo --tee tpm");
    }
    Finding::new("TPMs in software", State::Absent, "swtpm is not installed")
        .advise("For demo --tee tpm: apt-get install swtpm swtpm-tools")
}

/// When an attestation key's certificate ends. Whoever relies on it checks more.
fn end(path: &Path) -> Option<UnixTime> {
    let text = files::read_text(path).ok()?;
    let payload = b64::decode(text.trim().split('.').nth(1)?).ok()?;
    Some(serde_json::from_slice::<AkCertificate>(&payload).ok()?.exp)
}

fn certificate(party: Party, end: Option<UnixTime>, now: UnixTime) -> Finding {
    let what = format!("TPM of {party}");
    let renew = "Enrol it again: the next start of a demo does, elsewhere `autoclave tpm enrol`.";
    let Some(end) = end else {
        return Finding::new(what, State::Bad, "its certificate is malformed").advise(renew);
    };
    let detail = format!("certified until {}", end.rfc3339());
    if end < now.plus(ANNOUNCED_SECONDS) {
        return Finding::new(what, State::Bad, detail).advise(renew);
    }
    Finding::new(what, State::Good, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_announced_before_it_hurts() {
        let now = UnixTime::from_seconds(1_800_000_000);
        let state = |end| certificate(Party::Clinic, end, now).state;
        assert_eq!(state(Some(now.plus(ANNOUNCED_SECONDS + 1))), State::Good);
        assert_eq!(state(Some(now.plus(DAY_SECONDS))), State::Bad);
        assert_eq!(state(Some(now.minus(1))), State::Bad);
        assert_eq!(state(None), State::Bad);
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ak.jws");
        for text in ["", "a.b.c", "..", "e30.e30.e30"] {
            std::fs::write(&path, text).unwrap();
            assert!(end(&path).is_none(), "{text}");
        }
    }
}
