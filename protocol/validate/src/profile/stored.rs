//! Reads a profile from a StructureDefinition that somebody has stored: from its snapshot, or,
//! where it has none, from its differential and the profile that it is made of.

use autoclave_fhir::Definitions;
use autoclave_fhir::definitions::Strength;
use autoclave_fhir::json::Node;

use super::{Discriminator, How, Profile, Rule, Slicing, Spec, TypeSpec, Value, Words};

/// Elements of one profile.
const ELEMENTS_MAX: usize = 5_000;
/// Where HL7's own types live.
const TYPES: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Why a resource is no profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileRefusal {
    /// No StructureDefinition with an address, or not a constraint of a type of R4.
    #[error("no constraint of a type of R4")]
    NotAProfile,
    /// More than we read.
    #[error("too many elements")]
    Size,
}

/// The profile that a StructureDefinition describes.
pub(super) fn profile(node: &Node<'_>) -> Result<Profile, ProfileRefusal> {
    let kind = node.text_of("type").filter(|kind| Definitions::r4().of(kind).is_some());
    let is_profile = node.text_of("resourceType") == Some("StructureDefinition")
        && node.text_of("derivation") == Some("constraint");
    let (Some(url), Some(kind), true) = (node.text_of("url"), kind, is_profile) else {
        return Err(ProfileRefusal::NotAProfile);
    };
    let snapshot = node.at(&["snapshot", "element"]);
    let elements = snapshot.or_else(|| node.at(&["differential", "element"]));
    let elements = elements.map_or(&[][..], Node::items);
    if elements.len() > ELEMENTS_MAX {
        return Err(ProfileRefusal::Size);
    }
    let base = node.text_of("baseDefinition").filter(|base| {
        snapshot.is_none()
            && base.strip_prefix(TYPES).is_none_or(|name| Definitions::r4().of(name).is_none())
    });
    let mut root = Spec::default();
    for element in elements {
        read(element, root.reach(&below(element)));
    }
    let contexts = node.get("context").map_or(&[][..], Node::items);
    Ok(Profile {
        url: own(url),
        version: own(node.text_of("version").unwrap_or_default()),
        kind: own(kind),
        contexts: contexts
            .iter()
            .filter(|one| one.text_of("type") == Some("element"))
            .filter_map(|one| one.text_of("expression").map(own))
            .collect(),
        is_modifier: elements.first().is_some_and(|root| is(root, "isModifier")),
        base: base.map(own),
        root,
    })
}

/// The id below the type's name; made from path and slice name where an author left it out.
fn below(element: &Node<'_>) -> String {
    let path = element.text_of("path").unwrap_or_default();
    let id = match (element.text_of("id"), element.text_of("sliceName")) {
        (Some(id), _) if id.split(['.', ':']).next() == path.split('.').next() => id.to_owned(),
        (_, Some(slice)) => format!("{path}:{slice}"),
        _ => path.to_owned(),
    };
    id.split_once('.').map_or(String::new(), |(_, below)| below.to_owned())
}

fn read(element: &Node<'_>, spec: &mut Spec) {
    spec.min = element.get("min").and_then(Node::number).and_then(|min| min.parse().ok());
    spec.max = element.text_of("max").and_then(|max| max.parse().ok());
    let items = |name: &str| element.get(name).map_or(&[][..], Node::items);
    spec.types = items("type").iter().filter_map(type_spec).collect();
    spec.is_must_support = is(element, "mustSupport");
    if let Some(binding) = element.get("binding") {
        let strength = binding.text_of("strength").and_then(strength);
        spec.binding = strength.zip(binding.text_of("valueSet").map(own));
    }
    if let Some(slicing) = element.get("slicing") {
        let by = slicing.get("discriminator").map_or(&[][..], Node::items).iter();
        let by = by.filter_map(|one| {
            let path = own(one.text_of("path")?);
            Some(Discriminator { how: How::of(one.text_of("type")?)?, path })
        });
        let is_closed = slicing.text_of("rules") == Some("closed");
        spec.slicing = Some(Slicing { is_closed, by: by.collect() });
    }
    spec.rules = items("constraint").iter().filter_map(rule).collect();
    for (name, value) in element.members() {
        let is_fixed = name.starts_with("fixed");
        if is_fixed || name.starts_with("pattern") {
            spec.value = Some(Value { is_fixed, node: value.clone().into_owned() });
        }
    }
}

/// `None` for what only says how a primitive is stored.
fn type_spec(node: &Node<'_>) -> Option<TypeSpec> {
    let code = node.text_of("code").filter(|code| !code.contains(':'))?;
    let first = |name: &str| node.get(name).and_then(|all| all.items().first()?.text());
    let targets = node.get("targetProfile").map_or(&[][..], Node::items);
    let target = |target: &Node<'_>| {
        let url = target.text()?;
        Some(own(url.strip_prefix(TYPES).unwrap_or(url)))
    };
    Some(TypeSpec {
        code: own(code),
        profile: first("profile").map(own),
        targets: targets.iter().filter_map(target).filter(|name| name != "Resource").collect(),
    })
}

/// A rule, unless the type has it already.
fn rule(node: &Node<'_>) -> Option<Rule> {
    let source = node.text_of("source").and_then(|source| source.strip_prefix(TYPES));
    if source.is_some_and(|name| Definitions::r4().of(name).is_some()) {
        return None;
    }
    Some(Rule {
        key: own(node.text_of("key")?),
        is_error: node.text_of("severity") == Some("error"),
        expression: own(node.text_of("expression")?),
        words: own(node.text_of("human").unwrap_or_default()),
    })
}

fn is(node: &Node<'_>, name: &str) -> bool {
    node.get(name).and_then(Node::bool) == Some(true)
}

fn own(text: &str) -> Words {
    Words::Owned(text.to_owned())
}

/// A binding's strength by its code.
pub(super) fn strength(code: &str) -> Option<Strength> {
    Some(match code {
        "required" => Strength::Required,
        "extensible" => Strength::Extensible,
        "preferred" => Strength::Preferred,
        "example" => Strength::Example,
        _ => return None,
    })
}
