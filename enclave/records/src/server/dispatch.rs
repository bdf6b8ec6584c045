//! From a request to the function that answers it. Runs where blocking is allowed.

use std::cell::Cell;
use std::sync::Arc;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use http::{HeaderMap, Method, Response, StatusCode};

use super::Server;
use super::caller::{Access, Action, Caller};
use super::fault::Fault;
use super::interaction::{Interaction, Over, interaction};
use super::message::{FhirRequest, FhirResponse};
use super::paging::{PageState, Paged};
use super::search::Asked;
use super::session::Session;
use super::wanted::{BodyKind, Pairs, Wanted, body_kind, header, pairs, version_tag, wanted};
use super::write::{Body, Done, What, Write, of_kind};
use super::{batch, search, targets, write};
use super::{capability, everything, history, meta, openapi, patch, provenance, read, reply};

/// Longest body that is one resource; images have a door of their own.
pub(crate) const RESOURCE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest body that is a bundle.
pub(crate) const BUNDLE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Longest form of a search.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// An answer, and what is to be written down before it leaves.
pub(crate) type Answered = (FhirResponse, Vec<Access>);

/// Answers everything but operations that the server was given.
pub(crate) fn answer(server: &Server, caller: &Caller, request: &FhirRequest) -> Answered {
    match prepared(server, caller, request) {
        Ok(Prepared::Ready(answer)) => (answer, Vec::new()),
        Ok(Prepared::Asked(session, interaction, asked)) => {
            let answered = run(&session, request, interaction, &asked);
            let answer = answered.unwrap_or_else(Fault::into_response);
            (answer, session.into_lines())
        }
        Err(fault) => (fault.into_response(), Vec::new()),
    }
}

/// What stands in query and form.
pub(crate) struct Words {
    pub(crate) text: String,
    pub(crate) pairs: Pairs,
    /// Where a link leads on.
    page: Option<PageState>,
}

enum Prepared<'a> {
    Ready(FhirResponse),
    Asked(Box<Session<'a>>, Interaction, Words),
}

fn prepared<'a>(
    server: &'a Server,
    caller: &'a Caller,
    request: &'a FhirRequest,
) -> Result<Prepared<'a>, Fault> {
    let interaction = interaction(&request.method, &request.path)?;
    let words = words(server, caller, request, &interaction)?;
    let mut wanted = wanted(&request.headers, &words.pairs)?;
    if let Some(page) = &words.page {
        wanted.is_lenient = page.is_lenient;
    }
    match interaction {
        Interaction::Capabilities => {
            Ok(Prepared::Ready(capability::answer(server, &request.base, &words.pairs, &wanted)))
        }
        Interaction::OpenApi => Ok(Prepared::Ready(openapi::answer(server, &request.base))),
        interaction => {
            let session = Session::new(server, caller, &request.base, wanted)?;
            Ok(Prepared::Asked(Box::new(session), interaction, words))
        }
    }
}

fn words(
    server: &Server,
    caller: &Caller,
    request: &FhirRequest,
    interaction: &Interaction,
) -> Result<Words, Fault> {
    let mut text = request.query.clone().unwrap_or_default();
    let is_form = request.method == Method::POST && matches!(interaction, Interaction::Search(_));
    if is_form && !request.body.is_empty() {
        if body_kind(&request.headers)? != BodyKind::Form || request.body.len() > FORM_BYTES_MAX {
            let text = "Send application/x-www-form-urlencoded, at most 64 KiB.";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Fault::new(status, "not-supported", "request.form", text));
        }
        let form = std::str::from_utf8(&request.body)
            .map_err(|_| Fault::bad("request.encoding", "The form is not UTF-8."))?;
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(form);
    }
    if matches!(interaction, Interaction::Operation { name, .. } if name == "everything")
        && let Some(parameters) = body(request)?
    {
        text = everything::text_of(&parameters);
    }
    let mut all = pairs(&text)?;
    let is_root = matches!(interaction, Interaction::Search(Over::System));
    let link = all.iter().position(|(name, _)| name == "page").filter(|_| is_root);
    let Some(at) = link else { return Ok(Words { text, pairs: all, page: None }) };
    let (_, link) = all.swap_remove(at);
    let page = server.pager().open(caller, &link, server.guard().now_ms())?;
    let pairs = pairs(&page.query)?;
    Ok(Words { text, pairs, page: Some(page) })
}

fn run(
    session: &Session<'_>,
    request: &FhirRequest,
    interaction: Interaction,
    words: &Words,
) -> Result<FhirResponse, Fault> {
    let headers = &request.headers;
    match interaction {
        Interaction::Read(kind, id) => read::read(session, kind, &id, None, headers),
        Interaction::Vread(kind, id, version) => {
            read::read(session, kind, &id, Some(version), headers)
        }
        Interaction::Search(over) => match &words.page {
            Some(page) => next(session, page, words),
            None => search::search(session, &asked(session, request, over, words)),
        },
        Interaction::History(over) => {
            let url = self_url(session, request, words);
            history::history(session, &over, &words.text, &words.pairs, None, url)
        }
        Interaction::Bundle => batch::bundle(session, request),
        Interaction::Operation { name, kind, id, .. } => match (name.as_str(), kind, id) {
            ("everything", Some(kind), Some(id)) if kind.name() == "Patient" => {
                let url = self_url(session, request, words);
                everything::everything(session, &id, &words.text, &words.pairs, None, url)
            }
            ("meta" | "meta-add" | "meta-delete", kind, id) => {
                meta::meta(session, request, &name, kind, id.as_deref())
            }
            _ => Err(no_such_operation()),
        },
        Interaction::Capabilities | Interaction::OpenApi => Err(Fault::not_found()),
        writing => {
            let tree = body(request)?;
            let entry = asked_write(headers, writing, &words.pairs, tree, &request.body)?;
            one_write(session, entry)
        }
    }
}

/// 404: nobody made such an operation.
pub(crate) fn no_such_operation() -> Fault {
    let text = "There is no such operation here.";
    Fault::new(StatusCode::NOT_FOUND, "not-supported", "operation.unknown", text)
}

fn asked<'w>(
    session: &Session<'_>,
    request: &FhirRequest,
    over: Over,
    words: &'w Words,
) -> Asked<'w> {
    let self_url = self_url(session, request, words);
    let pairs = words.pairs.clone();
    Asked { over, text: &words.text, pairs, self_url, cursor: None, total: None }
}

fn self_url(session: &Session<'_>, request: &FhirRequest, words: &Words) -> String {
    let parts = request.path.iter().filter(|part| *part != "_search" && !part.is_empty());
    let mut url = session.base.to_owned();
    for part in parts {
        url.push('/');
        url.push_str(part);
    }
    if !words.text.is_empty() {
        url.push('?');
        url.push_str(&words.text);
    }
    url
}

fn next(session: &Session<'_>, page: &PageState, words: &Words) -> Result<FhirResponse, Fault> {
    let url = format!("{}?{}", session.base, words.text);
    let (over, pairs, cursor) = (page.over(), words.pairs.clone(), Some(page.cursor.clone()));
    match page.what {
        Paged::Search | Paged::CompartmentSearch => {
            let total = page.total;
            let text = &page.query;
            let asked = Asked { over, text, pairs, self_url: url, cursor, total };
            search::search(session, &asked)
        }
        Paged::History => {
            history::history(session, &over, &page.query, &pairs, cursor.as_ref(), url)
        }
        Paged::Everything => {
            let Over::Instance(_, id) = &over else { return Err(Fault::not_found()) };
            everything::everything(session, id, &page.query, &pairs, cursor.as_ref(), url)
        }
    }
}

/// The tree of a body, where there is one.
pub(crate) fn body(request: &FhirRequest) -> Result<Option<Node<'_>>, Fault> {
    if request.body.is_empty() {
        return Ok(None);
    }
    if request.body.len() > RESOURCE_BYTES_MAX {
        let text = "A resource has at most 16 MiB.";
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Err(Fault::new(status, "too-long", "request.too_long", text));
    }
    Ok(Some(Node::parse(&request.body)?))
}

/// Reads a write that stands alone.
pub(crate) fn asked_write<'a>(
    headers: &HeaderMap,
    interaction: Interaction,
    pairs: &Pairs,
    tree: Option<Node<'a>>,
    text: &'a [u8],
) -> Result<Write<'a>, Fault> {
    let media = body_kind(headers)?;
    // Each kind of write takes the tree once; none needs a copy of it.
    let tree = Cell::new(tree);
    let resource = |kind: Kind| {
        let node = tree.take().ok_or_else(no_body)?;
        if media != BodyKind::Resource {
            return Err(wrong_media());
        }
        of_kind(kind, &node)?;
        Ok(Body { node, text: Some(text) })
    };
    let patching = || patch::read(media, tree.take().ok_or_else(no_body)?);
    let query = || pairs.iter().filter(|(name, _)| !is_general(name)).cloned().collect::<Pairs>();
    let id = write::new_id;
    let (kind, what) = match interaction {
        Interaction::Create(kind) => {
            let unless = header(headers, "if-none-exist").map(unless).transpose()?;
            (kind, What::Create { id: id()?, body: resource(kind)?, unless })
        }
        Interaction::Update(kind, id) => (kind, What::Update { id, body: resource(kind)? }),
        Interaction::ConditionalUpdate(kind) => {
            (kind, What::UpdateWhere { id: id()?, body: resource(kind)?, query: query() })
        }
        Interaction::Patch(kind, id) => (kind, What::Patch { id, patch: patching()? }),
        Interaction::ConditionalPatch(kind) => {
            (kind, What::PatchWhere { query: query(), patch: patching()? })
        }
        Interaction::Delete(kind, id) => (kind, What::Delete { id }),
        Interaction::ConditionalDelete(kind) => (kind, What::DeleteWhere { query: query() }),
        _ => return Err(Fault::not_found()),
    };
    let if_match = match header(headers, "if-match") {
        Some(tag) => Some(version_tag(tag).ok_or_else(not_a_tag)?),
        None => None,
    };
    let if_none = header(headers, "if-none-match").is_some_and(|tag| tag.trim() == "*");
    Ok(Write { kind, what, if_match, if_none })
}

/// Reads the query of `If-None-Exist`, with or without a type before it.
pub(crate) fn unless(text: &str) -> Result<Pairs, Fault> {
    pairs(text.rsplit('?').next().unwrap_or_default())
}

/// Parameters that belong to every interaction.
fn is_general(name: &str) -> bool {
    matches!(name, "_format" | "_pretty" | "_summary" | "_elements")
}

fn no_body() -> Fault {
    Fault::bad("request.no_body", "The request has no body.")
}

fn wrong_media() -> Fault {
    let text = "Send application/fhir+json.";
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Fault::new(status, "not-supported", "request.media_type", text)
}

fn not_a_tag() -> Fault {
    Fault::bad("condition.tag", "If-Match is not of the form W/\"1\".")
}

fn one_write(session: &Session<'_>, mut entry: Write<'_>) -> Result<FhirResponse, Fault> {
    if let What::Create { body, .. } | What::Update { body, .. } | What::UpdateWhere { body, .. } =
        &mut entry.what
        && targets::made_relative(session, &mut body.node)
    {
        body.text = None;
    }
    let store = session.server.store();
    let done: Done = store.change(session.caller.tenant, |change| {
        let done = write::write(session, change, entry)?;
        provenance::leave(session, change, std::slice::from_ref(&done))?;
        Ok::<_, Fault>(done)
    })?;
    session.committed()?;
    answered(session, &done)
}

fn answered(session: &Session<'_>, done: &Done) -> Result<FhirResponse, Fault> {
    let wanted: &Wanted = &session.wanted;
    match &done.stored {
        Some(stored) if stored.document.is_some() => {
            reply::written(done.status, stored, session.base, wanted, done.tells)
        }
        stored => {
            let mut answer = Response::new(bytes::Bytes::new());
            *answer.status_mut() = done.status;
            if let Some(stored) = stored {
                reply::versioned(&mut answer, stored);
            }
            Ok(answer)
        }
    }
}

/// Calls an operation that the server was given.
pub(crate) async fn call(
    server: &Server,
    caller: &Caller,
    request: &FhirRequest,
    interaction: &Interaction,
) -> Answered {
    let Interaction::Operation { name, kind, id, rest } = interaction else {
        return (Fault::not_found().into_response(), Vec::new());
    };
    let Some(operation) = server.operation(name, *kind, id.is_some()).map(Arc::clone) else {
        return (no_such_operation().into_response(), Vec::new());
    };
    if operation.changes() && request.method != Method::POST && request.method != Method::DELETE {
        let text = "This operation changes something; call it with POST.";
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let fault = Fault::new(status, "not-supported", "request.method", text);
        return (fault.into_response(), Vec::new());
    }
    let action = Action::Operation(operation.name());
    let granted = match server.guard().allow(caller, action, *kind) {
        Ok(granted) => granted,
        Err(refused) => return refusal(action, *kind, refused.rules),
    };
    let rules = granted.rules.clone();
    let call =
        super::operation::Call { caller, request, granted, kind: *kind, id: id.as_deref(), rest };
    match operation.call(server, call).await {
        Ok(done) => (done.answer, vec![done.access]),
        Err(fault) => {
            let line = super::session::line(action, *kind, rules);
            (fault.into_response(), vec![line])
        }
    }
}

fn refusal(action: Action, kind: Option<Kind>, rules: Vec<autoclave_ledger::Label>) -> Answered {
    let text = "Your role, purpose or token does not permit this.";
    let fault = Fault::new(StatusCode::FORBIDDEN, "forbidden", "permission.refused", text);
    let mut access = super::session::line(action, kind, rules);
    access.granted = false;
    (fault.into_response(), vec![access])
}
