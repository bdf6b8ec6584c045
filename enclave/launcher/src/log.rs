//! The log of what was measured, as the enclave shows it with its evidence. It is written
//! before the registers are extended, so that a full disk does not cost a reboot; without
//! the registers it proves nothing.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use autoclave_attest::evidence::tpm::Event;

use crate::error::LaunchError;

/// A log that is not renamed yet: nothing, if a crash left it.
const UNFINISHED: &str = "tmp";

/// Replaces the log, whole or not at all; durable when it returns.
pub(crate) fn write(path: &Path, events: &[Event]) -> Result<(), LaunchError> {
    let put = || {
        let unfinished = path.with_extension(UNFINISHED);
        let mut file = File::create(&unfinished)?;
        file.write_all(&serde_json::to_vec_pretty(events)?)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    put().map_err(|source| LaunchError::Log { path: path.to_owned(), source })
}
