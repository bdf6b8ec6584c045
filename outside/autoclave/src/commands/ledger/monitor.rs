//! `ledger monitor`: follows ledgers from one visit to the next, as an outsider.
//! It belongs to patients' advocates, hospitals, auditors: anybody with a disk.
//! It keeps nothing that did not verify, and a ledger that went back or aside is a failure.

use std::path::{Path, PathBuf};
use std::time::Duration;

use autoclave_base::Digest;
use autoclave_ledger::follow::{Seen, Visit, follow};
use autoclave_ledger::{Checkpoint, Entry, Hash, LogKey, WitnessKey, cosign};
use serde_json::json;
use tokio::time::sleep;

use super::source::Source;
use super::verify::line;
use crate::cli::watch::Monitor;
use crate::failure::{Failure, Outcome};
use crate::{files, terminal};

/// The checkpoint that witnesses have cosigned.
const COSIGNED: &str = "cosigned";
/// Events of which every line is shown: what changes who can do what, and what was refused.
const MATTERS: [&str; 8] = [
    "genesis",
    "boot",
    "refusal",
    "refusals",
    "policy_change",
    "key_change",
    "break_glass",
    "revocation",
];
/// The purpose of use that breaks the glass.
const EMERGENCY: [&str; 2] = ["BTG", "ETREAT"];

/// Runs the command.
pub(super) async fn run(command: Monitor) -> Outcome {
    let witnesses: Result<Vec<WitnessKey>, _> =
        command.witness.iter().map(|key| key.parse()).collect();
    let witnesses = witnesses.map_err(|refusal| Failure::new(refusal.code(), refusal))?;
    files::private_folder(&command.state)?;
    loop {
        let mut failed = None;
        for source in &command.sources {
            for source in Source::all(source)? {
                if let Err(failure) = visit(&command, &source, &witnesses) {
                    terminal::note(format_args!("{}: {failure}", source.name));
                    failed.get_or_insert(failure);
                }
            }
        }
        match (failed, command.every) {
            (Some(failure), _) => return Err(failure),
            (None, None) => return Ok(()),
            (None, Some(seconds)) => sleep(Duration::from_secs(seconds)).await,
        }
    }
}

fn visit(command: &Monitor, source: &Source, witnesses: &[WitnessKey]) -> Outcome {
    let place = kept_at(&command.state, &source.name);
    let seen: Option<Seen> = if place.exists() { Some(files::read_json(&place)?) } else { None };
    let kept = seen.as_ref().map(|seen| seen.key.as_str());
    let (key, own) = source.key(command.key.as_deref().or(kept))?;
    let required = command.require.unwrap_or(witnesses.len());
    let cosigned = cosigned(source, &key, witnesses, required)?;
    let marks: Vec<_> = cosigned.iter().map(|it| (it.size(), *it.root())).collect();
    let each = |index: u64, entry: &Entry| {
        if !command.json && (command.lines || matters(entry)) {
            terminal::out(line(index, entry));
        }
    };
    let followed = follow(source, &key, seen.as_ref(), &marks, each);
    let (now, visit) = followed.map_err(|refusal| Failure::new(refusal.code(), &refusal))?;
    behind(&marks, seen.as_ref(), &visit)?;
    files::write_private_json(&place, &now)?;
    show(command, source, &visit, marks.first());
    if own && !command.json {
        terminal::note("The key is the ledger's own word: compare it with a token's.");
    }
    Ok(())
}

fn kept_at(folder: &Path, source: &str) -> PathBuf {
    folder.join(format!("{}.json", &Digest::of(source).hex()[..32]))
}

/// The cosigned checkpoint, where witnesses are demanded.
fn cosigned(
    source: &Source,
    key: &LogKey,
    witnesses: &[WitnessKey],
    required: usize,
) -> Outcome<Option<Checkpoint>> {
    if witnesses.is_empty() {
        return Ok(None);
    }
    let note = source.text(COSIGNED)?;
    let opened = cosign::open(&note, key, witnesses, required);
    let (checkpoint, _) = opened.map_err(|refusal| Failure::new(refusal.code(), refusal))?;
    Ok(Some(checkpoint))
}

/// A cosigned checkpoint that this visit could not compare with the tree is either older than
/// what was seen before, which says nothing, or newer than the ledger shows, which is a fork.
fn behind(marks: &[(u64, Hash)], seen: Option<&Seen>, visit: &Visit) -> Outcome {
    for (size, root) in marks {
        let hidden = *size > visit.size;
        let beside =
            seen.is_some_and(|seen| seen.frontier.size() == *size && seen.frontier.root() != *root);
        if hidden || beside {
            let message = format!("witnesses have seen {size} lines that this ledger has not");
            return Err(Failure::new("ledger.hidden", message));
        }
    }
    Ok(())
}

fn matters(entry: &Entry) -> bool {
    let event = serde_json::to_value(&entry.event).unwrap_or_default();
    let emergency = event.get("purpose").and_then(|purpose| purpose.as_str());
    MATTERS.contains(&entry.event.name())
        || emergency.is_some_and(|purpose| EMERGENCY.contains(&purpose))
}

fn show(command: &Monitor, source: &Source, visit: &Visit, cosigned: Option<&(u64, Hash)>) {
    if command.json {
        let cosigned = cosigned.map(|(size, _)| size);
        terminal::out(json!({
            "verified": true, "source": source.name, "visit": visit, "cosigned": cosigned,
        }));
        return;
    }
    let new = visit.size - visit.from;
    terminal::out(format_args!("{}: {} lines, {new} new, all verified", visit.origin, visit.size));
    for (event, count) in &visit.events {
        terminal::out(format_args!("  {count:>6} {event}"));
    }
    if let Some((size, _)) = cosigned {
        terminal::out(format_args!("  cosigned up to line {size}"));
    }
}
