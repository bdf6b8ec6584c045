//! The XHTML of a narrative (R4, `narrative.html`): well-formed, of the elements and attributes
//! that FHIR allows, and with nothing in it that a browser would run.

use crate::finding::Severity;

/// Elements that are open at once.
const DEPTH_MAX: usize = 64;

/// Elements of HTML 4.0, chapters 7–11 and 15, as the standard allows them.
const ELEMENTS: [&str; 53] = [
    "a",
    "abbr",
    "acronym",
    "b",
    "bdo",
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
    "ol",
    "p",
    "pre",
    "q",
    "samp",
    "small",
    "span",
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
];
/// Elements that later versions of HTML brought and that real narratives have.
const ELEMENTS_FURTHER: [&str; 4] = ["area", "strike", "var", "s"];

const MALFORMED: &str = "The narrative is not well-formed XHTML.";
const FORBIDDEN: &str = "The narrative has an element or attribute that FHIR does not allow.";
const NOT_A_DIV: &str = "The narrative is one div.";
const NO_TEXT: &str = "The narrative has no text.";

/// What is wrong with a narrative. One without text is only useless.
pub(super) fn fault(text: &str) -> Option<(Severity, &'static str)> {
    let fault = read(text.trim()).err()?;
    Some((if fault == NO_TEXT { Severity::Warning } else { Severity::Error }, fault))
}

fn read(text: &str) -> Result<(), &'static str> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    let mut has_content = false;
    let mut is_done = false;
    while !rest.is_empty() {
        if !rest.starts_with('<') {
            let end = rest.find('<').unwrap_or(rest.len());
            let is_text = !rest[..end].trim().is_empty();
            if is_text && (open.is_empty() || !has_fine_entities(&rest[..end])) {
                return Err(if open.is_empty() { NOT_A_DIV } else { MALFORMED });
            }
            has_content |= is_text;
            rest = &rest[end..];
            continue;
        }
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").ok_or(MALFORMED)?.1;
            continue;
        }
        let end = tag_end(rest).ok_or(MALFORMED)?;
        let inner = &rest[1..end];
        rest = &rest[end + 1..];
        if let Some(name) = inner.strip_prefix('/') {
            if open.pop() != Some(name.trim_end()) {
                return Err(MALFORMED);
            }
            is_done = open.is_empty();
            continue;
        }
        let (inner, is_closed) =
            inner.strip_suffix('/').map_or((inner, false), |inner| (inner, true));
        let name = inner.split(char::is_whitespace).next().unwrap_or_default();
        if open.is_empty() && (name != "div" || is_done) {
            return Err(NOT_A_DIV);
        }
        has_content |= name == "img";
        tag(name, &inner[name.len()..])?;
        if !is_closed {
            open.push(name);
        }
        if open.len() > DEPTH_MAX {
            return Err(MALFORMED);
        }
    }
    match (is_done, has_content) {
        (true, true) => Ok(()),
        (true, false) => Err(NO_TEXT),
        (false, _) => Err(MALFORMED),
    }
}

/// Where a tag ends: the first `>` outside quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return Some(at),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn tag(name: &str, attributes: &str) -> Result<(), &'static str> {
    if !ELEMENTS.contains(&name) && !ELEMENTS_FURTHER.contains(&name) {
        return Err(FORBIDDEN);
    }
    let mut rest = attributes.trim_start();
    while !rest.is_empty() {
        let (attribute, value) = rest.split_once('=').ok_or(MALFORMED)?;
        let value = value.trim_start();
        let quote =
            value.chars().next().filter(|quote| matches!(quote, '"' | '\'')).ok_or(MALFORMED)?;
        let (value, after) = value[1..].split_once(quote).ok_or(MALFORMED)?;
        if value.contains('<') || !has_fine_entities(value) {
            return Err(MALFORMED);
        }
        if !is_allowed(attribute.trim_end(), value) {
            return Err(FORBIDDEN);
        }
        rest = after.trim_start();
    }
    Ok(())
}

/// No attribute that is a script, no address that is one.
fn is_allowed(attribute: &str, value: &str) -> bool {
    let name = attribute.to_ascii_lowercase();
    if name.starts_with("on")
        || !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_'))
    {
        return false;
    }
    let value: String =
        value.chars().filter(|letter| !letter.is_whitespace() && !letter.is_control()).collect();
    let value = value.to_ascii_lowercase();
    let is_script =
        ["javascript:", "vbscript:", "data:text"].iter().any(|head| value.starts_with(head));
    // An entity can hide any of them.
    let hides = matches!(&*name, "href" | "src") && value.contains("&#");
    !is_script && !hides
}

/// Each `&` begins an entity.
fn has_fine_entities(text: &str) -> bool {
    text.split('&').skip(1).all(|rest| {
        rest.split_once(';').is_some_and(|(name, _)| {
            let name = name.strip_prefix('#').unwrap_or(name);
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrative_is_one_well_formed_div() {
        for good in [
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a &lt; b &#169; <br/><b title='x>y'>c</b></p></div>",
            "<div><!-- <x> --><img src=\"#a\" alt=\"b\"/></div>",
            "<div><table><tr><td>1</td></tr></table></div>\n",
            "<div><a href=\"http://a/?x=1&amp;y=2\">a</a></div>",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in [
            "",
            "a",
            "<p>a</p>",
            "<div></div>",
            "<div> </div>",
            "<div>a",
            "<div>a</p>",
            "<div>a</div>b",
            "<div>a</div><div>b</div>",
            "<div><br>a</div>",
            "<div a=b>c</div>",
            "<div>a & b</div>",
            "<div><!-- a</div>",
            "<div><p>a</div></p>",
            "<div class>a</div>",
            "< div>a</div>",
            "<div>< aé>b</div>",
            "<div><>b</div>",
            "<div><\u{2003}é>b</div>",
            "<",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
        assert!(fault(&format!("<div>{}a{}</div>", "<p>".repeat(70), "</p>".repeat(70))).is_some());
    }

    #[test]
    fn nothing_in_a_narrative_can_run() {
        for bad in [
            "<div><script>a</script></div>",
            "<div><style>a</style></div>",
            "<div><iframe src='http://a'>a</iframe></div>",
            "<div onclick=\"a()\">b</div>",
            "<div ONLOAD=\"a()\">b</div>",
            "<div><a href=\"javascript:a()\">b</a></div>",
            "<div><a href=\" java\tscript:a()\">b</a></div>",
            "<div><a href=\"&#106;avascript:a()\">b</a></div>",
            "<div><object>a</object></div>",
            "<div><form>a</form></div>",
            "<div><SCRIPT>a</SCRIPT></div>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><div>&b;</div>",
            "<div><![CDATA[a]]></div>",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
