//! Codes against the value sets of definitions and profiles.

use autoclave_fhir::definitions::{Element, Strength};
use autoclave_fhir::json::Node;

use super::{At, Instance, Walk};
use crate::finding::{IssueType, Severity};
use crate::profile::Spec;
use crate::terminology::Membership;

impl<'c> Walk<'c> {
    /// Checks an instance against its element's binding and those of profiles. Required
    /// bindings of the types are the check's; here they are asked only of profiles.
    pub(super) fn bound(
        &mut self,
        element: &Element,
        specs: &[&'c Spec],
        instance: Instance<'_>,
        at: At<'_>,
    ) {
        let Some(node) = instance.node else { return };
        let name = instance.kind.name();
        // A quantity may go without a code.
        let codes = codes(name, node).filter(|codes| name != "Quantity" || !codes.is_empty());
        for spec in specs {
            if let Some((strength, set)) = &spec.binding {
                self.binding(*strength, set, codes.as_deref(), at);
            }
            if let Some(set) = &spec.maximal {
                self.binding(Strength::Required, set, codes.as_deref(), at);
            }
        }
        let is_bound = specs.iter().any(|spec| spec.binding.is_some());
        if let Some(binding) =
            element.binding().filter(|one| !is_bound && one.strength < Strength::Required)
        {
            self.binding(binding.strength, &binding.url(), codes.as_deref(), at);
        }
    }

    fn binding(&mut self, strength: Strength, set: &str, codes: Option<&[Code<'_>]>, at: At<'_>) {
        let Some(codes) = codes else { return };
        if strength < Strength::Extensible {
            return;
        }
        if codes.is_empty() {
            if strength == Strength::Required {
                let message = "A code of the required value set is missing.";
                self.add(
                    Severity::Error,
                    IssueType::CodeInvalid,
                    "code-missing",
                    message,
                    at.place,
                );
            }
            return;
        }
        let terminology = self.context.terminology;
        let found = codes.iter().map(|(system, code)| terminology.holds(set, *system, code));
        let found = found.fold(Membership::Out, |all, one| match (all, one) {
            (Membership::In, _) | (_, Membership::In) => Membership::In,
            (Membership::Unknown, _) | (_, Membership::Unknown) => Membership::Unknown,
            _ => Membership::Out,
        });
        let (severity, code, message) = match (found, strength) {
            (Membership::Out, Strength::Required) => {
                (Severity::Error, "code-unknown", "The code is not of the required value set.")
            }
            (Membership::Out, _) => (
                Severity::Warning,
                "code-unknown",
                "The code is not of the value set, from which one is to be taken where it fits.",
            ),
            (Membership::Unknown, Strength::Required) => (
                Severity::Information,
                "code-unverified",
                "The value set's codes are not here: the code could not be verified.",
            ),
            _ => return,
        };
        self.add(severity, IssueType::CodeInvalid, code, message, at.place);
    }
}

/// System and code.
type Code<'n> = (Option<&'n str>, &'n str);

/// The codes of a coded value; `None` of what is not coded.
fn codes<'n>(kind: &str, node: &'n Node<'n>) -> Option<Vec<Code<'n>>> {
    let one =
        |node: &'n Node<'n>| Some((node.text_of("system").or(Some("")), node.text_of("code")?));
    match kind {
        "code" | "string" | "uri" => {
            Some(node.text().map(|code| (None, code)).into_iter().collect())
        }
        "Coding" | "Quantity" => Some(one(node).into_iter().collect()),
        "CodeableConcept" => {
            let codings = node.get("coding").map_or(&[][..], Node::items);
            Some(codings.iter().filter_map(one).collect())
        }
        _ => None,
    }
}
