//! What this enclave is: hashes of its executable, of the exact bytes of its
//! configuration, and of the libraries that it loads. The cell's, for software evidence;
//! hardware measures by itself. Nothing is taken from what the configuration claims.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use autoclave_attest::evidence::Measured;
use autoclave_base::Digest;
use sha2::{Digest as _, Sha256};

/// The running executable as the kernel has it, whatever lies at its path by now.
const SELF: &str = "/proc/self/exe";

/// Read buffer: files are hashed without being held.
const CHUNK_BYTES: usize = 256 * 1024;

/// A file that is to be measured could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot measure {}", path.display())]
pub struct MeasureError {
    path: PathBuf,
    source: io::Error,
}

impl MeasureError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        "measure.unreadable"
    }
}

/// Measures the running program with this configuration and these libraries.
pub fn take(config: &str, libraries: &BTreeMap<String, PathBuf>) -> Result<Measured, MeasureError> {
    let libraries = libraries
        .iter()
        .map(|(name, path)| Ok((name.clone(), file(path)?)))
        .collect::<Result<_, _>>()?;
    Ok(Measured { executable: executable()?, configuration: Digest::of(config), libraries })
}

/// The executable does not change while it runs: it is read once for a process.
fn executable() -> Result<Digest, MeasureError> {
    static EXECUTABLE: OnceLock<Digest> = OnceLock::new();
    match EXECUTABLE.get() {
        Some(digest) => Ok(*digest),
        None => file(Path::new(SELF)).map(|digest| *EXECUTABLE.get_or_init(|| digest)),
    }
}

/// The digest of a file's content.
pub fn file(path: &Path) -> Result<Digest, MeasureError> {
    hash(path).map_err(|source| MeasureError { path: path.to_owned(), source })
}

fn hash(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            return Ok(Digest::from_bytes(hash.finalize().into()));
        }
        hash.update(&chunk[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_changes_the_measurement() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("lib.so");
        std::fs::write(&library, "one").unwrap();
        let none = BTreeMap::new();
        let with = BTreeMap::from([("lib".to_owned(), library.clone())]);
        let mut seen = std::collections::BTreeSet::new();
        seen.insert(take("a", &none).unwrap().measurement());
        seen.insert(take("b", &none).unwrap().measurement());
        seen.insert(take("a", &with).unwrap().measurement());
        std::fs::write(&library, "two").unwrap();
        seen.insert(take("a", &with).unwrap().measurement());
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn a_large_file_has_the_digest_of_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes = vec![7; CHUNK_BYTES * 2 + 1];
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(file(&path).unwrap(), Digest::of(&bytes));
    }

    #[test]
    fn a_library_that_is_not_there_is_an_error() {
        let libraries = BTreeMap::from([("lib".to_owned(), PathBuf::from("/nowhere/lib.so"))]);
        let error = take("a", &libraries).unwrap_err();
        assert_eq!(error.code(), "measure.unreadable");
    }
}
