//! A folder of small sealed files: what an operation that outlives its request must remember.
//! The hospital's. Each file is sealed under its own name, replaced as a whole and on disk
//! before the call returns; one that was altered or renamed does not open.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

use autoclave_base::Secret;
use autoclave_seal::file::{FileRefusal, open_bytes, seal_bytes};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest name of a file.
const NAME_BYTES_MAX: usize = 128;
/// How an unfinished file ends; what is found so at a start was never whole.
const UNFINISHED: &str = ".new";

/// Why a file of the vault is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The disk failed, or is full.
    #[error("the operations' folder cannot be read or written: {0}")]
    Disk(io::ErrorKind),
    /// It was altered, or is another's.
    #[error("a file of the operations' folder does not open")]
    Broken,
    /// The name is none that we give.
    #[error("not a name in the operations' folder")]
    Name,
}

impl From<io::Error> for VaultError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error.kind())
    }
}

impl From<FileRefusal> for VaultError {
    fn from(refusal: FileRefusal) -> Self {
        match refusal {
            FileRefusal::Io(kind) => Self::Disk(kind),
            _ => Self::Broken,
        }
    }
}

/// The folder and its key.
pub(crate) struct Vault {
    folder: PathBuf,
    key: Secret<[u8; 32]>,
}

impl Vault {
    /// Opens the folder, or makes it.
    pub(crate) fn open(folder: PathBuf, key: Secret<[u8; 32]>) -> Result<Self, VaultError> {
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { folder, key })
    }

    /// A secret of its own for something that the vault remembers.
    pub(crate) fn secret(&self, label: &str) -> Secret<[u8; 32]> {
        autoclave_seal::kdf::derive(self.key.expose(), label)
    }

    /// Seals and keeps; what was there under the name is replaced.
    pub(crate) fn put(&self, name: &str, plain: &[u8]) -> Result<(), VaultError> {
        #[expect(clippy::disallowed_methods, reason = "salts of sealed files")]
        let sealed = seal_bytes(&mut rand::rng(), &self.key, &context(name), plain)?;
        let path = self.path(name)?;
        let unfinished = self.folder.join(format!("{name}{UNFINISHED}"));
        let mut file = File::create(&unfinished)?;
        file.write_all(&sealed)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        File::open(&self.folder)?.sync_all()?;
        Ok(())
    }

    /// What is kept under a name.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Vec<u8>>, VaultError> {
        match fs::read(self.path(name)?) {
            Ok(sealed) => Ok(Some(open_bytes(&self.key, &context(name), &sealed)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// As [`Vault::put`], as JSON.
    pub(crate) fn put_json(&self, name: &str, value: &impl Serialize) -> Result<(), VaultError> {
        self.put(name, &serde_json::to_vec(value).map_err(|_| VaultError::Broken)?)
    }

    /// As [`Vault::get`], from JSON.
    pub(crate) fn get_json<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, VaultError> {
        let Some(plain) = self.get(name)? else { return Ok(None) };
        serde_json::from_slice(&plain).map(Some).map_err(|_| VaultError::Broken)
    }

    /// Removes; nothing there is fine.
    pub(crate) fn remove(&self, name: &str) -> Result<(), VaultError> {
        match fs::remove_file(self.path(name)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Names that begin so, in order.
    pub(crate) fn names(&self, beginning: &str) -> Result<Vec<String>, VaultError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.starts_with(beginning) && !name.ends_with(UNFINISHED) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn path(&self, name: &str) -> Result<PathBuf, VaultError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        let is_ours = name.len() <= NAME_BYTES_MAX
            && !name.starts_with('.')
            && !name.is_empty()
            && name.bytes().all(allowed);
        if is_ours { Ok(self.folder.join(name)) } else { Err(VaultError::Name) }
    }
}

fn context(name: &str) -> String {
    format!("records-operation:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(folder: &std::path::Path, key: u8) -> Vault {
        Vault::open(folder.join("operations"), Secret::new([key; 32])).unwrap()
    }

    #[test]
    fn what_was_put_is_there_after_a_new_start_and_sealed() {
        let folder = tempfile::tempdir().unwrap();
        vault(folder.path(), 1).put("export-7", b"Okonkwo").unwrap();
        let again = vault(folder.path(), 1);
        assert_eq!(again.get("export-7").unwrap().unwrap(), b"Okonkwo");
        assert_eq!(again.names("export-").unwrap(), ["export-7"]);
        let raw = fs::read(folder.path().join("operations/export-7")).unwrap();
        assert!(!raw.windows(7).any(|at| at == b"Okonkwo"));
        assert_eq!(vault(folder.path(), 2).get("export-7"), Err(VaultError::Broken));
        again.remove("export-7").unwrap();
        assert_eq!(again.get("export-7").unwrap(), None);
    }

    #[test]
    fn files_that_were_renamed_altered_or_unfinished_do_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let kept = vault(folder.path(), 1);
        kept.put("a", b"1").unwrap();
        let inside = folder.path().join("operations");
        fs::copy(inside.join("a"), inside.join("b")).unwrap();
        assert_eq!(kept.get("b"), Err(VaultError::Broken));
        fs::write(inside.join("c.new"), b"half").unwrap();
        assert_eq!(vault(folder.path(), 1).names("").unwrap(), ["a", "b"]);
        for name in ["", "../a", ".a", "a/b", "ä"] {
            assert_eq!(kept.get(name), Err(VaultError::Name), "{name}");
        }
    }
}
