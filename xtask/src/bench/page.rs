//! `BENCHMARKS.md`: text by people, tables by programs between two marks each.

use std::fs;

use crate::shell::{Outcome, root};

const PAGE: &str = "BENCHMARKS.md";
/// The section that stays the last.
const AIMS: &str = "## Aims";

/// Replaces what stands between the marks of `name`.
pub(crate) fn write(name: &str, text: &str) -> Outcome {
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).map_err(|cause| format!("{PAGE}: {cause}"))?;
    let page = replaced(&page, name, text).ok_or(format!("{PAGE} has no marks for {name}"))?;
    fs::write(&path, page).map_err(|cause| format!("{PAGE}: {cause}"))
}

/// As [`write`]; a section that is not there yet is put before the aims, or at the end.
pub(crate) fn write_or_add(name: &str, title: &str, text: &str) -> Outcome {
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).map_err(|cause| format!("{PAGE}: {cause}"))?;
    if !page.contains(&format!("<!-- {name} begins -->")) {
        fs::write(&path, added(&page, name, title)).map_err(|cause| format!("{PAGE}: {cause}"))?;
    }
    write(name, text)
}

fn added(page: &str, name: &str, title: &str) -> String {
    let section = format!("## {name}: {title}\n\n<!-- {name} begins -->\n<!-- {name} ends -->\n\n");
    match page.split_once(AIMS) {
        Some((before, after)) => format!("{before}{section}{AIMS}{after}"),
        None => format!("{page}\n{section}"),
    }
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

    #[test]
    fn a_new_section_comes_before_the_aims() {
        let page = added("a\n## Aims\nb\n", "y", "What");
        assert!(replaced(&page, "y", "new").is_some());
        assert!(page.find("## y: What") < page.find("## Aims"));
    }
}
