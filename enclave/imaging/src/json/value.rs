//! Values by their representation (PS3.5, section 6.2; PS3.18, F.2.3).

use std::borrow::Cow;

use autoclave_fhir::json::Node;
use dicom_core::VR;

use super::word;
use crate::text::Charset;

/// The values of an element that is neither a sequence nor bytes without text.
pub(super) fn values(vr: VR, bytes: &[u8], big: bool, charset: &Charset) -> Vec<Node<'static>> {
    match vr {
        VR::US => each(bytes, big, u16::from_le_bytes),
        VR::SS => each(bytes, big, i16::from_le_bytes),
        VR::UL => each(bytes, big, u32::from_le_bytes),
        VR::SL => each(bytes, big, i32::from_le_bytes),
        VR::UV => each(bytes, big, u64::from_le_bytes),
        VR::SV => each(bytes, big, i64::from_le_bytes),
        VR::FL => each(bytes, big, |four| Real(f32::from_le_bytes(four).into(), true)),
        VR::FD => each(bytes, big, |eight| Real(f64::from_le_bytes(eight), false)),
        VR::AT => tags(bytes, big),
        _ => texts(vr, &charset.decode(vr, bytes)),
    }
}

/// The bytes of a binary value as the model wants them.
pub(super) fn little_endian(vr: VR, bytes: &[u8], big: bool) -> Cow<'_, [u8]> {
    let unit = match vr {
        VR::OW => 2,
        VR::OL | VR::OF => 4,
        VR::OD | VR::OV => 8,
        _ => 1,
    };
    if !big || unit == 1 {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(bytes.chunks(unit).flat_map(|unit| unit.iter().rev().copied()).collect())
}

trait Number {
    fn node(&self) -> Node<'static>;
}

/// A real number, and whether it had 32 bits: fewer digits then say the same.
struct Real(f64, bool);

impl Number for Real {
    fn node(&self) -> Node<'static> {
        if !self.0.is_finite() {
            return word(&self.0.to_string());
        }
        #[expect(clippy::cast_possible_truncation, reason = "it came from 32 bits")]
        let digits = if self.1 { format!("{:?}", self.0 as f32) } else { format!("{:?}", self.0) };
        Node::Number(digits.into())
    }
}

macro_rules! whole {
    ($($kind:ty),*) => { $(impl Number for $kind {
        fn node(&self) -> Node<'static> {
            Node::Number(self.to_string().into())
        }
    })* };
}

whole!(u16, i16, u32, i32, u64, i64);

fn each<const N: usize, T: Number>(
    bytes: &[u8],
    big: bool,
    read: impl Fn([u8; N]) -> T,
) -> Vec<Node<'static>> {
    let one = |chunk: &[u8; N]| {
        let mut unit = *chunk;
        if big {
            unit.reverse();
        }
        read(unit).node()
    };
    bytes.as_chunks::<N>().0.iter().map(one).collect()
}

fn tags(bytes: &[u8], big: bool) -> Vec<Node<'static>> {
    let half =
        |pair: [u8; 2]| if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
    let one = |tag: &[u8; 4]| {
        word(&format!("{:04X}{:04X}", half([tag[0], tag[1]]), half([tag[2], tag[3]])))
    };
    bytes.as_chunks::<4>().0.iter().map(one).collect()
}

fn texts(vr: VR, text: &str) -> Vec<Node<'static>> {
    if matches!(vr, VR::LT | VR::ST | VR::UT | VR::UR) {
        let text = text.trim_end_matches([' ', '\0']);
        return if text.is_empty() { Vec::new() } else { vec![word(text)] };
    }
    let values: Vec<_> = text.split('\\').map(|part| one(vr, trimmed(vr, part))).collect();
    if values.iter().all(|value| matches!(value, Node::Null)) { Vec::new() } else { values }
}

/// Padding does not mean anything; in free texts, spaces before the first letter do.
fn trimmed(vr: VR, part: &str) -> &str {
    match vr {
        VR::UC => part.trim_end_matches([' ', '\0']),
        _ => part.trim_matches([' ', '\0']),
    }
}

fn one(vr: VR, part: &str) -> Node<'static> {
    match vr {
        _ if part.is_empty() => Node::Null,
        VR::PN => person(part),
        VR::DS | VR::IS => {
            digits(part).map_or_else(|| word(part), |text| Node::Number(text.into()))
        }
        _ => word(part),
    }
}

fn person(name: &str) -> Node<'static> {
    let groups = ["Alphabetic", "Ideographic", "Phonetic"];
    let parts = name.split('=').map(str::trim);
    let named = groups.into_iter().zip(parts).filter(|(_, part)| !part.is_empty());
    Node::object(named.map(|(group, part)| (group, word(part))).collect::<Vec<_>>())
}

/// The digits of a decimal or integer string as JSON has them (RFC 8259, section 6).
fn digits(part: &str) -> Option<String> {
    let (sign, rest) = match part.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", part.strip_prefix('+').unwrap_or(part)),
    };
    let (number, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let power = exponent.map(|text| text.trim_start_matches(['+', '-']));
    let sound = all_digits(whole)
        && all_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && power.is_none_or(|text| !text.is_empty() && all_digits(text));
    if !sound {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let point = if fraction.is_empty() { "" } else { "." };
    let exponent = exponent.map(|text| format!("e{text}")).unwrap_or_default();
    Some(format!("{sign}{whole}{point}{fraction}{exponent}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_strings_keep_the_digits_that_json_has() {
        for (part, expected) in [
            ("1.50", Some("1.50")),
            ("+07", Some("7")),
            (".5", Some("0.5")),
            ("-5.", Some("-5")),
            ("1e-05", Some("1e-05")),
            ("0", Some("0")),
            ("", None),
            ("1,5", None),
            ("NaN", None),
            ("1e", None),
        ] {
            assert_eq!(digits(part).as_deref(), expected, "{part}");
        }
    }
}
