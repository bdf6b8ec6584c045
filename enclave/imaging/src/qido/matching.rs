//! Whether attributes match a key (PS3.4, C.2.2.2).

use autoclave_fhir::json::Node;
use dicom_core::Tag;

use super::query::Key;
use crate::json;

/// Whether a data set in the DICOM JSON model matches all of the keys.
pub fn matches<'k>(metadata: &Node<'_>, keys: impl IntoIterator<Item = &'k Key>) -> bool {
    keys.into_iter().all(|key| one(metadata, &key.path, &key.value))
}

fn one(metadata: &Node<'_>, path: &[Tag], wanted: &str) -> bool {
    let Some((tag, rest)) = path.split_first() else { return true };
    let Some(attribute) = metadata.get(&json::name(*tag)) else { return false };
    let vr = attribute.text_of("vr").unwrap_or_default();
    let values = attribute.get("Value").map_or(&[][..], Node::items);
    if rest.is_empty() {
        values.iter().any(|value| texts(value).any(|text| is_meant(vr, text, wanted)))
    } else {
        values.iter().any(|item| one(item, rest, wanted))
    }
}

/// The texts of a value: a name has up to three.
fn texts<'n>(value: &'n Node<'_>) -> impl Iterator<Item = &'n str> {
    let groups = value.members().iter().filter_map(|(_, group)| group.text());
    value.text().or_else(|| value.number()).into_iter().chain(groups)
}

/// Whether a value is meant by what a key says, by the representation of the attribute.
pub(crate) fn is_meant(vr: &str, value: &str, wanted: &str) -> bool {
    match vr {
        "UI" => wanted.split([',', '\\']).any(|uid| uid.trim() == value),
        "DA" => is_between(&digits(value), wanted, digits),
        "TM" => is_between(&clock(value, '0'), wanted, |text| text.replace(':', "")),
        "DT" => is_moment(value, wanted),
        "IS" | "DS" | "US" | "SS" | "UL" | "SL" | "FL" | "FD" | "UV" | "SV" => {
            value == wanted || same_number(value, wanted)
        }
        "PN" => {
            let fold = |text: &str| text.trim_end_matches('^').to_lowercase();
            is_like(&fold(value), &fold(wanted))
        }
        // Lists of codes (`ModalitiesInStudy=CT\MR`) name alternatives.
        "CS" => wanted.split(['\\', ',']).any(|code| is_like(value, code.trim())),
        _ => is_like(value, wanted),
    }
}

fn same_number(value: &str, wanted: &str) -> bool {
    matches!((value.parse::<f64>(), wanted.trim().parse::<f64>()), (Ok(one), Ok(other)) if one.to_bits() == other.to_bits())
}

fn digits(text: &str) -> String {
    // ACR-NEMA wrote dates with points.
    text.replace('.', "")
}

/// A time of day, filled up to its microseconds.
fn clock(text: &str, fill: char) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let filled = |text: &str, width: usize| {
        let missing = width.saturating_sub(text.len());
        text.chars().chain(std::iter::repeat_n(fill, missing)).collect::<String>()
    };
    format!("{}{}", filled(&whole.replace(':', ""), 6), filled(fraction, 6))
}

/// Single value, or a range open at either end. A bound that is less precise means all of it.
fn is_between(value: &str, wanted: &str, clean: impl Fn(&str) -> String) -> bool {
    let Some((from, to)) = wanted.split_once('-') else {
        let (wanted, value) = (clean(wanted), value.replace('.', ""));
        return value.starts_with(wanted.replace('.', "").as_str()) && !wanted.is_empty();
    };
    let (from, to) = (clean(from.trim()), clean(to.trim()));
    let value = value.replace('.', "");
    let lowest = from.replace('.', "");
    let highest = to.replace('.', "");
    let upper = value.get(..highest.len().min(value.len())).unwrap_or(&value);
    (lowest.is_empty() || value.as_str() >= lowest.as_str())
        && (highest.is_empty() || upper <= highest.as_str())
}

/// A moment: what comes behind `+` or `-` and four digits is a zone, else a `-` is a range.
fn is_moment(value: &str, wanted: &str) -> bool {
    let bare = |text: &str| text.split(['+', '-']).next().unwrap_or_default().to_owned();
    let is_zone = |rest: &str| rest.len() == 4 && rest < "1500";
    match wanted.rsplit_once('-') {
        Some((_, rest)) if !is_zone(rest) => is_between(&bare(value), wanted, |text| bare(text)),
        _ => bare(value).starts_with(&bare(wanted)),
    }
}

/// `*` means any letters, `?` any one; all others mean themselves.
pub(crate) fn is_like(value: &str, pattern: &str) -> bool {
    let (value, pattern): (Vec<char>, Vec<char>) =
        (value.chars().collect(), pattern.chars().collect());
    // The place behind the last `*`, and the value's place that it was tried at: one step
    // back is enough, so that no pattern costs more than the product of both lengths.
    let (mut at, mut by) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while at < value.len() {
        match pattern.get(by) {
            Some('*') => {
                back = Some((by + 1, at));
                by += 1;
            }
            Some(&letter) if letter == '?' || letter == value[at] => {
                (at, by) = (at + 1, by + 1);
            }
            _ => match back {
                Some((behind, tried)) => {
                    back = Some((behind, tried + 1));
                    (at, by) = (tried + 1, behind);
                }
                None => return false,
            },
        }
    }
    pattern[by..].iter().all(|&letter| letter == '*')
}
