//! How a change ends: nothing refers to nowhere, where that is wanted, and provenance: who
//! wrote what, when and why; one for each patient of a request that changed something, in the
//! same change. Which resources it speaks of stands in their versions' references.

use std::collections::BTreeMap;

use autoclave_fhir::json::{Node, write_text};
use autoclave_fhir::{Document, Kind};

use super::caller::Action;
use super::fault::Fault;
use super::instant::instant;
use super::reply::location;
use super::session::Session;
use super::targets;
use super::write::{Done, new_id};
use crate::store::{Change, How, Put, Stored};

/// Resources of which one provenance speaks; more get a further one.
const TARGETS_MAX: usize = 1_000;

/// Leaves what is due for some writes.
pub(crate) fn leave(
    session: &Session<'_>,
    change: &mut Change<'_>,
    done: &[Done],
) -> Result<(), Fault> {
    leave_all(session, change, done.iter())
}

/// As [`leave`], over any number of writes.
pub(crate) fn leave_all<'d>(
    session: &Session<'_>,
    change: &mut Change<'_>,
    done: impl Iterator<Item = &'d Done>,
) -> Result<(), Fault> {
    targets::exist(session, change)?;
    let changed = done.filter(|done| done.is_change).filter_map(|done| done.stored.as_ref());
    leave_of(session, change, changed)
}

/// Leaves provenance of what was stored, where that is wanted.
pub(crate) fn leave_of<'d>(
    session: &Session<'_>,
    change: &mut Change<'_>,
    changed: impl Iterator<Item = &'d Stored>,
) -> Result<(), Fault> {
    if !session.server.settings().provenance {
        return Ok(());
    }
    let own = Kind::known("Provenance");
    // One for each patient, so that it is hidden, sealed and erased with what it speaks of.
    let mut by_owner: BTreeMap<Option<i64>, Vec<&Stored>> = BTreeMap::new();
    for stored in changed.filter(|stored| stored.kind != own) {
        by_owner.entry(stored.owner).or_default().push(stored);
    }
    for (owner, targets) in by_owner {
        let patient = match owner {
            Some(_) => patient_of(change, targets[0])?,
            None => None,
        };
        for targets in targets.chunks(TARGETS_MAX) {
            put(session, change, &written(session, targets, patient.as_deref()))?;
        }
    }
    Ok(())
}

fn put(session: &Session<'_>, change: &mut Change<'_>, text: &[u8]) -> Result<(), Fault> {
    let id = new_id()?;
    let node = Node::parse(text).map_err(|_| Fault::internal("provenance.malformed"))?;
    let document = Document::of_parsed(text.to_vec(), &node)?;
    let (id, updated) = (id.as_str(), session.now);
    let put = Put { id, expected: Some(0), document: &document, node: &node, updated };
    let stored = change.put(put)?;
    session.stored(Action::Create, &stored);
    Ok(())
}

/// The id of the patient whose this is; of what was deleted, by what it was before.
fn patient_of(change: &mut Change<'_>, stored: &Stored) -> Result<Option<String>, Fault> {
    let before = match &stored.document {
        Some(_) => None,
        None => change.version(stored.kind, &stored.id, stored.version.saturating_sub(1))?,
    };
    let document = stored.document.as_ref().or(before.as_ref().and_then(|at| at.document.as_ref()));
    let Some(document) = document else { return Ok(None) };
    let node = document.node().map_err(|_| Fault::internal("record.malformed"))?;
    let patients = autoclave_search::patients(stored.kind, &stored.id, &node);
    Ok(patients.into_iter().next())
}

fn written(session: &Session<'_>, targets: &[&Stored], patient: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(400 + targets.len() * 90);
    let word = |out: &mut Vec<u8>, before: &[u8], text: &str| {
        out.extend(before);
        write_text(text, out);
    };
    out.extend(b"{\"resourceType\":\"Provenance\",\"target\":[");
    for (at, stored) in targets.iter().enumerate() {
        let before: &[u8] = if at == 0 { b"{\"reference\":" } else { b",{\"reference\":" };
        word(&mut out, before, &location(stored));
        out.push(b'}');
    }
    if let Some(patient) = patient {
        word(&mut out, b",{\"reference\":", &format!("Patient/{patient}"));
        out.push(b'}');
    }
    word(&mut out, b"],\"recorded\":", &instant(session.now));
    word(&mut out, REASON, session.caller.purpose.code());
    word(&mut out, ACTIVITY, activity(targets));
    out.extend(b"}]},\"agent\":[{\"who\":{");
    if let Some(reference) = &session.caller.reference {
        word(&mut out, b"\"reference\":", reference);
    } else {
        word(&mut out, IDENTIFIER, session.caller.actor.as_str());
        out.push(b'}');
    }
    out.extend(b"}}]}");
    out
}

const REASON: &[u8] =
    b",\"reason\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ActReason\",\"code\":";
const ACTIVITY: &[u8] =
    b"}]}],\"activity\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-DataOperation\",\"code\":";
const IDENTIFIER: &[u8] = b"\"identifier\":{\"system\":\"urn:autoclave:actor\",\"value\":";

/// A code of `v3-DataOperation`; of several writes, what most are.
fn activity(targets: &[&Stored]) -> &'static str {
    let count = |how| targets.iter().filter(|stored| stored.how == how).count();
    let (created, updated, deleted) = (count(How::Create), count(How::Update), count(How::Delete));
    if created >= updated && created >= deleted {
        "CREATE"
    } else if updated >= deleted {
        "UPDATE"
    } else {
        "DELETE"
    }
}
