//! What stands at the end of a search parameter's path, and how it is read: as tokens, texts,
//! spans, references or URIs. It belongs to the crate. Rows and checks read by the same code,
//! so that they cannot differ.

mod span;
mod token;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

use crate::path::{End, Path};
use crate::reference::Target;
use crate::systems::Implied;
use crate::table::ParameterType;

pub(crate) use span::{Span, UCUM, Unit};
pub(crate) use token::{Token, contact_folded, identifier};

/// What stands at the end of a path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LeafKind {
    /// A code alone, and the systems that it may be of.
    Code(Implied),
    Coding,
    Concept,
    Identifier,
    Contact,
    Bool,
    /// An id, URI or string whose whole text is the token.
    Word,
    /// `deceased[x]`: a date is true.
    Deceased,
    Reference(Option<Kind>),
    Canonical,
    /// A whole resource inside this one.
    Inline,
    Date,
    Period,
    Timing,
    Number,
    Range,
    Quantity,
    Money,
    Sampled,
    Text,
    /// Words by how they sound.
    Sound,
    Uri,
    /// Several values of one element that belong together.
    Tuple(Vec<Component>),
}

/// One part of a composite.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Component {
    pub(crate) kind: ParameterType,
    /// Below the element; or below the resource where it is told so.
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) of_resource: bool,
}

/// A path and what stands at its end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Leaf {
    pub(crate) path: Path,
    pub(crate) kind: LeafKind,
}

/// Parts of a `HumanName` that are searched (R4, search.html#string).
const NAME: [&str; 5] = ["family", "given", "text", "prefix", "suffix"];
/// Parts of an Address that are searched.
const ADDRESS: [&str; 7] = ["text", "line", "city", "district", "state", "postalCode", "country"];

impl Leaf {
    /// The leaves of an expression's end under a type of parameter; none where the type cannot
    /// be searched so.
    pub(crate) fn of(end: End, parameter: ParameterType, is_phonetic: bool) -> Vec<Self> {
        use ParameterType as P;
        let text = if is_phonetic { LeafKind::Sound } else { LeafKind::Text };
        let parts = |names: &[&str]| {
            let part = |name: &&str| Self { path: end.path.with(&[name]), kind: text.clone() };
            names.iter().map(part).collect()
        };
        let kind = match (parameter, end.kind.name()) {
            (P::Token, name) => {
                let implied = end.set.as_deref().map_or(Implied::Unknown, Implied::by);
                return Self::of_token(end.path, name, implied);
            }
            (P::Reference, "Reference") => LeafKind::Reference(end.only),
            (P::Reference, "canonical" | "uri" | "url") => LeafKind::Canonical,
            (P::Reference, "Resource") => LeafKind::Inline,
            (P::Date, "date" | "dateTime" | "instant") => LeafKind::Date,
            (P::Date, "Period") => LeafKind::Period,
            (P::Date, "Timing") => LeafKind::Timing,
            (P::Number | P::Quantity, "Range") => LeafKind::Range,
            (P::Number, "decimal" | "integer" | "positiveInt" | "unsignedInt") => LeafKind::Number,
            (P::Quantity, "Money") => LeafKind::Money,
            (P::Quantity, "SampledData") => LeafKind::Sampled,
            (P::Quantity, _) if end.kind.is_a("Quantity") => LeafKind::Quantity,
            (P::String, "HumanName") => return parts(&NAME),
            (P::String, "Address") => return parts(&ADDRESS),
            (P::String, _) if end.kind.is_a("string") || end.kind.is_a("uri") => text,
            (P::Uri, _) if end.kind.is_a("uri") => LeafKind::Uri,
            _ => return Vec::new(),
        };
        vec![Self { path: end.path, kind }]
    }

    fn of_token(mut path: Path, name: &str, implied: Implied) -> Vec<Self> {
        let kind = match name {
            "code" => LeafKind::Code(implied),
            "Coding" => LeafKind::Coding,
            "CodeableConcept" => LeafKind::Concept,
            "Identifier" => LeafKind::Identifier,
            "ContactPoint" => LeafKind::Contact,
            "boolean" => LeafKind::Bool,
            "id" | "uri" | "string" | "canonical" | "oid" | "url" | "uuid" => LeafKind::Word,
            _ => return Vec::new(),
        };
        // US Core's `valueCoding.code`: with the whole coding its system can be asked for too.
        if let (LeafKind::Code(_), [.., before, last]) = (&kind, path.0.as_slice())
            && &*last.name == "code"
            && matches!(&*before.name, "valueCoding" | "coding")
        {
            path.0.pop();
            return vec![Self { path, kind: LeafKind::Coding }];
        }
        vec![Self { path, kind }]
    }

    /// Whether its values have an order.
    pub(crate) fn is_span(&self) -> bool {
        use LeafKind as L;
        match &self.kind {
            L::Date
            | L::Period
            | L::Timing
            | L::Number
            | L::Range
            | L::Quantity
            | L::Money
            | L::Sampled => true,
            L::Tuple(components) => {
                components.get(1).is_some_and(|second| second.leaves.iter().any(Self::is_span))
            }
            _ => false,
        }
    }

    /// Calls back with every value at its end.
    pub(crate) fn each<'n, 'a>(&self, node: &'n Node<'a>, found: &mut impl FnMut(&'n Node<'a>)) {
        self.path.each(node, &mut |value| {
            if !matches!(value, Node::Null) {
                found(value);
            }
        });
    }

    /// Whether anything stands there that this leaf speaks of.
    pub(crate) fn is_there(&self, node: &Node<'_>) -> bool {
        let mut is_there = false;
        self.each(node, &mut |value| {
            is_there |= match &self.kind {
                LeafKind::Reference(Some(kind)) => {
                    Target::of_node(value).is_some_and(|target| target.kind() == Some(*kind))
                }
                _ => true,
            };
        });
        is_there
    }
}

impl LeafKind {
    /// The systems that its tokens may be of, where they say none themselves.
    pub(crate) fn implied(&self) -> Option<Implied> {
        match self {
            Self::Code(implied) => Some(*implied),
            Self::Bool | Self::Deceased => Some(Implied::BOOLEAN),
            Self::Word => Some(Implied::NONE),
            _ => None,
        }
    }

    /// The texts of a value by which a token is found with `:text`.
    pub(crate) fn displays<'n>(&self, value: &'n Node<'_>, found: &mut impl FnMut(&'n str)) {
        match self {
            Self::Coding | Self::Reference(_) => {
                value.text_of("display").into_iter().for_each(found);
            }
            Self::Concept => {
                value.text_of("text").into_iter().for_each(&mut *found);
                let codings = value.get("coding").map_or(&[][..], Node::items);
                codings.iter().filter_map(|coding| coding.text_of("display")).for_each(found);
            }
            Self::Identifier => {
                value.at(&["type", "text"]).and_then(Node::text).into_iter().for_each(found);
            }
            _ => {}
        }
    }
}
