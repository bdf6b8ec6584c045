//! The two forms of TCG logs, little-endian: `TCG_PCR_EVENT` with one SHA-1 digest, and after
//! a "Spec ID Event03" header `TCG_PCR_EVENT2` with one digest for each of the hashes that
//! the header lists (TCG PFP, 10.2). The log's reader; every length is checked before it is
//! used.

use std::collections::BTreeMap;

use super::{ALGORITHMS_MAX, Algorithm, EV_NO_ACTION, EventLogRefusal, LogEvent, REGISTERS};
use super::{LOG_BYTES_MAX, SPEC_ID};

/// Bytes of a SHA-1 digest.
const SHA1_BYTES: usize = 20;

/// Bytes of the header event between its name and its list of hashes: platform class,
/// versions, errata, size of integers.
const SPEC_FIXED_BYTES: usize = 8;

/// What stands for a register in padding of a log: firmware fills with ones.
const PADDING: u32 = u32::MAX;

type Read<T> = Result<T, EventLogRefusal>;

pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(EventLogRefusal::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u16(&mut self) -> Read<u16> {
        let bytes = self.take(2)?;
        Ok(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u16::from(*byte)))
    }

    fn u32(&mut self) -> Read<u32> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    fn sized(&mut self) -> Read<&'a [u8]> {
        let length = usize::try_from(self.u32()?).map_err(|_| EventLogRefusal::Malformed)?;
        if length > LOG_BYTES_MAX {
            return Err(EventLogRefusal::Malformed);
        }
        self.take(length)
    }

    /// Whether only padding follows: ones, or zeros.
    fn ended(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0xff) || self.0.iter().all(|byte| *byte == 0)
    }
}

/// The hashes of a log with their lengths, in the header's order.
type Hashes = Vec<(u16, usize)>;

pub(super) fn events(reader: &mut Reader<'_>) -> Read<Vec<LogEvent>> {
    let first = old_event(reader)?;
    let hashes = match first.data.strip_prefix(SPEC_ID) {
        Some(header) if first.kind == EV_NO_ACTION => Some(hashes(&mut Reader(header))?),
        _ => None,
    };
    // The header says only how to read the rest.
    let mut events = if hashes.is_some() { Vec::new() } else { vec![first] };
    while !reader.ended() {
        events.push(match &hashes {
            Some(hashes) => new_event(reader, hashes)?,
            None => old_event(reader)?,
        });
    }
    Ok(events)
}

fn hashes(header: &mut Reader<'_>) -> Read<Hashes> {
    header.take(SPEC_FIXED_BYTES)?;
    let count = header.u32()?;
    if count == 0 || count > ALGORITHMS_MAX {
        return Err(EventLogRefusal::Malformed);
    }
    (0..count)
        .map(|_| {
            let (number, bytes) = (header.u16()?, usize::from(header.u16()?));
            let right = Algorithm::of(number).is_none_or(|one| one.bytes() == bytes);
            if right { Ok((number, bytes)) } else { Err(EventLogRefusal::Malformed) }
        })
        .collect()
}

fn register(reader: &mut Reader<'_>) -> Read<u32> {
    match reader.u32()? {
        PADDING => Err(EventLogRefusal::Malformed),
        register if register >= REGISTERS => Err(EventLogRefusal::Register),
        register => Ok(register),
    }
}

fn old_event(reader: &mut Reader<'_>) -> Read<LogEvent> {
    let (register, kind) = (register(reader)?, reader.u32()?);
    let digest = reader.take(SHA1_BYTES)?.to_vec();
    let data = reader.sized()?.to_vec();
    Ok(LogEvent { register, kind, digests: [(Algorithm::Sha1, digest)].into(), data })
}

fn new_event(reader: &mut Reader<'_>, hashes: &Hashes) -> Read<LogEvent> {
    let (register, kind) = (register(reader)?, reader.u32()?);
    let count = usize::try_from(reader.u32()?).map_err(|_| EventLogRefusal::Malformed)?;
    if count > hashes.len() {
        return Err(EventLogRefusal::Malformed);
    }
    let mut digests = BTreeMap::new();
    for _ in 0..count {
        let number = reader.u16()?;
        let known = hashes.iter().find(|(one, _)| *one == number);
        let (_, bytes) = known.ok_or(EventLogRefusal::Malformed)?;
        let digest = reader.take(*bytes)?.to_vec();
        let algorithm = Algorithm::of(number);
        if algorithm.is_some_and(|algorithm| digests.insert(algorithm, digest).is_some()) {
            return Err(EventLogRefusal::Malformed);
        }
    }
    Ok(LogEvent { register, kind, digests, data: reader.sized()?.to_vec() })
}
