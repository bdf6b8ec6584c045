//! FHIRPath Patch: operations as Parameters. It belongs to `patch`. Where an operation works
//! is found by its expression, on the resource as the operations before have left it.

use autoclave_fhir::Definitions;
use autoclave_fhir::definitions::Type;
use autoclave_fhir::json::Node;

use super::given::{Given, Target, put, value_of};
use super::place::{Step, at, beside, take_out, way};
use super::{Budget, OPERATIONS_MAX, PatchRefusal, same_resource};
use crate::context::Context;
use crate::evaluate::Expression;
use crate::item::Item;
use crate::syntax::Ast;

/// Applies a FHIRPath Patch, a Parameters resource, to a resource.
pub fn fhirpath_patch(
    node: &Node<'_>,
    parameters: &Node<'_>,
) -> Result<Node<'static>, PatchRefusal> {
    if parameters.text_of("resourceType") != Some("Parameters") {
        return Err(PatchRefusal::Shape);
    }
    let operations = parameters.get("parameter").map_or(&[][..], Node::items);
    if operations.len() > OPERATIONS_MAX {
        return Err(PatchRefusal::Size);
    }
    let mut after = node.clone().into_owned();
    let mut budget = Budget::new();
    for (at, parameter) in operations.iter().enumerate() {
        if parameter.text_of("name") != Some("operation") {
            return Err(PatchRefusal::Operation(at));
        }
        Operation { at, parameter, budget: &mut budget }.apply(&mut after)?;
    }
    same_resource(node, after)
}

struct Operation<'s, 'a> {
    at: usize,
    parameter: &'s Node<'a>,
    budget: &'s mut Budget,
}

impl<'s, 'a> Operation<'s, 'a> {
    fn apply(&mut self, root: &mut Node<'static>) -> Result<(), PatchRefusal> {
        match self.text("type")? {
            "add" => self.add(root),
            "insert" => self.insert(root),
            "delete" => match self.one(root)? {
                None => Ok(()),
                Some(way) if way.is_empty() => Err(PatchRefusal::Identity),
                Some(way) => take_out(root, &way).ok_or(PatchRefusal::Place(self.at)),
            },
            "replace" => self.replace(root),
            "move" => self.reorder(root),
            _ => Err(PatchRefusal::Operation(self.at)),
        }
    }

    fn part(&self, name: &str) -> Option<&'s Node<'a>> {
        let parts = self.parameter.get("part")?.items();
        parts.iter().find(|part| part.text_of("name") == Some(name))
    }

    fn text(&self, name: &str) -> Result<&'s str, PatchRefusal> {
        let incomplete = PatchRefusal::Operation(self.at);
        let part = self.part(name).ok_or(incomplete)?;
        let found = ["valueString", "valueCode"].iter().find_map(|own| part.text_of(own));
        found.ok_or(incomplete)
    }

    fn number(&self, name: &str) -> Result<usize, PatchRefusal> {
        let part = self.part(name);
        let digits = part.and_then(|part| part.get("valueInteger")).and_then(Node::number);
        digits.and_then(|digits| digits.parse().ok()).ok_or(PatchRefusal::Operation(self.at))
    }

    fn expression(&self) -> Result<Expression, PatchRefusal> {
        Expression::parse(self.text("path")?).map_err(|_| PatchRefusal::Path(self.at))
    }

    /// The ways to what an expression finds.
    fn ways(
        &self,
        root: &Node<'_>,
        expression: &Expression,
    ) -> Result<Vec<Vec<Step>>, PatchRefusal> {
        let context = Context::default();
        let found = expression.evaluate(root, &context).map_err(|_| PatchRefusal::Path(self.at))?;
        let place = |item: &Item<'_>| {
            let element = item.as_element()?;
            match (element.node(), element.companion()) {
                (Some(node), _) => way(root, node),
                // Only a companion is there: the element is beside it.
                (None, companion) => {
                    let mut steps = way(root, companion?)?;
                    let name = steps.iter_mut().rev().find_map(|step| match step {
                        Step::Name(name) => Some(name),
                        Step::At(_) => None,
                    })?;
                    *name = name.strip_prefix('_')?.to_owned();
                    Some(steps)
                }
            }
        };
        found.iter().map(|item| place(item).ok_or(PatchRefusal::Place(self.at))).collect()
    }

    /// The way to the one thing that the path finds; `None` where it finds nothing.
    fn one(&self, root: &Node<'_>) -> Result<Option<Vec<Step>>, PatchRefusal> {
        let mut ways = self.ways(root, &self.expression()?)?;
        if ways.len() > 1 { Err(PatchRefusal::Place(self.at)) } else { Ok(ways.pop()) }
    }

    fn add(&mut self, root: &mut Node<'static>) -> Result<(), PatchRefusal> {
        let nowhere = PatchRefusal::Place(self.at);
        let mut way = self.one(root)?.ok_or(nowhere)?;
        let name = self.text("name")?;
        let mut kind = kind_at(root, &way);
        if kind.is_some_and(Type::is_primitive) {
            // Ids and extensions of a primitive stand in its companion.
            let Some(Step::Name(own)) = way.last_mut() else { return Err(nowhere) };
            own.insert(0, '_');
            let (Some(Step::Name(own)), parents) = (way.last(), &way[..way.len() - 1]) else {
                return Err(nowhere);
            };
            let Some(Node::Object(members)) = at(root, parents) else { return Err(nowhere) };
            if !members.iter().any(|(name, _)| name == own) {
                members.push((own.clone().into(), Node::Object(Vec::new())));
            }
            kind = Definitions::r4().of("Element");
        }
        let child = kind.and_then(|kind| Target::named(kind, name)).ok_or(nowhere)?;
        let given = self.given(child.kind, way.len() + 2)?;
        let Some(object) = at(root, &way) else { return Err(nowhere) };
        let key = child.key(&given).ok_or(PatchRefusal::Operation(self.at))?;
        let taken = child.names().any(|name| object.get(&name).is_some());
        if taken && !child.list {
            return Err(nowhere);
        }
        put(object, key, given, child.list);
        Ok(())
    }

    fn insert(&mut self, root: &mut Node<'static>) -> Result<(), PatchRefusal> {
        let nowhere = PatchRefusal::Place(self.at);
        let list = self.list(root)?;
        let index = self.number("index")?;
        let kind = kind_at(root, &[&list[..], &[Step::At(0)]].concat());
        let given = self.given(kind, list.len() + 1)?;
        let value = given.node.ok_or(PatchRefusal::Operation(self.at))?;
        let Some(Node::List(items)) = at(root, &list) else { return Err(nowhere) };
        if index > items.len() {
            return Err(nowhere);
        }
        items.insert(index, value);
        beside(root, &list, |companions| {
            if index <= companions.len() {
                companions.insert(index, Node::Null);
            }
        });
        Ok(())
    }

    fn reorder(&mut self, root: &mut Node<'static>) -> Result<(), PatchRefusal> {
        let nowhere = PatchRefusal::Place(self.at);
        let (source, destination) = (self.number("source")?, self.number("destination")?);
        let list = self.list(root)?;
        let Some(Node::List(items)) = at(root, &list) else { return Err(nowhere) };
        let length = items.len();
        if source >= length || destination >= length {
            return Err(nowhere);
        }
        let item = items.remove(source);
        items.insert(destination, item);
        beside(root, &list, |companions| {
            companions.resize(length, Node::Null);
            let item = companions.remove(source);
            companions.insert(destination, item);
        });
        Ok(())
    }

    /// The way to the list whose items the path finds, made where there is none yet.
    fn list(&self, root: &mut Node<'static>) -> Result<Vec<Step>, PatchRefusal> {
        let nowhere = PatchRefusal::Place(self.at);
        let expression = self.expression()?;
        let ways = self.ways(root, &expression)?;
        if let Some(first) = ways.first() {
            let Some((Step::At(_), list)) = first.split_last() else { return Err(nowhere) };
            let same = |way: &Vec<Step>| way.len() == first.len() && way.starts_with(list);
            return if ways.iter().all(same) { Ok(list.to_vec()) } else { Err(nowhere) };
        }
        let Ast::Member { of, name } = expression.ast() else { return Err(nowhere) };
        let of = of.as_ref().map_or(Ast::This, |of| (**of).clone());
        let mut ways = self.ways(root, &Expression::from(of))?;
        let (Some(mut way), true) = (ways.pop(), ways.is_empty()) else { return Err(nowhere) };
        let child = kind_at(root, &way).and_then(|kind| Target::named(kind, name));
        if !child.is_some_and(|child| child.list && !child.choice) {
            return Err(nowhere);
        }
        let Some(Node::Object(members)) = at(root, &way) else { return Err(nowhere) };
        members.push((name.to_string().into(), Node::List(Vec::new())));
        way.push(Step::Name(name.to_string()));
        Ok(way)
    }

    fn replace(&mut self, root: &mut Node<'static>) -> Result<(), PatchRefusal> {
        let nowhere = PatchRefusal::Place(self.at);
        let way = self.one(root)?.ok_or(nowhere)?;
        let given = self.given(kind_at(root, &way), way.len())?;
        match way.split_last() {
            None => Err(PatchRefusal::Identity),
            Some((Step::At(index), list)) => {
                let value = given.node.ok_or(PatchRefusal::Operation(self.at))?;
                *at(root, &way).ok_or(nowhere)? = value;
                beside(root, list, |companions| {
                    if let Some(companion) = companions.get_mut(*index) {
                        *companion = given.companion.unwrap_or(Node::Null);
                    }
                });
                Ok(())
            }
            Some((Step::Name(name), parents)) => {
                let target = kind_at(root, parents).and_then(|kind| Target::member(kind, name));
                let key = target.map_or_else(|| Some(name.clone()), |target| target.key(&given));
                let key = key.ok_or(PatchRefusal::Operation(self.at))?;
                let Some(Node::Object(members)) = at(root, parents) else { return Err(nowhere) };
                let companion = format!("_{name}");
                members.retain(|(own, _)| *own != companion);
                let place = members.iter().position(|(own, _)| own == name);
                let place = place.unwrap_or(members.len());
                members.retain(|(own, _)| own != name);
                if let Some(companion) = given.companion {
                    members.insert(place, (format!("_{key}").into(), companion));
                }
                if let Some(node) = given.node {
                    members.insert(place, (key.into(), node));
                }
                Ok(())
            }
        }
    }

    fn given(&mut self, kind: Option<&'static Type>, depth: usize) -> Result<Given, PatchRefusal> {
        let incomplete = PatchRefusal::Operation(self.at);
        let part = self.part("value").ok_or(incomplete)?;
        let given = value_of(part, kind, 0).ok_or(incomplete)?;
        for node in given.node.iter().chain(&given.companion) {
            self.budget.take(node, depth)?;
        }
        Ok(given)
    }
}

/// The type at the end of a way, as the definitions have it.
fn kind_at(root: &Node<'_>, way: &[Step]) -> Option<&'static Type> {
    let definitions = Definitions::r4();
    let named =
        |node: &Node<'_>| node.text_of("resourceType").and_then(|name| definitions.of(name));
    let mut node = Some(root);
    let mut kind = named(root)?;
    for step in way {
        match step {
            Step::Name(name) => {
                kind = kind.child(name)?.kind;
                node = node.and_then(|node| node.get(name));
            }
            Step::At(at) => node = node.and_then(|node| node.items().get(*at)),
        }
        if kind.is_resource() {
            kind = node.and_then(named).unwrap_or(kind);
        }
    }
    Some(kind)
}
