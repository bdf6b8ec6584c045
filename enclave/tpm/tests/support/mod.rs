//! A software TPM for a test: made and certified under a maker of the test's own, started
//! as often as a machine would be, and ended with the test.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use autoclave_tpm::Device;
use tempfile::TempDir;

/// The root certificate of a maker, in its folder.
pub(crate) const MAKERS_ROOT: &str = "swtpm-localca-rootca-cert.pem";

/// One maker of TPMs: the folder of its keys.
pub(crate) struct Maker(TempDir);

impl Maker {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().display();
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text);
        std::fs::create_dir(folder.path().join("ca")).unwrap();
        let authority = format!(
            "statedir = {home}/ca\nsigningkey = {home}/ca/signkey.pem\n\
             issuercert = {home}/ca/issuercert.pem\ncertserial = {home}/ca/certserial\n"
        );
        write("localca.conf", authority).unwrap();
        write("localca.options", String::new()).unwrap();
        let setup = format!(
            "create_certs_tool = swtpm_localca\ncreate_certs_tool_config = {home}/localca.conf\n\
             create_certs_tool_options = {home}/localca.options\nactive_pcr_banks = sha256\n"
        );
        write("setup.conf", setup).unwrap();
        Self(folder)
    }

    /// A certificate of the maker (PEM): `issuercert.pem`, or its root's.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join("ca").join(name)
    }

    /// Makes a machine with a TPM, and starts it.
    pub(crate) fn machine(&self) -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        std::fs::create_dir(&state).unwrap();
        let made = Command::new("swtpm_setup")
            .args(["--tpm2", "--create-ek-cert", "--pcr-banks", "sha256", "--tpmstate"])
            .arg(&state)
            .arg("--config")
            .arg(self.0.path().join("setup.conf"))
            .stdout(Stdio::null())
            .status()
            .expect("swtpm_setup is installed (apt-get install swtpm swtpm-tools)");
        assert!(made.success());
        let mut machine = Machine { folder, process: None };
        machine.reboot();
        machine
    }
}

/// One machine: its folder and its TPM.
pub(crate) struct Machine {
    folder: TempDir,
    process: Option<Child>,
}

impl Machine {
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    pub(crate) fn device(&self) -> Device {
        Device::Unix(self.socket())
    }

    /// Ends the TPM and starts it with its registers at their first values.
    pub(crate) fn reboot(&mut self) {
        self.halt();
        let socket = self.socket();
        let _ = std::fs::remove_file(&socket);
        let child = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .arg("--tpmstate")
            .arg(format!("dir={}", self.folder.path().join("state").display()))
            .arg("--server")
            .arg(format!("type=unixio,path={}", socket.display()))
            .spawn()
            .unwrap();
        self.process = Some(child);
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            std::thread::yield_now();
        }
    }

    fn halt(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.halt();
    }
}
