//! Which events a subscription is to be told next. The dispatcher's thread asks; what it gets is
//! ready to be sent. A subscription that cannot be served any more is put in error.

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_record::consent::Act;
use autoclave_search::{Filter, Page};

use super::super::reach::Reach;
use super::super::run::fault;
use super::Outgoing;
use super::Subscriptions;
use super::criteria::{Payload, Wish};
use super::notice::{Event, Head, Notice, bundle};
use super::secret::sign;
use super::state::{Place, Status, Subscribed};
use crate::server::{Access, Caller, Fault, Granted, Server, instant};
use crate::store::{Cursor, Hidden, How, Past, Scope, Stored};

/// Events of one notification.
const EVENTS_MAX: usize = 20;
/// Versions that are looked at in one go.
const LOOKED_AT: u32 = 500;

/// A notification ready to go, and what is true once it has arrived.
pub(super) struct Ready {
    pub(super) outgoing: Outgoing,
    pub(super) after: Subscribed,
    pub(super) caller: Caller,
    pub(super) access: Access,
}

/// What comes next for a subscription.
pub(super) enum Next {
    /// This is to be sent.
    Send(Box<Ready>),
    /// Nothing, but it has come so far.
    Quiet(Box<Subscribed>),
    /// Nothing.
    Idle,
}

impl Subscriptions {
    /// What comes next for one subscription. Blocks.
    pub(super) fn next(&self, server: &Server, one: &Subscribed) -> Result<Next, Fault> {
        let Some(caller) = one.owner.caller() else { return Ok(Next::Idle) };
        let kind = Kind::known("Subscription");
        let stored =
            server.store().read(caller.tenant, |view| view.get(kind, &one.id)).map_err(fault)?;
        let Some(document) = stored.as_ref().and_then(|stored| stored.document.as_ref()) else {
            return Ok(Next::Quiet(Box::new(Subscribed { status: Status::Off, ..one.clone() })));
        };
        let node = document.node().map_err(|_| Fault::internal("a subscription"))?;
        if node.text_of("status") == Some("off") {
            return Ok(Next::Quiet(Box::new(Subscribed { status: Status::Off, ..one.clone() })));
        }
        let Ok(wish) = Wish::of(&node, &self.settings) else {
            return Ok(Next::Quiet(Box::new(Subscribed { status: Status::Error, ..one.clone() })));
        };
        let granted = Granted::default();
        let mut reach = Reach::new(server, &caller, granted, Act::Disclose)?;
        if one.status == Status::Requested {
            let newest = newest(&reach)?;
            let after = Subscribed { status: Status::Active, place: newest, ..one.clone() };
            let told = (Notice::Handshake, Status::Requested);
            return Ok(self.ready(&reach, told, &wish, after, &[]));
        }
        let (events, place) = events(&mut reach, one, &wish)?;
        let after = Subscribed { place, ..one.clone() };
        if !events.is_empty() {
            let total = one.events + u64::try_from(events.len()).unwrap_or(u64::MAX);
            let after = Subscribed { events: total, ..after };
            return Ok(self.ready(&reach, (Notice::Event, Status::Active), &wish, after, &events));
        }
        if wish.heartbeat_ms.is_some_and(|every| reach.now >= one.told.saturating_add(every)) {
            let told = (Notice::Heartbeat, Status::Active);
            return Ok(self.ready(&reach, told, &wish, after, &[]));
        }
        Ok(if after.place == one.place { Next::Idle } else { Next::Quiet(Box::new(after)) })
    }

    fn ready(
        &self,
        reach: &Reach,
        (notice, status): (Notice, Status),
        wish: &Wish,
        after: Subscribed,
        events: &[Stored],
    ) -> Next {
        let bases = &reach.server.settings().bases;
        let first = after.events + 1 - u64::try_from(events.len()).unwrap_or(0).min(after.events);
        let nodes = (first..).zip(events).filter_map(|(number, stored)| {
            let document = stored.document.as_ref()?;
            Some(Event {
                number,
                time: instant(stored.updated),
                focus: format!("{}/{}", stored.kind, stored.id),
                is_new: stored.how == How::Create,
                resource: document.node().ok()?,
            })
        });
        let head = Head {
            base: bases.first().map_or("", String::as_str),
            id: &after.id,
            status: status.code(),
            notice,
            total: after.events,
        };
        let body = bundle(&head, wish, nodes.collect()).to_bytes();
        // R4: without a payload, the notification is a POST without a body.
        let is_bare = wish.payload == Payload::Empty && wish.topic.is_none();
        let body = if is_bare { Vec::new() } else { body };
        let signed = sign(&self.vault, &after, reach.now / 1000, &body);
        let mut headers = wish.headers.clone();
        headers.push(("content-type".into(), "application/fhir+json".into()));
        headers.push(("x-autoclave-signature".into(), signed));
        let outgoing = Outgoing { url: wish.url.clone(), headers, body };
        let access = reach.access("subscription", Some(wish.kind));
        let caller = reach.caller.clone();
        Next::Send(Box::new(Ready { outgoing, after, caller, access }))
    }
}

fn newest(reach: &Reach) -> Result<Option<Place>, Fault> {
    let found = history(reach, None, None, 1)?;
    Ok(found.first().map(Place::of))
}

/// The next events that are meant and may be told, oldest first, and how far that is.
fn events(
    reach: &mut Reach,
    one: &Subscribed,
    wish: &Wish,
) -> Result<(Vec<Stored>, Option<Place>), Fault> {
    let query = reach.query(wish.kind, &crate::server::pairs(&wish.query)?)?;
    let filter = reach.filter(wish.kind, query.filter.clone())?;
    let (mut meant, mut place) = (Vec::new(), one.place);
    for stored in since(reach, one.place)? {
        if meant.len() == EVENTS_MAX {
            break;
        }
        place = Some(Place::of(&stored));
        let Some(document) = stored.document.as_ref().filter(|_| stored.kind == wish.kind) else {
            continue;
        };
        let node = document.node().map_err(|_| Fault::internal("a stored resource"))?;
        let is_meant = is_match(reach, &filter, &stored)? && query.confirms(&node);
        if is_meant && reach.tells(&stored, &node) {
            meant.push(stored);
        }
    }
    Ok((meant, place))
}

/// Whether the newest version of a resource is what the criteria mean.
fn is_match(reach: &Reach, filter: &Filter, stored: &Stored) -> Result<bool, Fault> {
    let filter = Filter::All(vec![filter.clone(), Filter::Keys(vec![stored.key])]);
    let hidden = reach.visible.hidden();
    let found = reach.server.store().read(reach.caller.tenant, |view| {
        view.search(stored.kind, &filter, hidden, &[], &Page::First, 1)
    });
    Ok(!found.map_err(fault)?.is_empty())
}

/// What was stored behind a place, oldest first.
fn since(reach: &Reach, place: Option<Place>) -> Result<Vec<Stored>, Fault> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let part = history(reach, place.map(|place| place.updated), before, LOOKED_AT)?;
        before = part.last().map(Cursor::of);
        let is_last = part.len() < LOOKED_AT as usize;
        all.extend(part.into_iter().filter(|stored| Some(Place::of(stored)) > place));
        if is_last || before.is_none() {
            all.reverse();
            return Ok(all);
        }
    }
}

fn history(
    reach: &Reach,
    since: Option<i64>,
    before: Option<Cursor>,
    limit: u32,
) -> Result<Vec<Stored>, Fault> {
    let past = Past { scope: Scope::System, since, at: None, before, limit };
    let store = reach.server.store();
    store.read(reach.caller.tenant, |view| view.history(past, &Hidden::NOBODY)).map_err(fault)
}

/// Sets the status in a stored `Subscription`; anything else stays as its author wrote it.
pub(super) fn with_status(node: &Node<'_>, status: Status) -> Vec<u8> {
    let mut node = node.clone();
    node.set("status", Node::from_text(status.code()));
    node.to_bytes()
}
