//! What an entry of a bundle asks for, read before anything is done. Pure but for new ids.

use std::borrow::Cow;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use http::{HeaderMap, Method};

use super::{asked, headers};
use crate::server::dispatch::unless;
use crate::server::fault::Fault;
use crate::server::interaction::Interaction;
use crate::server::patch;
use crate::server::session::Session;
use crate::server::wanted::{Pairs, header, version_tag};
use crate::server::write::{Body, Done, What, Write, new_id, of_kind};

/// What an entry does.
pub(super) enum Step<'a> {
    Write(Write<'a>),
    /// Nothing more is to be done.
    Settled(Done),
    Read {
        interaction: Interaction,
        pairs: Pairs,
        headers: HeaderMap,
    },
}

/// An entry that was read.
pub(super) struct Planned<'a> {
    /// Its place in the bundle.
    pub(super) at: usize,
    pub(super) full_url: Option<String>,
    /// When its turn is, in a transaction.
    pub(super) step: u8,
    pub(super) what: Step<'a>,
    /// The resource that it writes, as soon as that is known.
    pub(super) means: Option<(Kind, String)>,
}

/// Reads an entry.
pub(super) fn planned<'a>(
    session: &Session<'_>,
    at: usize,
    mut entry: Node<'a>,
) -> Result<Planned<'a>, Fault> {
    let place = || format!("Bundle.entry[{at}]");
    let resource = take(&mut entry, "resource");
    let request = entry
        .get("request")
        .ok_or_else(|| Fault::bad("bundle.no_request", "An entry has no request.").at(place()))?;
    let (method, interaction, pairs) = asked(session, request)?;
    let full_url = entry.text_of("fullUrl").map(str::to_owned);
    let headers = headers(request);
    let step = match method {
        Method::DELETE => 0,
        Method::POST => 1,
        Method::PUT | Method::PATCH => 2,
        _ => 3,
    };
    let what = if interaction.is_safe() {
        Step::Read { interaction, pairs, headers }
    } else {
        Step::Write(writing(interaction, pairs, &headers, resource)?)
    };
    Ok(Planned { at, full_url, step, what, means: None })
}

fn take<'a>(entry: &mut Node<'a>, name: &str) -> Option<Node<'a>> {
    let Node::Object(members) = entry else { return None };
    let at = members.iter().position(|(own, _): &(Cow<'_, str>, _)| own == name)?;
    Some(members.swap_remove(at).1)
}

fn writing<'a>(
    interaction: Interaction,
    pairs: Pairs,
    headers: &HeaderMap,
    resource: Option<Node<'a>>,
) -> Result<Write<'a>, Fault> {
    let missing = || Fault::bad("bundle.no_resource", "An entry that writes has no resource.");
    let body = |kind: Kind, resource: Option<Node<'a>>| {
        let node = resource.ok_or_else(missing)?;
        of_kind(kind, &node)?;
        Ok::<_, Fault>(Body { node, text: None })
    };
    let (kind, what) = match interaction {
        Interaction::Create(kind) => {
            let unless = header(headers, "if-none-exist").map(unless).transpose()?;
            (kind, What::Create { id: new_id()?, body: body(kind, resource)?, unless })
        }
        Interaction::Update(kind, id) => (kind, What::Update { id, body: body(kind, resource)? }),
        Interaction::ConditionalUpdate(kind) => {
            (kind, What::UpdateWhere { id: new_id()?, body: body(kind, resource)?, query: pairs })
        }
        Interaction::Patch(kind, id) => {
            let patch = patch::of_entry(resource.ok_or_else(missing)?)?;
            (kind, What::Patch { id, patch })
        }
        Interaction::ConditionalPatch(kind) => {
            let patch = patch::of_entry(resource.ok_or_else(missing)?)?;
            (kind, What::PatchWhere { query: pairs, patch })
        }
        Interaction::Delete(kind, id) => (kind, What::Delete { id }),
        Interaction::ConditionalDelete(kind) => (kind, What::DeleteWhere { query: pairs }),
        _ => {
            let text = "An entry of a bundle cannot ask for this.";
            return Err(Fault::bad("bundle.request", text));
        }
    };
    let if_match = header(headers, "if-match").and_then(version_tag);
    let if_none = header(headers, "if-none-match").is_some_and(|tag| tag.trim() == "*");
    Ok(Write { kind, what, if_match, if_none })
}
