//! `BENCHMARKS.md`: text by people, tables by programs between two marks each.

use std::fs;

use crate::shell::{Outcome, root};

const PAGE: &str = "BENCHMARKS.md";

/// Replaces what stands between the marks of `name`.
pub(crate) fn write(name: &str, text: &str) -> Outcome {
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).map_err(|cause| format!("{PAGE}: {cause}"))?;
    let page = replaced(&page, name, text).ok_or(format!("{PAGE} has no marks for {name}"))?;
    fs::write(&path, page).map_err(|cause| format!("{PAGE}: {cause}"))
}

fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} begins -->"), format!("<!-- {name} ends -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{}\n\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let page = "a\n<!-- x begins -->\nold\n<!-- x ends -->\nb\n";
        let expected = "a\n<!-- x begins -->\n\nnew\n\n<!-- x ends -->\nb\n";
        assert_eq!(replaced(page, "x", "new\n").as_deref(), Some(expected));
        assert_eq!(replaced(expected, "x", "new").as_deref(), Some(expected));
        assert_eq!(replaced(page, "y", "new"), None);
    }
}
