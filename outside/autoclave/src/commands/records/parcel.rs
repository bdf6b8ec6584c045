//! What is sent at one time: a transaction that stands or falls as one, or a batch of rows
//! that stand by themselves. It belongs to `records import`. Every entry is a PUT under an id
//! that depends on nothing but the source, so that sending it again changes nothing.

use autoclave_base::Digest;
use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

/// Some rows or entries of a file, ready to be sent.
pub(super) struct Parcel {
    /// The number of its first row or entry in the file, from 1.
    pub(super) first: usize,
    /// How many.
    pub(super) count: usize,
    /// Whether all of it is refused where one of it is.
    pub(super) atomic: bool,
    /// A Bundle as JSON.
    pub(super) body: Vec<u8>,
}

/// Why a row or a bundle cannot be sent at all; a code, and where, but no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    /// Not JSON, or JSON that readers understand differently.
    #[error("not JSON")]
    Json,
    /// No resource of FHIR R4.
    #[error("not a resource of FHIR R4")]
    Resource,
    /// A Bundle of a type that is nothing to import.
    #[error("a Bundle of this type is not imported")]
    Bundle,
    /// A row of CSV that is not the blueprint's.
    #[error("the row has a column that is missing or malformed")]
    Row,
}

impl Unusable {
    /// The stable code.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Json => "import.json",
            Self::Resource => "import.resource",
            Self::Bundle => "import.bundle",
            Self::Row => "import.row",
        }
    }
}

/// A Bundle from a file: its entries as they are, each under an id of its own.
pub(super) fn of_bundle(file: Digest, bundle: Node<'_>) -> Result<Parcel, Unusable> {
    let kind = bundle.text_of("type").ok_or(Unusable::Bundle)?;
    let atomic = match kind {
        "transaction" | "collection" | "document" | "searchset" => true,
        "batch" => false,
        _ => return Err(Unusable::Bundle),
    };
    let Node::Object(members) = bundle else { return Err(Unusable::Json) };
    let entries = members.into_iter().find_map(|(name, value)| (name == "entry").then_some(value));
    let Some(Node::List(entries)) = entries else { return Err(Unusable::Bundle) };
    let count = entries.len();
    let entries = entries.into_iter().enumerate().map(|(at, entry)| as_put(file, at, entry));
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    Ok(Parcel { first: 1, count, atomic, body: bundle_of(atomic, entries) })
}

/// Resources of one file, from row `first` on, each by itself.
pub(super) fn of_resources(
    file: Digest,
    first: usize,
    resources: Vec<Node<'_>>,
) -> Result<Parcel, Unusable> {
    let count = resources.len();
    let entry = |(at, resource)| {
        let entry = Node::object([("resource", resource)]);
        as_put(file, first + at - 1, entry)
    };
    let entries = resources.into_iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
    Ok(Parcel { first, count, atomic: false, body: bundle_of(false, entries) })
}

fn bundle_of(atomic: bool, entries: Vec<Node<'_>>) -> Vec<u8> {
    let kind = if atomic { "transaction" } else { "batch" };
    Node::object([
        ("resourceType", Node::from_text("Bundle")),
        ("type", Node::from_text(kind)),
        ("entry", Node::List(entries)),
    ])
    .to_bytes()
}

/// An entry that can be sent any number of times. Conditional creates already can.
fn as_put(file: Digest, at: usize, mut entry: Node<'_>) -> Result<Node<'_>, Unusable> {
    let request = entry.get("request");
    let is_conditional = request.is_some_and(|request| request.get("ifNoneExist").is_some());
    let is_other = request
        .and_then(|request| request.text_of("method"))
        .is_some_and(|method| !matches!(method, "POST" | "PUT"));
    if is_conditional || is_other {
        return Ok(entry);
    }
    let resource = entry.get_mut("resource").ok_or(Unusable::Resource)?;
    let kind: Kind = resource
        .text_of("resourceType")
        .and_then(|name| name.parse().ok())
        .ok_or(Unusable::Resource)?;
    let id = match resource.text_of("id") {
        Some(id) => id.to_owned(),
        None => derived(file, at),
    };
    resource.set("id", Node::from_text(id.clone()));
    entry.set(
        "request",
        Node::object([
            ("method", Node::from_text("PUT")),
            ("url", Node::from_text(format!("{kind}/{id}"))),
        ]),
    );
    Ok(entry)
}

/// The id of what has none: from the file's bytes and the place in it.
fn derived(file: Digest, at: usize) -> String {
    let place = at.to_be_bytes();
    Digest::of_parts(&[b"autoclave import id v1", file.bytes(), &place]).hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(parcel: &Parcel) -> Node<'_> {
        Node::parse(&parcel.body).unwrap()
    }

    fn urls(parcel: &Parcel) -> Vec<String> {
        let bundle = sent(parcel);
        let entries = bundle.get("entry").unwrap().items();
        entries
            .iter()
            .map(|entry| entry.at(&["request", "url"]).unwrap().text().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn posted_entries_become_puts_that_can_be_repeated() {
        let text = br#"{"resourceType":"Bundle","type":"transaction","entry":[
            {"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"p","x":1.50},"request":{"method":"POST","url":"Patient"}},
            {"resource":{"resourceType":"Observation"},"request":{"method":"POST","url":"Observation"}},
            {"resource":{"resourceType":"Organization"},"request":{"method":"POST","url":"Organization","ifNoneExist":"identifier=a"}}]}"#;
        let file = Digest::of(text);
        let parcel = of_bundle(file, Node::parse(text).unwrap()).unwrap();
        assert!(parcel.atomic);
        let urls = urls(&parcel);
        assert_eq!(urls[0], "Patient/p");
        assert!(urls[1].starts_with("Observation/") && urls[1].len() == "Observation/".len() + 32);
        assert_eq!(urls[2], "Organization", "a conditional create stays one");
        assert!(String::from_utf8(parcel.body.clone()).unwrap().contains("1.50"), "digits stay");
        let again = of_bundle(file, Node::parse(text).unwrap()).unwrap();
        assert!(parcel.body == again.body);
    }

    #[test]
    fn rows_have_ids_by_their_place() {
        let file = Digest::of(b"file");
        let row = || Node::parse(br#"{"resourceType":"Patient"}"#).unwrap();
        let one = of_resources(file, 1, vec![row(), row()]).unwrap();
        let (all, second) = (urls(&one), urls(&of_resources(file, 2, vec![row()]).unwrap()));
        assert_ne!(all[0], all[1]);
        assert_eq!(all[1], second[0], "whatever else is in the parcel");
    }

    #[test]
    fn what_is_nothing_to_import_is_named() {
        let file = Digest::of(b"file");
        for (text, why) in [
            (r#"{"resourceType":"Bundle","type":"history","entry":[]}"#, Unusable::Bundle),
            (r#"{"resourceType":"Bundle","type":"batch"}"#, Unusable::Bundle),
            (
                r#"{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Cat"}}]}"#,
                Unusable::Resource,
            ),
        ] {
            let refused = of_bundle(file, Node::parse(text.as_bytes()).unwrap());
            assert_eq!(refused.err(), Some(why), "{text}");
        }
    }
}
