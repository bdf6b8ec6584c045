//! JSON Patch: RFC 6902, with the pointers of RFC 6901. It belongs to `patch`.

use std::borrow::Cow;

use autoclave_fhir::json::Node;

use super::{Budget, OPERATIONS_MAX, PatchRefusal, same_resource};
use crate::evaluate::same;

/// Applies a JSON Patch to a resource. Members that no operation knows are ignored, as the RFC
/// says; an array that loses its last item stays as an empty one.
pub fn json_patch(node: &Node<'_>, patch: &Node<'_>) -> Result<Node<'static>, PatchRefusal> {
    let Node::List(operations) = patch else { return Err(PatchRefusal::Shape) };
    if operations.len() > OPERATIONS_MAX {
        return Err(PatchRefusal::Size);
    }
    let mut after = node.clone().into_owned();
    let mut budget = Budget::new();
    for (at, operation) in operations.iter().enumerate() {
        Operation { at, node: operation, budget: &mut budget }.apply(&mut after)?;
    }
    same_resource(node, after)
}

/// A pointer's parts, unescaped.
type Pointer<'a> = Vec<Cow<'a, str>>;

struct Operation<'s, 'a> {
    at: usize,
    node: &'s Node<'a>,
    budget: &'s mut Budget,
}

impl Operation<'_, '_> {
    fn apply(&mut self, root: &mut Node<'static>) -> Result<(), PatchRefusal> {
        let incomplete = PatchRefusal::Operation(self.at);
        let nowhere = PatchRefusal::Place(self.at);
        let path = self.pointer("path")?;
        match self.node.text_of("op").ok_or(incomplete)? {
            "add" => {
                let value = self.value(path.len())?;
                add(root, &path, value).ok_or(nowhere)
            }
            "remove" => remove(root, &path).map(drop).ok_or(nowhere),
            "replace" => {
                let value = self.value(path.len())?;
                *find_mut(root, &path).ok_or(nowhere)? = value;
                Ok(())
            }
            "move" => {
                let from = self.pointer("from")?;
                if path.len() > from.len() && path.starts_with(&from) {
                    return Err(nowhere);
                }
                let value = remove(root, &from).ok_or(nowhere)?;
                self.budget.take(&value, path.len())?;
                add(root, &path, value).ok_or(nowhere)
            }
            "copy" => {
                let from = self.pointer("from")?;
                let value = find(root, &from).ok_or(nowhere)?.clone();
                self.budget.take(&value, path.len())?;
                add(root, &path, value).ok_or(nowhere)
            }
            "test" => {
                let wanted = self.node.get("value").ok_or(incomplete)?;
                let found = find(root, &path).ok_or(nowhere)?;
                if same(found, wanted) { Ok(()) } else { Err(PatchRefusal::Test(self.at)) }
            }
            _ => Err(incomplete),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node<'static>, PatchRefusal> {
        let value = self.node.get("value").ok_or(PatchRefusal::Operation(self.at))?;
        self.budget.take(value, depth)?;
        Ok(value.clone().into_owned())
    }

    fn pointer(&self, name: &str) -> Result<Pointer<'static>, PatchRefusal> {
        let incomplete = PatchRefusal::Operation(self.at);
        let text = self.node.text_of(name).ok_or(incomplete)?;
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let parts = text.strip_prefix('/').ok_or(incomplete)?.split('/');
        parts.map(|part| unescaped(part).ok_or(incomplete)).collect()
    }
}

/// `~1` is a slash and `~0` a tilde; any other tilde is a mistake.
fn unescaped(part: &str) -> Option<Cow<'static, str>> {
    let mut out = String::with_capacity(part.len());
    let mut letters = part.chars();
    while let Some(letter) = letters.next() {
        out.push(match letter {
            '~' => match letters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(Cow::Owned(out))
}

/// A place in an array: digits without a zero before them.
fn index(part: &str) -> Option<usize> {
    let plain = part == "0" || !part.starts_with('0');
    if plain && part.bytes().all(|byte| byte.is_ascii_digit()) { part.parse().ok() } else { None }
}

fn find<'s, 'a>(root: &'s Node<'a>, path: &[Cow<'_, str>]) -> Option<&'s Node<'a>> {
    path.iter().try_fold(root, |node, part| match node {
        Node::List(items) => items.get(index(part)?),
        Node::Object(_) => node.get(part),
        _ => None,
    })
}

fn find_mut<'s, 'a>(root: &'s mut Node<'a>, path: &[Cow<'_, str>]) -> Option<&'s mut Node<'a>> {
    path.iter().try_fold(root, |node, part| match node {
        Node::List(items) => items.get_mut(index(part)?),
        Node::Object(_) => node.get_mut(part),
        _ => None,
    })
}

fn add(root: &mut Node<'static>, path: &[Cow<'static, str>], value: Node<'static>) -> Option<()> {
    let Some((last, parents)) = path.split_last() else {
        *root = value;
        return Some(());
    };
    match find_mut(root, parents)? {
        Node::List(items) => {
            let at = if last == "-" { items.len() } else { index(last)? };
            if at > items.len() {
                return None;
            }
            items.insert(at, value);
        }
        Node::Object(members) => match members.iter_mut().find(|(own, _)| own == last) {
            Some((_, old)) => *old = value,
            None => members.push((last.clone(), value)),
        },
        _ => return None,
    }
    Some(())
}

fn remove(root: &mut Node<'static>, path: &[Cow<'static, str>]) -> Option<Node<'static>> {
    let (last, parents) = path.split_last()?;
    match find_mut(root, parents)? {
        Node::List(items) => {
            let at = index(last).filter(|at| *at < items.len())?;
            Some(items.remove(at))
        }
        Node::Object(members) => {
            let at = members.iter().position(|(own, _)| own == last)?;
            Some(members.remove(at).1)
        }
        _ => None,
    }
}
