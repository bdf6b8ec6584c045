//! References between the entries of a transaction: where `fullUrl`s lead, and every place of
//! a resource that may hold one. Pure.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use autoclave_fhir::definitions::{Element, Type};
use autoclave_fhir::json::Node;
use autoclave_fhir::{Definitions, Kind};

use crate::server::fault::Fault;

/// Where the `fullUrl`s of a bundle lead.
pub(super) struct Links<'a> {
    to: HashMap<String, String>,
    /// Our own bases: what is below them is told as a relative reference.
    bases: &'a [String],
}

impl<'a> Links<'a> {
    pub(super) fn new(bases: &'a [String]) -> Self {
        Self { to: HashMap::new(), bases }
    }

    /// From now on `url` leads to this resource, and so does its end `Type/id`.
    pub(super) fn add(&mut self, url: &str, kind: Kind, id: &str) {
        let to = format!("{kind}/{id}");
        if url.starts_with("http")
            && let Some(end) = relative_end(url)
            && end != to
        {
            self.to.insert(end.to_owned(), to.clone());
        }
        if url != to {
            self.to.insert(url.to_owned(), to);
        }
    }

    /// Replaces what leads to another entry, wherever a reference or a URI may stand.
    pub(super) fn rewrite(&self, node: &mut Node<'_>) {
        match node {
            Node::List(items) => items.iter_mut().for_each(|item| self.rewrite(item)),
            Node::Object(members) => {
                for (name, value) in members {
                    match value {
                        Node::Text(text) if name == "reference" => self.reference(text),
                        Node::Text(text) if name == "div" => self.narrative(text),
                        Node::Text(text) => {
                            if !self.to.is_empty() && text.contains(':') && is_uri(name) {
                                self.exactly(text);
                            }
                        }
                        Node::List(items) if is_uri(name) => {
                            for item in items {
                                match item {
                                    Node::Text(text) => self.exactly(text),
                                    other => self.rewrite(other),
                                }
                            }
                        }
                        other => self.rewrite(other),
                    }
                }
            }
            _ => {}
        }
    }

    fn reference(&self, text: &mut Cow<'_, str>) {
        let (url, fragment) = match text.split_once('#') {
            Some((url, fragment)) if !url.is_empty() => (url, Some(fragment)),
            _ => (text.as_ref(), None),
        };
        if let Some(to) = self.to.get(url) {
            *text = Cow::Owned(match fragment {
                Some(fragment) => format!("{to}#{fragment}"),
                None => to.clone(),
            });
        } else if let Some(own) = own(self.bases, text) {
            *text = Cow::Owned(own.to_owned());
        }
    }

    fn exactly(&self, text: &mut Cow<'_, str>) {
        if let Some(to) = self.to.get(text.as_ref()) {
            *text = Cow::Owned(to.clone());
        }
    }

    /// Links in a narrative: `href` and `src` (FHIR R4, 3.1.0.11.2).
    fn narrative(&self, text: &mut Cow<'_, str>) {
        if self.to.is_empty() || !(text.contains("href") || text.contains("src")) {
            return;
        }
        for (from, to) in &self.to {
            for mark in ['"', '\''] {
                let whole = format!("{mark}{from}{mark}");
                if text.contains(&whole) {
                    *text = Cow::Owned(text.replace(&whole, &format!("{mark}{to}{mark}")));
                }
            }
        }
    }
}

/// What stands behind one of our own bases.
pub(crate) fn own<'t>(bases: &[String], text: &'t str) -> Option<&'t str> {
    bases.iter().find_map(|base| text.strip_prefix(base.as_str())?.strip_prefix('/'))
}

/// `Type/id` at the end of a URL.
fn relative_end(url: &str) -> Option<&str> {
    let (rest, _) = url.rsplit_once('/')?;
    let (before, kind) = rest.rsplit_once('/')?;
    kind.parse::<Kind>().ok()?;
    url.get(before.len() + 1..)
}

/// Whether elements of this name are URIs somewhere in R4.
fn is_uri(name: &str) -> bool {
    static NAMES: OnceLock<HashSet<String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let types = Definitions::r4().types().filter(|kind| !kind.is_primitive());
        let elements = types.flat_map(Type::elements);
        let names = elements.flat_map(Element::json_names);
        names.filter(|(_, kind)| kind.is_a("uri")).map(|(name, _)| name).collect()
    });
    names.contains(name)
}

/// Calls `then` for every reference that is a query.
pub(super) fn each_conditional(
    node: &mut Node<'_>,
    then: &mut impl FnMut(&mut Cow<'_, str>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    match node {
        Node::List(items) => items.iter_mut().try_for_each(|item| each_conditional(item, then)),
        Node::Object(members) => members.iter_mut().try_for_each(|(name, value)| match value {
            Node::Text(text) if name == "reference" && text.contains('?') => {
                let mut owned = Cow::Owned(text.to_string());
                then(&mut owned)?;
                *text = Cow::Owned(owned.into_owned());
                Ok(())
            }
            other => each_conditional(other, then),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_wherever_they_may_stand() {
        let bases = ["https://own/fhir".to_owned()];
        let mut links = Links::new(&bases);
        let patient = Kind::known("Patient");
        links.add("urn:uuid:1", patient, "a");
        links.add("http://other/fhir/Patient/old", patient, "b");
        let text = r##"{"subject":{"reference":"urn:uuid:1"},"performer":[{"reference":"Patient/old"},{"reference":"http://other/fhir/Patient/old#x"},{"reference":"#urn:uuid:1"},{"reference":"https://own/fhir/Group/7"}],"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:1"}],"content":[{"attachment":{"url":"urn:uuid:1"}}],"instantiatesUri":["urn:uuid:1"],"text":{"div":"<a href=\"urn:uuid:1\">urn:uuid:1</a>"}}"##;
        let mut node = Node::parse(text.as_bytes()).unwrap();
        links.rewrite(&mut node);
        let expected = r##"{"subject":{"reference":"Patient/a"},"performer":[{"reference":"Patient/b"},{"reference":"Patient/b#x"},{"reference":"#urn:uuid:1"},{"reference":"Group/7"}],"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:1"}],"content":[{"attachment":{"url":"Patient/a"}}],"instantiatesUri":["Patient/a"],"text":{"div":"<a href=\"Patient/a\">urn:uuid:1</a>"}}"##;
        assert_eq!(String::from_utf8(node.to_bytes()).unwrap(), expected);
    }

    #[test]
    fn conditional_references_are_found() {
        let text = r#"{"a":[{"reference":"Patient?identifier=1"},{"reference":"Patient/1"}]}"#;
        let mut node = Node::parse(text.as_bytes()).unwrap();
        let mut found = Vec::new();
        each_conditional(&mut node, &mut |text| {
            found.push(text.to_string());
            *text = Cow::Borrowed("Patient/x");
            Ok(())
        })
        .unwrap();
        assert_eq!(found, ["Patient?identifier=1"]);
        assert!(String::from_utf8(node.to_bytes()).unwrap().contains("Patient/x"));
    }
}
