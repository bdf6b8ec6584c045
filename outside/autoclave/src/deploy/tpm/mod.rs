//! The machines of a demo's parties: each has a TPM in software, made once, certified by a
//! maker of the deployment's own, and started with its party.
//! They belong to the deployment, which ends them when it ends.
//! Nothing is written outside the deployment's folder, and no TPM here is hardware.

mod enrol;
mod machine;
mod maker;

use std::path::Path;
use std::process::{Command, Stdio};

use autoclave_attest::evidence::{Root, TpmRoot};
use autoclave_client::clock::now;

pub(super) use machine::Machine;

use super::keys::{self, Keys};
use super::layout::Layout;
use super::party::Party;
use crate::failure::{Failure, Outcome};
use crate::files;
use crate::terminal::Step;

/// The launcher's binary.
const LAUNCHER: &str = "autoclave-launcher";
/// What a TPM in software consists of.
const PROGRAMS: [&str; 3] = ["swtpm", "swtpm_setup", "certtool"];

/// Makes sure that each of `enclaves` has an enrolled machine; the root that vouches for them.
pub(super) fn ensure(
    layout: &Layout,
    binaries: &Path,
    keys: &Keys,
    enclaves: &[Party],
) -> Outcome<Root> {
    check_programs()?;
    check_launcher(binaries)?;
    maker::ensure(layout)?;
    let station = keys::open_or_make(&layout.enrolment_key())?;
    for party in enclaves.iter().copied() {
        if !maker::is_made(layout, party) {
            let step = Step::begin(format!("TPM of {party} made"));
            maker::manufacture(layout, party)?;
            step.done();
        }
    }
    let root = TpmRoot {
        ek_roots: vec![maker::root(layout)?],
        ak_issuers: vec![Keys::public(&station)],
        development: true,
        firmware: Vec::new(),
    };
    // Only now: certificates that were just made are not valid earlier.
    let now = now();
    for party in enclaves.iter().copied() {
        write_platform(layout, party)?;
        if !enrol::is_valid(layout, party, now) {
            let step = Step::begin(format!("TPM of {party} enrolled"));
            enrol::enrol(layout, binaries, party, &root.ek_roots, &station, now)?;
            step.done();
        }
    }
    files::write_json(&layout.release_public(), &Keys::public(&keys.release))?;
    Ok(Root::Tpm(root))
}

/// The command that measures a party's binary and starts it, to be run in the deployment's
/// folder.
pub(super) fn launch(binaries: &Path, party: Party) -> (std::path::PathBuf, Vec<String>) {
    let words = [
        "run".to_owned(),
        "--platform".to_owned(),
        format!("{party}/tpm/platform.toml"),
        "--manifest".to_owned(),
        "release/manifest.jws".to_owned(),
        "--release-key".to_owned(),
        "release/release.jwk".to_owned(),
        "--".to_owned(),
        party.binary(binaries).to_string_lossy().into_owned(),
        format!("{party}/config.toml"),
    ];
    (binaries.join(LAUNCHER), words.to_vec())
}

fn check_launcher(binaries: &Path) -> Outcome {
    let path = binaries.join(LAUNCHER);
    if path.is_file() {
        return Ok(());
    }
    Err(Failure::new("deploy.no_binary", format!("{} is missing", path.display())).advise(
        "Build all parties: cargo build --workspace --bins, or use cargo xtask demo --tee tpm.",
    ))
}

fn check_programs() -> Outcome {
    let missing = PROGRAMS.iter().find(|program| !starts(program));
    match missing {
        None => Ok(()),
        Some(program) => {
            let what = format!("{program} is not installed: TPMs in software need it");
            Err(Failure::new("deploy.no_swtpm", what)
                .advise("On Debian or Ubuntu: apt-get install swtpm swtpm-tools"))
        }
    }
}

fn starts(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

/// Describes a party's machine to its launcher and to its enclave.
fn write_platform(layout: &Layout, party: Party) -> Outcome {
    let text = format!(
        "device = \"unix:{party}/tpm/socket\"\nlog = \"{party}/tpm/log.json\"\n\
         ak_certificate = \"{party}/tpm/ak.jws\"\nek_chain = [\"tpm-maker/issuer.der\"]\n"
    );
    files::write(&layout.tpm(party).join("platform.toml"), text)
}
