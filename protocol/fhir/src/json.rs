//! JSON as FHIR needs it: numbers keep their digits, members keep their order, and whatever
//! two readers might understand differently (a name twice, half a surrogate pair) is refused.
//! It belongs to the crate. A tree is somebody's record: it has neither `Debug` nor `Display`.

use std::borrow::Cow;

use json_event_parser::{JsonEvent, SliceJsonParser};

/// Levels of objects and arrays in one document; the deepest official example has 24.
pub const DEPTH_MAX: usize = 64;
/// Values in one document: a bundle of 30,000 resources has about 4 million.
pub const VALUES_MAX: usize = 8_000_000;
/// Members of one object that are compared pair by pair; more are sorted first.
const MEMBERS_FEW: usize = 24;

/// Why a text is not one JSON value that everybody understands alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonRefusal {
    /// Not JSON (RFC 8259), or not UTF-8.
    #[error("not JSON, at byte {0}")]
    Syntax(u64),
    /// Deeper than [`DEPTH_MAX`].
    #[error("nested too deeply")]
    Depth,
    /// More than [`VALUES_MAX`] values.
    #[error("too many values")]
    Size,
    /// An object has two members of one name.
    #[error("a name stands twice in one object")]
    Twice,
}

/// A JSON value that borrows from its text where it can.
#[derive(Clone, PartialEq)]
pub enum Node<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number by its digits, as they were written.
    Number(Cow<'a, str>),
    /// A string, without its escapes.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Node<'a>>),
    /// An object, its members in their order, no name twice.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// Reads one value that is the whole text.
    pub fn parse(text: &'a [u8]) -> Result<Self, JsonRefusal> {
        let mut reader = Reader { parser: SliceJsonParser::new(text), values: 0 };
        let event = reader.next()?;
        let node = reader.value(event, 0)?;
        match reader.next()? {
            JsonEvent::Eof => Ok(node),
            _ => Err(JsonRefusal::Syntax(text.len() as u64)),
        }
    }

    /// The member of that name, where this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// As [`Node::get`], to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        match self {
            Self::Object(members) => {
                members.iter_mut().find(|(own, _)| own == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// What lies under names, one below the other; no way through arrays.
    pub fn at(&self, names: &[&str]) -> Option<&Self> {
        names.iter().try_fold(self, |node, name| node.get(name))
    }

    /// The members of an object; of anything else, none.
    pub fn members(&self) -> &[(Cow<'a, str>, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// The items of an array; of anything else, none.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The items of an array, or this value as the only one: how FHIR repeats an element.
    pub fn each(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            one => std::slice::from_ref(one),
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The digits of a number.
    pub fn number(&self) -> Option<&str> {
        match self {
            Self::Number(digits) => Some(digits),
            _ => None,
        }
    }

    /// The truth of a boolean.
    pub const fn bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The text of the string under a name.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.get(name)?.text()
    }

    /// Sets or replaces a member; a value that is no object stays as it is.
    pub fn set(&mut self, name: &'a str, value: Self) {
        if let Self::Object(members) = self {
            match members.iter_mut().find(|(own, _)| own == name) {
                Some((_, old)) => *old = value,
                None => members.push((Cow::Borrowed(name), value)),
            }
        }
    }

    /// A string.
    pub fn from_text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// An object of these members.
    pub fn object(members: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Object(
            members.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect(),
        )
    }

    /// The same tree, owning its texts.
    pub fn into_owned(self) -> Node<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Node::Null,
            Self::Bool(truth) => Node::Bool(truth),
            Self::Number(digits) => Node::Number(own(digits)),
            Self::Text(text) => Node::Text(own(text)),
            Self::List(items) => Node::List(items.into_iter().map(Node::into_owned).collect()),
            Self::Object(members) => Node::Object(
                members.into_iter().map(|(name, value)| (own(name), value.into_owned())).collect(),
            ),
        }
    }

    /// As JSON without spaces: numbers digit by digit, members in their order.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    /// Appends this value as JSON without spaces.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend(b"null"),
            Self::Bool(true) => out.extend(b"true"),
            Self::Bool(false) => out.extend(b"false"),
            Self::Number(digits) => out.extend(digits.as_bytes()),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    write_text(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

/// Appends a string with its quotes and escapes (RFC 8259, section 7).
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..0x20 => b'u',
            _ => continue,
        };
        out.extend(&text.as_bytes()[from..at]);
        out.extend([b'\\', short]);
        if short == b'u' {
            out.extend(format!("{byte:04x}").as_bytes());
        }
        from = at + 1;
    }
    out.extend(&text.as_bytes()[from..]);
    out.push(b'"');
}

struct Reader<'a> {
    parser: SliceJsonParser<'a>,
    values: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<JsonEvent<'a>, JsonRefusal> {
        // Its words may quote the text; the place is all that is kept.
        self.parser.parse_next().map_err(|error| JsonRefusal::Syntax(error.location().start.offset))
    }

    fn value(&mut self, event: JsonEvent<'a>, depth: usize) -> Result<Node<'a>, JsonRefusal> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(JsonRefusal::Size);
        }
        if depth > DEPTH_MAX {
            return Err(JsonRefusal::Depth);
        }
        Ok(match event {
            JsonEvent::Null => Node::Null,
            JsonEvent::Boolean(truth) => Node::Bool(truth),
            JsonEvent::Number(digits) => Node::Number(digits),
            JsonEvent::String(text) => Node::Text(text),
            JsonEvent::StartArray => self.list(depth)?,
            JsonEvent::StartObject => self.object(depth)?,
            _ => return Err(JsonRefusal::Syntax(0)),
        })
    }

    fn list(&mut self, depth: usize) -> Result<Node<'a>, JsonRefusal> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                JsonEvent::EndArray => return Ok(Node::List(items)),
                event => items.push(self.value(event, depth + 1)?),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Node<'a>, JsonRefusal> {
        let mut members: Vec<(Cow<'a, str>, Node<'a>)> = Vec::new();
        loop {
            match self.next()? {
                JsonEvent::EndObject => {
                    distinct(&members)?;
                    return Ok(Node::Object(members));
                }
                JsonEvent::ObjectKey(name) => {
                    let event = self.next()?;
                    members.push((name, self.value(event, depth + 1)?));
                }
                _ => return Err(JsonRefusal::Syntax(0)),
            }
        }
    }
}

fn distinct(members: &[(Cow<'_, str>, Node<'_>)]) -> Result<(), JsonRefusal> {
    let twice = if members.len() <= MEMBERS_FEW {
        members
            .iter()
            .enumerate()
            .any(|(at, (name, _))| members[..at].iter().any(|(earlier, _)| earlier == name))
    } else {
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    };
    if twice { Err(JsonRefusal::Twice) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> Result<String, JsonRefusal> {
        Node::parse(text.as_bytes()).map(|node| String::from_utf8(node.to_bytes()).unwrap())
    }

    #[test]
    fn digits_order_and_texts_survive() {
        for text in [
            r#"{"b":1.50,"a":[1E+2,-0.0,123456789012345678901234567890.10],"c":null}"#,
            r#"["\"\\\n\u0001é\u007f𝄞",true,false,{},[]]"#.replace("\\u007f", "\u{7f}").as_str(),
        ] {
            assert_eq!(again(text).unwrap(), text);
        }
        assert_eq!(again(r#""\u00e9\ud834\udd1e\/""#).unwrap(), "\"é𝄞/\"");
    }

    #[test]
    fn what_readers_understand_differently_is_refused() {
        assert_eq!(again(r#"{"a":1,"a":2}"#), Err(JsonRefusal::Twice));
        let many: Vec<String> = (0..40).map(|at| format!("\"m{}\":1", at % 39)).collect();
        assert_eq!(again(&format!("{{{}}}", many.join(","))), Err(JsonRefusal::Twice));
        for text in [
            r#""\ud834""#,
            r#""\udd1e""#,
            "01",
            "[1,]",
            "{} {}",
            "",
            "nan",
            "\"\u{1}\"",
            "+1",
            ".5",
        ] {
            assert!(matches!(again(text), Err(JsonRefusal::Syntax(_))), "{text}");
        }
        assert!(matches!(Node::parse(b"\"\xff\""), Err(JsonRefusal::Syntax(_))));
    }

    #[test]
    fn a_document_is_bounded_in_depth() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(again(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(again(&nested(DEPTH_MAX + 2)), Err(JsonRefusal::Depth));
        assert_eq!(again(&nested(100_000)), Err(JsonRefusal::Depth));
    }
}
