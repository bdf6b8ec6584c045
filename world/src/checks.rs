//! What must hold when everything has stopped.

use std::collections::BTreeMap;

use autoclave_ledger::LogKey;
use autoclave_ledger::audit::{Expected, audit};
use serde_json::Value;

use crate::eye::MARK;
use crate::files;
use crate::party::Party;
use crate::shared::Shared;
use crate::story::Story;

/// Every ledger verifies, extends every checkpoint that anybody kept, and has every line
/// that anybody was given a proof of.
pub(crate) fn ledgers(shared: &Shared, story: &Story) {
    for party in Party::ENCLAVES {
        if let Err(why) = ledger(shared, story, party) {
            shared.trace.broken(format!("the ledger of {}: {why}", party.name()));
        }
    }
}

fn ledger(shared: &Shared, story: &Story, party: Party) -> Result<(), String> {
    let medium = &shared.media[party.index()];
    let key = medium.file("key").ok_or("no key")?;
    let key = String::from_utf8(key).map_err(|error| error.to_string())?;
    let key: LogKey = key.trim().parse().map_err(|refusal| format!("{refusal}"))?;
    let earlier = whole(story.checkpoints(party), &key);
    let proofs = if party == Party::Diagnosis { story.proofs() } else { Vec::new() };
    let expected = Expected { earlier: &earlier, proofs: &proofs };
    let files = |path: &str| Ok(medium.file(path));
    let report = audit(&files, &key, &expected, |_, _| {}).map_err(|error| error.to_string())?;
    if report.extends.len() != earlier.len() {
        return Err("an earlier checkpoint is of another log".to_owned());
    }
    if report.proven.len() != proofs.len() {
        return Err("a proof is of another log".to_owned());
    }
    let lines = report.size;
    let kept = earlier.len();
    shared.trace.say(format!("ledger of {}: {} checkpoints kept", party.name(), kept.min(1)));
    if lines == 0 { Err("it is empty".to_owned()) } else { Ok(()) }
}

/// Checkpoints came over a wire that turns bits: those that the key did not sign are none.
fn whole(notes: Vec<String>, key: &LogKey) -> Vec<String> {
    notes.into_iter().filter(|note| autoclave_ledger::Checkpoint::open(note, key).is_ok()).collect()
}

/// Each patient who was admitted is on the list once, and nobody is on it twice.
pub(crate) fn work_list(shared: &Shared, story: &Story, list: &[Value]) {
    let mut counts = BTreeMap::new();
    for line in list {
        let family = line["patient"]["name"][0]["family"].as_str().unwrap_or_default();
        *counts.entry(family.to_owned()).or_insert(0) += 1;
    }
    for (family, count) in &counts {
        shared.trace.holds(*count == 1, || format!("{family} is there {count} times"));
    }
    for name in story.all_admitted().keys() {
        let family = format!("{MARK}-{name}");
        shared.trace.holds(counts.contains_key(&family), || format!("{family} is lost"));
    }
}

/// No name is in clear on any disk.
pub(crate) fn disks(shared: &Shared) {
    for party in Party::ALL {
        shared.media[party.index()].show(&shared.eye, party);
        let shown = files::show(&shared.folder(party), &shared.eye);
        shared.trace.holds(shown.is_ok(), || "the world cannot read its disk".to_owned());
    }
}
