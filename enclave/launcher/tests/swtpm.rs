//! The launcher as a process over a real software TPM. `cargo xtask test tpm` runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

#[path = "../../tpm/tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use autoclave_attest::evidence::tpm::{Event, replay};
use autoclave_attest::evidence::{Measured, TeeKind};
use autoclave_attest::jwk::Jwk;
use autoclave_attest::release::{self, Manifest, Release};
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime};
use autoclave_tpm::{FIRST_OURS, Tpm};
use p256::ecdsa::SigningKey;
use support::{Machine, Maker};

/// A machine with a program, its configuration and library, and a manifest that lists them.
struct Scene {
    machine: Machine,
    key: SigningKey,
}

impl Scene {
    fn new() -> Self {
        let machine = Maker::new().machine();
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        let scene = Self { machine, key };
        std::fs::copy(example(), scene.path("program")).unwrap();
        std::fs::write(scene.path("library.so"), "a library").unwrap();
        let library = scene.path("library.so");
        let configuration = format!(
            "[cell]\nworkload = \"clinic\"\n[cell.libraries]\none = \"{}\"\n",
            library.display()
        );
        std::fs::write(scene.path("config.toml"), configuration).unwrap();
        let platform = format!(
            "device = \"unix:{}\"\nlog = \"{}\"\nak_certificate = \"ak.jws\"\n",
            scene.machine.socket().display(),
            scene.path("log.json").display()
        );
        std::fs::write(scene.path("platform.toml"), platform).unwrap();
        let public = serde_json::to_vec(&Jwk::signing(scene.key.verifying_key())).unwrap();
        std::fs::write(scene.path("release.jwk"), public).unwrap();
        scene.release("clinic", TeeKind::Tpm);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.machine.path().join(name)
    }

    fn digest(&self, name: &str) -> Digest {
        Digest::of(std::fs::read(self.path(name)).unwrap())
    }

    fn measured(&self) -> Measured {
        Measured {
            executable: self.digest("program"),
            configuration: self.digest("config.toml"),
            libraries: BTreeMap::from([("one".to_owned(), self.digest("library.so"))]),
        }
    }

    /// Signs a manifest that lists what lies there now.
    fn release(&self, name: &str, kind: TeeKind) {
        let (measured, now) = (self.measured(), now());
        let manifest = Manifest {
            iss: "test".to_owned(),
            serial: 1,
            iat: now,
            exp: now.plus(1000),
            workloads: vec![Release {
                name: WorkloadName::parse(name).unwrap(),
                version: "1".to_owned(),
                measurement: measured.measurement(),
                executable: Some(measured.executable),
                configuration: Some(measured.configuration),
                svn: 1,
                kinds: [kind].into(),
            }],
        };
        std::fs::write(self.path("manifest.jws"), release::sign(&manifest, &self.key)).unwrap();
    }

    fn run(&self) -> Output {
        let option = |name: &str, file: &str| [name.to_owned(), self.text(file)];
        Command::new(env!("CARGO_BIN_EXE_autoclave-launcher"))
            .arg("run")
            .args(option("--platform", "platform.toml"))
            .args(option("--manifest", "manifest.jws"))
            .args(option("--release-key", "release.jwk"))
            .args(["--".to_owned(), self.text("program"), self.text("config.toml")])
            .env("LD_PRELOAD_OF_SOMEBODY", "x")
            .output()
            .unwrap()
    }

    fn text(&self, file: &str) -> String {
        self.path(file).to_string_lossy().into_owned()
    }

    fn registers(&self) -> Vec<Digest> {
        let registers = Tpm::open(&self.machine.device()).unwrap().pcrs().unwrap();
        registers.map(Digest::from_bytes)[FIRST_OURS..].to_vec()
    }

    /// Nothing starts, nothing is measured, and the reason is said.
    fn is_refused(&self, code: &str) {
        let output = self.run();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty());
        assert!(said.contains(&format!("[{code}]")), "{said}");
    }
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/examples/told")
}

#[expect(clippy::disallowed_methods, reason = "the launcher asks the clock too")]
fn now() -> UnixTime {
    UnixTime::from_seconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn what_is_measured_and_released_is_what_runs() {
    let scene = Scene::new();
    let output = scene.run();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = format!(
        "{} --platform tpm:{}\n0\n{}\n",
        scene.text("config.toml"),
        scene.text("platform.toml"),
        scene.digest("program")
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);

    let log = std::fs::read(scene.path("log.json")).unwrap();
    let log: Vec<Event> = serde_json::from_slice(&log).unwrap();
    let launcher = Digest::of(std::fs::read(env!("CARGO_BIN_EXE_autoclave-launcher")).unwrap());
    let mut events = Event::of(&scene.measured(), launcher, 1, false);
    let key = Jwk::signing(scene.key.verifying_key()).thumbprint();
    events.push(Event::workload(WorkloadName::parse("clinic").unwrap(), key));
    assert_eq!(log, events);
    assert_eq!(scene.registers(), replay(&events)[FIRST_OURS..]);
}

#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn nothing_that_is_not_released_starts_or_is_measured() {
    let scene = Scene::new();
    for changed in ["program", "config.toml", "library.so"] {
        let original = std::fs::read(scene.path(changed)).unwrap();
        let altered = [&original[..], b"\n"].concat();
        std::fs::write(scene.path(changed), altered).unwrap();
        scene.is_refused("launch.not_released");
        std::fs::write(scene.path(changed), original).unwrap();
    }
    scene.release("broker", TeeKind::Tpm);
    scene.is_refused("launch.not_released");
    scene.release("clinic", TeeKind::Software);
    scene.is_refused("launch.not_released");
    let other = SigningKey::from_slice(&[8; 32]).unwrap();
    let other = serde_json::to_vec(&Jwk::signing(other.verifying_key())).unwrap();
    std::fs::write(scene.path("release.jwk"), other).unwrap();
    scene.is_refused("manifest.key_unknown");
    assert_eq!(scene.registers(), [Digest::from_bytes([0; 32]); 8]);
}

#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn used_registers_are_refused_until_the_machine_starts_anew() {
    let mut scene = Scene::new();
    assert!(scene.run().status.success());
    scene.is_refused("launch.registers_used");
    scene.machine.reboot();
    assert!(scene.run().status.success());
    scene.machine.reboot();
    Tpm::open(&scene.machine.device()).unwrap().extend(15, &Digest::of("x")).unwrap();
    scene.is_refused("launch.registers_used");
}
