//! `htmlChecks()`: whether a narrative is XHTML of the kinds that FHIR allows. It belongs to
//! `fhir`. What is not surely allowed is not safe: no script, no style sheet, no form, no
//! frame, no event, no address that runs code.

/// Elements of a narrative (FHIR R4, 2.4.0.1).
const ELEMENTS: [&str; 58] = [
    "a",
    "abbr",
    "acronym",
    "b",
    "big",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "map",
    "area",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "address",
    "bdo",
];
/// Elements one inside the other.
const OPEN_MAX: usize = 256;

/// Whether a text is one well-formed `div` of allowed elements, with something to read in it.
pub(super) fn is_safe(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("<div") && balanced(text).is_some_and(|read| read)
}

/// Whether something stands between the tags; `None` where tags are not allowed or not closed.
fn balanced(text: &str) -> Option<bool> {
    let (mut rest, mut open, mut read) = (text, Vec::new(), false);
    while let Some(at) = rest.find('<') {
        read |= !rest[..at].trim().is_empty();
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = &comment[comment.find("-->")? + 3..];
            continue;
        }
        let (tag, after) = tag(rest)?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop()? != name.trim() || (open.is_empty() && !rest.trim().is_empty()) {
                return None;
            }
            continue;
        }
        let (tag, alone) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        // A browser takes `< p>` for text, and so nothing may stand before the name.
        let name = tag.split_whitespace().next()?;
        if !ELEMENTS.contains(&name) || !attributes(tag.strip_prefix(name)?.trim()) {
            return None;
        }
        read |= name == "img";
        if !alone {
            open.push(name);
        }
        if open.len() > OPEN_MAX {
            return None;
        }
    }
    (open.is_empty() && rest.trim().is_empty()).then_some(read)
}

/// What stands between `<` and `>`, quotes respected, and what follows.
fn tag(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            (None, b'>') => return Some((&text[1..at], &text[at + 1..])),
            (_, b'<') => return None,
            _ => {}
        }
    }
    None
}

fn attributes(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let Some((name, value)) = rest.split_once('=') else { return false };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim_start());
        let Some(quote) = value.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else {
            return false;
        };
        let Some((inner, after)) = value[1..].split_once(quote) else { return false };
        if !allowed(&name, inner) {
            return false;
        }
        rest = after.trim_start();
    }
    true
}

fn allowed(name: &str, value: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_');
    if name.starts_with("on") || !name.bytes().all(letters) {
        return false;
    }
    // Spaces and control characters do not hide a scheme from a browser.
    let plain: String =
        value.chars().filter(|one| !one.is_whitespace() && !one.is_control()).collect();
    let plain = plain.to_ascii_lowercase();
    let runs = ["javascript:", "vbscript:", "expression("].iter().any(|word| plain.contains(word));
    // Nor does a character written as a number.
    let hides = matches!(name, "href" | "src") && plain.contains("&#");
    !(runs || hides)
}
