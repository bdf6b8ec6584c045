//! Genuine evidence through the command line: each case that lies beside the project must
//! end as `expected.json` says, with the exit status and the code that are promised. It
//! belongs to the suites; nothing of the evidence is copied into the project.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use serde_json::Value;

use super::Ran;
use crate::demo;
use crate::shell::{command, root, say};

/// Bit of an SEV-SNP guest's policy: it may be debugged.
const SNP_DEBUG: u64 = 1 << 19;

/// A time when no collateral matters: of quotes that bring none.
const ANY_TIME: u64 = 1_760_000_000;

#[derive(Deserialize)]
struct Case {
    name: String,
    kind: String,
    #[serde(default)]
    verify_at: Option<u64>,
    #[serde(default)]
    dcap_qvl_071_default: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    verifies: bool,
    #[serde(default)]
    policy: String,
    #[serde(default)]
    vek_validity: Option<[String; 2]>,
}

/// How a case must end: verified, or refused under this code.
type Expected = Option<&'static str>;

pub(super) fn evidence() -> Result<Ran, String> {
    let folder = root().join("../shared/evidence");
    let Ok(text) = fs::read(folder.join("expected.json")) else {
        return Ok(Ran::Skipped(
            "the genuine evidence is not here (../shared/evidence)".to_owned(),
        ));
    };
    let cases: Vec<Case> =
        serde_json::from_slice(&text).map_err(|error| format!("expected.json: {error}"))?;
    demo::build_for_suites()?;
    let wrong: Vec<String> = cases.iter().filter_map(|case| wrong(&folder, case)).collect();
    say(&format!("{} of {} cases ended as they must", cases.len() - wrong.len(), cases.len()));
    if wrong.is_empty() { Ok(Ran::Passed) } else { Err(wrong.join("\n")) }
}

fn wrong(folder: &Path, case: &Case) -> Option<String> {
    let expected = expected(case);
    let (status, answer) = match verify(&folder.join(&case.kind).join(&case.name), at(case)) {
        Ok(ended) => ended,
        Err(error) => return Some(format!("{}: {error}", case.name)),
    };
    let said = answer["code"].as_str();
    let right = match expected {
        None => status == Some(0) && answer["verified"] == true,
        Some(code) => status == Some(1) && said == Some(code),
    };
    (!right).then(|| format!("{}: expected {expected:?}, ended {status:?} {said:?}", case.name))
}

fn expected(case: &Case) -> Expected {
    match (case.kind.as_str(), case.dcap_qvl_071_default.as_str(), case.detail.as_str()) {
        ("snp", ..) => snp(case),
        (_, "OK", _) => None,
        (_, "NOCOLL", _) => Some("evidence.dcap_collateral_missing"),
        (.., "Debug mode is enabled") => Some("evidence.dcap_debug"),
        (.., "SEPT_VE_DISABLE is not enabled") => Some("evidence.dcap_sept_ve_disable"),
        (.., "No matching TCB level found") => Some("evidence.dcap_tcb_no_level"),
        _ => Some("expected.json says something that is not known here"),
    }
}

fn snp(case: &Case) -> Expected {
    let policy = u64::from_str_radix(case.policy.trim_start_matches("0x"), 16).unwrap_or(u64::MAX);
    if !case.verifies {
        Some("evidence.snp_certificate_missing")
    } else if policy & SNP_DEBUG != 0 {
        Some("evidence.snp_debug")
    } else {
        None
    }
}

/// Quotes name their time; a report is good while its certificate is: on its second day.
fn at(case: &Case) -> u64 {
    let begins = case.vek_validity.as_ref().and_then(|[begins, _]| days(begins));
    case.verify_at.or(begins.map(|days| (days + 1) * 86_400)).unwrap_or(ANY_TIME)
}

/// Days from 1970 to `YYYY-MM-DD` (Howard Hinnant's `days_from_civil`).
fn days(date: &str) -> Option<u64> {
    let mut parts = date.split('-').map(str::parse::<u64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let (era, of_era) = (year / 400, year % 400);
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468)
}

fn verify(folder: &Path, at: u64) -> Result<(Option<i32>, Value), String> {
    let program: PathBuf = root().join("target/debug/autoclave");
    let arguments = ["evidence", "verify", &folder.to_string_lossy(), "--json", "--at"];
    let ended = command(&program.to_string_lossy(), &arguments)
        .arg(at.to_string())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let answer = serde_json::from_slice(&ended.stdout).map_err(|error| error.to_string())?;
    Ok((ended.status.code(), answer))
}
