//! Where an element lies in a tree, and how it is taken out without leaving an empty shell.
//! It belongs to `patch`.

use autoclave_fhir::json::Node;

/// One step into a tree.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A member of that name.
    Name(String),
    /// An item of an array.
    At(usize),
}

/// The way from a root to one of its nodes, found by the node itself.
pub(super) fn way(root: &Node<'_>, wanted: &Node<'_>) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    seek(root, wanted, &mut steps).then_some(steps)
}

fn seek(node: &Node<'_>, wanted: &Node<'_>, steps: &mut Vec<Step>) -> bool {
    if std::ptr::eq(std::ptr::from_ref(node).cast::<()>(), std::ptr::from_ref(wanted).cast()) {
        return true;
    }
    for (name, member) in node.members() {
        steps.push(Step::Name(name.clone().into_owned()));
        if seek(member, wanted, steps) {
            return true;
        }
        steps.pop();
    }
    for (at, item) in node.items().iter().enumerate() {
        steps.push(Step::At(at));
        if seek(item, wanted, steps) {
            return true;
        }
        steps.pop();
    }
    false
}

/// The node at the end of a way.
pub(super) fn at<'s, 'a>(root: &'s mut Node<'a>, way: &[Step]) -> Option<&'s mut Node<'a>> {
    way.iter().try_fold(root, |node, step| match (step, node) {
        (Step::Name(name), node @ Node::Object(_)) => node.get_mut(name),
        (Step::At(at), Node::List(items)) => items.get_mut(*at),
        _ => None,
    })
}

/// Takes out what lies at the end of a way, with its companion, and every object and array
/// above it that is empty then.
pub(super) fn take_out(root: &mut Node<'static>, way: &[Step]) -> Option<()> {
    let (last, parents) = way.split_last()?;
    let parent = at(root, parents)?;
    match (last, parent) {
        (Step::Name(name), Node::Object(members)) => {
            let companion = format!("_{name}");
            members.retain(|(own, _)| own != name && *own != companion);
        }
        (Step::At(index), Node::List(items)) => {
            if *index >= items.len() {
                return None;
            }
            items.remove(*index);
            beside(root, parents, |companions| {
                if *index < companions.len() {
                    companions.remove(*index);
                }
            });
        }
        _ => return None,
    }
    let empty = |node: &Node<'_>| match node {
        Node::List(items) => items.iter().all(|item| *item == Node::Null),
        Node::Object(members) => members.is_empty(),
        _ => false,
    };
    if !parents.is_empty() && at(root, parents).is_some_and(|parent| empty(parent)) {
        return take_out(root, parents);
    }
    Some(())
}

/// Changes the array of companions beside an array of primitives, where there is one.
pub(super) fn beside(
    root: &mut Node<'static>,
    way: &[Step],
    change: impl FnOnce(&mut Vec<Node<'static>>),
) {
    let Some((Step::Name(name), parents)) = way.split_last() else { return };
    let Some(Node::Object(members)) = at(root, parents) else { return };
    let companion = format!("_{name}");
    let Some(place) = members.iter().position(|(own, _)| *own == companion) else { return };
    if let Node::List(items) = &mut members[place].1 {
        change(items);
        if items.iter().all(|item| *item == Node::Null) {
            members.remove(place);
        }
    }
}
