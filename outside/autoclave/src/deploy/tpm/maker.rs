//! The maker of a demo's TPMs: an authority that lies in the deployment, and whose
//! certificates say that its TPMs are programs.
//! It belongs to the deployment; Debian's `swtpm_setup` does its work.
//! Its key is worth nothing outside this deployment.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::certificate;
use crate::deploy::layout::Layout;
use crate::deploy::party::Party;
use crate::failure::{Failure, Outcome};
use crate::files;

/// Where `swtpm_setup` leaves a TPM's whole memory.
const STATE: &str = "tpm2-00.permall";

/// Writes what `swtpm_setup` is configured with: all of it lies in the deployment.
pub(super) fn ensure(layout: &Layout) -> Outcome {
    let folder = layout.tpm_maker();
    files::private_folder(&folder)?;
    let home = text(&folder)?;
    let authority = format!(
        "statedir = {home}\nsigningkey = {home}/signkey.pem\n\
         issuercert = {home}/issuercert.pem\ncertserial = {home}/certserial\n"
    );
    let setup = format!(
        "create_certs_tool = swtpm_localca\ncreate_certs_tool_config = {home}/localca.conf\n\
         create_certs_tool_options = {home}/localca.options\nactive_pcr_banks = sha256\n"
    );
    files::write(&folder.join("localca.conf"), authority)?;
    files::write(&folder.join("localca.options"), "")?;
    files::write(&folder.join("setup.conf"), setup)
}

/// Whether a party's TPM was made.
pub(super) fn is_made(layout: &Layout, party: Party) -> bool {
    layout.tpm(party).join("state").join(STATE).is_file()
}

/// Makes a party's TPM with its endorsement key and certificate.
pub(super) fn manufacture(layout: &Layout, party: Party) -> Outcome {
    let state = layout.tpm(party).join("state");
    files::private_folder(&state)?;
    let output = Command::new("swtpm_setup")
        .args(["--tpm2", "--create-ek-cert", "--pcr-banks", "sha256", "--overwrite"])
        .arg("--tpmstate")
        .arg(&state)
        .arg("--config")
        .arg(layout.tpm_maker().join("setup.conf"))
        .arg("--vmid")
        .arg(party.name())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::new("deploy.no_swtpm", format!("swtpm_setup: {error}")))?;
    if output.status.success() && is_made(layout, party) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let what = format!("swtpm_setup made no TPM for {party} ({})", output.status);
    Err(Failure::new("deploy.tpm_not_made", what).advise(said))
}

/// The maker's root certificate (DER); leaves that of its issuing authority where the
/// parties' machines find it.
pub(super) fn root(layout: &Layout) -> Outcome<Vec<u8>> {
    let folder = layout.tpm_maker();
    files::write(&folder.join("issuer.der"), certificate::read(&folder.join("issuercert.pem"))?)?;
    certificate::read(&folder.join("swtpm-localca-rootca-cert.pem"))
}

fn text(path: &Path) -> Outcome<&str> {
    // The tools' configuration has no way to write other paths.
    let fits = |path: &&str| !path.contains(char::is_whitespace);
    path.to_str().filter(fits).ok_or_else(|| {
        let what = format!("{} has spaces or no Unicode in its name", path.display());
        Failure::new("deploy.tpm_folder", what).advise("Take another folder with --dir.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_configured_outside_the_deployment() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(&folder.path().join("demo")).unwrap();
        ensure(&layout).unwrap();
        let home = layout.tpm_maker();
        for name in ["localca.conf", "setup.conf"] {
            for line in files::read_text(&home.join(name)).unwrap().lines() {
                let (_, value) = line.split_once(" = ").unwrap();
                assert!(!value.contains('/') || Path::new(value).starts_with(&home), "{line}");
            }
        }
        let spaced = Layout::new(&folder.path().join("a demo")).unwrap();
        assert_eq!(ensure(&spaced).unwrap_err().code(), "deploy.tpm_folder");
    }
}
