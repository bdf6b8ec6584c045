//! A `Consent` resource as rules. It belongs to the crate. Anything that it holds and we do not
//! enforce (verification, source documents) is not read.

use autoclave_fhir::json::Node;

use super::provision::{Actor, Code, During, Meaning, Provision};
use super::{Compiled, Effect, NESTED_MAX};
use crate::moment;

/// One consent, where it is active and about privacy or research.
pub(super) fn consent(node: &Node<'_>) -> Option<Compiled> {
    if node.text_of("status") != Some("active") {
        return None;
    }
    let scopes: Vec<Code> = node.get("scope").map(concept).unwrap_or_default();
    let is_scope = |code: &str| scopes.iter().any(|scope| scope.code == code);
    let is_research = is_scope("research") && !is_scope("patient-privacy");
    if !is_research && !is_scope("patient-privacy") {
        return None;
    }
    let dated = node.text_of("dateTime").or_else(|| node.at(&["meta", "lastUpdated"])?.text());
    Some(Compiled {
        when: dated.and_then(moment::span).map_or(i64::MIN, |span| span.0),
        base: node.get("policyRule").and_then(policy),
        is_research,
        root: provision(node.get("provision").unwrap_or(&Node::Null), 0),
    })
}

/// What a policy rule says by its code (HL7's `ActConsentDirective`).
fn policy(rule: &Node<'_>) -> Option<Effect> {
    concept(rule).iter().find_map(|code| match code.code.as_str() {
        "OPTIN" | "OPTINR" | "OPTINNSHAREDEFAULT" | "GRANTORCHOICE" => Some(Effect::Permit),
        "OPTOUT" | "OPTOUTE" | "OPTOUTR" | "NOPP" => Some(Effect::Deny),
        _ => None,
    })
}

fn provision(node: &Node<'_>, depth: usize) -> Provision {
    let effect = match node.text_of("type") {
        Some("permit") => Some(Effect::Permit),
        Some("deny") => Some(Effect::Deny),
        // Inside another, a rule without a type is one that we cannot read: it denies.
        _ if depth > 0 => Some(Effect::Deny),
        _ => None,
    };
    let concepts: Vec<&Node<'_>> = each(node, "code").collect();
    let too_deep = depth >= NESTED_MAX;
    Provision {
        // Deeper than anybody writes: nothing of it is let.
        effect: if too_deep { Some(Effect::Deny) } else { effect },
        period: During::of(node.get("period")),
        actors: each(node, "actor").map(actor).collect(),
        actions: each(node, "action").flat_map(action).collect(),
        purposes: each(node, "purpose").map(|purpose| coding(purpose).code).collect(),
        labels: each(node, "securityLabel").map(coding).collect(),
        classes: each(node, "class").map(coding).collect(),
        has_words: concepts.iter().any(|code| concept(code).is_empty()),
        codes: concepts.iter().flat_map(|code| concept(code)).collect(),
        data_period: During::of(node.get("dataPeriod")),
        data: each(node, "data").map(datum).collect(),
        nested: if too_deep {
            Vec::new()
        } else {
            each(node, "provision").map(|nested| provision(nested, depth + 1)).collect()
        },
    }
}

fn actor(node: &Node<'_>) -> Actor {
    let reference = node.at(&["reference", "reference"]).and_then(Node::text);
    let roles = node.get("role").map(concept).unwrap_or_default();
    Actor {
        reference: reference.map(local),
        roles: roles.into_iter().map(|role| role.code).collect(),
    }
}

/// The codes of an action; one with words only is one that nobody knows.
fn action(node: &Node<'_>) -> Vec<String> {
    let codes = concept(node);
    if codes.is_empty() {
        vec![String::new()]
    } else {
        codes.into_iter().map(|code| code.code).collect()
    }
}

fn datum(node: &Node<'_>) -> (Meaning, String) {
    let meaning = match node.text_of("meaning") {
        Some("instance") => Meaning::Instance,
        Some("authoredby") => Meaning::AuthoredBy,
        _ => Meaning::Related,
    };
    let reference = node.at(&["reference", "reference"]).and_then(Node::text);
    (meaning, reference.map(local).unwrap_or_default())
}

/// `Type/id` of a reference, without a version and without the address of a server.
fn local(reference: &str) -> String {
    let bare = reference.split("/_history/").next().unwrap_or(reference);
    let mut ends = bare.rsplitn(3, '/');
    match (ends.next(), ends.next()) {
        (Some(id), Some(kind)) => format!("{kind}/{id}"),
        _ => bare.to_owned(),
    }
}

fn each<'a, 'b>(node: &'a Node<'b>, name: &str) -> impl Iterator<Item = &'a Node<'b>> {
    node.get(name).map_or(&[][..], Node::each).iter()
}

fn concept(node: &Node<'_>) -> Vec<Code> {
    each(node, "coding").map(coding).collect()
}

fn coding(node: &Node<'_>) -> Code {
    Code {
        system: node.text_of("system").map(str::to_owned),
        code: node.text_of("code").unwrap_or_default().to_owned(),
    }
}
