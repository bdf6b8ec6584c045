//! Patches: RFC 6902 and FHIRPath Patch. Pure.

use autoclave_fhir::json::Node;
use autoclave_fhirpath::patch::{PatchRefusal, fhirpath_patch, json_patch};

use super::fault::Fault;
use super::wanted::BodyKind;

/// A patch that was read.
pub(crate) enum Patch<'a> {
    /// The operations of RFC 6902.
    Json(Node<'a>),
    /// A `Parameters` resource.
    FhirPath(Node<'a>),
}

/// Reads a patch that stands alone.
pub(crate) fn read(media: BodyKind, node: Node<'_>) -> Result<Patch<'_>, Fault> {
    match media {
        BodyKind::JsonPatch => Ok(Patch::Json(node)),
        _ => of_parameters(node),
    }
}

/// Reads a patch in a bundle: a `Parameters`, or a `Binary` that holds a JSON Patch.
pub(crate) fn of_entry(node: Node<'_>) -> Result<Patch<'_>, Fault> {
    let is_binary = node.text_of("resourceType") == Some("Binary");
    if !is_binary {
        return of_parameters(node);
    }
    if node.text_of("contentType") != Some("application/json-patch+json") {
        return Err(not_a_patch());
    }
    let data = node.text_of("data").ok_or_else(not_a_patch)?;
    let bytes = standard_base64(data).ok_or_else(not_a_patch)?;
    Ok(Patch::Json(Node::parse(&bytes)?.into_owned()))
}

fn of_parameters(node: Node<'_>) -> Result<Patch<'_>, Fault> {
    match node.text_of("resourceType") {
        Some("Parameters") => Ok(Patch::FhirPath(node)),
        _ => Err(not_a_patch()),
    }
}

/// FHIR's `base64Binary` is the usual alphabet with padding; ours is that of URLs without.
fn standard_base64(text: &str) -> Option<Vec<u8>> {
    let letters = text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=');
    let ours = letters.map(|byte| match byte {
        b'+' => '-',
        b'/' => '_',
        other => char::from(other),
    });
    autoclave_base::b64::decode(&ours.collect::<String>()).ok()
}

fn not_a_patch() -> Fault {
    let text = "A patch is a JSON Patch, or Parameters as FHIRPath Patch says.";
    Fault::bad("patch.form", text)
}

impl From<PatchRefusal> for Fault {
    fn from(refusal: PatchRefusal) -> Self {
        let at = |fault: Self, at: usize| fault.at(format!("operation[{at}]"));
        match refusal {
            PatchRefusal::Shape => not_a_patch(),
            PatchRefusal::Operation(place) => {
                let text = "An operation of the patch is not complete.";
                at(Self::bad("patch.operation", text), place)
            }
            PatchRefusal::Path(place) => {
                let text = "A path of the patch cannot be evaluated.";
                at(Self::bad("patch.path", text), place)
            }
            PatchRefusal::Place(place) => {
                let text = "A path of the patch leads to nothing, or to more than one place.";
                at(Self::unprocessable("patch.place", text), place)
            }
            PatchRefusal::Test(place) => {
                at(Self::unprocessable("patch.test", "A test of the patch failed."), place)
            }
            PatchRefusal::Identity => {
                let text = "A patch cannot change what resource it is.";
                Self::unprocessable("patch.identity", text)
            }
            PatchRefusal::Size => Self::unprocessable("patch.size", "The patch is too large."),
        }
    }
}

impl Patch<'_> {
    /// The resource as the patch makes it.
    pub(crate) fn apply(&self, resource: &Node<'_>) -> Result<Node<'static>, Fault> {
        let patched = match self {
            Self::Json(operations) => json_patch(resource, operations),
            Self::FhirPath(parameters) => fhirpath_patch(resource, parameters),
        };
        Ok(patched?)
    }
}
