//! Notifications as FHIR (the R4 backport's Bundle of type `history`, its status first). Pure.

use autoclave_fhir::json::Node;

use super::super::reply::{parameter, word};
use super::criteria::{Payload, Wish};

const PROFILE: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";

/// What kind of notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    Handshake,
    Heartbeat,
    Event,
}

impl Notice {
    const fn code(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Heartbeat => "heartbeat",
            Self::Event => "event-notification",
        }
    }
}

/// Something that happened to a resource.
pub(super) struct Event<'a> {
    /// Which event of the subscription, from 1.
    pub(super) number: u64,
    /// When, as an instant.
    pub(super) time: String,
    /// `Type/id`
    pub(super) focus: String,
    pub(super) is_new: bool,
    pub(super) resource: Node<'a>,
}

/// Whose notification, of which kind.
pub(super) struct Head<'a> {
    pub(super) base: &'a str,
    pub(super) id: &'a str,
    pub(super) status: &'static str,
    pub(super) notice: Notice,
    /// Events told since the beginning, these included.
    pub(super) total: u64,
}

/// The Bundle.
pub(super) fn bundle<'a>(head: &Head<'_>, wish: &Wish, events: Vec<Event<'a>>) -> Node<'a> {
    let Head { base, id, .. } = head;
    let own = reference(format!("{base}/Subscription/{id}"));
    let total = word(head.total.to_string());
    let mut told = vec![
        parameter("subscription", "valueReference", own),
        parameter("status", "valueCode", word(head.status)),
        parameter("type", "valueCode", word(head.notice.code())),
        parameter("events-since-subscription-start", "valueString", total),
    ];
    if let Some(topic) = &wish.topic {
        told.push(parameter("topic", "valueCanonical", word(topic.clone())));
    }
    told.extend(events.iter().map(|event| part(base, wish.payload, event)));
    let profile = Node::List(vec![word(format!("{PROFILE}backport-subscription-status-r4"))]);
    let first = Node::object([
        ("resourceType", word("Parameters")),
        ("meta", Node::object([("profile", profile)])),
        ("parameter", Node::List(told)),
    ]);
    let request = [("method", word("GET")), ("url", word(format!("Subscription/{id}/$status")))];
    let mut entries = vec![Node::object([
        ("resource", first),
        ("request", Node::object(request)),
        ("response", Node::object([("status", word("200"))])),
    ])];
    if wish.payload != Payload::Empty {
        entries.extend(events.into_iter().map(|event| entry(base, wish.payload, event)));
    }
    Node::object([
        ("resourceType", word("Bundle")),
        ("type", word("history")),
        ("entry", Node::List(entries)),
    ])
}

fn part(base: &str, payload: Payload, event: &Event<'_>) -> Node<'static> {
    let mut parts = vec![
        parameter("event-number", "valueString", word(event.number.to_string())),
        parameter("timestamp", "valueInstant", word(event.time.clone())),
    ];
    if payload != Payload::Empty {
        let focus = reference(format!("{base}/{}", event.focus));
        parts.push(parameter("focus", "valueReference", focus));
    }
    Node::object([("name", word("notification-event")), ("part", Node::List(parts))])
}

fn entry<'a>(base: &str, payload: Payload, event: Event<'a>) -> Node<'a> {
    let (method, status) = if event.is_new { ("POST", "201") } else { ("PUT", "200") };
    let kind = event.focus.split('/').next().unwrap_or_default().to_owned();
    let url = if event.is_new { kind } else { event.focus.clone() };
    let mut members = vec![("fullUrl", word(format!("{base}/{}", event.focus)))];
    if payload == Payload::Whole {
        members.push(("resource", event.resource));
    }
    members.push(("request", Node::object([("method", word(method)), ("url", word(url))])));
    members.push(("response", Node::object([("status", word(status))])));
    Node::object(members)
}

fn reference(url: String) -> Node<'static> {
    Node::object([("reference", word(url))])
}
