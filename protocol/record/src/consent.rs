//! What a patient permits: FHIR R4 `Consent`, compiled. It belongs to the patient. A pure
//! function of who asks, for what, when and about which resource; who is asked, and where the
//! answer is enforced, is the server's.
//!
//! Consents of one patient are read from the newest (`dateTime`) to the oldest: the first that
//! says something decides, and among those of one time a denial. Where none speaks, the
//! institution's [`Effect`] does. What a rule says that we cannot decide (a class that we do not
//! know, a date that the resource does not have) makes a denial wider and a permission narrower.

mod about;
mod compile;
mod provision;

pub use about::About;

use autoclave_fhir::json::Node;

use crate::purpose::Purpose;
use provision::{Outcomes, Provision};

/// Most levels of provisions in provisions; R4's examples have two.
pub const NESTED_MAX: usize = 8;

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Lets.
    Permit,
    /// Does not let.
    Deny,
}

/// What is done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Somebody of the institution looks at it (R4's `access` and `use`).
    Access,
    /// It leaves the institution (those, and `disclose`).
    Disclose,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// What they are called in references: `Practitioner/1`, `Organization/2`, `Patient/3`.
    pub references: Vec<String>,
    /// Their role, as in [`crate::Role::code`].
    pub role: String,
    /// What for.
    pub purpose: Purpose,
    /// What they do.
    pub act: Act,
    /// When, in milliseconds since 1970.
    pub now: i64,
}

/// The answer about one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Permit,
    /// No, but the glass was broken: yes, and loudly.
    Broken,
    /// No.
    Deny,
}

/// The answer about all that a patient has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overall {
    /// Everything is permitted.
    Everything,
    /// Nothing is.
    Nothing,
    /// It depends on the resource.
    Partly,
}

/// The consents of one patient.
#[derive(Clone)]
pub struct Rules {
    patient: String,
    fallback: Effect,
    /// From the newest.
    consents: Vec<Compiled>,
}

/// One consent.
#[derive(Clone)]
struct Compiled {
    /// `dateTime`, in milliseconds since 1970.
    when: i64,
    /// What its policy rule says where no provision does.
    base: Option<Effect>,
    /// Whether it is about research only.
    is_research: bool,
    root: Provision,
}

impl Rules {
    /// Of the patient with this id, from all their `Consent` resources; those that are not
    /// active, or about something else than privacy and research, say nothing.
    pub fn compile<'a, 'b: 'a>(
        patient: &str,
        consents: impl IntoIterator<Item = &'a Node<'b>>,
        fallback: Effect,
    ) -> Self {
        let mut consents: Vec<Compiled> =
            consents.into_iter().filter_map(compile::consent).collect();
        consents.sort_by_key(|consent| std::cmp::Reverse(consent.when));
        Self { patient: format!("Patient/{patient}"), fallback, consents }
    }

    /// Whether there is nothing that speaks: the institution's rule holds.
    pub fn is_empty(&self) -> bool {
        self.consents.is_empty()
    }

    /// Whether this resource may be met by that asker.
    pub fn decide(&self, asker: &Asker, about: &About<'_>) -> Decision {
        let denied = self.outcomes(asker, Some(about)).can(Effect::Deny);
        match (denied, asker.purpose) {
            (false, _) => Decision::Permit,
            (true, Purpose::BreakTheGlass) => Decision::Broken,
            (true, _) => Decision::Deny,
        }
    }

    /// What is known before any resource is opened. To break the glass is decided one by one, so
    /// that it is known what it was broken for.
    pub fn overall(&self, asker: &Asker) -> Overall {
        let outcomes = self.outcomes(asker, None);
        match (outcomes.can(Effect::Permit), outcomes.can(Effect::Deny)) {
            (_, false) => Overall::Everything,
            (_, true) if asker.purpose == Purpose::BreakTheGlass => Overall::Partly,
            (false, true) => Overall::Nothing,
            (true, true) => Overall::Partly,
        }
    }

    /// The next time after `now` at which a rule begins or ends to hold by its period.
    pub fn changes_after(&self, now: i64) -> i64 {
        let edges = self.consents.iter().flat_map(|consent| consent.root.edges());
        edges.filter(|edge| *edge > now).min().unwrap_or(i64::MAX)
    }

    fn outcomes(&self, asker: &Asker, about: Option<&About<'_>>) -> Outcomes {
        // Nobody's consent keeps them from their own record.
        if asker.references.contains(&self.patient) {
            return Outcomes::of(Effect::Permit);
        }
        let mut all = Outcomes::SILENT;
        for same in self.consents.chunk_by(|one, other| one.when == other.when) {
            let said = same.iter().filter(|consent| consent.concerns(asker));
            let said = said.map(|consent| consent.root.outcomes(asker, about, consent.base));
            all = all.or_if_silent(Outcomes::together(said));
        }
        all.or_if_silent(Outcomes::of(self.fallback))
    }
}

impl Compiled {
    fn concerns(&self, asker: &Asker) -> bool {
        !self.is_research || asker.purpose == Purpose::Research
    }
}

#[cfg(test)]
mod tests;
