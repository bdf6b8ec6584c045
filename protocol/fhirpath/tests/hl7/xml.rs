//! XML as HL7's test files use it, and FHIR's XML as JSON by the definitions. For tests only:
//! it trusts its input.

use autoclave_fhir::Definitions;
use autoclave_fhir::definitions::{Class, Type};
use autoclave_fhir::json::Node;

/// An element of XML.
pub(crate) struct Xml {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Self>,
    /// All text directly inside, joined.
    pub(crate) text: String,
    /// The element as it was written.
    pub(crate) raw: String,
}

impl Xml {
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let begin = text
            .match_indices('<')
            .find(|(at, _)| text[at + 1..].starts_with(|first: char| first.is_ascii_alphabetic()));
        let (at, _) = begin.expect("an element");
        element(text, at).0
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let end = at + rest[at..].find(';').expect("an entity's end");
        match &rest[at + 1..end] {
            "lt" => out.push('<'),
            "gt" => out.push('>'),
            "amp" => out.push('&'),
            "quot" => out.push('"'),
            "apos" => out.push('\''),
            code => {
                let code = code.strip_prefix('#').expect("a character's number");
                let number = match code.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => code.parse(),
                };
                out.push(char::from_u32(number.expect("a number")).expect("a character"));
            }
        }
        rest = &rest[end + 1..];
    }
    out + rest
}

/// The element that begins at a place, and where it ends.
fn element(text: &str, begin: usize) -> (Xml, usize) {
    let mut at = begin + 1;
    let name_end = at + text[at..].find([' ', '>', '/', '\t', '\n', '\r']).expect("a name's end");
    let mut xml = Xml {
        name: text[at..name_end].to_owned(),
        attributes: Vec::new(),
        children: Vec::new(),
        text: String::new(),
        raw: String::new(),
    };
    at = name_end;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        if text[at..].starts_with("/>") {
            text[begin..at + 2].clone_into(&mut xml.raw);
            return (xml, at + 2);
        }
        if text[at..].starts_with('>') {
            at += 1;
            break;
        }
        let equals = at + text[at..].find('=').expect("an attribute");
        let quote_at = equals + 1 + text[equals + 1..].find(['"', '\'']).expect("a quote");
        let quote = &text[quote_at..=quote_at];
        let end = quote_at + 1 + text[quote_at + 1..].find(quote).expect("a closing quote");
        let name = text[at..equals].trim().to_owned();
        xml.attributes.push((name, unescaped(&text[quote_at + 1..end])));
        at = end + 1;
    }
    loop {
        let next = at + text[at..].find('<').expect("a closing tag");
        xml.text.push_str(&unescaped(&text[at..next]));
        let rest = &text[next..];
        if rest.starts_with("<!--") {
            at = next + rest.find("-->").expect("a comment's end") + 3;
        } else if let Some(inner) = rest.strip_prefix("<![CDATA[") {
            let end = inner.find("]]>").expect("its end");
            xml.text.push_str(&inner[..end]);
            at = next + 9 + end + 3;
        } else if rest.starts_with("</") {
            at = next + rest.find('>').expect("a tag's end") + 1;
            text[begin..at].clone_into(&mut xml.raw);
            return (xml, at);
        } else {
            let (child, end) = element(text, next);
            xml.children.push(child);
            at = end;
        }
    }
}

/// A resource of FHIR's XML as JSON.
pub(crate) fn resource(xml: &Xml) -> Node<'static> {
    let kind = Definitions::r4().of(&xml.name).expect("a resource type");
    let mut members = vec![("resourceType".into(), Node::from_text(xml.name.clone()))];
    fill(xml, kind, &mut members);
    Node::Object(members)
}

type Members = Vec<(std::borrow::Cow<'static, str>, Node<'static>)>;

fn fill(xml: &Xml, kind: &'static Type, members: &mut Members) {
    for name in ["id", "url"] {
        if let Some(value) = xml.get(name) {
            members.push((name.into(), Node::from_text(value.to_owned())));
        }
    }
    for (at, child) in xml.children.iter().enumerate() {
        if xml.children[..at].iter().any(|earlier| earlier.name == child.name) {
            continue;
        }
        let known =
            kind.child(&child.name).unwrap_or_else(|| panic!("{}.{}", kind.name(), child.name));
        let made: Vec<_> = xml.all(&child.name).map(|same| value(same, known.kind)).collect();
        let list = known.element.is_list();
        let has = |part: fn(&(Option<Node<'static>>, Option<Node<'static>>)) -> bool| {
            made.iter().any(part)
        };
        if has(|(value, _)| value.is_some()) {
            let values = made.iter().map(|(value, _)| value.clone().unwrap_or(Node::Null));
            members.push((child.name.clone().into(), shaped(values.collect(), list)));
        }
        if has(|(_, beside)| beside.is_some()) {
            let beside = made.iter().map(|(_, beside)| beside.clone().unwrap_or(Node::Null));
            members.push((format!("_{}", child.name).into(), shaped(beside.collect(), list)));
        }
    }
}

fn shaped(mut all: Vec<Node<'static>>, list: bool) -> Node<'static> {
    if list { Node::List(all) } else { all.remove(0) }
}

/// The value of an element, and its companion.
fn value(xml: &Xml, kind: &'static Type) -> (Option<Node<'static>>, Option<Node<'static>>) {
    if kind.is_resource() {
        return (Some(resource(&xml.children[0])), None);
    }
    if kind.name() == "xhtml" {
        return (Some(Node::from_text(xml.raw.clone())), None);
    }
    let mut members = Vec::new();
    fill(xml, kind, &mut members);
    if kind.class() != Class::Primitive {
        return (Some(Node::Object(members)), None);
    }
    let node = xml.get("value").map(|text| match kind.name() {
        "boolean" => Node::Bool(text == "true"),
        "integer" | "decimal" | "positiveInt" | "unsignedInt" => {
            Node::Number(text.to_owned().into())
        }
        _ => Node::from_text(text.to_owned()),
    });
    (node, (!members.is_empty()).then_some(Node::Object(members)))
}
