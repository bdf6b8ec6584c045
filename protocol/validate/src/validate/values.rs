//! Fixed values and patterns.

use autoclave_fhir::json::Node;

/// Whether a value is what a profile asks for: exactly, or at least.
pub(super) fn fits(is_fixed: bool, wanted: &Node<'_>, value: &Node<'_>) -> bool {
    if is_fixed { same(wanted, value) } else { has(wanted, value) }
}

/// Exactly the same, whatever the order of members.
pub(super) fn same(wanted: &Node<'_>, value: &Node<'_>) -> bool {
    match (wanted, value) {
        (Node::Object(wanted), Node::Object(members)) => {
            wanted.len() == members.len()
                && wanted
                    .iter()
                    .all(|(name, one)| value.get(name).is_some_and(|own| same(one, own)))
        }
        (Node::List(wanted), Node::List(items)) => {
            wanted.len() == items.len() && wanted.iter().zip(items).all(|(a, b)| same(a, b))
        }
        (a, b) => a == b,
    }
}

/// At least what is wanted: every member, and of arrays every item somewhere.
pub(super) fn has(wanted: &Node<'_>, value: &Node<'_>) -> bool {
    match (wanted, value) {
        (Node::Object(wanted), Node::Object(_)) => {
            wanted.iter().all(|(name, one)| value.get(name).is_some_and(|own| has(one, own)))
        }
        (Node::List(wanted), Node::List(items)) => {
            wanted.iter().all(|one| items.iter().any(|item| has(one, item)))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_part_and_a_fixed_value_is_all() {
        let node = |text: &'static str| Node::parse(text.as_bytes()).unwrap();
        let value = node(
            r#"{"coding":[{"system":"s","code":"b"},{"code":"c","system":"s","x":1.0}],"text":"t"}"#,
        );
        assert!(has(&node(r#"{"coding":[{"system":"s","code":"c"}]}"#), &value));
        assert!(!has(&node(r#"{"coding":[{"system":"o","code":"c"}]}"#), &value));
        assert!(!same(&node(r#"{"text":"t"}"#), &value));
        assert!(same(&node(r#"{"b":1,"a":[2]}"#), &node(r#"{"a":[2],"b":1}"#)));
        assert!(!same(&node(r#"{"b":1,"a":[2,3]}"#), &node(r#"{"a":[2],"b":1}"#)));
    }
}
