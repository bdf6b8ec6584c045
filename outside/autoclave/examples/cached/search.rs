//! Looks for bytes in the memory of a process, as whoever owns its machine could. For the
//! search of caches only.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use crate::Any;

/// Memory that is read at once, in bytes.
const PIECE: usize = 4 * 1024 * 1024;

/// Whether the bytes are there.
pub(crate) fn is_in_text(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

/// Whether `wanted` is in the memory of a process of ours.
pub(crate) fn is_in_memory(id: u32, wanted: &str) -> Any<bool> {
    let maps = std::fs::read_to_string(format!("/proc/{id}/maps"))?;
    let mut memory = File::open(format!("/proc/{id}/mem"))?;
    for (start, end) in maps.lines().filter_map(writable) {
        if is_in_range(&mut memory, start, end, wanted.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where values can be: `7f00-7f10 rw-p …`.
fn writable(line: &str) -> Option<(u64, u64)> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let hex = |text| u64::from_str_radix(text, 16).ok();
    if rest.starts_with("rw") { Some((hex(start)?, hex(end)?)) } else { None }
}

/// Pieces overlap by what is wanted. A part that cannot be read holds nothing of the process.
fn is_in_range(memory: &mut File, start: u64, end: u64, wanted: &[u8]) -> bool {
    let mut piece = vec![0; PIECE];
    let mut at = start;
    while at < end {
        let length = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
        if memory.seek(SeekFrom::Start(at)).is_err() {
            return false;
        }
        let read = memory.read(&mut piece[..length]).unwrap_or(0);
        if is_in_text(&piece[..read], wanted) {
            return true;
        }
        if read <= wanted.len() {
            return false;
        }
        at += (read - wanted.len() + 1).min(length) as u64;
        if read == length && at + wanted.len() as u64 > end {
            return false;
        }
    }
    false
}
