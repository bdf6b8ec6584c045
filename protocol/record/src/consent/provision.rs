//! One provision: its conditions, and what follows where they hold. It belongs to the consent
//! it was compiled from.

use autoclave_fhir::json::Node;

use super::{About, Act, Asker, Effect};
use crate::label::{self, Confidentiality};
use crate::moment::{self, Span, overlap};
use crate::purpose::Purpose;
use crate::role::Role;

/// A code with its system, which may be absent.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) system: Option<String>,
    pub(super) code: String,
}

/// An actor: by reference, or by role where there is none.
#[derive(Clone)]
pub(super) struct Actor {
    pub(super) reference: Option<String>,
    pub(super) roles: Vec<String>,
}

/// How data is meant by a reference (`provision.data.meaning`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Instance,
    Related,
    AuthoredBy,
}

/// A time, as a rule has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum During {
    /// It has none.
    Always,
    /// It has one that nobody can read.
    Unreadable,
    /// It has this one.
    Span(Span),
}

impl During {
    /// Of a `Period`.
    pub(super) fn of(period: Option<&Node<'_>>) -> Self {
        match period.map(moment::period) {
            None => Self::Always,
            Some(None) => Self::Unreadable,
            Some(Some(span)) => Self::Span(span),
        }
    }

    fn fit(self, span: Option<Span>) -> Fit {
        match (self, span) {
            (Self::Always, _) => Fit::Yes,
            (Self::Unreadable, _) | (_, None) => Fit::Unclear,
            (Self::Span(own), Some(span)) => overlap(own, span).into(),
        }
    }
}

/// A rule with its exceptions.
#[derive(Clone)]
pub(super) struct Provision {
    /// What it does; the outermost has none of its own, mostly.
    pub(super) effect: Option<Effect>,
    pub(super) period: During,
    pub(super) actors: Vec<Actor>,
    pub(super) actions: Vec<String>,
    pub(super) purposes: Vec<String>,
    pub(super) labels: Vec<Code>,
    pub(super) classes: Vec<Code>,
    /// Codes of the concepts, and whether one has words only.
    pub(super) codes: Vec<Code>,
    pub(super) has_words: bool,
    pub(super) data_period: During,
    pub(super) data: Vec<(Meaning, String)>,
    pub(super) nested: Vec<Provision>,
}

/// Whether conditions hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    No,
    /// Depends on the resource, which is not known yet.
    Open,
    /// We cannot tell.
    Unclear,
    Yes,
}

impl From<bool> for Fit {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// What may come out: a set of permit, deny and silence.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcomes(u8);

impl Outcomes {
    const PERMIT: u8 = 1;
    const DENY: u8 = 2;
    /// Nothing is said.
    pub(super) const SILENT: Self = Self(4);

    pub(super) const fn of(effect: Effect) -> Self {
        match effect {
            Effect::Permit => Self(Self::PERMIT),
            Effect::Deny => Self(Self::DENY),
        }
    }

    pub(super) fn can(self, effect: Effect) -> bool {
        self.0 & Self::of(effect).0 != 0
    }

    const fn may_be_silent(self) -> bool {
        self.0 & Self::SILENT.0 != 0
    }

    /// Where this is silent, what the next says.
    pub(super) const fn or_if_silent(self, next: Self) -> Self {
        if self.may_be_silent() { Self((self.0 & !Self::SILENT.0) | next.0) } else { self }
    }

    /// Of rules that stand beside each other: a denial wins.
    pub(super) fn together(rules: impl Iterator<Item = Self>) -> Self {
        rules.fold(Self::SILENT, |all, rule| {
            let deny = (all.0 | rule.0) & Self::DENY;
            let can_both_spare = all.0 != Self::DENY && rule.0 != Self::DENY;
            let permit = if can_both_spare { (all.0 | rule.0) & Self::PERMIT } else { 0 };
            Self(deny | permit | (all.0 & rule.0 & Self::SILENT.0))
        })
    }
}

impl Provision {
    /// What it says about a resource, or (where there is none) may say about any.
    pub(super) fn outcomes(
        &self,
        asker: &Asker,
        about: Option<&About<'_>>,
        base: Option<Effect>,
    ) -> Outcomes {
        let fit = self.fit(asker, about);
        let effect = self.effect.or(base);
        // What cannot be decided widens a denial and narrows a permission.
        let (holds, may_not) = match fit {
            Fit::No => (false, true),
            Fit::Open => (true, true),
            Fit::Unclear => (effect != Some(Effect::Permit), effect == Some(Effect::Permit)),
            Fit::Yes => (true, false),
        };
        if !holds {
            return Outcomes::SILENT;
        }
        let nested = self.nested.iter().map(|rule| rule.outcomes(asker, about, None));
        let own = effect.map_or(Outcomes::SILENT, Outcomes::of);
        let said = Outcomes::together(nested).or_if_silent(own);
        if may_not { Outcomes(said.0 | Outcomes::SILENT.0) } else { said }
    }

    /// Times at which its period, or that of one inside it, begins or is over.
    pub(super) fn edges(&self) -> Vec<i64> {
        let own = match self.period {
            During::Span((from, to)) => vec![from, to.saturating_add(1)],
            _ => Vec::new(),
        };
        own.into_iter().chain(self.nested.iter().flat_map(Self::edges)).collect()
    }

    fn fit(&self, asker: &Asker, about: Option<&About<'_>>) -> Fit {
        let known = self
            .period
            .fit(Some((asker.now, asker.now)))
            .min(self.who(asker))
            .min(self.what_for(asker));
        if known == Fit::No || !self.depends_on_resource() {
            return known;
        }
        let Some(about) = about else { return known.min(Fit::Open) };
        known
            .min(self.label(about))
            .min(self.class(about))
            .min(self.code(about))
            .min(self.data_period.fit(about.date()))
            .min(self.meant(about))
    }

    fn depends_on_resource(&self) -> bool {
        !(self.labels.is_empty()
            && self.classes.is_empty()
            && self.codes.is_empty()
            && !self.has_words
            && self.data_period == During::Always
            && self.data.is_empty())
    }

    fn who(&self, asker: &Asker) -> Fit {
        any(&self.actors, |actor| match &actor.reference {
            Some(reference) => asker.references.contains(reference).into(),
            // Without a reference the role says who: one of ours, or we cannot tell.
            None if actor.roles.contains(&asker.role) => Fit::Yes,
            None if actor.roles.iter().any(|role| role.parse::<Role>().is_ok()) => Fit::No,
            None => Fit::Unclear,
        })
    }

    fn what_for(&self, asker: &Asker) -> Fit {
        let action = any(&self.actions, |action| match action.as_str() {
            "access" | "use" => Fit::Yes,
            "disclose" => (asker.act == Act::Disclose).into(),
            "collect" | "correct" => Fit::No,
            _ => Fit::Unclear,
        });
        action.min(any(&self.purposes, |purpose| includes(purpose, asker.purpose)))
    }

    fn label(&self, about: &About<'_>) -> Fit {
        let labels = about.labels();
        any(&self.labels, |code| match code.system.as_deref() {
            Some(label::CONFIDENTIALITY) => match Confidentiality::from_code(&code.code) {
                // R4: "R" means labelled R or lower. For a denial that would be nearly all:
                // there it is R or higher.
                Some(level) if self.effect == Some(Effect::Deny) => {
                    (labels.level() >= level).into()
                }
                Some(level) => (labels.level() <= level).into(),
                None => Fit::Unclear,
            },
            Some(label::ACT_CODE) if label::sensitivity(&code.code).is_some() => {
                labels.sensitivities.iter().any(|own| label::covers(&code.code, own)).into()
            }
            system => about.has_label(system, &code.code).into(),
        })
    }

    fn class(&self, about: &About<'_>) -> Fit {
        any(&self.classes, |class| match class.system.as_deref() {
            Some("http://hl7.org/fhir/resource-types") | None => {
                (about.kind.name() == class.code).into()
            }
            Some("urn:ietf:rfc:3986") => about.has_profile(&class.code).into(),
            Some("urn:ietf:bcp:13") => about.content_type(&class.code).map_or(Fit::No, Fit::from),
            Some(system) if about.has_code(Some(system), &class.code) => Fit::Yes,
            Some("http://loinc.org" | "http://hl7.org/fhir/consent-content-class") => Fit::No,
            Some(_) => Fit::Unclear,
        })
    }

    fn code(&self, about: &About<'_>) -> Fit {
        let coded =
            any(&self.codes, |code| about.has_code(code.system.as_deref(), &code.code).into());
        match (self.has_words, self.codes.is_empty(), coded) {
            // Words without a code: about what, we cannot tell.
            (true, true, _) | (true, false, Fit::No) => Fit::Unclear,
            _ => coded,
        }
    }

    fn meant(&self, about: &About<'_>) -> Fit {
        any(&self.data, |(meaning, reference)| match meaning {
            Meaning::Instance => about.is(reference).into(),
            Meaning::Related => (about.is(reference) || about.refers_to(reference)).into(),
            Meaning::AuthoredBy => about.is_authored_by(reference).into(),
        })
    }
}

/// Whether one of several holds; where there are none, nothing is asked.
fn any<T>(conditions: &[T], fit: impl Fn(&T) -> Fit) -> Fit {
    if conditions.is_empty() {
        return Fit::Yes;
    }
    conditions.iter().map(fit).max().unwrap_or(Fit::No)
}

/// Whether a purpose in a rule is, or covers, the one that was stated (the tree of
/// `v3-PurposeOfUse`).
fn includes(code: &str, stated: Purpose) -> Fit {
    let parents: &[&str] = match stated {
        Purpose::EmergencyTreatment | Purpose::CareManagement => &["TREAT"],
        Purpose::BreakTheGlass => &["ETREAT", "TREAT"],
        Purpose::PatientRequest | Purpose::SystemAdministration => &["HOPERAT"],
        _ => &[],
    };
    (stated.code() == code || parents.contains(&code)).into()
}
