//! Files and folders as this crate writes them: whole or not at all, private where secret.
//! It belongs to the command line.
//! A secret never gets into a file that others may read.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::{Failure, Outcome};

const PRIVATE_FILE: u32 = 0o600;
const PUBLIC_FILE: u32 = 0o644;
const PRIVATE_FOLDER: u32 = 0o700;

/// Largest file that is read whole: a large model or image.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Reads a file whole.
pub fn read(path: &Path) -> Outcome<Vec<u8>> {
    let meta = fs::metadata(path).map_err(|error| Failure::file(path, &error))?;
    if meta.len() > FILE_BYTES_MAX {
        return Err(Failure::new("file.too_large", format!("{} is too large", path.display())));
    }
    fs::read(path).map_err(|error| Failure::file(path, &error))
}

/// Reads a text.
pub fn read_text(path: &Path) -> Outcome<String> {
    String::from_utf8(read(path)?).map_err(|_| Failure::malformed(path, "not a text"))
}

/// Reads JSON.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Outcome<T> {
    serde_json::from_slice(&read(path)?).map_err(|error| Failure::malformed(path, error))
}

/// Makes a folder that only its owner may enter, with all above it.
pub fn private_folder(path: &Path) -> Outcome {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(PRIVATE_FOLDER);
    builder.create(path).map_err(|error| Failure::file(path, &error))
}

/// Makes a folder with all above it.
pub fn folder(path: &Path) -> Outcome {
    fs::create_dir_all(path).map_err(|error| Failure::file(path, &error))
}

/// Writes a file that anyone may read, whole or not at all.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Outcome {
    replace(path, bytes.as_ref(), PUBLIC_FILE)
}

/// Writes a file that only its owner may read, whole or not at all.
pub fn write_private(path: &Path, bytes: impl AsRef<[u8]>) -> Outcome {
    replace(path, bytes.as_ref(), PRIVATE_FILE)
}

/// Writes indented JSON.
pub fn write_json(path: &Path, value: &impl Serialize) -> Outcome {
    write(path, pretty(path, value)?)
}

/// Writes indented JSON that only its owner may read.
pub fn write_private_json(path: &Path, value: &impl Serialize) -> Outcome {
    write_private(path, pretty(path, value)?)
}

fn pretty(path: &Path, value: &impl Serialize) -> Outcome<Vec<u8>> {
    let mut text =
        serde_json::to_vec_pretty(value).map_err(|error| Failure::malformed(path, error))?;
    text.push(b'\n');
    Ok(text)
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> Outcome {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = Path::new(&name);
    let put = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(mode).open(fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(fresh, path)
    };
    put().map_err(|error| Failure::file(path, &error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn secrets_are_private_and_writes_leave_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_private(&path, "secret").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, PRIVATE_FILE);
        assert_eq!(read_text(&path).unwrap(), "secret");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_missing_or_malformed_has_a_code() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(read(&path).unwrap_err().code(), "file.unusable");
        write(&path, "{").unwrap();
        assert_eq!(read_json::<u8>(&path).unwrap_err().code(), "file.malformed");
    }
}
