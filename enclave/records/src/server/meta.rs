//! `$meta`, `$meta-add` and `$meta-delete`: profiles, tags and security labels without the
//! resource around them.

use std::borrow::Cow;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use http::{Method, StatusCode};

use super::caller::Action;
use super::dispatch::body;
use super::fault::Fault;
use super::message::{FhirRequest, FhirResponse};
use super::provenance;
use super::read;
use super::reply;
use super::session::{Session, tree};
use super::write::{Body, What, Write, write};

/// Members of `meta` that clients may set.
const LISTS: [&str; 3] = ["profile", "security", "tag"];

/// Answers one of the three.
pub(crate) fn meta(
    session: &Session<'_>,
    request: &FhirRequest,
    name: &str,
    kind: Option<Kind>,
    id: Option<&str>,
) -> Result<FhirResponse, Fault> {
    let (Some(kind), Some(id)) = (kind, id) else {
        let text = "Ask for the meta of one resource.";
        let status = StatusCode::NOT_FOUND;
        return Err(Fault::new(status, "not-supported", "operation.place", text));
    };
    if name == "meta" {
        let store = session.server.store();
        let tenant = session.caller.tenant;
        let stored = store.read(tenant, |view| read::found(session, view, kind, id, None))?;
        session.note(Action::Read, Some(kind), stored.owner);
        return Ok(told(session, stored.document.as_ref().map(tree).transpose()?.as_ref()));
    }
    if request.method != Method::POST {
        let text = "This operation changes something; call it with POST.";
        let status = StatusCode::METHOD_NOT_ALLOWED;
        return Err(Fault::new(status, "not-supported", "request.method", text));
    }
    let parameters = body(request)?.ok_or_else(no_meta)?;
    let given = given(&parameters).ok_or_else(no_meta)?;
    changed(session, kind, id, given, name == "meta-add")
}

/// The parameter `meta`.
fn given<'n, 'a>(parameters: &'n Node<'a>) -> Option<&'n Node<'a>> {
    let items = parameters.get("parameter")?.items();
    items.iter().find(|item| item.text_of("name") == Some("meta"))?.get("valueMeta")
}

fn no_meta() -> Fault {
    Fault::bad("meta.parameter", "Send Parameters with a parameter meta of type Meta.")
}

fn changed(
    session: &Session<'_>,
    kind: Kind,
    id: &str,
    given: &Node<'_>,
    is_adding: bool,
) -> Result<FhirResponse, Fault> {
    let store = session.server.store();
    let done = store.change(session.caller.tenant, |change| {
        let stored = read::found(session, change, kind, id, None)?;
        let Some(document) = &stored.document else { return Err(Fault::not_found()) };
        let mut node = tree(document)?.into_owned();
        for list in LISTS {
            for value in given.get(list).map_or(&[][..], Node::items) {
                alter(&mut node, list, value, is_adding);
            }
        }
        let what = What::Update { id: id.to_owned(), body: Body { node, text: None } };
        let asked = Write { kind, what, if_match: None, if_none: false };
        let done = write(session, change, asked)?;
        provenance::leave(session, change, std::slice::from_ref(&done))?;
        Ok::<_, Fault>(done)
    })?;
    session.committed()?;
    let document = done.stored.as_ref().and_then(|stored| stored.document.as_ref());
    Ok(told(session, document.map(tree).transpose()?.as_ref()))
}

/// Adds a value to a list of `meta`, or takes it away; codings are the same by system and code.
fn alter(node: &mut Node<'static>, list: &'static str, value: &Node<'_>, is_adding: bool) {
    let is_same = |one: &Node<'_>| match (one.text(), value.text()) {
        (Some(one), Some(value)) => one == value,
        _ => ["system", "code"].iter().all(|name| one.text_of(name) == value.text_of(name)),
    };
    if node.get("meta").is_none() {
        node.set("meta", Node::Object(Vec::new()));
    }
    let Some(Node::Object(meta)) = node.get_mut("meta") else { return };
    if !meta.iter().any(|(name, _)| name == list) {
        meta.push((Cow::Borrowed(list), Node::List(Vec::new())));
    }
    let Some(at) = meta.iter().position(|(name, _)| name == list) else { return };
    if let Node::List(values) = &mut meta[at].1 {
        values.retain(|one| !is_same(one));
        if is_adding {
            values.push(value.clone().into_owned());
        }
        // FHIR knows no empty lists.
        if values.is_empty() {
            meta.remove(at);
        }
    }
}

fn told(session: &Session<'_>, resource: Option<&Node<'_>>) -> FhirResponse {
    let meta = resource.and_then(|node| node.get("meta")).cloned();
    let word = |text: &'static str| Node::Text(Cow::Borrowed(text));
    let meta = meta.unwrap_or_else(|| Node::Object(Vec::new()));
    let parameter = Node::object([("name", word("return")), ("valueMeta", meta)]);
    let answer = Node::object([
        ("resourceType", word("Parameters")),
        ("parameter", Node::List(vec![parameter])),
    ]);
    reply::json(StatusCode::OK, answer.to_bytes(), &session.wanted)
}
