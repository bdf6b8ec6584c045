//! Parties whose last start was refused, out of their logs, and what to do about it.
//! It belongs to the administrator at night.
//! It reads codes and no more.

use std::path::Path;

use serde_json::Value;

use super::{Finding, State};

/// Parties that refuse to start.
const PARTIES: [&str; 5] = ["attestor", "broker", "diagnosis", "clinic", "cache"];
/// Bytes of a log's end that are looked at.
const TAIL_BYTES: usize = 64 * 1024;

/// Findings about refused starts; none where all last starts went well.
pub(super) fn look(dir: &Path) -> Vec<Finding> {
    PARTIES.iter().filter_map(|party| refused(dir, party)).collect()
}

fn refused(dir: &Path, party: &str) -> Option<Finding> {
    let log = std::fs::read(dir.join("logs").join(format!("{party}.log"))).ok()?;
    let tail = String::from_utf8_lossy(&log[log.len().saturating_sub(TAIL_BYTES)..]);
    let code = last_failure(&tail)?;
    let finding = Finding::new(party, State::Bad, format!("its last start was refused [{code}]"));
    Some(finding.advise(advice(&code)))
}

/// The reason of the last failure, unless a later start went well.
fn last_failure(log: &str) -> Option<String> {
    let lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    for line in lines {
        match line["code"].as_str() {
            Some("cell.failed") => return line["reason"].as_str().map(str::to_owned),
            Some("cell.ready" | "cell.stopped") => return None,
            _ => {}
        }
    }
    None
}

/// What to do, by code.
fn advice(code: &str) -> &'static str {
    match code {
        "ledger.rolled_back" | "ledger.rewritten" => {
            "Its ledger is older than, or other than, what it signed before: by its own state, its \
             published checkpoint or a witness. Put the newest copy of the whole data folder back. \
             If there is none, this identity is lost: begin with an empty data folder, which gives \
             the enclave a new key and a new ledger, and tell the witnesses and the people why."
        }
        "state.rolled_back" => {
            "What it keeps (its sealed state, or the clinic's records) is older than its ledger \
             knows. Put the newest copy of the whole data folder back, state, records and ledger \
             from the same moment. Never mix copies of different moments."
        }
        "ledger.unwitnessed" => {
            "Too few witnesses confirmed that its ledger is the latest. Look whether they run and \
             can be reached (cell.witnesses in its configuration). A witness that caught a fork \
             says so at its /evidence."
        }
        "state.missing" | "ledger.missing" => {
            "A part of its data folder is missing. Put the whole folder back from one copy."
        }
        "state.tampered" => {
            "Its sealed state does not open: altered, from another machine, or of another workload. \
             Put this machine's own newest copy back."
        }
        _ => "The reason stands at the end of its log.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(codes: &[(&str, &str)]) -> String {
        let line = |(code, reason): &(&str, &str)| {
            format!("{{\"code\":\"{code}\",\"reason\":\"{reason}\"}}\n")
        };
        codes.iter().map(line).collect()
    }

    #[test]
    fn the_last_start_counts() {
        let failed = ("cell.failed", "state.rolled_back");
        assert_eq!(last_failure(&log(&[("cell.ready", ""), failed])).unwrap(), failed.1);
        assert_eq!(last_failure(&log(&[failed, ("cell.ready", "")])), None);
        assert_eq!(last_failure("not json\n"), None);
    }

    #[test]
    fn a_rollback_has_its_advice() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("logs")).unwrap();
        let text = log(&[("cell.failed", "ledger.rolled_back")]);
        std::fs::write(folder.path().join("logs/broker.log"), text).unwrap();
        let findings = look(folder.path());
        assert_eq!((findings.len(), findings[0].state), (1, State::Bad));
        assert!(findings[0].advice.as_ref().unwrap().contains("newest copy"));
    }
}
