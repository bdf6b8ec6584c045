//! What the benchmarks need beside our own programs, under `target/`: the large model, the
//! native library, a Python with the peers. What cannot be had is left out by name.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{has, root, run, say};
use crate::suites::{debian, onnxruntime};

/// The peers' programs and their pinned packages.
const PEERS: &str = "outside/autoclave/examples/bench/peers";
/// Writes the published architecture with random weights.
const UNET: &str = "models/brain-mri/published_unet.py";
/// What is measured where that cannot be written.
const SMALLER: &str = "models/brain-mri/brain-mri.onnx";
const TRIVIAL: &str = "enclave/diagnosis/tests/fixtures/add-one.onnx";
const IMAGE: &str = "models/brain-mri/phantoms/phantom-1.png";

/// Paths of all of it.
pub(crate) struct Things {
    home: PathBuf,
    unet: PathBuf,
    library: Option<String>,
    python: Option<PathBuf>,
}

impl Things {
    /// Fetches what is missing.
    pub(crate) fn gather() -> Result<Self, String> {
        let home = root().join("target/bench");
        fs::create_dir_all(&home).map_err(|cause| format!("target/bench: {cause}"))?;
        let unet = unet(&home);
        let library = onnxruntime();
        if library.is_none() {
            say("skipped: the engine ort; ONNX Runtime could not be fetched from PyPI");
        }
        let python = python(&home);
        Ok(Self { home, unet, library, python })
    }

    /// The command line of the program that measures.
    pub(crate) fn arguments(&self, name: &str) -> Vec<String> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let mut all = vec![name.to_owned()];
        let mut add = |option: &str, value: String| all.extend([format!("--{option}"), value]);
        add("binaries", path(&root().join("target/release")));
        add("work", path(&self.home));
        add("unet", path(&self.unet));
        add("trivial", path(&root().join(TRIVIAL)));
        add("image", path(&root().join(IMAGE)));
        add("peers", path(&root().join(PEERS)));
        if let Some(library) = &self.library {
            add("library", library.clone());
        }
        if let Some(python) = &self.python {
            add("python", path(python));
        }
        all
    }

    /// The peers' Python, if there is one.
    pub(crate) fn python(&self) -> Option<&Path> {
        self.python.as_deref()
    }

    /// Whether the large model is the published one.
    pub(crate) fn is_published_unet(&self) -> bool {
        !self.unet.ends_with(SMALLER)
    }
}

/// The published architecture, by Debian's Python, which has `PyTorch` as a package.
fn unet(home: &Path) -> PathBuf {
    let path = home.join("unet.onnx");
    let unfinished = home.join("unet.unfinished");
    let out = unfinished.to_string_lossy();
    let made = path.exists()
        || (run("/usr/bin/python3", &[UNET, "--out", &out]).is_ok()
            && fs::rename(&unfinished, &path).is_ok());
    if made {
        return path;
    }
    say("skipped: the published U-Net, which wants PyTorch (apt-get install \
         --no-install-recommends python3-torch); the committed model stands in for it");
    root().join(SMALLER)
}

/// An environment with the peers' packages; `packages` in it leads to them.
fn python(home: &Path) -> Option<PathBuf> {
    let place = home.join("python");
    let python = place.join("bin/python");
    if !place.join("ready").exists() {
        let text = python.to_string_lossy();
        let wanted = format!("{PEERS}/requirements.txt");
        let made = run(system_python(), &["-m", "venv", "--clear", &place.to_string_lossy()])
            .and_then(|()| {
                run(&text, &["-m", "pip", "install", "--quiet", "--requirement", &wanted])
            })
            .is_ok();
        if !made || link(&place).is_none() || fs::write(place.join("ready"), "").is_err() {
            say(
                "skipped: Python's ONNX Runtime and all peers, whose packages could not be installed",
            );
            return None;
        }
    }
    helper();
    Some(python)
}

/// `PyTriton`'s helper program imports this from the system's Python; without it, that peer
/// does not start, and says so.
fn helper() {
    if run("/usr/bin/python3", &["-c", "import zmq"]).is_err() && !debian("python3-zmq") {
        say("PyTriton will be missing: python3-zmq is not installed and could not be");
    }
}

/// The system's, where it can make environments: `PyTriton`'s helper works with no other.
fn system_python() -> &'static str {
    let system = "/usr/bin/python3";
    let works = has(system, "--version") && run(system, &["-c", "import venv, ensurepip"]).is_ok();
    if works { system } else { "python3" }
}

fn link(place: &Path) -> Option<()> {
    let version = fs::read_dir(place.join("lib")).ok()?.flatten().next()?.file_name();
    let packages = place.join("lib").join(version).join("site-packages");
    std::os::unix::fs::symlink(packages, place.join("packages")).ok()
}
