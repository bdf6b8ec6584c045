//! Reads `profiles.txt`. It is part of the program; a test reads all of it.

use autoclave_fhir::definitions::Strength;
use autoclave_fhir::json::Node;

use super::{Discriminator, How, Profile, Rule, Slicing, Spec, TypeSpec, Value, Words};

/// All profiles of the table.
pub(super) fn table(text: &'static str) -> Vec<Profile> {
    let mut profiles: Vec<Profile> = Vec::new();
    let mut rules: Vec<Rule> = Vec::new();
    for line in text.lines() {
        let Some((mark, rest)) = line.split_once(' ') else { continue };
        match (mark, profiles.last_mut()) {
            ("=", _) => {
                rules.clear();
                profiles.push(profile(rest));
            }
            ("!", _) => rules.extend(rule(rest)),
            (":", Some(profile)) => element(rest, &rules, &mut profile.root),
            _ => {}
        }
    }
    profiles
}

fn profile(rest: &'static str) -> Profile {
    let mut words = rest.split(' ');
    let (url, version) = words.next().and_then(|word| word.split_once('|')).unwrap_or_default();
    let mut profile = Profile {
        url: url.into(),
        version: version.into(),
        kind: words.next().unwrap_or_default().into(),
        contexts: Vec::new(),
        is_modifier: false,
        base: None,
        root: Spec::default(),
    };
    for word in words {
        match word.strip_prefix("c=") {
            Some(contexts) => profile.contexts = contexts.split(',').map(Words::from).collect(),
            None => profile.is_modifier = true,
        }
    }
    profile
}

fn rule(rest: &'static str) -> Option<Rule> {
    let mut fields = rest.split('\t');
    let (key, severity) = fields.next()?.split_once(' ')?;
    Some(Rule {
        key: key.into(),
        is_error: severity == "error",
        expression: fields.next()?.into(),
        words: fields.next()?.into(),
    })
}

fn element(rest: &'static str, rules: &[Rule], root: &mut Spec) {
    let mut fields = rest.split('\t');
    let mut words = fields.next().unwrap_or_default().split(' ');
    let id = words.next().unwrap_or_default();
    let spec = root.reach(id.split_once('.').map_or("", |(_, below)| below));
    for word in words {
        if let Some((min, max)) = word.split_once("..") {
            spec.min = min.parse().ok();
            spec.max = max.parse().ok();
        } else if let Some((name, value)) = word.split_once('=') {
            match name {
                "t" => spec.types = value.split('|').map(type_spec).collect(),
                "b" => spec.binding = binding(value),
                "x" => spec.maximal = Some(set(value)),
                "d" => spec.slicing = Some(slicing(value)),
                _ => {
                    let keys: Vec<&str> = value.split(',').collect();
                    spec.rules =
                        rules.iter().filter(|rule| keys.contains(&&*rule.key)).cloned().collect();
                }
            }
        } else {
            spec.is_must_support = true;
        }
    }
    while let (Some(how), Some(value)) = (fields.next(), fields.next()) {
        let node = Node::parse(value.as_bytes()).ok();
        spec.value = node.map(|node| Value { is_fixed: how == "fixed", node: node.into_owned() });
    }
}

fn type_spec(text: &'static str) -> TypeSpec {
    let (rest, targets) = text.split_once('(').unwrap_or((text, ""));
    let (code, profile) = rest.split_once('<').unwrap_or((rest, ""));
    let profile = profile.trim_end_matches('>');
    TypeSpec {
        code: code.into(),
        profile: (!profile.is_empty()).then(|| profile.into()),
        targets: targets
            .trim_end_matches(')')
            .split(',')
            .filter(|target| !target.is_empty())
            .map(Words::from)
            .collect(),
    }
}

fn binding(text: &'static str) -> Option<(Strength, Words)> {
    let (strength, value_set) = text.split_once(':')?;
    Some((super::stored::strength(strength)?, set(value_set)))
}

fn set(text: &'static str) -> Words {
    if text.contains(':') {
        text.into()
    } else {
        format!("http://hl7.org/fhir/ValueSet/{text}").into()
    }
}

fn slicing(text: &'static str) -> Slicing {
    let (rules, by) = text.split_once(':').unwrap_or((text, ""));
    let discriminator = |one: &'static str| {
        let (how, path) = one.split_once(':')?;
        Some(Discriminator { how: How::of(how)?, path: path.into() })
    };
    Slicing { is_closed: rules == "closed", by: by.split(',').filter_map(discriminator).collect() }
}

impl How {
    /// Its code in a StructureDefinition.
    pub(super) fn of(code: &str) -> Option<Self> {
        Some(match code {
            "value" | "pattern" => Self::Value,
            "exists" => Self::Exists,
            "type" => Self::Type,
            "profile" => Self::Profile,
            _ => return None,
        })
    }
}
