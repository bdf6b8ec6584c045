//! `$validate`: a resource against R4, the profiles that it declares and those that are asked
//! for. It belongs to the crate. One walk through the tree carries all that is asked of each
//! element; it resolves nothing outside the resource.

mod bindings;
mod extensions;
mod instances;
mod invariants;
mod slices;
#[cfg(test)]
mod tests;
mod values;

use std::borrow::Cow;

use autoclave_fhir::definitions::{Element, Type};
use autoclave_fhir::json::Node;
use autoclave_fhir::{Definitions, Kind};

use crate::check;
use crate::finding::{Finding, Findings, IssueType, Place, Severity};
use crate::profile::{Profile, Profiles, Spec};
use crate::terminology::Terminology;
use instances::{Instance, instances};
use invariants::Rules;

/// Profiles that are made of one another, one below the other.
const BASES_MAX: usize = 8;

/// What a validation knows beside the resource.
#[derive(Clone, Copy)]
pub struct Context<'c> {
    /// The profiles.
    pub profiles: &'c Profiles,
    /// Code systems and value sets.
    pub terminology: &'c Terminology,
}

impl Default for Context<'static> {
    /// What HL7 publishes with R4 and US Core.
    fn default() -> Self {
        Self { profiles: Profiles::hl7(), terminology: Terminology::hl7() }
    }
}

/// Validates a resource against R4, the profiles in its `meta.profile` and those asked for.
pub fn validate(resource: &Node<'_>, asked: &[&str], context: &Context<'_>) -> Vec<Finding> {
    let findings = check::found(resource);
    let Some(kind) = kind_of(resource) else { return findings.into_vec() };
    let mut walk = Walk::new(context, findings, 0);
    walk.resource(resource, asked, Vec::new(), resource, Place::root(kind.name()));
    walk.findings.into_vec()
}

fn kind_of(resource: &Node<'_>) -> Option<Kind> {
    resource.text_of("resourceType")?.parse().ok()
}

/// One walk through a resource.
struct Walk<'c> {
    context: &'c Context<'c>,
    findings: Findings,
    rules: Rules,
    /// Elements with must-support that are there, of how many.
    supported: usize,
    wanted: usize,
    /// How many walks this one is within, each to see whether something conforms.
    trials: usize,
}

/// Where a value is: in which resource, at which place, and as which element of which type.
#[derive(Clone, Copy)]
struct At<'w> {
    resource: &'w Node<'w>,
    /// The resource around a contained one; else the resource itself, or its bundle.
    container: &'w Node<'w>,
    place: Place<'w>,
    inside: Option<(&'static Type, &'static Element)>,
}

impl<'c> Walk<'c> {
    fn new(context: &'c Context<'c>, findings: Findings, trials: usize) -> Self {
        let rules = Rules::default();
        Self { context, findings, rules, supported: 0, wanted: 0, trials }
    }

    fn add(
        &mut self,
        severity: Severity,
        issue: IssueType,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
        place: Place<'_>,
    ) {
        let (code, message) = (code.into(), message.into());
        let place = || place.to_string();
        self.findings.add(severity, || Finding { severity, issue, code, place: place(), message });
    }

    fn error(
        &mut self,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
        place: Place<'_>,
    ) {
        self.add(Severity::Error, IssueType::Structure, code, message, place);
    }

    /// A resource: the one that is validated, an entry of a bundle, or a contained one.
    fn resource(
        &mut self,
        node: &Node<'_>,
        asked: &[&str],
        mut specs: Vec<&'c Spec>,
        container: &Node<'_>,
        place: Place<'_>,
    ) {
        let Some(kind) = kind_of(node).map(|kind| Definitions::r4().of_kind(kind)) else { return };
        if self.findings.are_full() {
            return;
        }
        let (supported, wanted) = (self.supported, self.wanted);
        (self.supported, self.wanted) = (0, 0);
        for url in asked {
            let found = self.context.profiles.get(url);
            if found.is_none() && !is_base(url, kind) {
                self.unknown_profile(Severity::Error, place);
            }
            self.apply(found, kind, &mut specs, place);
        }
        let meta = place.below("meta");
        let declared = node.at(&["meta", "profile"]).map_or(&[][..], Node::items);
        for (at, url) in declared.iter().filter_map(Node::text).enumerate() {
            let place = meta.below("profile").item(at);
            let found = self.context.profiles.get(url);
            if found.is_none() && !is_base(url, kind) {
                self.unknown_profile(Severity::Warning, place);
            }
            self.apply(found, kind, &mut specs, place);
        }
        let at = At { resource: node, container, place, inside: None };
        self.invariants(kind, None, &specs, Instance::of(node, kind), at);
        self.object(node, kind, &specs, at);
        if self.wanted > 0 {
            let message = format!(
                "{} of {} elements that the profiles want supported are here.",
                self.supported, self.wanted
            );
            self.add(
                Severity::Information,
                IssueType::Informational,
                "must-support",
                message,
                place,
            );
        }
        (self.supported, self.wanted) = (supported, wanted);
    }

    fn unknown_profile(&mut self, severity: Severity, place: Place<'_>) {
        let message = "No profile with this address is here.";
        self.add(severity, IssueType::NotFound, "profile-unknown", message, place);
    }

    /// Takes a profile with those that it is made of.
    fn apply(
        &mut self,
        profile: Option<&'c Profile>,
        kind: &'static Type,
        specs: &mut Vec<&'c Spec>,
        place: Place<'_>,
    ) {
        let mut next = profile;
        for _ in 0..BASES_MAX {
            let Some(profile) = next else { return };
            if !kind.is_a(&profile.kind) {
                return self.error("profile-type", "The profile is for another type.", place);
            }
            if !specs.iter().any(|spec| std::ptr::eq(*spec, &raw const profile.root)) {
                specs.push(&profile.root);
            }
            next = profile.base.as_deref().and_then(|url| self.context.profiles.get(url));
        }
    }

    /// The elements of an object, with what is asked of each.
    fn object(&mut self, node: &Node<'_>, kind: &'static Type, specs: &[&'c Spec], at: At<'_>) {
        let all = instances(node, kind);
        let mut asked: Vec<Vec<&'c Spec>> = vec![Vec::new(); all.len()];
        for child in specs.iter().flat_map(|spec| &spec.children) {
            self.child(child, &all, &mut asked, at);
        }
        for ((element, instance), specs) in all.into_iter().zip(asked) {
            let place = at.place.below(element.name());
            let place = instance.at.map_or(place, |number| place.item(number));
            self.instance((kind, element), instance, specs, At { place, ..at });
        }
    }

    /// How often an element stands there, and which slice each is.
    fn child(
        &mut self,
        spec: &'c Spec,
        all: &[(&'static Element, Instance<'_>)],
        asked: &mut [Vec<&'c Spec>],
        at: At<'_>,
    ) {
        let place = at.place.below(&spec.name);
        let mut count = 0;
        let mut counts = vec![0; spec.slices.len()];
        for (number, (element, instance)) in all.iter().enumerate() {
            if element.name() != spec.name {
                continue;
            }
            count += 1;
            asked[number].push(spec);
            let found = spec.slices.iter().position(|slice| self.is_of(slice, spec, instance, at));
            if let Some(found) = found {
                counts[found] += 1;
                asked[number].push(&spec.slices[found]);
            } else if spec.slicing.as_ref().is_some_and(|slicing| slicing.is_closed) {
                self.error("slice-closed", "The profile allows none but its slices here.", place);
            }
        }
        self.count(spec, count, place);
        for (slice, count) in spec.slices.iter().zip(counts) {
            self.count(slice, count, place);
        }
    }

    fn count(&mut self, spec: &Spec, count: u32, place: Place<'_>) {
        let slice =
            spec.slice.as_deref().map(|name| format!(" (slice {name})")).unwrap_or_default();
        if spec.is_must_support {
            self.wanted += 1;
            self.supported += usize::from(count > 0);
        }
        if spec.min.is_some_and(|min| count < min) {
            let message = format!("The profile asks for more of this element{slice}.");
            self.add(
                Severity::Error,
                IssueType::Required,
                "profile-element-missing",
                message,
                place,
            );
        }
        if spec.max.is_some_and(|max| count > max) {
            let message = format!("The profile allows fewer of this element{slice}.");
            self.error("profile-element-too-many", message, place);
        }
    }

    /// One instance of an element: what its definition and the profiles ask of it, then what
    /// is below it.
    fn instance(
        &mut self,
        (owner, element): (&'static Type, &'static Element),
        instance: Instance<'_>,
        mut specs: Vec<&'c Spec>,
        at: At<'_>,
    ) {
        for spec in specs.clone() {
            self.asked(spec, instance, at);
            for one in spec.types.iter().filter(|one| instance.kind.is_a(&one.code)) {
                let profile = one.profile.as_deref().and_then(|url| self.context.profiles.get(url));
                self.apply(profile, instance.kind, &mut specs, at.place);
            }
        }
        if instance.kind.name() == "Extension" {
            self.extension(owner, element, instance, &mut specs, at);
        }
        self.simple_quantity(element, instance, at);
        self.bound(element, &specs, instance, at);
        self.invariants(instance.kind, Some(element), &specs, instance, at);
        let inner = At { inside: Some((owner, element)), ..at };
        match (instance.node, instance.companion) {
            (Some(node), _) if instance.kind.is_resource() => {
                let is_contained = element.name() == "contained";
                let container = if is_contained { at.resource } else { at.container };
                self.resource(node, &[], specs, container, at.place);
            }
            (Some(node), _) if !instance.kind.is_primitive() => {
                self.object(node, instance.kind, &specs, inner);
            }
            // The extensions beside a primitive are those of its type.
            (_, Some(companion)) => self.object(companion, instance.kind, &specs, inner),
            _ => {}
        }
    }

    /// What a profile asks of a value itself.
    fn asked(&mut self, spec: &'c Spec, instance: Instance<'_>, at: At<'_>) {
        let is_allowed = |one: &crate::profile::TypeSpec| {
            instance.kind.is_a(&one.code)
                || instance.kind.class() == autoclave_fhir::definitions::Class::Nested
        };
        if !spec.types.is_empty() && !spec.types.iter().any(is_allowed) {
            self.error("profile-type", "The profile does not allow this type here.", at.place);
        }
        if let (Some(wanted), Some(node)) = (&spec.value, instance.node)
            && !values::fits(wanted.is_fixed, &wanted.node, node)
        {
            let message = "The value is not the one that the profile asks for.";
            self.add(Severity::Error, IssueType::Value, "profile-value", message, at.place);
        }
        if instance.kind.name() == "Reference" {
            self.reference(spec, instance, at);
        }
    }

    /// A reference that says its type leads to one that the profile allows.
    fn reference(&mut self, spec: &Spec, instance: Instance<'_>, at: At<'_>) {
        let mut targets = spec.types.iter().filter(|one| one.code == "Reference");
        let kind = instance.node.and_then(|node| target_of(node, at));
        let (Some(targets), Some(kind)) = (targets.next().map(|one| &one.targets), kind) else {
            return;
        };
        let is_allowed = targets.is_empty()
            || targets.iter().any(|target| {
                let profile = self.context.profiles.get(target);
                let name = profile.map_or(&**target, |profile| &profile.kind);
                let known = Definitions::r4().of(name).is_some();
                // A profile that is not here can be of any type.
                !known || Definitions::r4().of_kind(kind).is_a(name)
            });
        if !is_allowed {
            let message = "The profile does not allow a reference to a resource of this type.";
            self.error("reference-target", message, at.place);
        }
    }

    /// A simple quantity has no comparator.
    fn simple_quantity(&mut self, element: &Element, instance: Instance<'_>, at: At<'_>) {
        let mut uses = element.uses().iter().filter(|one| *one.kind() == *instance.kind);
        let is_simple = uses.next().is_some_and(|one| one.profile() == Some("SimpleQuantity"));
        if is_simple && instance.node.is_some_and(|node| node.get("comparator").is_some()) {
            self.error("element-not-allowed", "A comparator must not be here.", at.place);
        }
    }
}

/// Whether an address is that of a type, or of one that it is a case of.
fn is_base(url: &str, kind: &Type) -> bool {
    let url = url.split('|').next().unwrap_or(url);
    url.strip_prefix("http://hl7.org/fhir/StructureDefinition/").is_some_and(|name| kind.is_a(name))
}

/// The type that a reference leads to, where it says so.
fn target_of(reference: &Node<'_>, at: At<'_>) -> Option<Kind> {
    if let Some(to) = reference.text_of("reference") {
        if let Some(id) = to.strip_prefix('#') {
            let contained = |node: &'_ Node<'_>| {
                let all = node.get("contained").map_or(&[][..], Node::items);
                all.iter().find(|one| one.text_of("id") == Some(id)).and_then(kind_of)
            };
            return contained(at.resource).or_else(|| contained(at.container));
        }
        let path = to.split("/_history/").next().unwrap_or(to);
        let mut parts = path.rsplit('/');
        if let (Some(_), Some(kind)) = (parts.next(), parts.next()) {
            return kind.parse().ok();
        }
    }
    reference.text_of("type")?.parse().ok()
}
