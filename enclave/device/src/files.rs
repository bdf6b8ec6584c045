//! Files of the kernel's: small, made of attributes, and sensitive to how often one writes.
//! The interfaces over them are written against a trait, so that a test can play the
//! kernel, with all that it does to a reader. The system's implementation decides nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// The kernel's side of an interface that is made of files.
pub trait Files: Send + Sync {
    /// Makes a folder; that it is there already is an error.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder. The kernel's have files that vanish with them.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;

    /// The whole file, if it is at most `bytes_max` long; [`io::ErrorKind::FileTooLarge`] if
    /// it is longer.
    fn read(&self, path: &Path, bytes_max: usize) -> io::Result<Vec<u8>>;

    /// Writes all of `bytes` in exactly one call to the kernel: an attribute takes the bytes
    /// of one call for the whole value.
    fn write_at_once(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
}

/// The files of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Files for System {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn read(&self, path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
        bounded(File::open(path)?, bytes_max)
    }

    fn write_at_once(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        once(OpenOptions::new().write(true).open(path)?, bytes)
    }
}

/// Reads to the end, however short the single reads come.
fn bounded(from: impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    from.take(bytes_max as u64 + 1).read_to_end(&mut content)?;
    if content.len() > bytes_max {
        return Err(rustix::io::Errno::FBIG.into());
    }
    Ok(content)
}

fn once(mut to: impl Write, bytes: &[u8]) -> io::Result<()> {
    if to.write(bytes)? == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel that hands out three bytes at a time.
    struct Sparing<'a>(&'a [u8]);

    impl Read for Sparing<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = into.len().min(3);
            self.0.read(&mut into[..length])
        }
    }

    /// A kernel that takes two bytes at a time.
    struct Reluctant(usize);

    impl Write for Reluctant {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            Ok(bytes.len().min(2))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn short_reads_are_put_together_and_bounded() {
        assert_eq!(bounded(Sparing(b"0123456789"), 10).unwrap(), b"0123456789");
        let error = bounded(Sparing(b"0123456789"), 9).unwrap_err();
        assert_eq!(rustix::io::Errno::from_io_error(&error), Some(rustix::io::Errno::FBIG));
    }

    #[test]
    fn a_value_is_never_written_in_two_calls() {
        let mut kernel = Reluctant(0);
        assert!(once(&mut kernel, b"four").is_err());
        assert_eq!(kernel.0, 1);
        assert!(once(&mut kernel, b"in").is_ok());
    }

    #[test]
    fn the_machine_s_files_are_made_read_written_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let entry = folder.path().join("entry");
        System.make_folder(&entry).unwrap();
        assert!(System.make_folder(&entry).is_err());
        let file = folder.path().join("file");
        fs::write(&file, "before").unwrap();
        System.write_at_once(&file, b"after!").unwrap();
        assert_eq!(System.read(&file, 6).unwrap(), b"after!");
        assert!(System.write_at_once(&folder.path().join("none"), b"x").is_err());
        System.remove_folder(&entry).unwrap();
        assert!(!entry.exists());
    }
}
