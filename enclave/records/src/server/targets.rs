//! References of what is written: ours told as relative ones, and, where a clinic wants it so,
//! none to nowhere.

use std::borrow::Cow;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

use super::fault::Fault;
use super::session::Session;
use crate::store::View;

/// Keys that are looked up at once.
const CHUNK: usize = 500;

/// Calls `then` with every text under `reference`.
pub(crate) fn each(node: &Node<'_>, then: &mut impl FnMut(&str)) {
    for item in node.items() {
        each(item, then);
    }
    for (name, value) in node.members() {
        match value.text() {
            Some(text) if name == "reference" => then(text),
            _ => each(value, then),
        }
    }
}

/// Type and id of a relative reference, whatever its version.
pub(crate) fn relative(text: &str) -> Option<(Kind, &str)> {
    let mut parts = text.split('/');
    let kind = parts.next()?.parse().ok()?;
    let id = parts.next()?;
    (!id.is_empty()).then_some((kind, id))
}

/// Tells references below our own base as relative ones; whether there were any.
pub(crate) fn made_relative(session: &Session<'_>, node: &mut Node<'_>) -> bool {
    let mut any = false;
    match node {
        Node::List(items) => {
            for item in items {
                any |= made_relative(session, item);
            }
        }
        Node::Object(members) => {
            for (name, value) in members {
                let text = value.text().filter(|_| name == "reference");
                if let Some(own) = text.and_then(|text| session.relative(text)).map(str::to_owned) {
                    *value = Node::Text(Cow::Owned(own));
                    any = true;
                } else {
                    any |= made_relative(session, value);
                }
            }
        }
        _ => {}
    }
    any
}

/// Refuses a change that leaves a reference to nowhere behind.
pub(crate) fn exist(session: &Session<'_>, view: &mut View<'_>) -> Result<(), Fault> {
    let mut keys: Vec<i64> = session.targets.borrow_mut().drain().collect();
    keys.sort_unstable();
    for keys in keys.chunks(CHUNK) {
        if view.by_keys(keys)?.len() < keys.len() {
            let text = "A reference leads to nowhere.";
            return Err(Fault::unprocessable("record.reference", text));
        }
    }
    Ok(())
}
