//! Values of a query: alternatives, parts, prefixes and escapes (R4, search.html#escaping).

/// The comparisons that a prefix asks for (R4, search.html#prefix).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

/// Parts at a mark that no backslash stands before; escapes stay.
pub(crate) fn parts(text: &str, mark: char) -> Vec<&str> {
    let mut escaped = false;
    text.split(|c| {
        let parts = c == mark && !escaped;
        escaped = c == '\\' && !escaped;
        parts
    })
    .collect()
}

/// A text without its escapes; none where a backslash stands before anything that needs none,
/// or at the end.
pub(crate) fn plain(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' {
            out.push(letters.next().filter(|next| matches!(next, ',' | '$' | '|' | '\\'))?);
        } else {
            out.push(letter);
        }
    }
    Some(out)
}

/// The prefix of a value, and what follows. Only letters before something that begins like a
/// number or date are one.
pub(crate) fn prefix(text: &str) -> Option<(Prefix, &str)> {
    let Some((letters, rest)) = text.split_at_checked(2) else {
        return Some((Prefix::Eq, text));
    };
    if !letters.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Some((Prefix::Eq, text));
    }
    let prefix = match letters {
        "eq" => Prefix::Eq,
        "ne" => Prefix::Ne,
        "gt" => Prefix::Gt,
        "lt" => Prefix::Lt,
        "ge" => Prefix::Ge,
        "le" => Prefix::Le,
        "sa" => Prefix::Sa,
        "eb" => Prefix::Eb,
        "ap" => Prefix::Ap,
        _ => return None,
    };
    Some((prefix, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_marks_do_not_part() {
        assert_eq!(parts(r"a,b\,c,\\,d", ','), ["a", r"b\,c", r"\\", "d"]);
        assert_eq!(parts("", ','), [""]);
        assert_eq!(plain(r"b\,c\$\|\\").as_deref(), Some(r"b,c$|\"));
        assert_eq!(plain(r"a\b"), None);
        assert_eq!(plain(r"a\"), None);
    }

    #[test]
    fn a_prefix_is_one_of_nine() {
        assert_eq!(prefix("ge2013"), Some((Prefix::Ge, "2013")));
        assert_eq!(prefix("2013"), Some((Prefix::Eq, "2013")));
        assert_eq!(prefix("5"), Some((Prefix::Eq, "5")));
        assert_eq!(prefix("xx2013"), None);
        assert_eq!(prefix("GE2013"), None);
    }
}
