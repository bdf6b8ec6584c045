//! `evidence verify`: verifies evidence in a folder under the vendors' own roots and the
//! strict policy, and says what it claims or where it fell. It belongs to anybody who was
//! shown evidence. Exit 0: verified; 1: refused; 2: not readable.

mod layout;
mod show;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use autoclave_attest::evidence::{
    Endorsements, Evidence as Shown, EvidenceRefusal, Root, TeeKind, Unbound, Verifiers,
};
use autoclave_base::UnixTime;
use serde_json::json;

use crate::cli::Evidence;
use crate::failure::{Failure, Outcome};
use crate::{files, terminal};

/// What is not readable ends so.
const UNREADABLE: u8 = 2;

/// Runs the command.
pub fn run(command: &Evidence) -> ExitCode {
    let Evidence::Verify { folder, at, json, endorsements, trust } = command;
    let now = at.map_or_else(now, UnixTime::from_seconds);
    let read = || -> Outcome<_> {
        let kept = match endorsements {
            Some(path) => files::read_json(path)?,
            None => Endorsements::new(),
        };
        Ok((layout::read(folder)?, kept))
    };
    let (evidence, kept) = match read() {
        Ok(read) => read,
        Err(failure) => return unreadable(&failure, *json),
    };
    let verdict = match (evidence, trust) {
        (layout::Found::Evidence(evidence), None) => verify(&evidence, &kept, now),
        (layout::Found::Evidence(evidence), Some(path)) => {
            match autoclave_client::trust::read(path) {
                Ok(trust) => trust.verifiers().verify_unbound(&evidence, &kept, now),
                Err(error) => {
                    return unreadable(&Failure::new(error.code(), error), *json);
                }
            }
        }
        (layout::Found::Refused(refusal), _) => Err(refusal),
    };
    tell(verdict, now, *json)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command's own clock, unless --at says otherwise"
)]
fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_seconds(since.as_secs())
}

/// Under the roots that vendors pin, and the policy that is strict.
pub(crate) fn verify(
    evidence: &Shown,
    kept: &Endorsements,
    now: UnixTime,
) -> Result<Unbound, EvidenceRefusal> {
    vendors(evidence.kind).map_or(Err(EvidenceRefusal::Kind), |verifiers| {
        verifiers.verify_unbound(evidence, kept, now)
    })
}

/// The verifiers of a kind that a vendor stands for. Software has none; a TPM's vendors
/// are many, and named in a trust file.
fn vendors(kind: TeeKind) -> Option<Verifiers> {
    let root: Root = serde_json::from_value(json!({ "kind": kind.as_str() })).ok()?;
    Verifiers::from_roots(&[root]).ok()
}

fn unreadable(failure: &Failure, as_json: bool) -> ExitCode {
    if as_json {
        terminal::out(json!({ "verified": false, "error": failure.to_json() }));
    } else {
        terminal::note(format_args!("not readable: {failure}"));
    }
    ExitCode::from(UNREADABLE)
}

fn tell(verdict: Result<Unbound, EvidenceRefusal>, now: UnixTime, as_json: bool) -> ExitCode {
    match verdict {
        Ok(unbound) => {
            if as_json {
                terminal::out(show::json(&unbound, now));
            } else {
                show::verified(&unbound, now);
            }
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            if as_json {
                terminal::out(json!({
                    "verified": false, "at": now, "stage": refusal.stage(),
                    "code": refusal.code(), "reason": refusal.to_string(),
                }));
            } else {
                show::refused(refusal, now);
            }
            ExitCode::FAILURE
        }
    }
}

/// Reads a bounded file. Nothing of evidence is larger than `bytes_max`.
pub(crate) fn bounded(path: &Path, bytes_max: u64) -> Outcome<Vec<u8>> {
    let length = std::fs::metadata(path).map_err(|error| Failure::file(path, &error))?.len();
    if length > bytes_max {
        return Err(Failure::new("evidence.file_too_large", path.display()));
    }
    files::read(path)
}
