//! What a `Subscription` asks for: criteria, payload, address, headers. Read anew for each
//! notification, from what is stored.

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

use super::SubscriptionSettings;

/// Prefix of the backport's extensions.
const BACKPORT: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";
/// Most headers that a subscriber may ask for.
const HEADERS_MAX: usize = 16;

/// How much a notification says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// That something happened.
    Empty,
    /// To which resource.
    Ids,
    /// The resource.
    Whole,
}

/// A subscription that can be served.
#[derive(Clone)]
pub(super) struct Wish {
    pub(super) kind: Kind,
    /// The query of the criteria, without the type.
    pub(super) query: String,
    pub(super) topic: Option<String>,
    pub(super) payload: Payload,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) heartbeat_ms: Option<i64>,
}

/// Why a subscription is not served: a code.
pub(super) type Unserved = &'static str;

impl Wish {
    /// Of a `Subscription`.
    pub(super) fn of(node: &Node<'_>, settings: &SubscriptionSettings) -> Result<Self, Unserved> {
        let channel = node.get("channel").ok_or("subscription.channel")?;
        if channel.text_of("type") != Some("rest-hook") {
            return Err("subscription.channel");
        }
        let url = channel.text_of("endpoint").ok_or("subscription.endpoint")?;
        if !is_allowed(url, settings) {
            return Err("subscription.endpoint");
        }
        let own = node.text_of("criteria").ok_or("subscription.criteria")?;
        // With a topic, the criteria stand in an extension.
        let filter = extension(node.get("_criteria"), "backport-filter-criteria");
        let filter = filter.and_then(|found| found.text_of("valueString"));
        let topic = own.contains("://").then(|| own.to_owned());
        let criteria = if topic.is_some() { filter.ok_or("subscription.criteria")? } else { own };
        let (kind, query) = criteria.split_once('?').unwrap_or((criteria, ""));
        let headers = channel.get("header").map_or(&[][..], Node::each);
        Ok(Self {
            kind: kind.parse().map_err(|_| "subscription.criteria")?,
            query: query.to_owned(),
            topic,
            payload: payload(channel),
            url: url.to_owned(),
            headers: headers.iter().filter_map(header).take(HEADERS_MAX).collect(),
            heartbeat_ms: extension(Some(channel), "backport-heartbeat-period")
                .and_then(|found| found.get("valueUnsignedInt")?.number()?.parse().ok())
                .map(|seconds: i64| seconds.max(1).saturating_mul(1000)),
        })
    }
}

/// The backport's `content` where it is given; otherwise R4: a media type means the resource.
fn payload(channel: &Node<'_>) -> Payload {
    let content = extension(channel.get("_payload"), "backport-payload-content");
    match content.and_then(|found| found.text_of("valueCode")) {
        Some("full-resource") => Payload::Whole,
        Some("id-only") => Payload::Ids,
        None if channel.text_of("payload").is_some() => Payload::Whole,
        _ => Payload::Empty,
    }
}

fn extension<'a, 'b>(node: Option<&'a Node<'b>>, name: &str) -> Option<&'a Node<'b>> {
    let all = node?.get("extension")?.items();
    all.iter()
        .find(|one| one.text_of("url").and_then(|url| url.strip_prefix(BACKPORT)) == Some(name))
}

/// A header that a subscriber may set: none that is ours or the connection's.
fn header(node: &Node<'_>) -> Option<(String, String)> {
    let (name, value) = node.text()?.split_once(':')?;
    let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
    let is_ours = matches!(
        name.as_str(),
        "host" | "content-length" | "content-type" | "connection" | "transfer-encoding" | "expect"
    ) || name.starts_with("x-autoclave-");
    let is_plain =
        http::HeaderName::try_from(&name).is_ok() && http::HeaderValue::try_from(value).is_ok();
    (is_plain && !is_ours).then(|| (name, value.to_owned()))
}

/// Whether an address may be told: its scheme, and its host by the hospital's list.
fn is_allowed(url: &str, settings: &SubscriptionSettings) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let is_scheme = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => settings.plain,
        _ => false,
    };
    let Some(authority) = uri.authority() else { return false };
    // Nobody's name and password in an address.
    is_scheme
        && !authority.as_str().contains('@')
        && settings.hosts.iter().any(|host| host.eq_ignore_ascii_case(authority.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(text: &str) -> Result<Wish, Unserved> {
        let settings = SubscriptionSettings { hosts: vec!["hooks.example".into()], plain: false };
        Wish::of(&Node::parse(text.as_bytes()).unwrap(), &settings)
    }

    #[test]
    fn classic_and_backport_criteria_are_read() {
        let classic = wish(
            r#"{"criteria":"Observation?code=1","channel":{"type":"rest-hook",
            "endpoint":"https://hooks.example/a","payload":"application/fhir+json",
            "header":["Authorization: Bearer x","Host: evil","X-Autoclave-Signature: mine"]}}"#,
        )
        .ok()
        .unwrap();
        assert_eq!((classic.kind.name(), classic.query.as_str()), ("Observation", "code=1"));
        assert_eq!(classic.payload, Payload::Whole);
        assert_eq!(classic.headers, [("authorization".to_owned(), "Bearer x".to_owned())]);
        let backport = wish(&format!(
            r#"{{"criteria":"http://x.example/topic","_criteria":{{"extension":[{{
            "url":"{BACKPORT}backport-filter-criteria","valueString":"Encounter?status=finished"}}]}},
            "channel":{{"type":"rest-hook","endpoint":"https://hooks.example",
            "extension":[{{"url":"{BACKPORT}backport-heartbeat-period","valueUnsignedInt":30}}],
            "payload":"application/fhir+json","_payload":{{"extension":[{{
            "url":"{BACKPORT}backport-payload-content","valueCode":"id-only"}}]}}}}}}"#
        ))
        .ok()
        .unwrap();
        assert_eq!((backport.kind.name(), backport.payload), ("Encounter", Payload::Ids));
        assert_eq!(backport.topic.as_deref(), Some("http://x.example/topic"));
        assert_eq!(backport.heartbeat_ms, Some(30_000));
    }

    #[test]
    fn only_listed_hosts_are_told() {
        for url in [
            "http://hooks.example/a",
            "https://other.example/a",
            "https://hooks.example.evil/a",
            "https://hooks.example:8443/a",
            "https://user@hooks.example/a",
            "ftp://hooks.example/a",
            "hooks.example",
        ] {
            let channel = format!(r#"{{"type":"rest-hook","endpoint":"{url}"}}"#);
            let text = format!(r#"{{"criteria":"Patient","channel":{channel}}}"#);
            assert_eq!(wish(&text).err(), Some("subscription.endpoint"), "{url}");
        }
        let text = r#"{"criteria":"Patient","channel":{"type":"email","endpoint":"mailto:a"}}"#;
        assert_eq!(wish(text).err(), Some("subscription.channel"));
    }
}
