//! What a token's scopes mean for the FHIR server's actions. The clinic's. An operation that
//! no scope of SMART speaks of needs what it amounts to, and never less.

use autoclave_fhir::Kind;
use autoclave_record::{Interaction, Scopes};
use autoclave_records::server::{Action, Scopes as Granted};

/// The scopes of one token.
pub(crate) struct Held(pub(crate) Scopes);

impl Held {
    fn one(&self, kind: Option<Kind>, interaction: Interaction) -> Option<Vec<String>> {
        self.0.narrowed(kind.map(Kind::name), interaction)
    }

    /// Whether all of these are granted, on that type or on all.
    fn all(&self, kind: Option<Kind>, interactions: &[Interaction]) -> Option<Vec<String>> {
        let mut narrowed = Vec::new();
        for interaction in interactions {
            narrowed = self.one(kind, *interaction)?;
        }
        Some(narrowed)
    }
}

impl Granted for Held {
    fn permits(&self, action: Action, kind: Option<Kind>) -> Option<Vec<String>> {
        use Interaction::{Create, Delete, Read, Search, Update};
        match action {
            Action::Create => self.one(kind, Create),
            Action::Read | Action::Operation("meta") => self.one(kind, Read),
            Action::Update | Action::Operation("meta-add" | "meta-delete") => {
                self.one(kind, Update)
            }
            Action::Delete => self.one(kind, Delete),
            Action::Search | Action::Operation("match") => self.one(kind, Search),
            Action::History => self.all(kind, &[Read, Search]),
            // They touch nobody's record.
            Action::Operation("validate" | "expand" | "lookup" | "validate-code") => {
                let any = |interaction: &Interaction| {
                    Kind::all().any(|kind| self.0.permits(Some(kind.name()), *interaction))
                };
                Interaction::ALL.iter().any(any).then(Vec::new)
            }
            // Whatever they answer with is of many types.
            Action::Operation("everything" | "export" | "viewdefinition-run") => {
                self.all(None, &[Read, Search])
            }
            Action::Operation("import") => self.all(None, &[Create, Update]),
            Action::Operation("erase") => self.one(None, Delete),
            Action::Operation(_) => self.all(None, &Interaction::ALL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(scopes: &str, action: Action, kind: Option<&str>) -> bool {
        let held = Held(Scopes::parse(scopes).unwrap());
        held.permits(action, kind.map(Kind::known)).is_some()
    }

    #[test]
    fn an_action_needs_the_scope_that_it_amounts_to() {
        let patient = Some("Patient");
        assert!(permits("user/Patient.r", Action::Read, patient));
        assert!(!permits("user/Patient.r", Action::Search, patient));
        assert!(!permits("user/Patient.r", Action::History, patient));
        assert!(permits("user/Patient.rs", Action::History, patient));
        assert!(!permits("user/Patient.rs", Action::Operation("everything"), patient));
        assert!(permits("user/*.rs", Action::Operation("everything"), patient));
        assert!(permits("user/*.rs", Action::Operation("export"), None));
        assert!(!permits("user/*.rs", Action::Operation("erase"), patient));
        assert!(permits("user/Patient.s", Action::Operation("match"), patient));
        assert!(permits("user/Patient.s", Action::Operation("expand"), Some("ValueSet")));
        assert!(!permits("user/*.rs", Action::Operation("something-new"), None));
    }
}
