//! What the store has to be told about a resource: it knows nothing of FHIR itself.

use std::collections::HashSet;

use autoclave_base::Digest;
use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_search::{Blind, Parameter, Row};

/// Makes the rows of the index of a resource.
pub trait Indexer: Send + Sync {
    /// Everything that it is found by, other than its id, its time and its compartments.
    fn rows(&self, kind: Kind, node: &Node<'_>, blind: &Blind) -> Vec<Row>;

    /// The ids of the patients in whose compartments it is, the first being whose it is.
    fn patients(&self, kind: Kind, id: &str, node: &Node<'_>) -> Vec<String>;

    /// Whether the parameter's terms are keys of resources that are referred to.
    fn is_reference(&self, parameter: Parameter) -> bool;

    /// Changes whenever the same resource has other rows: then the index is made anew.
    fn version(&self) -> u32;
}

/// The version of [`FhirIndexer`]; to be counted up whenever its rows change.
const FHIR_VERSION: u32 = 1;

/// The search parameters of FHIR.
pub struct FhirIndexer {
    references: HashSet<u32>,
}

impl FhirIndexer {
    /// All of them.
    pub fn new() -> Self {
        let of = |kind: Kind| {
            autoclave_search::parameters(kind)
                .filter(|info| info.kind.name() == "reference")
                .map(move |info| number(kind, info.code))
        };
        Self { references: Kind::all().flat_map(of).collect() }
    }
}

impl Default for FhirIndexer {
    fn default() -> Self {
        Self::new()
    }
}

impl Indexer for FhirIndexer {
    fn rows(&self, kind: Kind, node: &Node<'_>, blind: &Blind) -> Vec<Row> {
        autoclave_search::rows(kind, node, blind)
    }

    fn patients(&self, kind: Kind, id: &str, node: &Node<'_>) -> Vec<String> {
        autoclave_search::patients(kind, id, node)
    }

    fn is_reference(&self, parameter: Parameter) -> bool {
        self.references.contains(&parameter.0)
    }

    fn version(&self) -> u32 {
        FHIR_VERSION
    }
}

/// The number of a parameter, as [`Parameter`] says.
fn number(kind: Kind, code: &str) -> u32 {
    let digest = Digest::of(format!("{kind}.{code}").as_bytes());
    let [a, b, c, d, ..] = *digest.bytes();
    u32::from_be_bytes([a, b, c, d]) >> 1
}
