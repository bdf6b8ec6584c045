//! The benchmark of the records: Synthea's bundles, and Helios' server to compare with. That
//! is built once and only on request, since it takes both cores for twenty minutes.

use std::fs;
use std::path::{Path, PathBuf};

use super::{machine, page, program};
use crate::shell::{self, Outcome, cargo, root, say};

pub(super) const NAME: &str = "records";
pub(super) const WHAT: &str = "The records beside Helios' FHIR server";

/// What is compared with, as crates.io has it.
const PEER: &str = "helios-hfs";
const PEER_VERSION: &str = "0.2.7";
const BUNDLES: &str = "../shared/fhir/synthea-r4-transaction-58.tar.zst";
/// Has the search parameters that the peer wants and does not bring along.
const DEFINITIONS: &str = "../shared/fhir/hl7-r4-definitions-from-medplum-5.2.13.tar.zst";

const BUILD: [&str; 10] = [
    "build",
    "--release",
    "--locked",
    "--package=autoclave-attestor",
    "--package=autoclave-broker",
    "--package=autoclave-diagnosis",
    "--package=autoclave-clinic",
    "--package=autoclave-edge",
    "--package=autoclave",
    "--bins",
];
const BUILD_PROGRAM: [&str; 5] =
    ["build", "--release", "--locked", "--package=autoclave", "--example=bench"];

/// Measures and writes the tables; `with_peer` builds the peer where it is not there yet.
pub(super) fn run(with_peer: bool) -> Outcome {
    let home = root().join("target/bench");
    let Some(bundles) = unpacked(BUNDLES, &home.join("bundles"))? else {
        say(&format!("skipped: records; there are no bundles ({BUNDLES})"));
        return Ok(());
    };
    if with_peer {
        build_peer(&home)?;
    }
    shell::run(cargo(), &BUILD)?;
    shell::run(cargo(), &BUILD_PROGRAM)?;
    say(&format!("\n== {NAME}: {WHAT}"));
    let when = machine::now();
    let text = shell::output(&program("bench"), &words(&home, &bundles)?.each())?;
    let text = format!("_{when}_\n\n{}", text.trim_end());
    say(&text);
    page::write_or_add(NAME, WHAT, &text)
}

/// A command line that owns its words.
struct Words(Vec<String>);

impl Words {
    fn each(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

fn words(home: &Path, bundles: &Path) -> Result<Words, String> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let unused = path(home);
    let mut words = vec![NAME.to_owned()];
    let mut add = |option: &str, value: String| words.extend([format!("--{option}"), value]);
    add("binaries", path(&root().join("target/release")));
    add("work", path(home));
    add("bundles", path(bundles));
    for option in ["unet", "trivial", "image", "peers"] {
        add(option, unused.clone());
    }
    let peer = peer(home);
    let definitions = unpacked(DEFINITIONS, &home.join("definitions"))?;
    if let Some(definitions) = definitions.filter(|_| peer.exists()) {
        add("hfs", path(&peer));
        add("hfs-parameters", path(&definitions.join("search-parameters.json")));
    }
    Ok(Words(words))
}

fn peer(home: &Path) -> PathBuf {
    home.join("hfs/bin/hfs")
}

fn build_peer(home: &Path) -> Outcome {
    if peer(home).exists() {
        return Ok(());
    }
    say(&format!("building {PEER} {PEER_VERSION}: about 22 minutes of two cores, and 5 GB"));
    let place = home.join("hfs");
    let place = place.to_string_lossy();
    let words = ["install", PEER, "--version", PEER_VERSION, "--locked", "--root", &place];
    shell::run(cargo(), &words)
}

/// The files of an archive, unpacked once; none where there is no such archive.
fn unpacked(archive: &str, folder: &Path) -> Result<Option<PathBuf>, String> {
    let archive = root().join(archive);
    if !archive.exists() {
        return Ok(None);
    }
    if !folder.exists() {
        fs::create_dir_all(folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
        let (from, to) = (archive.to_string_lossy(), folder.to_string_lossy());
        shell::run("tar", &["--zstd", "-xf", &from, "-C", &to])?;
    }
    // Some archives have all their files in one folder.
    let entries = fs::read_dir(folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
    let entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    Ok(Some(match entries.as_slice() {
        [only] if only.is_dir() => only.clone(),
        _ => folder.to_owned(),
    }))
}
