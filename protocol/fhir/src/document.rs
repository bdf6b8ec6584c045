//! One resource as its author wrote it. It belongs to the crate. Only what a server must
//! set (`id`, `meta.versionId`, `meta.lastUpdated`) is ever replaced; every other byte stays.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::Kind;
use crate::json::{JsonRefusal, Node, write_text};

/// Why a text is not a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentRefusal {
    /// Not JSON as we read it.
    #[error(transparent)]
    Json(#[from] JsonRefusal),
    /// Not an object, or `resourceType` is missing or unknown.
    #[error("not a resource of FHIR R4")]
    NotAResource,
    /// `meta` is no object, or `id` no string.
    #[error("id or meta is not what FHIR says")]
    Head,
}

/// What a server sets in a resource.
#[derive(Clone, Copy)]
pub struct Stamp<'a> {
    /// The logical id.
    pub id: &'a str,
    /// `meta.versionId`
    pub version: u32,
    /// `meta.lastUpdated`, an instant such as `2026-11-20T08:00:00.123Z`.
    pub last_updated: &'a str,
}

/// A resource in its author's bytes. No `Debug`: it is somebody's record.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    text: Vec<u8>,
    kind: Kind,
}

impl Document {
    /// The media type of FHIR as JSON.
    pub const MEDIA_TYPE: &'static str = "application/fhir+json";

    /// Reads a resource, all of it.
    pub fn parse(text: Vec<u8>) -> Result<Self, DocumentRefusal> {
        let kind = kind_of(&Node::parse(&text)?)?;
        Ok(Self { text, kind })
    }

    /// Takes a resource whose tree was already read from this very text.
    pub fn of_parsed(text: Vec<u8>, tree: &Node<'_>) -> Result<Self, DocumentRefusal> {
        let kind = kind_of(tree)?;
        Ok(Self { text, kind })
    }

    /// Takes bytes that were a resource of this type when they were sealed.
    pub const fn of_stored(kind: Kind, text: Vec<u8>) -> Self {
        Self { text, kind }
    }

    /// Its type.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.text
    }

    /// Gives the bytes up.
    pub fn into_bytes(self) -> Vec<u8> {
        self.text
    }

    /// Its tree.
    pub fn node(&self) -> Result<Node<'_>, JsonRefusal> {
        Node::parse(&self.text)
    }

    /// The same resource with what the server sets; every other byte stays as it was written.
    pub fn stamped(&self, stamp: Stamp<'_>) -> Result<Self, DocumentRefusal> {
        let members = split(&self.text)?;
        let mut out = Vec::with_capacity(self.text.len() + 160);
        out.extend(b"{\"resourceType\":");
        write_text(self.kind.name(), &mut out);
        out.extend(b",\"id\":");
        write_text(stamp.id, &mut out);
        out.extend(b",\"meta\":");
        let meta = members.iter().find(|(name, _)| name == "meta").map(|(_, raw)| *raw);
        stamp_meta(meta, stamp, &mut out)?;
        for (name, raw) in &members {
            if !matches!(name.as_ref(), "resourceType" | "id" | "meta") {
                out.push(b',');
                write_text(name, &mut out);
                out.push(b':');
                out.extend(raw.get().as_bytes());
            }
        }
        out.push(b'}');
        Ok(Self { text: out, kind: self.kind })
    }
}

fn kind_of(tree: &Node<'_>) -> Result<Kind, DocumentRefusal> {
    let name = tree.text_of("resourceType").ok_or(DocumentRefusal::NotAResource)?;
    let kind = name.parse().map_err(|_| DocumentRefusal::NotAResource)?;
    if tree.get("id").is_some_and(|id| id.text().is_none())
        || tree.get("meta").is_some_and(|meta| !matches!(meta, Node::Object(_)))
    {
        return Err(DocumentRefusal::Head);
    }
    Ok(kind)
}

fn stamp_meta(
    meta: Option<&RawValue>,
    stamp: Stamp<'_>,
    out: &mut Vec<u8>,
) -> Result<(), DocumentRefusal> {
    out.extend(format!("{{\"versionId\":\"{}\",\"lastUpdated\":", stamp.version).as_bytes());
    write_text(stamp.last_updated, out);
    if let Some(meta) = meta {
        for (name, raw) in split(meta.get().as_bytes())? {
            if !matches!(name.as_ref(), "versionId" | "lastUpdated") {
                out.push(b',');
                write_text(&name, out);
                out.push(b':');
                out.extend(raw.get().as_bytes());
            }
        }
    }
    out.push(b'}');
    Ok(())
}

type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// The members of an object, each value as it stands.
fn split(text: &[u8]) -> Result<Members<'_>, DocumentRefusal> {
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Members<'de>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                members.push((name.0, value));
            }
            Ok(members)
        }
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    serde::Deserializer::deserialize_map(&mut reader, Visitor).map_err(|_| DocumentRefusal::Head)
}

#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp<'_> =
        Stamp { id: "7", version: 3, last_updated: "2026-11-20T08:00:00.000Z" };

    fn stamped(text: &str) -> Result<String, DocumentRefusal> {
        let document = Document::parse(text.as_bytes().to_vec())?.stamped(STAMP)?;
        Ok(String::from_utf8(document.into_bytes()).unwrap())
    }

    #[test]
    fn only_what_the_server_sets_is_replaced() {
        let text = r#"{"resourceType":"Patient","x": 1.50 , "id":"old","meta":{"tag":[{"code" : "a"}],"versionId":"9"},"deceasedBoolean":false}"#;
        let expected = r#"{"resourceType":"Patient","id":"7","meta":{"versionId":"3","lastUpdated":"2026-11-20T08:00:00.000Z","tag":[{"code" : "a"}]},"x":1.50,"deceasedBoolean":false}"#;
        assert_eq!(stamped(text).unwrap(), expected);
    }

    #[test]
    fn what_is_no_resource_is_refused() {
        for (text, why) in [
            ("[]", DocumentRefusal::NotAResource),
            (r#"{"resourceType":"Nobody"}"#, DocumentRefusal::NotAResource),
            (r#"{"resourceType":"Patient","id":7}"#, DocumentRefusal::Head),
            (r#"{"resourceType":"Patient","meta":[]}"#, DocumentRefusal::Head),
        ] {
            assert_eq!(stamped(text), Err(why), "{text}");
        }
    }
}
