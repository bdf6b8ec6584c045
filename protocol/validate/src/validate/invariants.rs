//! The rules that definitions write in FHIRPath.

use std::collections::HashMap;
use std::rc::Rc;

use autoclave_fhir::Definitions;
use autoclave_fhir::definitions::{Element, Type};
use autoclave_fhir::json::Node;
use autoclave_fhirpath as path;
use autoclave_fhirpath::{Expression, Item};

use super::{At, Context, Instance, Walk, kind_of};
use crate::finding::{Findings, IssueType, Place, Severity};
use crate::profile::Spec;
use crate::terminology::{Membership, Terminology};

/// Rules that the check of the form has asked already.
const CHECKED: [&str; 6] = ["ele-1", "ext-1", "txt-1", "txt-2", "dom-2", "ref-1"];
/// Rules that ask whether something conforms to a profile whose rules ask the same.
const TRIALS_MAX: usize = 3;

/// A rule, of a definition or of a profile.
struct Asked<'r> {
    key: &'r str,
    is_error: bool,
    expression: &'r str,
    words: &'r str,
}

/// Expressions that were read; `None` of those that do not read.
#[derive(Default)]
pub(super) struct Rules(HashMap<String, Option<Rc<Expression>>>);

impl Rules {
    fn get(&mut self, text: &str) -> Option<Rc<Expression>> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let made = Expression::parse(text).ok().map(Rc::new);
        self.0.insert(text.to_owned(), made.clone());
        made
    }
}

impl<'c> Walk<'c> {
    /// Asks the rules of a value's type, of its element and of the profiles.
    pub(super) fn invariants(
        &mut self,
        kind: &'static Type,
        element: Option<&'static Element>,
        specs: &[&'c Spec],
        instance: Instance<'_>,
        at: At<'_>,
    ) {
        // A resource's own rules are asked where it begins.
        let of_kind = (element.is_none() || !kind.is_resource()).then(|| kind.invariants());
        let of_element = element.map(Element::invariants);
        for rule in of_kind.into_iter().flatten().chain(of_element.into_iter().flatten()) {
            let (key, is_error) = (rule.key, rule.is_error);
            let asked = Asked { key, is_error, expression: rule.expression, words: rule.words };
            self.rule(&asked, instance, at);
        }
        for rule in specs.iter().flat_map(|spec| &spec.rules) {
            let (key, is_error) = (&rule.key, rule.is_error);
            let asked = Asked { key, is_error, expression: &rule.expression, words: &rule.words };
            self.rule(&asked, instance, at);
        }
    }

    fn rule(&mut self, rule: &Asked<'_>, instance: Instance<'_>, at: At<'_>) {
        if CHECKED.contains(&rule.key) {
            return;
        }
        let expression = self.rules.get(rule.expression);
        let holds = expression.and_then(|expression| self.holds(&expression, instance, at));
        let severity = if rule.is_error { Severity::Error } else { Severity::Warning };
        match holds {
            Some(true) => {}
            Some(false) => {
                let (key, words) = (rule.key.to_owned(), rule.words.to_owned());
                self.add(severity, IssueType::Invariant, key, words, at.place);
            }
            None => {
                let message = format!("The rule {} could not be decided here.", rule.key);
                let issue = IssueType::NotSupported;
                self.add(Severity::Information, issue, "rule-undecided", message, at.place);
            }
        }
    }

    fn holds(&self, expression: &Expression, instance: Instance<'_>, at: At<'_>) -> Option<bool> {
        let conforming = Conforming { context: self.context, trials: self.trials };
        let entries = Entries(at.container);
        let context = path::Context::default()
            .resource(at.resource)
            .container(at.container)
            .terminology(self.context.terminology)
            .profiles(&conforming)
            .resolver(&entries);
        let element = path::Element::new(instance.node, instance.companion, Some(instance.kind));
        expression.evaluate_bool(Item::Element(element), &context).ok()
    }
}

/// What the entries of a bundle say that they are.
struct Entries<'n>(&'n Node<'n>);

impl path::Resolver for Entries<'_> {
    fn resolve<'a>(&'a self, reference: &str) -> Option<&'a Node<'a>> {
        let entries = self.0.get("entry").map_or(&[][..], Node::items);
        let is_meant = |entry: &&Node<'_>| {
            entry.text_of("fullUrl").is_some_and(|url| {
                url == reference
                    || url.strip_suffix(reference).is_some_and(|base| base.ends_with('/'))
            })
        };
        entries.iter().find(is_meant)?.get("resource")
    }
}

impl path::Terminology for Terminology {
    fn member_of(&self, system: Option<&str>, code: &str, set: &str) -> Option<bool> {
        match self.holds(set, system, code) {
            Membership::In => Some(true),
            Membership::Out => Some(false),
            Membership::Unknown => None,
        }
    }

    fn subsumes(&self, system: &str, broad: &str, narrow: &str) -> Option<bool> {
        let system = self.system(system)?;
        Some(system.is_below(system.at(narrow)?, system.at(broad)?))
    }
}

struct Conforming<'c> {
    context: &'c Context<'c>,
    trials: usize,
}

impl path::Profiles for Conforming<'_> {
    fn conforms(&self, node: &Node<'_>, profile: &str) -> Option<bool> {
        let profile = self.context.profiles.get(profile)?;
        let kind = Definitions::r4().of_kind(kind_of(node)?);
        let trials = self.trials + 1;
        if trials > TRIALS_MAX {
            return None;
        }
        let mut walk = Walk::new(self.context, Findings::default(), trials);
        let specs = vec![&profile.root];
        walk.resource(node, &[], specs, node, Place::root(kind.name()));
        Some(kind.is_a(&profile.kind) && !walk.findings.have_error())
    }
}
