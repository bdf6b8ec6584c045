//! What comes along with matches: resources that they refer to, or that refer to them. It
//! belongs to the crate.

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

use crate::leaf::LeafKind;
use crate::query::asked::filter::any;
use crate::reference::Target;
use crate::table::{ParameterInfo, ParameterType, find};
use crate::{Filter, parameters};

/// One `_include` or `_revinclude`.
#[derive(Clone, Debug, PartialEq)]
pub struct Include {
    pub(crate) reverse: bool,
    pub(crate) iterate: bool,
    /// The type that refers; none: any (`_include=*`).
    pub(crate) source: Option<Kind>,
    /// Codes of its references; empty: all.
    pub(crate) codes: Vec<&'static str>,
    /// Only to this type.
    pub(crate) target: Option<Kind>,
}

impl Include {
    /// Whether it is a `_revinclude`.
    pub fn is_reverse(&self) -> bool {
        self.reverse
    }

    /// Whether it applies to what came along as well.
    pub fn iterates(&self) -> bool {
        self.iterate
    }

    /// The type that refers; none: any.
    pub fn source(&self) -> Option<Kind> {
        self.source
    }

    /// The type that must be referred to; none: any. Of a `_revinclude`, only keys of this type
    /// may be given to [`Include::sources`].
    pub fn target(&self) -> Option<Kind> {
        self.target
    }

    /// Of an `_include`: what this resource refers to, none twice. A resource of another type:
    /// nothing.
    pub fn targets(&self, node: &Node<'_>) -> Vec<(Kind, String)> {
        let kind = node.text_of("resourceType").and_then(|name| name.parse().ok());
        let Some(kind) = kind.filter(|kind| self.source.is_none_or(|source| source == *kind))
        else {
            return Vec::new();
        };
        let mut found: Vec<(Kind, String)> = Vec::new();
        for leaf in self.references(kind).into_iter().flat_map(|info| &info.leaves) {
            let LeafKind::Reference(only) = leaf.kind else { continue };
            leaf.each(node, &mut |value| {
                let Some(Target::Here(to, id)) = Target::of_node(value) else { return };
                let fits = only.is_none_or(|only| only == to)
                    && self.target.is_none_or(|target| target == to);
                if fits && !found.iter().any(|(kind, own)| *kind == to && own == id) {
                    found.push((to, id.to_owned()));
                }
            });
        }
        found
    }

    /// Of a `_revinclude`: the resources that refer to one of these keys.
    pub fn sources(&self, keys: &[i64]) -> Option<(Kind, Filter)> {
        let kind = self.source.filter(|_| self.reverse)?;
        let mut numbers: Vec<_> = self
            .references(kind)
            .into_iter()
            .flat_map(|info| &info.parts)
            .map(|part| part.numbers.plain)
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let term = |parameter, term| Filter::Term { parameter, term, system: None };
        let terms = numbers.iter().flat_map(|number| keys.iter().map(|key| term(*number, *key)));
        Some((kind, any(terms.collect())))
    }

    fn references(&self, kind: Kind) -> Vec<&'static ParameterInfo> {
        if self.codes.is_empty() {
            let is_reference = |info: &&ParameterInfo| info.kind == ParameterType::Reference;
            return parameters(kind).filter(is_reference).collect();
        }
        self.codes.iter().filter_map(|code| find(kind, code)).collect()
    }
}
