//! What the launcher reads of an enclave's configuration: for which workload it is, and
//! which libraries the enclave will load. All else is the enclave's, and is measured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use autoclave_base::Digest;
use autoclave_base::ids::WorkloadName;
use autoclave_tpm::platform;
use serde::Deserialize;

use crate::error::LaunchError;
use crate::program;

/// A configuration, as far as the launcher knows it.
pub(crate) struct Settings {
    /// Digest of the exact bytes.
    pub(crate) digest: Digest,
    /// The role that it is for.
    pub(crate) workload: WorkloadName,
    /// Digests of the libraries by name.
    pub(crate) libraries: BTreeMap<String, Digest>,
}

#[derive(Deserialize)]
struct File {
    cell: Cell,
}

#[derive(Deserialize)]
struct Cell {
    workload: WorkloadName,
    #[serde(default)]
    libraries: BTreeMap<String, PathBuf>,
}

impl Settings {
    /// Reads the configuration and hashes what it names.
    pub(crate) fn read(path: &Path) -> Result<Self, LaunchError> {
        let text = platform::read_text(path)?;
        let malformed = |_| LaunchError::Configuration(path.to_owned());
        let File { cell } = toml::from_str(&text).map_err(malformed)?;
        let libraries = cell
            .libraries
            .into_iter()
            .map(|(name, path)| Ok((name, program::digest(&path)?)))
            .collect::<Result<_, LaunchError>>()?;
        Ok(Self { digest: Digest::of(&text), workload: cell.workload, libraries })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workload_and_libraries_are_read_and_the_rest_is_not_judged() {
        let folder = tempfile::tempdir().unwrap();
        let (library, path) = (folder.path().join("lib.so"), folder.path().join("config.toml"));
        std::fs::write(&library, "library").unwrap();
        let text = format!(
            "any = 1\n[cell]\nworkload = \"clinic\"\nother = true\n[cell.libraries]\none = \"{}\"\n",
            library.display()
        );
        std::fs::write(&path, &text).unwrap();
        let settings = Settings::read(&path).unwrap();
        assert_eq!(settings.workload.as_str(), "clinic");
        assert_eq!(settings.libraries["one"], Digest::of("library"));
        assert_eq!(settings.digest, Digest::of(&text));
        std::fs::remove_file(&library).unwrap();
        assert_eq!(Settings::read(&path).err().unwrap().code(), "launch.program");
        std::fs::write(&path, "[cell]\n").unwrap();
        assert_eq!(Settings::read(&path).err().unwrap().code(), "launch.configuration");
    }
}
