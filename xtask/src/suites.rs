//! The suites of `cargo xtask test`, in the order in which they run. Each says what it
//! needs and how it is skipped where that cannot be had.

mod azure;
mod broken;
mod cached;
mod evidence;
mod hsm;
mod kbs;
mod keyvault;
mod pages;
mod policy;
mod portals;
mod probe;
mod replicas;
mod sealer;
mod tpm;

use std::fs;
use std::path::PathBuf;

use crate::running::RunningDemo;
use crate::shell::{Outcome, cargo, has, output, root, run};
use crate::{demo, fuzz, sbom, storm, tcb, tidy};

/// How a suite ended, failures apart.
pub(crate) enum Ran {
    /// It ran, and everything in it passed.
    Passed,
    /// It could not run here, for the reason given.
    Skipped(String),
}

/// One suite.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) run: fn() -> Result<Ran, String>,
}

/// All of them.
pub(crate) const SUITES: &[Suite] = &[
    Suite { name: "tidy", what: "sizes, layering, words", run: || passed(tidy::run()) },
    Suite { name: "tcb", what: "what each enclave trusts", run: || passed(tcb::run(&[])) },
    Suite {
        name: "sbom",
        what: "a bill of materials for each binary",
        run: || passed(sbom::check()),
    },
    Suite { name: "format", what: "rustfmt", run: format },
    Suite { name: "unit", what: "all crates' own tests and doc examples", run: unit },
    Suite {
        name: "fuzz",
        what: "every parser over inputs that are anything, two seconds each",
        run: || passed(fuzz::suite()),
    },
    Suite {
        name: "wycheproof",
        what: "Wycheproof's vectors through our own entry points",
        run: fuzz::wycheproof,
    },
    Suite {
        name: "world",
        what: "all parties on one seed after the other, with all that goes wrong",
        run: || passed(storm::suite()),
    },
    Suite {
        name: "evidence",
        what: "genuine evidence of hardware, through the command line",
        run: evidence::evidence,
    },
    Suite {
        name: "demo",
        what: "a sealed diagnosis through five processes",
        run: sealed_diagnosis,
    },
    Suite { name: "tpm", what: "measured boot on software TPMs, each party's own", run: tpm::tpm },
    Suite {
        name: "killed",
        what: "each enclave killed between any two steps",
        run: broken::killed,
    },
    Suite {
        name: "storm",
        what: "all processes killed at random while clients work",
        run: broken::storm,
    },
    Suite {
        name: "faults",
        what: "full disks, slow lines, a man in the middle, large uploads",
        run: broken::faults,
    },
    Suite {
        name: "rollback",
        what: "older copies put back are refused at start, with witnesses",
        run: broken::rollback,
    },
    Suite {
        name: "records",
        what: "a hospital imported while the clinic is killed, searched, erased, found in no file",
        run: broken::records,
    },
    Suite {
        name: "probe",
        what: "every published attack is refused, and the probe can fail",
        run: probe::probe,
    },
    Suite { name: "canary", what: "planted markers are nowhere to be found", run: broken::canary },
    Suite {
        name: "redis",
        what: "the clinic's cache in a real Redis, killed and searched",
        run: cached::redis,
    },
    Suite {
        name: "cache",
        what: "the clinic's cache in an enclave, in the chain, killed and searched",
        run: cached::attested,
    },
    Suite {
        name: "policy",
        what: "a policy changed by two people, and why somebody was refused",
        run: policy::policy,
    },
    Suite {
        name: "azure-keyvault",
        what: "Azure's client for Key Vault, unmodified, against the broker",
        run: keyvault::keyvault,
    },
    Suite {
        name: "interop",
        what: "a client and a verifier in Python that share no code",
        run: interop,
    },
    Suite {
        name: "kbs",
        what: "guests of Confidential Containers, in Python, get resources and refusals",
        run: kbs::kbs,
    },
    Suite { name: "hsm", what: "the broker's root key in SoftHSM2", run: hsm::hsm },
    Suite {
        name: "replicas",
        what: "two brokers on one PostgreSQL, killed and cut off",
        run: replicas::replicas,
    },
    Suite {
        name: "azure-attestation",
        what: "Azure's client library against an attestor, over genuine evidence",
        run: azure::attestation,
    },
    Suite {
        name: "sealer",
        what: "the page's sealing and verifying, with a man in the middle",
        run: sealer::sealer,
    },
    Suite { name: "pages", what: "the hospital's page, built again", run: pages::pages },
    Suite {
        name: "browser",
        what: "the page in a browser, by keyboard, on a line that lies",
        run: pages::browser,
    },
    Suite { name: "model", what: "Dice on the validation patients", run: model },
    Suite { name: "engines", what: "rten against ONNX Runtime", run: engines },
    Suite { name: "lint", what: "clippy, warnings refused", run: lint },
    Suite { name: "deny", what: "licences, bans, sources of dependencies", run: deny },
];

pub(crate) use broken::longer;

/// Where `demo` leaves what `interop` checks.
const CHECK_FOLDER: &str = "target/check";

/// The Python programs that share no code with ours.
const INTEROP: &str = "outside/autoclave/tests/interop";
/// Ports that a demo of somebody who works here does not take.
const INTEROP_PORTS: &str = "27400";

/// Where a copy of the `RustSec` database is looked for; deny.toml says the same.
const ADVISORIES: &str = "target/advisory-db";

pub(crate) fn passed(outcome: Outcome) -> Result<Ran, String> {
    outcome.map(|()| Ran::Passed)
}

#[expect(clippy::unnecessary_wraps, reason = "the end of a suite, which may fail otherwise")]
pub(crate) fn skipped(why: &str) -> Result<Ran, String> {
    Ok(Ran::Skipped(why.to_owned()))
}

fn format() -> Result<Ran, String> {
    if !has(cargo(), "fmt") && !has("rustfmt", "--version") {
        return skipped("rustfmt is not installed (rustup component add rustfmt)");
    }
    passed(run(cargo(), &["fmt", "--all", "--check"]))
}

fn unit() -> Result<Ran, String> {
    // The parties' binaries too: tests that kill processes start them.
    demo::build_for_suites()?;
    if has("cargo-nextest", "--version") {
        run(cargo(), &["nextest", "run", "--workspace", "--locked", "--no-fail-fast"])?;
    } else {
        run(cargo(), &["test", "--workspace", "--locked", "--lib", "--bins", "--tests"])?;
    }
    passed(run(cargo(), &["test", "--workspace", "--locked", "--doc", "--quiet"]))
}

fn lint() -> Result<Ran, String> {
    if !has("cargo-clippy", "--version") {
        return skipped("clippy is not installed (rustup component add clippy)");
    }
    passed(run(
        cargo(),
        &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
    ))
}

fn sealed_diagnosis() -> Result<Ran, String> {
    let folder = emptied(CHECK_FOLDER)?;
    demo::build_for_suites()?;
    let summary = output(&demo::autoclave(), &["demo", "--check", "--dir", &folder])?;
    fs::write(root().join(CHECK_FOLDER).join("summary.json"), summary)
        .map_err(|cause| format!("{CHECK_FOLDER}/summary.json: {cause}"))?;
    Ok(Ran::Passed)
}

/// Runs an example program; it is built as the unit tests are, which built it already.
fn example(name: &str, arguments: &[&str]) -> Result<Ran, String> {
    demo::build_for_suites()?;
    let program = root().join("target/debug/examples").join(name);
    passed(run(&program.to_string_lossy(), arguments))
}

/// Runs the broker's tests that are left out otherwise and have `name` in theirs, in an
/// environment that `prepared` gives to cargo.
pub(crate) fn ignored_tests(
    name: &str,
    prepared: impl Fn(&[&str]) -> std::process::Command,
) -> Outcome {
    let filter = format!("package(autoclave-broker) & test({name})");
    let words = if has("cargo-nextest", "--version") {
        let run = ["nextest", "run", "--workspace", "--locked", "--no-fail-fast"];
        [&run[..], &["--run-ignored=only", "-E", &filter]].concat()
    } else {
        vec!["test", "--workspace", "--locked", "--lib", name, "--", "--ignored"]
    };
    let status = prepared(&words).status();
    match status.map_err(|cause| format!("cargo could not be started: {cause}"))? {
        status if status.success() => Ok(()),
        status => Err(format!("cargo {}: {status}", words.join(" "))),
    }
}

/// Installs a Debian package, where that is possible.
pub(crate) fn debian(package: &str) -> bool {
    has("apt-get", "--version")
        && run("apt-get", &["update", "--quiet=2"]).is_ok()
        && run("apt-get", &["install", "--yes", "--quiet=2", "--no-install-recommends", package])
            .is_ok()
}

/// A folder of the workspace that is not there, or not any more.
fn emptied(name: &str) -> Result<String, String> {
    let folder = root().join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|cause| format!("{name}: {cause}"))?;
    }
    Ok(folder.to_string_lossy().into_owned())
}

fn interop() -> Result<Ran, String> {
    let Some(python) = python() else {
        return skipped("Python with PyJWT and cryptography could not be installed");
    };
    if !root().join(CHECK_FOLDER).join("check").exists() {
        sealed_diagnosis()?;
    }
    run(&python, &[&format!("{INTEROP}/verify.py"), CHECK_FOLDER])?;
    let folder = emptied("target/interop")?;
    let _demo = RunningDemo::start(&demo::autoclave(), &folder, INTEROP_PORTS)?;
    let image = "models/brain-mri/phantoms/phantom-1.png";
    passed(run(
        &python,
        &[&format!("{INTEROP}/client.py"), &folder, image, &format!("{folder}/out")],
    ))
}

/// A Python of our own under `target/`, with the two libraries that `interop` checks with.
fn python() -> Option<String> {
    let home = root().join("target/interop-python");
    let python = home.join("bin/python").to_string_lossy().into_owned();
    if !home.join("ready").exists() {
        run("python3", &["-m", "venv", &home.to_string_lossy()]).ok()?;
        let wanted = ["-m", "pip", "install", "--quiet", "pyjwt==2.10.1", "cryptography==45.0.7"];
        run(&python, &wanted).ok()?;
        fs::write(home.join("ready"), "").ok()?;
    }
    Some(python)
}

fn model() -> Result<Ran, String> {
    let data: PathBuf = root().join("../shared/mri");
    if !data.join("slices.csv").exists() {
        return skipped("the validation images are not here (../shared/mri)");
    }
    example("measure_model", &[&data.to_string_lossy()])
}

fn engines() -> Result<Ran, String> {
    let Some(library) = onnxruntime() else {
        return skipped("ONNX Runtime could not be fetched from PyPI");
    };
    example("compare_engines", &[&library])
}

/// The native library out of its Python wheel, under `target/`.
pub(crate) fn onnxruntime() -> Option<String> {
    let home = root().join("target/onnxruntime");
    let library = home.join("onnxruntime/capi/libonnxruntime.so.1.31.1");
    if !library.exists() {
        let home = home.to_string_lossy();
        let wanted = ["-m", "pip", "install", "--quiet", "--no-deps", "--target"];
        run(&python()?, &[&wanted[..], &[&home, "onnxruntime==1.31.1"]].concat()).ok()?;
    }
    library.exists().then(|| library.to_string_lossy().into_owned())
}

/// The version that deny.toml was written for.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

fn deny() -> Result<Ran, String> {
    let Some(program) = cargo_deny() else {
        return skipped("cargo-deny is not installed and could not be (cargo install cargo-deny)");
    };
    run(&program, &["check", "licenses", "bans", "sources"])?;
    // The database is another repository; whoever keeps a copy has it looked at.
    if !root().join(ADVISORIES).exists() {
        return Ok(Ran::Passed);
    }
    passed(run(&program, &["check", "--disable-fetch", "advisories"]))
}

/// The one that is installed, or one of our own under `target/`.
fn cargo_deny() -> Option<String> {
    if has("cargo-deny", "--version") {
        return Some("cargo-deny".to_owned());
    }
    let home = root().join("target/cargo-deny");
    let program = home.join("bin/cargo-deny").to_string_lossy().into_owned();
    if !has(&program, "--version") {
        let wanted = ["install", "--quiet", "--locked", "--debug", "--root"];
        run(cargo(), &[&wanted[..], &[&home.to_string_lossy(), CARGO_DENY]].concat()).ok()?;
    }
    Some(program)
}
