//! Extensions: are they known, and may they stand where they stand?

use autoclave_fhir::definitions::{Element, Type};

use super::{At, Instance, Walk};
use crate::finding::{IssueType, Severity};
use crate::profile::{Profile, Spec};

impl<'c> Walk<'c> {
    /// Takes what the extension's own definition asks, and checks that its place is right.
    pub(super) fn extension(
        &mut self,
        owner: &'static Type,
        element: &'static Element,
        instance: Instance<'_>,
        specs: &mut Vec<&'c Spec>,
        at: At<'_>,
    ) {
        let url = instance.node.and_then(|node| node.text_of("url"));
        // An extension within an extension has a name that only that one knows.
        if owner.name() == "Extension" || url.is_none() {
            return;
        }
        let is_modifier = element.name() == "modifierExtension";
        let Some(profile) = url.and_then(|url| self.context.profiles.get(url)) else {
            let severity = if is_modifier { Severity::Warning } else { Severity::Information };
            let message = "No extension with this address is known here.";
            return self.add(
                severity,
                IssueType::Extension,
                "extension-unknown",
                message,
                at.place,
            );
        };
        self.apply(Some(profile), instance.kind, specs, at.place);
        if !fits(profile, owner, at.inside) {
            let message = "The extension is not for this element.";
            // HL7's own definitions do it 1,800 times.
            self.add(Severity::Warning, IssueType::Extension, "extension-place", message, at.place);
        }
        if profile.is_modifier != is_modifier {
            let message =
                "Extensions that change a meaning stand in modifierExtension, others never.";
            self.add(
                Severity::Error,
                IssueType::Extension,
                "extension-modifier",
                message,
                at.place,
            );
        }
    }
}

/// Whether one of an extension's contexts is the type that it stands in, or the element that is
/// of this type.
fn fits(
    profile: &Profile,
    owner: &Type,
    inside: Option<(&'static Type, &'static Element)>,
) -> bool {
    profile.contexts.is_empty()
        || profile.contexts.iter().any(|context| {
            let context = context.trim_end_matches("[x]");
            owner.is_a(context)
                || context == "Element"
                || inside.is_some_and(|(kind, element)| {
                    context
                        .rsplit_once('.')
                        .is_some_and(|(of, name)| name == element.name() && kind.is_a(of))
                })
        })
}
