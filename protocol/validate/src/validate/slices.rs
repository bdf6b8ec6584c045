//! Which slice of a profile a value is.

use autoclave_fhir::json::Node;

use super::values::fits;
use super::{At, Instance, Walk, kind_of, target_of};
use crate::finding::Findings;
use crate::profile::{Discriminator, How, Spec, Value};
use crate::terminology::Membership;

impl<'c> Walk<'c> {
    /// Whether a value is of a slice. Extensions are told apart by their address.
    pub(super) fn is_of(
        &self,
        slice: &'c Spec,
        sliced: &'c Spec,
        instance: &Instance<'_>,
        at: At<'_>,
    ) -> bool {
        let by = sliced.slicing.as_ref().map_or(&[][..], |slicing| slicing.by.as_slice());
        if by.is_empty() {
            return instance.kind.name() == "Extension" && self.is_extension(slice, instance);
        }
        by.iter().all(|one| match one.how {
            How::Value if one.path == "url" => self.is_extension(slice, instance),
            How::Value => self.has_value(slice, one, instance),
            How::Exists => exists(slice, one, instance),
            How::Type => self.has_type(slice, one, instance, at),
            How::Profile => self.has_profile(slice, one, instance, at),
        })
    }

    fn is_extension(&self, slice: &Spec, instance: &Instance<'_>) -> bool {
        let Some(url) = instance.node.and_then(|node| node.text_of("url")) else { return false };
        if let Some(wanted) = slice.child("url").and_then(|spec| spec.value.as_ref()) {
            return wanted.node.text() == Some(url);
        }
        let mut profiles = slice.types.iter().filter_map(|one| one.profile.as_deref());
        profiles.any(|name| {
            name == url || self.context.profiles.get(name).is_some_and(|profile| profile.url == url)
        })
    }

    fn has_value(&self, slice: &Spec, by: &Discriminator, instance: &Instance<'_>) -> bool {
        let Some(node) = instance.node else { return false };
        match wanted(slice, &by.path) {
            Some(Wanted::Value(value, rest)) => {
                let is_fixed = value.is_fixed && rest.is_empty();
                let (mut parts, mut found) = (Vec::new(), Vec::new());
                follow(&value.node, &rest, &mut parts);
                follow(node, &by.path, &mut found);
                let is_there = |part: &&Node<'_>| found.iter().any(|one| fits(is_fixed, part, one));
                !parts.is_empty() && parts.iter().all(is_there)
            }
            Some(Wanted::Set(set)) => {
                let mut found = Vec::new();
                follow(node, &by.path, &mut found);
                found.into_iter().flat_map(codings).any(|(system, code)| {
                    self.context.terminology.holds(set, system, code) == Membership::In
                })
            }
            None => false,
        }
    }

    fn has_type(
        &self,
        slice: &Spec,
        by: &Discriminator,
        instance: &Instance<'_>,
        at: At<'_>,
    ) -> bool {
        if by.path == "$this" {
            return slice.types.iter().any(|one| instance.kind.is_a(&one.code));
        }
        let (path, is_resolved) = resolved(&by.path);
        let Some(spec) = reach(slice, path) else { return false };
        let mut found = Vec::new();
        if let Some(node) = instance.node {
            follow(node, path, &mut found);
        }
        found.into_iter().any(|node| {
            let kind = if is_resolved { target_of(node, at) } else { kind_of(node) };
            let Some(kind) = kind else { return false };
            spec.types.iter().any(|one| {
                one.code == kind.name()
                    || one.targets.iter().any(|target| {
                        let profile = self.context.profiles.get(target);
                        profile.map_or(&**target, |profile| &profile.kind) == kind.name()
                    })
            })
        })
    }

    /// What conforms is found by trying; what a reference leads to is known by its type only.
    fn has_profile(
        &self,
        slice: &'c Spec,
        by: &Discriminator,
        instance: &Instance<'_>,
        at: At<'_>,
    ) -> bool {
        if resolved(&by.path).1 {
            return self.has_type(slice, by, instance, at);
        }
        let Some(spec) = reach(slice, &by.path) else { return false };
        let mut found = Vec::new();
        if let Some(node) = instance.node {
            follow(node, &by.path, &mut found);
        }
        let profiles = spec.types.iter().filter_map(|one| one.profile.as_deref());
        let profiles: Vec<_> = profiles.filter_map(|url| self.context.profiles.get(url)).collect();
        found.into_iter().any(|node| {
            let kind = kind_of(node).map(|kind| autoclave_fhir::Definitions::r4().of_kind(kind));
            let kind = kind.unwrap_or(instance.kind);
            profiles.iter().any(|profile| {
                let mut trial = Walk::new(self.context, Findings::default(), self.trials + 1);
                kind.is_a(&profile.kind) && {
                    trial.object(node, kind, &[&profile.root], at);
                    !trial.findings.have_error()
                }
            })
        })
    }
}

/// What a slice asks for at a path.
enum Wanted<'s> {
    /// A value, or what lies under a path within it.
    Value(&'s Value, String),
    /// A code of a value set.
    Set(&'s str),
}

fn wanted<'s>(slice: &'s Spec, path: &str) -> Option<Wanted<'s>> {
    let mut spec = slice;
    let mut parts = segments(path);
    loop {
        if let Some(value) = &spec.value {
            return Some(Wanted::Value(value, parts.collect::<Vec<_>>().join(".")));
        }
        let Some(part) = parts.next() else { break };
        spec = spec.child(part)?;
    }
    spec.binding.as_ref().map(|(_, set)| Wanted::Set(set))
}

fn reach<'s>(slice: &'s Spec, path: &str) -> Option<&'s Spec> {
    segments(path).try_fold(slice, |spec, part| spec.child(part))
}

fn exists(slice: &Spec, by: &Discriminator, instance: &Instance<'_>) -> bool {
    let mut found = Vec::new();
    if let Some(node) = instance.node {
        follow(node, &by.path, &mut found);
    }
    let spec = reach(slice, &by.path);
    let must_not = spec.is_some_and(|spec| spec.max == Some(0));
    found.is_empty() == must_not
}

/// The path without `resolve()` at its end, and whether it was there.
fn resolved(path: &str) -> (&str, bool) {
    match path.strip_suffix("resolve()") {
        Some(rest) => (rest.trim_end_matches('.'), true),
        None => (path, false),
    }
}

/// The names in a discriminator's path, which knows only members and `ofType`.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').filter(|part| !part.is_empty() && *part != "$this" && !part.contains('('))
}

/// All values under a path; a choice is found by its name's beginning.
fn follow<'n>(node: &'n Node<'n>, path: &str, out: &mut Vec<&'n Node<'n>>) {
    let mut nodes = vec![node];
    for part in segments(path) {
        let is_choice = |name: &str| {
            name.strip_prefix(part)
                .is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_uppercase()))
        };
        nodes = nodes
            .into_iter()
            .flat_map(Node::each)
            .flat_map(Node::members)
            .filter(|(name, _)| name == part || is_choice(name))
            .map(|(_, value)| value)
            .collect();
    }
    out.extend(nodes.into_iter().flat_map(Node::each));
}

fn codings<'n>(node: &'n Node<'n>) -> Vec<(Option<&'n str>, &'n str)> {
    if let Some(code) = node.text() {
        return vec![(None, code)];
    }
    let all = node.get("coding").map_or(std::slice::from_ref(node), Node::items);
    all.iter().filter_map(|one| Some((one.text_of("system"), one.text_of("code")?))).collect()
}
