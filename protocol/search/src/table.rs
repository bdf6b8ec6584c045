//! The search parameters of R4 and US Core, compiled for each type of resource when it is first
//! asked for. It belongs to the crate. Everything given out lives as long as the program.

mod compile;
mod share;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use autoclave_fhir::Kind;
use sha2::{Digest as _, Sha256};

pub(crate) use compile::UNSERVED;

use crate::Parameter;
use crate::leaf::{Component, Leaf};

/// The types of search parameters (R4, search.html#ptypes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterType {
    /// A number.
    Number,
    /// A date, with whatever precision.
    Date,
    /// A text that begins so.
    String,
    /// A code or identifier.
    Token,
    /// A reference to a resource.
    Reference,
    /// Several at once.
    Composite,
    /// A number with a unit.
    Quantity,
    /// A URI.
    Uri,
    /// Something of its own.
    Special,
}

impl ParameterType {
    const ALL: [Self; 9] = [
        Self::Number,
        Self::Date,
        Self::String,
        Self::Token,
        Self::Reference,
        Self::Composite,
        Self::Quantity,
        Self::Uri,
        Self::Special,
    ];

    /// As in `SearchParameter.type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Date => "date",
            Self::String => "string",
            Self::Token => "token",
            Self::Reference => "reference",
            Self::Composite => "composite",
            Self::Quantity => "quantity",
            Self::Uri => "uri",
            Self::Special => "special",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A search parameter of one type of resource.
pub struct ParameterInfo {
    /// Its name in queries.
    pub code: &'static str,
    /// Its type.
    pub kind: ParameterType,
    /// The canonical URL of its definition.
    pub url: String,
    /// The type of resource whose parameter it is.
    pub(crate) of: Kind,
    /// Types that it may refer to; empty: any.
    pub(crate) targets: Vec<Kind>,
    /// Everything that it speaks of.
    pub(crate) leaves: Vec<Leaf>,
    /// What is indexed under its own numbers; the rest is under those of `parts`.
    pub(crate) stored: Vec<Leaf>,
    pub(crate) numbers: Numbers,
    /// In whose rows it is searched.
    pub(crate) parts: Vec<Part>,
}

/// The numbers of a parameter's forms.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) plain: Parameter,
    /// Whole texts, letter by letter.
    pub(crate) exact: Parameter,
    /// Identifiers of references.
    pub(crate) identifier: Parameter,
    /// Identifiers with their types.
    pub(crate) of_type: Parameter,
    /// Beginnings of URIs.
    pub(crate) below: Parameter,
}

/// Rows that answer for a parameter.
#[derive(Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) numbers: Numbers,
    pub(crate) only: Only,
    pub(crate) is_span: bool,
    /// The leaves whose rows these are.
    pub(crate) leaves: Vec<Leaf>,
}

/// Which of the rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Only {
    All,
    /// Those that refer to this type.
    Kind(Kind),
    /// Those of contact points of this system.
    System(Box<str>),
}

impl Numbers {
    fn of(kind: Kind, code: &str) -> Self {
        let number = |form: &str| {
            let digest = Sha256::digest(format!("{kind}.{code}{form}"));
            Parameter(u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) >> 1)
        };
        Self {
            plain: number(""),
            exact: number(":exact"),
            identifier: number(":identifier"),
            of_type: number(":of-type"),
            below: number(":below"),
        }
    }
}

impl ParameterInfo {
    /// Its number, under which its rows stand, as far as it has rows of its own.
    pub const fn number(&self) -> Parameter {
        self.numbers.plain
    }

    /// Whether it may refer to that type.
    pub(crate) fn leads_to(&self, kind: Kind) -> bool {
        self.targets.is_empty() || self.targets.contains(&kind)
    }

    /// The types that it may refer to.
    pub(crate) fn target_kinds(&self) -> Vec<Kind> {
        if self.targets.is_empty() { Kind::all().collect() } else { self.targets.clone() }
    }
}

impl Component {
    /// The parameter whose rows say this of a resource itself: the narrowest that speaks of it.
    pub(crate) fn rows_of(&self, kind: Kind) -> Option<&'static ParameterInfo> {
        let speaks = |info: &&ParameterInfo| {
            info.kind == self.kind && self.leaves.iter().all(|leaf| info.leaves.contains(leaf))
        };
        parameters(kind).filter(speaks).min_by_key(|info| info.leaves.len())
    }
}

/// All search parameters of a type that are served, `_id` and the like among them, sorted by
/// their codes.
pub fn parameters(kind: Kind) -> impl Iterator<Item = &'static ParameterInfo> {
    of(kind).iter()
}

/// The parameter of that code.
pub(crate) fn find(kind: Kind, code: &str) -> Option<&'static ParameterInfo> {
    let all = of(kind);
    all.binary_search_by(|info| info.code.cmp(code)).ok().map(|at| &all[at])
}

/// The parameter with that number.
pub(crate) fn numbered(kind: Kind, number: Parameter) -> Option<&'static ParameterInfo> {
    of(kind).iter().find(|info| info.numbers.plain == number)
}

fn of(kind: Kind) -> &'static [ParameterInfo] {
    static ALL: [OnceLock<Vec<ParameterInfo>>; 256] = [const { OnceLock::new() }; 256];
    ALL[usize::from(kind.number())].get_or_init(|| compile::kind(kind))
}
