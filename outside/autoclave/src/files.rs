//! Files and folders as this crate writes them: whole or not at all, private where secret.
//! It belongs to the command line.
//! A secret never gets into a file that others may read.

use std::fs::{self, DirBuilder, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
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

/// Each writer has a new file of its own, so that two at once do not write into each other's.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> Outcome {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let put = || -> std::io::Result<()> {
        let mut fresh = tempfile::Builder::new()
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        fresh.write_all(bytes)?;
        fresh.as_file().sync_all()?;
        fresh.persist(path).map(drop).map_err(|failed| failed.error)
    };
    put().map_err(|error| Failure::file(path, &error))
}

#[cfg(test)]
mod tests {
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
    fn writers_at_once_leave_one_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shared");
        let texts: Vec<String> = (1..=8).map(|n| n.to_string().repeat(n * 10_000)).collect();
        std::thread::scope(|scope| {
            for text in &texts {
                let path = &path;
                scope.spawn(move || write_private(path, text).unwrap());
            }
        });
        assert!(texts.contains(&read_text(&path).unwrap()));
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
