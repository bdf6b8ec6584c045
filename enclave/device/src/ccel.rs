//! The event log that firmware and boot loader of a TDX guest left in memory (ACPI table
//! CCEL). Whoever replays it against the quote's registers learns what was started. Here it
//! is only read.

use std::path::Path;

use crate::Files;

/// Where the kernel shows the log's area.
pub const PATH: &str = "/sys/firmware/acpi/tables/data/CCEL";
/// Longest area that is read: 64 KiB is usual.
const AREA_BYTES_MAX: usize = 1024 * 1024;
/// Longest log that fits into evidence beside a quote with its collateral.
const LOG_BYTES_MAX: usize = 96 * 1024;
/// What the area is filled with behind the log.
const FILLING: u8 = 0xff;

/// The log, without the filling behind it; none where there is none, or where it is longer
/// than evidence has room for.
pub fn read(files: &dyn Files, path: &Path) -> Option<Vec<u8>> {
    let mut area = files.read(path, AREA_BYTES_MAX).ok()?;
    let filled = area.iter().rev().take_while(|byte| **byte == FILLING).count();
    area.truncate(area.len() - filled.saturating_sub(MARGIN_BYTES));
    (!area.is_empty() && area.len() <= LOG_BYTES_MAX).then_some(area)
}

/// Filling that is kept: a last event that ends like it stays whole, and the log ends where
/// a header of all ones stands.
const MARGIN_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::System;

    #[test]
    fn the_filling_is_not_carried() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("CCEL");
        assert_eq!(read(&System, &path), None);
        std::fs::write(&path, [vec![1, 2, 3], vec![FILLING; 60_000]].concat()).unwrap();
        let log = read(&System, &path).unwrap();
        assert_eq!((log.len(), &log[..3]), (3 + MARGIN_BYTES, &[1, 2, 3][..]));
        std::fs::write(&path, vec![7; LOG_BYTES_MAX + 1]).unwrap();
        assert_eq!(read(&System, &path), None);
    }
}
