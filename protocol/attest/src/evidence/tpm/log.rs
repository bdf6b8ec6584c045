//! The event log: what the launcher measured, in words, and how it makes the registers.
//! Launcher and verifier share it, so that they cannot disagree about one byte. A log by
//! itself proves nothing; registers that it replays to, quoted by a TPM, do.

use std::collections::BTreeMap;

use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, jcs};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{LaunchedWorkload, PCRS};
use crate::evidence::{LIBRARIES_MAX, Measured};
use crate::jwk::Thumbprint;

/// The first register of the launcher's; those below are the firmware's.
pub const PCR_BOOTED: usize = 8;

/// Events in a log: each kind once, and the libraries.
const EVENTS_MAX: usize = 4 + LIBRARIES_MAX;

/// The number of a register, fixed for each kind of event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pcr<const N: u8>;

impl<const N: u8> Serialize for Pcr<N> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(N)
    }
}

impl<'de, const N: u8> Deserialize<'de> for Pcr<N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let found = u8::deserialize(from)?;
        if found == N { Ok(Self) } else { Err(de::Error::custom("the event is of another PCR")) }
    }
}

/// One measurement, as its JSON says it: `{"pcr": 8, "event": "launch", …}`. Members beyond
/// these are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The launcher starts: the first event, exactly once.
    Launch {
        /// Its register.
        pcr: Pcr<8>,
        /// Digest of the launcher's own executable.
        launcher: Digest,
        /// The security version of what it starts.
        svn: u32,
        /// Whether the program is started open to a debugger.
        debug: bool,
    },
    /// The program's file: exactly once.
    Executable {
        /// Its register.
        pcr: Pcr<8>,
        /// Digest of the file.
        digest: Digest,
    },
    /// The program's configuration: exactly once.
    Configuration {
        /// Its register.
        pcr: Pcr<9>,
        /// Digest of the file.
        digest: Digest,
    },
    /// A library that the program loads at run time: one event for each.
    Library {
        /// Its register.
        pcr: Pcr<10>,
        /// Its name in the configuration.
        name: String,
        /// Digest of the file.
        digest: Digest,
    },
    /// What a release manifest, which the launcher itself verified, calls the program: at
    /// most once, and last.
    Workload {
        /// Its register.
        pcr: Pcr<11>,
        /// The name.
        name: WorkloadName,
        /// The key that signed the manifest.
        release_key: Thumbprint,
    },
}

impl Event {
    /// A launcher's own event.
    pub const fn launch(launcher: Digest, svn: u32, debug: bool) -> Self {
        Self::Launch { pcr: Pcr, launcher, svn, debug }
    }

    /// The program's.
    pub const fn executable(digest: Digest) -> Self {
        Self::Executable { pcr: Pcr, digest }
    }

    /// The configuration's.
    pub const fn configuration(digest: Digest) -> Self {
        Self::Configuration { pcr: Pcr, digest }
    }

    /// A library's.
    pub fn library(name: &str, digest: Digest) -> Self {
        Self::Library { pcr: Pcr, name: name.to_owned(), digest }
    }

    /// The workload's.
    pub const fn workload(name: WorkloadName, release_key: Thumbprint) -> Self {
        Self::Workload { pcr: Pcr, name, release_key }
    }

    /// The events of a measured program in the one order that is accepted: launch,
    /// executable, configuration, libraries by name. A workload event may follow.
    pub fn of(measured: &Measured, launcher: Digest, svn: u32, debug: bool) -> Vec<Self> {
        let mut events = vec![
            Self::launch(launcher, svn, debug),
            Self::executable(measured.executable),
            Self::configuration(measured.configuration),
        ];
        let libraries = measured.libraries.iter();
        events.extend(libraries.map(|(name, digest)| Self::library(name, *digest)));
        events
    }

    /// The register that it is extended into.
    pub const fn pcr(&self) -> usize {
        match self {
            Self::Launch { .. } | Self::Executable { .. } => 8,
            Self::Configuration { .. } => 9,
            Self::Library { .. } => 10,
            Self::Workload { .. } => 11,
        }
    }

    /// What is extended: SHA-256 over the canonical JSON (RFC 8785) of the event.
    #[expect(clippy::expect_used, reason = "texts and numbers always have a canonical form")]
    pub fn digest(&self) -> Digest {
        jcs::digest(self).expect("texts and numbers have a canonical form")
    }
}

/// `TPM2_PCR_Extend`: SHA-256 over the register and the digest.
pub fn extend(register: &Digest, digest: &Digest) -> Digest {
    Digest::of([*register.bytes(), *digest.bytes()].concat())
}

/// The registers 0 to 15 after `log`, from a machine whose firmware measured nothing: those
/// from [`PCR_BOOTED`] on must be these on every machine.
pub fn replay(log: &[Event]) -> [Digest; PCRS] {
    let mut registers = [Digest::from_bytes([0; 32]); PCRS];
    for event in log {
        let register = &mut registers[event.pcr()];
        *register = extend(register, &event.digest());
    }
    registers
}

/// What a log tells, once its form is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) measured: Measured,
    pub(super) launcher: Digest,
    pub(super) svn: u32,
    pub(super) debug: bool,
    pub(super) workload: Option<LaunchedWorkload>,
}

/// Reads a log. None unless it holds launch, executable, configuration, libraries and at
/// most one workload, in this order, with no library named twice.
pub(super) fn read(log: &[Event]) -> Option<Told> {
    if log.len() > EVENTS_MAX {
        return None;
    }
    let [
        Event::Launch { launcher, svn, debug, .. },
        Event::Executable { digest: executable, .. },
        Event::Configuration { digest: configuration, .. },
        rest @ ..,
    ] = log
    else {
        return None;
    };
    let (workload, rest) = split_workload(rest);
    let measured = Measured {
        executable: *executable,
        configuration: *configuration,
        libraries: libraries(rest)?,
    };
    Some(Told { measured, launcher: *launcher, svn: *svn, debug: *debug, workload })
}

fn split_workload(rest: &[Event]) -> (Option<LaunchedWorkload>, &[Event]) {
    match rest {
        [before @ .., Event::Workload { name, release_key, .. }] => {
            let workload = LaunchedWorkload { name: name.clone(), release_key: *release_key };
            (Some(workload), before)
        }
        _ => (None, rest),
    }
}

fn libraries(events: &[Event]) -> Option<BTreeMap<String, Digest>> {
    let mut libraries = BTreeMap::new();
    for event in events {
        let Event::Library { name, digest, .. } = event else { return None };
        if libraries.insert(name.clone(), *digest).is_some() {
            return None;
        }
    }
    (libraries.len() <= LIBRARIES_MAX).then_some(libraries)
}
