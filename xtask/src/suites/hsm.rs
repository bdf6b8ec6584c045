//! The broker's root key in a token of PKCS#11: Debian's `SoftHSM2`, in a folder of its own.

use std::fs;

use super::{Ran, debian, emptied, passed, skipped};
use crate::shell::{cargo, command, has};

/// Where Debian's package puts the module.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
/// The tests that need one have this in their name.
const TESTS: &str = "softhsm";

/// The suite `hsm`.
pub(super) fn hsm() -> Result<Ran, String> {
    if !has_softhsm() {
        return skipped("SoftHSM2 could not be installed (apt-get install softhsm2)");
    }
    let folder = emptied("target/softhsm")?;
    let write = |name: &str, text: String| {
        let path = format!("{folder}/{name}");
        fs::write(&path, text).map_err(|cause| format!("{path}: {cause}")).map(|()| path)
    };
    fs::create_dir_all(format!("{folder}/tokens")).map_err(|cause| cause.to_string())?;
    let settings = format!("directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n");
    let settings = write("softhsm2.conf", settings)?;
    passed(super::ignored_tests(TESTS, |words| {
        let mut tests = command(cargo(), words);
        tests.env("SOFTHSM2_CONF", &settings).env("AUTOCLAVE_SOFTHSM", &folder);
        tests
    }))
}

/// Whether it is there, or could be installed.
pub(super) fn has_softhsm() -> bool {
    let there = || has("softhsm2-util", "--version") && fs::exists(MODULE).unwrap_or(false);
    there() || (debian("softhsm2") && there())
}
