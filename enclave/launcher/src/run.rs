//! Measure, record, start: in this order. The program and what it reads are measured, a
//! release manifest must name them, then the TPM's registers are extended; only then does
//! the program run.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use autoclave_attest::evidence::tpm::Event;
use autoclave_attest::evidence::{Measured, TeeKind};
use autoclave_attest::jwk::{Jwk, Thumbprint};
use autoclave_attest::release::{self, ManifestRefusal, VerifiedManifest};
use autoclave_base::UnixTime;
use autoclave_base::ids::WorkloadName;
use autoclave_tpm::{FIRST_OURS, Platform, Tpm, platform};

use crate::error::LaunchError;
use crate::program::{self, Program};
use crate::settings::Settings;
use crate::{log, words};

/// Security version of this generation of the code: raised when an older one must not be
/// trusted any more.
const SVN: u32 = 1;

/// What `run` is told.
pub(crate) struct Run {
    pub(crate) platform: PathBuf,
    pub(crate) manifest: PathBuf,
    pub(crate) release_keys: Vec<PathBuf>,
    pub(crate) binary: PathBuf,
    pub(crate) configuration: PathBuf,
}

impl Run {
    /// Becomes the program. Returns only if that is not to be.
    pub(crate) fn start(self) -> Result<(), LaunchError> {
        let platform = Platform::read(&self.platform)?;
        let program = Program::load(&self.binary)?;
        let settings = Settings::read(&self.configuration)?;
        let measured = Measured {
            executable: program.digest(),
            configuration: settings.digest,
            libraries: settings.libraries,
        };
        let release_key = self.released(&measured, &settings.workload)?;
        let mut events = Event::of(&measured, program::own_digest()?, SVN, false);
        events.push(Event::workload(settings.workload, release_key));
        record(&platform, &events)?;
        match program.execute(&words::of_program(&self))? {}
    }

    /// The key whose manifest names what was measured.
    fn released(
        &self,
        measured: &Measured,
        workload: &WorkloadName,
    ) -> Result<Thumbprint, LaunchError> {
        let (manifest, key) = self.manifest(now())?;
        let measurement = measured.measurement();
        match manifest.find(&measurement, TeeKind::Tpm) {
            Some(release) if release.name == *workload && release.svn <= SVN => Ok(key),
            _ => Err(LaunchError::NotReleased { workload: workload.clone(), measurement }),
        }
    }

    fn manifest(&self, now: UnixTime) -> Result<(VerifiedManifest, Thumbprint), LaunchError> {
        let raw = platform::read_text(&self.manifest)?;
        for path in &self.release_keys {
            let key = serde_json::from_slice::<Jwk>(&platform::read(path)?)
                .map_err(|_| LaunchError::Malformed(path.clone()))?;
            let thumbprint = key.thumbprint();
            match release::verify_manifest(raw.trim(), &[key], now) {
                Err(ManifestRefusal::KeyUnknown) => {}
                outcome => return Ok((outcome?, thumbprint)),
            }
        }
        Err(ManifestRefusal::KeyUnknown.into())
    }
}

/// Extends the registers, which nobody may have used before.
fn record(platform: &Platform, events: &[Event]) -> Result<(), LaunchError> {
    let mut tpm = Tpm::open(&platform.device)?;
    if tpm.pcrs()?[FIRST_OURS..].iter().any(|value| *value != [0; 32]) {
        return Err(LaunchError::RegistersUsed);
    }
    log::write(&platform.log, events)?;
    for event in events {
        // Event numbers are 8 to 11.
        tpm.extend(event.pcr(), &event.digest())?;
    }
    Ok(())
}

/// A clock before 1970 reads as 1970, where no manifest is valid.
#[expect(clippy::disallowed_methods, reason = "the shell asks for the time, rules take it")]
fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_seconds(since.as_secs())
}
