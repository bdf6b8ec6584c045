//! `application/x-www-form-urlencoded`, as OAuth sends it. The clinic's. A name that stands
//! twice is refused (RFC 6749, section 3.1), and what is not UTF-8 is none.

use std::fmt::Write as _;

/// Most fields of a form.
const FIELDS_MAX: usize = 32;

/// The fields of a form or of a query.
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads them; nothing where they are malformed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            let is_known = fields.iter().any(|(known, _)| *known == name);
            if is_known || fields.len() >= FIELDS_MAX {
                return None;
            }
            fields.push((name, value));
        }
        Some(Self(fields))
    }

    /// As [`Fields::parse`], of a body.
    pub(crate) fn of_body(body: &[u8]) -> Option<Self> {
        Self::parse(std::str::from_utf8(body).ok()?)
    }

    /// All fields, in their order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A field that is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(known, _)| known == name)?;
        (!field.1.is_empty()).then_some(field.1.as_str())
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (char::from(rest.next()?), char::from(rest.next()?));
                let (high, low) = (high.to_digit(16)?, low.to_digit(16)?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A value as a query has it: everything but letters, digits and `-._~` in percent (RFC 3986).
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _a_text_takes_all = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_once_each() {
        let fields = Fields::parse("a=1&b=x+y%26%C3%A4&c=").unwrap();
        assert_eq!(fields.get("a"), Some("1"));
        assert_eq!(fields.get("b"), Some("x y&ä"));
        assert_eq!(fields.get("c"), None, "an empty field is none");
        for bad in ["a=1&a=2", "a=%", "a=%4", "a=%zz", "a=%FF"] {
            assert!(Fields::parse(bad).is_none(), "{bad}");
        }
        assert!(Fields::parse(&"&x".repeat(2)).is_none());
        let many: Vec<_> = (0..=FIELDS_MAX).map(|n| format!("f{n}=1")).collect();
        assert!(Fields::parse(&many.join("&")).is_none());
    }

    #[test]
    fn what_is_encoded_is_read_back() {
        let text = "a b&c=d/ü~-._%";
        let query = format!("x={}", encoded(text));
        assert_eq!(Fields::parse(&query).unwrap().get("x"), Some(text));
    }
}
