//! What an operation was asked: parameters from the query and from a `Parameters` resource,
//! read alike. The caller's; names that are not known are the operation's to refuse.

use autoclave_fhir::json::Node;

use crate::server::{Fault, FhirRequest, pairs};

/// The parameters of one call. No `Debug`: it may hold a record.
pub(super) struct Asked<'a> {
    pairs: Vec<(String, String)>,
    body: Option<Node<'a>>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(request: &'a FhirRequest) -> Result<Self, Fault> {
        let mut all = pairs(request.query.as_deref().unwrap_or(""))?;
        let body = if request.body.is_empty() {
            None
        } else {
            Some(Node::parse(&request.body).map_err(|_| {
                Fault::bad("operation.body", "The body is not JSON that everybody reads alike.")
            })?)
        };
        if let Some(body) = body.as_ref().filter(|body| is(body, "Parameters")) {
            for parameter in body.get("parameter").map_or(&[][..], Node::items) {
                if let (Some(name), Some(text)) = (parameter.text_of("name"), value(parameter)) {
                    all.push((name.to_owned(), text));
                }
            }
        }
        Ok(Self { pairs: all, body })
    }

    /// The first value of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.each(name).next()
    }

    /// Every value of a parameter.
    pub(super) fn each(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a parameter, each divided at its commas.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        self.each(name).flat_map(|all| all.split(',')).filter(|one| !one.is_empty()).collect()
    }

    /// Whether a parameter says `true`.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// A number, where one is given; anything else is refused.
    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, Fault> {
        let number = self.text(name).map(str::parse).transpose();
        number.map_err(|_| Fault::bad("operation.parameter", "Not a number.").at(name))
    }

    /// The names that are asked, for refusing those that are not known.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| name.as_str())
    }

    /// The resource under a name of a `Parameters`; or the body, where it is the resource itself.
    pub(super) fn resource(&self, name: &str) -> Option<&Node<'a>> {
        let body = self.body.as_ref()?;
        if !is(body, "Parameters") {
            return Some(body);
        }
        self.parameter(name)?.get("resource")
    }

    /// A parameter of the `Parameters` in the body.
    pub(super) fn parameter(&self, name: &str) -> Option<&Node<'a>> {
        let body = self.body.as_ref().filter(|body| is(body, "Parameters"))?;
        let all = body.get("parameter").map_or(&[][..], Node::items);
        all.iter().find(|parameter| parameter.text_of("name") == Some(name))
    }

    /// Refuses parameters that are not among these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Fault> {
        match self.names().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(name) => Err(Fault::bad(
                "operation.parameter_unknown",
                "The operation does not have this parameter.",
            )
            .at(name)),
        }
    }
}

fn is(node: &Node<'_>, kind: &str) -> bool {
    node.text_of("resourceType") == Some(kind)
}

/// The simple value of a parameter, as text.
fn value(parameter: &Node<'_>) -> Option<String> {
    let (_, value) = parameter.members().iter().find(|(name, _)| name.starts_with("value"))?;
    match value {
        Node::Text(text) => Some(text.clone().into_owned()),
        Node::Number(digits) => Some(digits.clone().into_owned()),
        Node::Bool(truth) => Some(truth.to_string()),
        // A reference is given by what it refers to.
        object => object.text_of("reference").map(str::to_owned),
    }
}
