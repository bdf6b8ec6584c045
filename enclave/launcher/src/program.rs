//! A program held so that what was measured is what runs: its bytes are copied into memory
//! of the kernel's, sealed against every change, hashed there, and executed from there.
//! What happens to the file afterwards does not matter.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use autoclave_base::Digest;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

use crate::error::LaunchError;

/// The running launcher as the kernel has it.
const SELF: &str = "/proc/self/exe";
/// Largest program or library: it is held in memory once.
const PROGRAM_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// A program that cannot change any more.
pub(crate) struct Program {
    name: PathBuf,
    held: File,
    digest: Digest,
}

impl Program {
    /// Copies the file, seals the copy, and hashes what was sealed.
    pub(crate) fn load(path: &Path) -> Result<Self, LaunchError> {
        let failed = |source| LaunchError::Program { path: path.to_owned(), source };
        let held = hold(path).map_err(failed)?;
        let digest = hash(&held).map_err(failed)?;
        Ok(Self { name: path.to_owned(), held, digest })
    }

    /// The digest of its bytes.
    pub(crate) const fn digest(&self) -> Digest {
        self.digest
    }

    /// Becomes the program: without an environment, in which a loader would find libraries
    /// that nobody measured. Returns only if that fails.
    pub(crate) fn execute(self, arguments: &[OsString]) -> Result<Infallible, LaunchError> {
        let path = format!("/proc/self/fd/{}", self.held.as_raw_fd());
        let mut program = Command::new(path);
        program.arg0(&self.name).args(arguments).env_clear();
        Err(LaunchError::Exec(program.exec()))
    }
}

fn hold(path: &Path) -> io::Result<File> {
    let source = File::open(path)?;
    let mut held = File::from(memory()?);
    let copied = io::copy(&mut source.take(PROGRAM_BYTES_MAX + 1), &mut held)?;
    if copied > PROGRAM_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let all = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&held, all)?;
    held.rewind()?;
    Ok(held)
}

/// Kernels since 6.3 want to hear that it is to be executed; older ones do not know the word.
fn memory() -> io::Result<std::os::fd::OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match memfd_create("enclave", flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => Ok(memfd_create("enclave", flags)?),
        outcome => Ok(outcome?),
    }
}

/// The digest of a file's content.
pub(crate) fn digest(path: &Path) -> Result<Digest, LaunchError> {
    let failed = |source| LaunchError::Program { path: path.to_owned(), source };
    File::open(path).and_then(|file| hash(&file)).map_err(failed)
}

/// The digest of the launcher itself.
pub(crate) fn own_digest() -> Result<Digest, LaunchError> {
    digest(Path::new(SELF))
}

fn hash(file: &File) -> io::Result<Digest> {
    let mut content = Vec::new();
    file.take(PROGRAM_BYTES_MAX + 1).read_to_end(&mut content)?;
    if content.len() as u64 > PROGRAM_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Digest::of(content))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_is_held_stays_what_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        std::fs::write(&path, "first").unwrap();
        let mut program = Program::load(&path).unwrap();
        assert_eq!(program.digest(), Digest::of("first"));
        std::fs::write(&path, "second").unwrap();
        assert!(program.held.write_all(b"third").is_err());
        assert!(program.held.set_len(0).is_err());
        program.held.rewind().unwrap();
        assert_eq!(hash(&program.held).unwrap(), Digest::of("first"));
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let error = Program::load(Path::new("/nowhere/program")).err().unwrap();
        assert_eq!(error.code(), "launch.program");
        assert!(error.told().contains("/nowhere/program"));
    }
}
