//! The resource that a decision is about, as far as consents can speak of it. It belongs to
//! the patient; nothing here keeps or prints it.

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

use crate::label::Labels;
use crate::moment::{self, Span};

/// Elements that say what a resource is about.
const CODED: &[&str] = &[
    "code",
    "category",
    "type",
    "class",
    "vaccineCode",
    "medicationCodeableConcept",
    "serviceType",
    "specialty",
    "reasonCode",
    "modality",
    "clinicalStatus",
];
/// Elements that say when it was so, the most telling first; `Period` and `dateTime` alike.
const DATED: &[&str] = &[
    "effectiveDateTime",
    "effectivePeriod",
    "effectiveInstant",
    "onsetDateTime",
    "onsetPeriod",
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "period",
    "billablePeriod",
    "servicedDate",
    "started",
    "authoredOn",
    "recordedDate",
    "issued",
    "date",
    "created",
    "recorded",
    "dateTime",
];
/// Elements that name an author.
const AUTHORS: &[&str] =
    &["author", "performer", "recorder", "asserter", "requester", "source", "agent", "participant"];

/// One resource.
#[derive(Clone, Copy)]
pub struct About<'a> {
    /// Its type.
    pub kind: Kind,
    /// Its logical id.
    pub id: &'a str,
    /// Its tree.
    pub node: &'a Node<'a>,
}

impl About<'_> {
    pub(super) fn labels(&self) -> Labels {
        Labels::of(self.node)
    }

    pub(super) fn has_label(&self, system: Option<&str>, code: &str) -> bool {
        let labels = self.node.at(&["meta", "security"]).map_or(&[][..], Node::items);
        labels.iter().any(|label| is_coding(label, system, code))
    }

    pub(super) fn has_profile(&self, url: &str) -> bool {
        let profiles = self.node.at(&["meta", "profile"]).map_or(&[][..], Node::items);
        profiles.iter().filter_map(Node::text).any(|own| own.split('|').next() == Some(url))
    }

    /// Whether its content is of that media type; `None`: it has no content.
    pub(super) fn content_type(&self, media: &str) -> Option<bool> {
        if let Some(own) = self.node.text_of("contentType") {
            return Some(own == media);
        }
        let content = self.node.get("content")?.each();
        let mut types =
            content.iter().filter_map(|item| item.at(&["attachment", "contentType"])?.text());
        Some(types.any(|own| own == media))
    }

    pub(super) fn has_code(&self, system: Option<&str>, code: &str) -> bool {
        let concepts = CODED.iter().filter_map(|name| self.node.get(name)).flat_map(Node::each);
        let mut concepts = concepts;
        concepts.any(|concept| {
            let codings = concept.get("coding").map_or(&[][..], Node::items);
            is_coding(concept, system, code)
                || codings.iter().any(|coding| is_coding(coding, system, code))
        })
    }

    pub(super) fn date(&self) -> Option<Span> {
        let dated = DATED.iter().find_map(|name| self.node.get(name))?;
        match dated.text() {
            Some(text) => moment::span(text),
            None => moment::period(dated),
        }
    }

    pub(super) fn is(&self, reference: &str) -> bool {
        reference.split_once('/') == Some((self.kind.name(), self.id))
    }

    pub(super) fn refers_to(&self, reference: &str) -> bool {
        refers(self.node, reference)
    }

    pub(super) fn is_authored_by(&self, reference: &str) -> bool {
        AUTHORS
            .iter()
            .filter_map(|name| self.node.get(name))
            .any(|author| refers(author, reference))
    }
}

fn is_coding(coding: &Node<'_>, system: Option<&str>, code: &str) -> bool {
    coding.text_of("code") == Some(code)
        && system.is_none_or(|system| coding.text_of("system") == Some(system))
}

fn refers(node: &Node<'_>, reference: &str) -> bool {
    node.text_of("reference") == Some(reference)
        || node.members().iter().any(|(_, value)| refers(value, reference))
        || node.items().iter().any(|item| refers(item, reference))
}
