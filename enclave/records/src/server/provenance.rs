//! How a change ends: nothing refers to nowhere, where that is wanted, and provenance: who wrote what, when and why; one for each request that changed something, in
//! the same change. Which resources it speaks of stands in their versions' references.

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
    if !session.server.settings().provenance {
        return Ok(());
    }
    let own = Kind::known("Provenance");
    let changed = done.filter(|done| done.is_change).filter_map(|done| done.stored.as_ref());
    let targets: Vec<&Stored> = changed.filter(|stored| stored.kind != own).collect();
    for targets in targets.chunks(TARGETS_MAX) {
        let text = written(session, targets);
        let id = new_id()?;
        let node = Node::parse(&text).map_err(|_| Fault::internal("provenance.malformed"))?;
        let document = Document::of_parsed(text.clone(), &node)?;
        let (id, updated) = (id.as_str(), session.now);
        let put = Put { id, expected: Some(0), document: &document, node: &node, updated };
        let stored = change.put(put)?;
        session.stored(Action::Create, &stored);
    }
    Ok(())
}

fn written(session: &Session<'_>, targets: &[&Stored]) -> Vec<u8> {
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
