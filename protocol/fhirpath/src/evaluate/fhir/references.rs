//! What references lead to, and the keys by which tables join them. It belongs to `fhir`.

use autoclave_fhir::Definitions;
use autoclave_fhir::json::Node;

use super::{Call, EvaluationRefusal, Found};
use crate::item::{Element, Item};
use crate::syntax::Ast;

/// `resolve()`: what is contained, what lies in the same bundle, what the context finds.
/// Without a resolver the reference itself says which type it leads to, so that
/// `resolve() is Patient` has its answer; such an item has nothing inside.
pub(super) fn resolve<'a>(call: &Call<'_, 'a>) -> Vec<Item<'a>> {
    let mut found = Vec::new();
    for item in &call.input {
        let reference = match (item.node(), item.text()) {
            (_, Some(text)) => Some(text),
            (Some(node), None) => node.text_of("reference"),
            _ => None,
        };
        let Some(reference) = reference else { continue };
        if let Some(node) = find(call, reference) {
            found.push(Item::from(node));
        } else if call.evaluator.context.resolver.is_none()
            && let Some((kind, _)) = key_of(reference)
        {
            found.push(Item::Element(Element::new(None, None, Definitions::r4().of(kind))));
        }
    }
    found
}

fn find<'a>(call: &Call<'_, 'a>, reference: &str) -> Option<&'a Node<'a>> {
    let (context, own) = (call.evaluator.context, call.evaluator.resource);
    if let Some(id) = reference.strip_prefix('#') {
        let outer = context.container.or(own)?;
        if id.is_empty() {
            return Some(outer);
        }
        let inner = |node: &'a Node<'a>| {
            let all = node.get("contained")?.items();
            all.iter().find(|node| node.text_of("id") == Some(id))
        };
        return inner(outer).or_else(|| inner(own?));
    }
    let mut in_bundle = [context.container, own].into_iter().flatten();
    in_bundle
        .find_map(|node| entry(node, reference))
        .or_else(|| context.resolver?.resolve(reference))
}

/// The resource of a bundle's entry that a reference means.
fn entry<'a>(bundle: &'a Node<'a>, reference: &str) -> Option<&'a Node<'a>> {
    if bundle.text_of("resourceType") != Some("Bundle") {
        return None;
    }
    bundle.get("entry")?.items().iter().find_map(|entry| {
        let resource = entry.get("resource")?;
        let address = entry.text_of("fullUrl").unwrap_or_default();
        let relative = || {
            let (kind, id) = key_of(reference)?;
            Some(
                address.strip_suffix(reference).is_some_and(|base| base.ends_with('/'))
                    || (!reference.contains(':')
                        && resource.text_of("resourceType") == Some(kind)
                        && resource.text_of("id") == Some(id)),
            )
        };
        (address == reference || relative() == Some(true)).then_some(resource)
    })
}

/// `getResourceKey()`: type and id, as references write them.
pub(super) fn resource_key<'a>(call: &Call<'_, 'a>) -> Vec<Item<'a>> {
    let mut found = Vec::new();
    for node in call.input.iter().filter_map(Item::node) {
        if let (Some(kind), Some(id)) = (node.text_of("resourceType"), node.text_of("id")) {
            found.push(Item::string(format!("{kind}/{id}")));
        }
    }
    found
}

/// `getReferenceKey()`, of one type of target where one is named.
pub(super) fn reference_key<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let wanted = match call.arguments.first() {
        None => None,
        Some(Ast::Member { of: None, name }) => Some(&**name),
        Some(Ast::Member { of: Some(of), name }) if matches!(&**of, Ast::Member { of: None, name } if &**name == "FHIR") => {
            Some(&**name)
        }
        Some(_) => return Err(EvaluationRefusal::UnknownType),
    };
    let mut found = Vec::new();
    for node in call.input.iter().filter_map(Item::node) {
        let key = node.text_of("reference").and_then(key_of);
        if let Some((kind, id)) = key.filter(|(kind, _)| wanted.is_none_or(|own| own == *kind)) {
            found.push(Item::string(format!("{kind}/{id}")));
        }
    }
    Ok(found)
}

/// Type and id of what a reference means, whatever server and version it names.
fn key_of(reference: &str) -> Option<(&str, &str)> {
    let bare = reference.split("/_history/").next()?;
    let mut parts = bare.rsplit('/');
    let (id, kind) = (parts.next()?, parts.next()?);
    let named = kind.parse::<autoclave_fhir::Kind>().is_ok();
    (named && !id.is_empty()).then_some((kind, id))
}
