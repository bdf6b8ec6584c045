//! The functions that FHIR and SQL on FHIR add. It belongs to `evaluate`. Nothing is fetched:
//! what a reference leads to, what a code means and what a profile asks, the context's own
//! answer.

mod html;
mod references;

use autoclave_fhir::json::Node;

use super::call::Call;
use super::walk::Found;
use super::{EvaluationRefusal, elements, navigate};
use crate::item::Item;
use crate::syntax::Function;

/// What a function of this file results in.
pub(super) fn answer<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    match call.function {
        Function::Extension => extension(call),
        Function::HasValue => {
            let has = match call.input.as_slice() {
                [one] => has_value(one),
                _ => false,
            };
            Ok(vec![has.into()])
        }
        Function::GetValue => match call.input.as_slice() {
            [one] => Ok(one.value()?.map(Item::Value).into_iter().collect()),
            _ => Ok(Vec::new()),
        },
        Function::Resolve => Ok(references::resolve(call)),
        Function::GetResourceKey => Ok(references::resource_key(call)),
        Function::GetReferenceKey => references::reference_key(call),
        Function::ConformsTo => conforms(call),
        Function::MemberOf => member_of(call),
        Function::Subsumes => subsumes(call, false),
        Function::SubsumedBy => subsumes(call, true),
        Function::HtmlChecks => {
            let Some(item) = call.one()? else { return Ok(Vec::new()) };
            Ok(vec![html::is_safe(item.text().ok_or(EvaluationRefusal::Type)?).into()])
        }
        Function::CheckModifiers => check_modifiers(call),
        // They need the definition that an element was read under, which a tree does not have.
        _ => Err(EvaluationRefusal::Unknown),
    }
}

/// Whether an item is a primitive that is there; whatever number it is.
fn has_value(item: &Item<'_>) -> bool {
    match item {
        Item::Value(_) => true,
        Item::Element(element) => {
            matches!(element.node(), Some(Node::Bool(_) | Node::Number(_) | Node::Text(_)))
        }
    }
}

fn extension<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let Some(url) = call.text(0)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for item in &call.input {
        navigate::named(item, "extension", false, &mut found)?;
    }
    found.retain(|item| {
        let own = item.node().and_then(|node| node.text_of("url"));
        own == Some(url.as_str())
    });
    Ok(found)
}

fn conforms<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let (Some(item), Some(profile)) = (call.one()?, call.text(0)?) else { return Ok(Vec::new()) };
    let node = item.node().ok_or(EvaluationRefusal::Type)?;
    // HL7's own types need nobody to know them.
    let base = profile.strip_prefix("http://hl7.org/fhir/StructureDefinition/");
    let given =
        call.evaluator.context.profiles.and_then(|profiles| profiles.conforms(node, &profile));
    let known = given.or_else(|| {
        let kind = autoclave_fhir::Definitions::r4().of(base?)?;
        Some(item.as_element().is_some_and(|element| element.is_a(kind.name())))
    });
    Ok(vec![known.ok_or(EvaluationRefusal::Unknown)?.into()])
}

/// A code with its system, or two.
type Coded<'s> = (Option<&'s str>, &'s str);

/// The codes that an item says.
fn codes<'s>(item: &'s Item<'_>) -> Vec<Coded<'s>> {
    if let Some(code) = item.text() {
        return vec![(None, code)];
    }
    let Some(node) = item.node() else { return Vec::new() };
    let one = |node: &'s Node<'_>| node.text_of("code").map(|code| (node.text_of("system"), code));
    match node.get("coding") {
        Some(all) => all.each().iter().filter_map(one).collect(),
        None => one(node).into_iter().collect(),
    }
}

fn member_of<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let (Some(item), Some(set)) = (call.one()?, call.text(0)?) else { return Ok(Vec::new()) };
    let terminology = call.evaluator.context.terminology.ok_or(EvaluationRefusal::Unknown)?;
    let mut known = Some(false);
    for (system, code) in codes(item) {
        match terminology.member_of(system, code, &set) {
            Some(true) => return Ok(vec![true.into()]),
            Some(false) => {}
            None => known = None,
        }
    }
    Ok(vec![known.ok_or(EvaluationRefusal::Unknown)?.into()])
}

fn subsumes<'a>(call: &Call<'_, 'a>, turned: bool) -> Found<'a> {
    let argument = call.argument(0)?;
    let (Some(own), Some(other)) = (call.one()?, super::single(&argument)?) else {
        return Ok(Vec::new());
    };
    let terminology = call.evaluator.context.terminology.ok_or(EvaluationRefusal::Unknown)?;
    let (broad, narrow) = if turned { (other, own) } else { (own, other) };
    for (system, broad) in codes(broad) {
        for (other, narrow) in codes(narrow) {
            let (Some(system), true) = (system, system == other) else { continue };
            let subsumes = terminology.subsumes(system, broad, narrow);
            if subsumes.ok_or(EvaluationRefusal::Unknown)? {
                return Ok(vec![true.into()]);
            }
        }
    }
    Ok(vec![false.into()])
}

fn check_modifiers<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let mut known = Vec::new();
    for at in 0..call.arguments.len() {
        known.extend(call.text(at)?);
    }
    for element in elements(&call.input) {
        let all = element.node().and_then(|node| node.get("modifierExtension"));
        for extension in all.map_or(&[][..], |all| all.each()) {
            if !known.iter().any(|url| extension.text_of("url") == Some(url)) {
                return Err(EvaluationRefusal::Unknown);
            }
        }
    }
    Ok(call.input.clone())
}
