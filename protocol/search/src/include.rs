//! What comes along with matches: resources that they refer to, or that refer to them. It
//! belongs to the crate.

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

use crate::Filter;

/// One `_include` or `_revinclude`.
#[derive(Clone, Debug, PartialEq)]
pub struct Include {
    pub(crate) reverse: bool,
    pub(crate) iterate: bool,
    /// The type that refers; none: any (`_include=*`).
    pub(crate) source: Option<Kind>,
    /// Codes of its references.
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

    /// The type that must be referred to; none: any.
    pub fn target(&self) -> Option<Kind> {
        self.target
    }

    /// Of an `_include`: what this resource refers to. A resource of another type: nothing.
    pub fn targets(&self, _node: &Node<'_>) -> Vec<(Kind, String)> {
        Vec::new()
    }

    /// Of a `_revinclude`: the resources that refer to one of these keys.
    pub fn sources(&self, _keys: &[i64]) -> Option<(Kind, Filter)> {
        None
    }
}
