//! The formats of FHIR's primitive types (<http://hl7.org/fhir/R4/datatypes.html>), by hand
//! rather than by the regular expressions of the standard: they run on every write.

use autoclave_fhir::definitions::Primitive;
use autoclave_fhir::json::Node;

use super::dates;

/// Characters in a string, as the standard limits it.
const STRING_CHARS_MAX: usize = 1024 * 1024;
/// Characters in an id.
const ID_CHARS_MAX: usize = 64;

/// Says what a value should be, where it is not.
pub(super) fn fault(primitive: Primitive, value: &Node<'_>) -> Option<&'static str> {
    match primitive {
        Primitive::Boolean => value.bool().is_none().then_some("True or false is expected."),
        Primitive::Decimal => value.number().is_none().then_some("A number is expected."),
        Primitive::Integer => integer(value, i32::MIN, "A whole number of 32 bits is expected."),
        Primitive::UnsignedInt => integer(value, 0, "A whole number from 0 is expected."),
        Primitive::PositiveInt => integer(value, 1, "A whole number from 1 is expected."),
        _ => match value.text() {
            None => Some("A string is expected."),
            Some("") => Some("A string must not be empty."),
            // Narrative has rules of its own, and no limit of length.
            Some(_) if primitive == Primitive::Xhtml => None,
            Some(text) => text_fault(primitive, text),
        },
    }
}

fn integer(value: &Node<'_>, least: i32, fault: &'static str) -> Option<&'static str> {
    let digits = value.number().filter(|digits| *digits != "-0");
    let fits = digits.and_then(|digits| digits.parse::<i32>().ok()).is_some_and(|n| n >= least);
    (!fits).then_some(fault)
}

fn text_fault(primitive: Primitive, text: &str) -> Option<&'static str> {
    let (fits, fault) = match primitive {
        Primitive::Code => (is_code(text), "A code without needless space is expected."),
        Primitive::Id => (is_id(text), "1 to 64 letters, digits, - and . are expected."),
        Primitive::Date => {
            (dates::is_date(text), "A date is expected: YYYY, YYYY-MM or YYYY-MM-DD.")
        }
        Primitive::DateTime => (
            dates::is_date_time(text),
            "A date is expected, or a date and time with seconds and time zone.",
        ),
        Primitive::Instant => {
            (dates::is_instant(text), "A date and time with seconds and time zone is expected.")
        }
        Primitive::Time => (dates::is_time(text), "A time is expected: hh:mm:ss."),
        Primitive::Uri | Primitive::Url | Primitive::Canonical => {
            (is_uri(text), "An address without space is expected.")
        }
        Primitive::Oid => (is_oid(text), "An OID after urn:oid: is expected."),
        Primitive::Uuid => (is_uuid(text), "A UUID in small letters after urn:uuid: is expected."),
        Primitive::Base64Binary => (is_base64(text), "Base64 is expected."),
        _ => (is_string(text), "Text without control characters, of at most 1 MB, is expected."),
    };
    (!fits).then_some(fault)
}

/// Whether a text is a logical id.
pub fn is_id(text: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

/// `[^\s]+(\s[^\s]+)*`
fn is_code(text: &str) -> bool {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return true;
    }
    let mut after_space = true;
    for letter in text.chars() {
        if letter.is_control() || letter.is_whitespace() && after_space {
            return false;
        }
        after_space = letter.is_whitespace();
    }
    !after_space
}

/// `\S*`
fn is_uri(text: &str) -> bool {
    !text.chars().any(|letter| letter.is_whitespace() || letter.is_control())
}

/// `urn:oid:[0-2](\.(0|[1-9][0-9]*))+`
fn is_oid(text: &str) -> bool {
    let Some(mut arcs) = text.strip_prefix("urn:oid:").map(|oid| oid.split('.')) else {
        return false;
    };
    let is_number = |arc: &str| {
        !arc.is_empty()
            && arc.bytes().all(|byte| byte.is_ascii_digit())
            && (arc == "0" || !arc.starts_with('0'))
    };
    matches!(arcs.next(), Some("0" | "1" | "2"))
        && arcs.clone().next().is_some()
        && arcs.all(is_number)
}

fn is_uuid(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:").filter(|uuid| uuid.len() == 36) else {
        return false;
    };
    uuid.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    })
}

/// Four characters at a time, with space between; at most two `=`, at the end.
fn is_base64(text: &str) -> bool {
    let mut count = 0_usize;
    let mut padding = 0;
    for byte in text.bytes() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
        count += 1;
    }
    count > 0 && count.is_multiple_of(4) && padding <= 2
}

fn is_string(text: &str) -> bool {
    text.len() <= STRING_CHARS_MAX
        && !text.bytes().any(|byte| byte < 0x20 && !matches!(byte, b'\t' | b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(primitive: Primitive, json: &str) -> bool {
        fault(primitive, &Node::parse(json.as_bytes()).unwrap()).is_none()
    }

    #[test]
    fn every_primitive_has_values_that_fit_and_values_that_do_not() {
        use Primitive as P;
        let cases: [(P, &[&str], &[&str]); 17] = [
            (P::Boolean, &["true", "false"], &["\"true\"", "1", "null"]),
            (
                P::Decimal,
                &["1", "-1.50", "1e3", "0.00000000000000000000000001"],
                &["\"1\"", "true"],
            ),
            (P::Integer, &["0", "-2147483648", "2147483647"], &["2147483648", "1.0", "1e2", "-0"]),
            (P::UnsignedInt, &["0", "7"], &["-1", "\"0\""]),
            (P::PositiveInt, &["1"], &["0", "-3"]),
            (P::String, &["\"a b\"", "\" \"", "\"a\\nb\"", "\"é\""], &["\"\"", "\"\\u0007\"", "1"]),
            (P::Markdown, &["\"# a\""], &["\"\"", "[]"]),
            (
                P::Code,
                &["\"a\"", "\"a b\"", "\"mm[Hg]\""],
                &["\" a\"", "\"a \"", "\"a  b\"", "\"\""],
            ),
            (P::Id, &["\"a-1.B\""], &["\"a_b\"", "\"\"", "\"a b\"", "\"é\""]),
            (P::Uri, &["\"http://a/é\"", "\"urn:oid:1.2\""], &["\"a b\"", "\"\""]),
            (P::Url, &["\"http://a\""], &["\"http:// a\""]),
            (P::Canonical, &["\"http://a|1\""], &["\"a\\tb\""]),
            (
                P::Oid,
                &["\"urn:oid:2.16.840.0\""],
                &["\"2.16\"", "\"urn:oid:3.1\"", "\"urn:oid:1.02\"", "\"urn:oid:1\""],
            ),
            (
                P::Uuid,
                &["\"urn:uuid:c757873d-ec9a-4326-a141-556f43239520\""],
                &[
                    "\"c757873d-ec9a-4326-a141-556f43239520\"",
                    "\"urn:uuid:C757873D-ec9a-4326-a141-556f43239520\"",
                ],
            ),
            (
                P::Base64Binary,
                &["\"YQ==\"", "\"YWJj\\nYWJj\""],
                &["\"YQ=\"", "\"Y===\"", "\"Y=Qa\"", "\"a-b_\""],
            ),
            (
                P::Instant,
                &["\"2020-02-29T23:59:60.123Z\""],
                &["\"2020-02-29\"", "\"2019-02-29T00:00:00Z\""],
            ),
            (
                P::Time,
                &["\"23:59:59.1\""],
                &["\"24:00:00\"", "\"1:00:00\"", "\"12:00\"", "\"12:00:00Z\""],
            ),
        ];
        for (primitive, good, bad) in cases {
            for json in good {
                assert!(passes(primitive, json), "{primitive:?} {json}");
            }
            for json in bad {
                assert!(!passes(primitive, json), "{primitive:?} {json}");
            }
        }
        assert!(is_id(&"a".repeat(64)) && !is_id(&"a".repeat(65)));
        assert!(!is_string(&"a".repeat(STRING_CHARS_MAX + 1)));
    }
}
