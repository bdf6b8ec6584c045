//! Event logs of firmware and boot loaders: TCG's `binary_bios_measurements` and TDX's CCEL,
//! read and replayed. They belong to whoever wants to know what a register's value stands
//! for. A log is believed only as far as signed registers confirm it, and never the other
//! way round.

mod reader;
mod refusal;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ring::digest;

use reader::Reader;
pub use refusal::EventLogRefusal;

/// Longest log that is looked at (bytes): firmware sets aside 64 KiB to 128 KiB.
pub const LOG_BYTES_MAX: usize = 256 * 1024;

/// Registers that a log may name: a TPM has 24 (TCG PC Client Platform TPM Profile).
const REGISTERS: u32 = 24;

/// Events of type `EV_NO_ACTION` tell something and extend nothing (TCG PFP, 10.4.1).
const EV_NO_ACTION: u32 = 3;

/// What the first event of a log with several hashes begins with (TCG PFP, 10.4.5.1).
const SPEC_ID: &[u8] = b"Spec ID Event03\0";

/// What the event begins with that says where PCR 0 started (TCG PFP, 10.4.5.3).
const STARTUP_LOCALITY: &[u8] = b"StartupLocality\0";

/// Hashes that one log can have: as many as TPMs have banks.
const ALGORITHMS_MAX: u32 = 8;

/// A hash that registers are extended with, by its number in TPM 2.0 part 2, 6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-1, of old logs.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384: TDX's registers.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    const fn of(number: u16) -> Option<Self> {
        match number {
            0x0004 => Some(Self::Sha1),
            0x000b => Some(Self::Sha256),
            0x000c => Some(Self::Sha384),
            0x000d => Some(Self::Sha512),
            _ => None,
        }
    }

    fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    /// Bytes of its registers.
    pub fn bytes(self) -> usize {
        self.hash().output_len()
    }

    fn extended(self, register: &[u8], by: &[u8]) -> Vec<u8> {
        let mut hash = digest::Context::new(self.hash());
        hash.update(register);
        hash.update(by);
        hash.finish().as_ref().to_vec()
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// The register that it extended, as the log numbers them.
    pub register: u32,
    /// Its type (TCG PFP, 10.4.1).
    pub kind: u32,
    /// What it extended the register by, for each hash that we know.
    pub digests: BTreeMap<Algorithm, Vec<u8>>,
    /// What it says; believed by nobody unless its digest is over it.
    pub data: Vec<u8>,
}

/// A log, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLog {
    events: Vec<LogEvent>,
}

impl EventLog {
    /// Reads a log in either of TCG's forms, up to its end or the padding behind it.
    pub fn parse(bytes: &[u8]) -> Result<Self, EventLogRefusal> {
        if bytes.len() > LOG_BYTES_MAX {
            return Err(EventLogRefusal::TooLarge);
        }
        reader::events(&mut Reader::new(bytes)).map(|events| Self { events })
    }

    /// The events in order.
    pub fn events(&self) -> &[LogEvent] {
        &self.events
    }

    /// The registers that its events make, under one hash. Refused where an event lacks a
    /// digest of that hash. Registers without an event are not in the answer.
    pub fn replay(&self, algorithm: Algorithm) -> Result<BTreeMap<u32, Vec<u8>>, EventLogRefusal> {
        let mut registers = BTreeMap::new();
        for event in &self.events {
            if event.kind == EV_NO_ACTION {
                continue;
            }
            let by = event.digests.get(&algorithm).ok_or(EventLogRefusal::Algorithm)?;
            let register =
                registers.entry(event.register).or_insert_with(|| self.start(event, algorithm));
            *register = algorithm.extended(register, by);
        }
        Ok(registers)
    }

    /// What a register was before its first event: zero; PCR 0 ends in the locality that
    /// the machine was started from (TCG PFP, 10.4.5.3).
    fn start(&self, event: &LogEvent, algorithm: Algorithm) -> Vec<u8> {
        let mut register = vec![0; algorithm.bytes()];
        let told = self.events.iter().filter(|one| one.kind == EV_NO_ACTION && one.register == 0);
        let mut localities = told.filter_map(|one| one.data.strip_prefix(STARTUP_LOCALITY));
        if event.register == 0
            && let (Some([locality]), Some(last)) = (localities.next(), register.last_mut())
        {
            *last = *locality;
        }
        register
    }

    /// Whether the log makes these registers of a TDX domain exactly (CCEL: register 1 is
    /// RTMR 0; register 0, the domain's own measurement, has no events).
    pub fn explains_rtmrs(&self, rtmrs: &[&[u8]; 4]) -> Result<(), EventLogRefusal> {
        let replayed = self.replay(Algorithm::Sha384)?;
        if replayed.keys().any(|register| !(1..=4).contains(register)) {
            return Err(EventLogRefusal::Register);
        }
        let zero = vec![0; Algorithm::Sha384.bytes()];
        let same = |(at, rtmr): (u32, &&[u8])| replayed.get(&at).unwrap_or(&zero) == rtmr;
        let all = (1..).zip(rtmrs).all(same);
        if all { Ok(()) } else { Err(EventLogRefusal::Unexplained) }
    }

    /// Whether the log makes these registers of a TPM exactly: each that is given has the
    /// value that the events make, zero where there is none.
    pub fn explains_pcrs(
        &self,
        algorithm: Algorithm,
        pcrs: &BTreeMap<u32, Vec<u8>>,
    ) -> Result<(), EventLogRefusal> {
        let replayed = self.replay(algorithm)?;
        let zero = vec![0; algorithm.bytes()];
        let all = pcrs.iter().all(|(at, value)| replayed.get(at).unwrap_or(&zero) == value);
        if all { Ok(()) } else { Err(EventLogRefusal::Unexplained) }
    }
}
