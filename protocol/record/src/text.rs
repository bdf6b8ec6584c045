//! The FHIR R4 primitives that we check (<https://hl7.org/fhir/R4/datatypes.html>): pure
//! predicates over text. They belong to the rules of resources. No value that fails one
//! is ever repeated in an error.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::{Date, Month};

/// Longest text that we take in an element, in bytes: a receipt (64 KiB) in base64.
const TEXT_BYTES_MAX: usize = 96 * 1024;

/// `string`: not empty, no control characters but line breaks and tabs.
pub(crate) fn is_text(text: &str) -> bool {
    let allowed = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.len() <= TEXT_BYTES_MAX && !text.trim().is_empty() && text.chars().all(allowed)
}

/// `code`: words with single blanks between.
pub(crate) fn is_code(text: &str) -> bool {
    is_text(text) && text.split(' ').all(|w| !w.is_empty() && !w.contains(char::is_whitespace))
}

/// `uri`: no blanks.
pub(crate) fn is_uri(text: &str) -> bool {
    is_text(text) && !text.contains(char::is_whitespace)
}

/// `id` as we make them: a lower-case hyphenated UUID.
pub(crate) fn is_uuid(text: &str) -> bool {
    let hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if hyphen(at) { byte == b'-' } else { digit(byte) })
}

/// `instant`: RFC 3339 with a zone.
pub(crate) fn is_instant(text: &str) -> bool {
    OffsetDateTime::parse(text, &Rfc3339).is_ok()
}

/// `dateTime`: a date, or an instant.
pub(crate) fn is_date_time(text: &str) -> bool {
    is_date(text) || is_instant(text)
}

/// `date`: `YYYY`, `YYYY-MM` or `YYYY-MM-DD` that exists in the calendar.
pub(crate) fn is_date(text: &str) -> bool {
    first_day(text).is_some()
}

/// The first day that a `date` of any precision covers.
pub(crate) fn first_day(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| number(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| number(part, 2))?;
    if parts.next().is_some() || year == 0 {
        return None;
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()
}

fn number(text: &str, digits: usize) -> Option<u16> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_exist_in_the_calendar() {
        for good in ["1984", "1984-03", "1984-03-02", "2024-02-29"] {
            assert!(is_date(good), "{good}");
        }
        for bad in [
            "",
            "84",
            "0000",
            "1984-13",
            "1984-3",
            "2023-02-29",
            "1984-03-02-01",
            "+984",
            "1984-03-",
        ] {
            assert!(!is_date(bad), "{bad}");
        }
    }

    #[test]
    fn instants_carry_a_zone() {
        assert!(is_instant("2026-11-20T10:00:00Z"));
        assert!(is_date_time("2026-11-20T10:00:00.5+01:00"));
        assert!(!is_instant("2026-11-20T10:00:00"));
        assert!(!is_instant("2026-11-20"));
    }

    #[test]
    fn ids_are_uuids_in_one_spelling() {
        assert!(is_uuid("6f2c1e0a-9d43-4b1e-8f6a-0a1b2c3d4e5f"));
        for bad in
            ["", "6F2C1E0A-9D43-4B1E-8F6A-0A1B2C3D4E5F", "6f2c1e0a9d434b1e8f6a0a1b2c3d4e5f", "x"]
        {
            assert!(!is_uuid(bad), "{bad}");
        }
    }

    #[test]
    fn text_is_neither_empty_nor_binary() {
        assert!(is_text("Brain\nMRI"));
        for bad in ["", "  ", "a\0b", "\u{1b}[2J"] {
            assert!(!is_text(bad), "{bad:?}");
        }
        assert!(is_code("entered-in-error") && is_code("a b"));
        assert!(!is_code("a  b") && !is_code(" a") && !is_uri("a b"));
        assert!(!is_text(&"a".repeat(TEXT_BYTES_MAX + 1)));
    }
}
