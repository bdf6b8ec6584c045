//! Units of UCUM, as many as medicine needs to compare quantities: prefixes, products,
//! quotients and powers over a table of atoms. It belongs to the crate. What is not in the
//! table compares with itself only; temperatures of different scales do not compare.

mod table;

use std::borrow::Cow;

use rust_decimal::Decimal;

use crate::item::Quantity;
use crate::value::Step;
use table::{ATOMS, Atom, BASES, PREFIXES};

/// Powers of the base units, in the order of the table.
type Dimensions = [i8; BASES.len()];
/// Powers of ten beyond which nobody measures.
const POWER_MAX: i32 = 60;
/// Bytes of one unit.
const UNIT_BYTES_MAX: usize = 128;

/// A unit as a multiple of base units: `over / under × 10^power × dimensions`. The fraction
/// is never divided out: a sixtieth has no exact decimal.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Unit {
    over: Decimal,
    under: Decimal,
    power: i32,
    dimensions: Dimensions,
}

impl Unit {
    const ONE: Self =
        Self { over: Decimal::ONE, under: Decimal::ONE, power: 0, dimensions: [0; BASES.len()] };

    fn times(self, other: Self, sign: i8) -> Option<Self> {
        let (over, under) =
            if sign > 0 { (other.over, other.under) } else { (other.under, other.over) };
        let power = self.power + i32::from(sign) * other.power;
        let mut dimensions = self.dimensions;
        for (own, more) in dimensions.iter_mut().zip(other.dimensions) {
            *own = own.checked_add(more.checked_mul(sign)?)?;
        }
        (power.abs() <= POWER_MAX).then_some(Self {
            over: self.over.checked_mul(over)?,
            under: self.under.checked_mul(under)?,
            power,
            dimensions,
        })
    }

    fn to_the(self, exponent: i8) -> Option<Self> {
        let sign = exponent.signum();
        (0..exponent.unsigned_abs()).try_fold(Self::ONE, |unit, _| unit.times(self, sign))
    }
}

/// Two quantities as numbers of one unit; `None` where their units do not compare.
pub(crate) fn aligned(left: &Quantity<'_>, right: &Quantity<'_>) -> Option<(Decimal, Decimal)> {
    if left.calendar == right.calendar && left.unit == right.unit {
        return Some((left.value, right.value));
    }
    let (of_left, of_right) = (unit_of(left)?, unit_of(right)?);
    if of_left.dimensions != of_right.dimensions {
        return None;
    }
    let least = of_left.power.min(of_right.power);
    let number = |quantity: &Quantity<'_>, unit: Unit, other: Unit| {
        let value = quantity.value.checked_mul(unit.over)?.checked_mul(other.under)?;
        scaled(value, unit.power - least)
    };
    Some((number(left, of_left, of_right)?, number(right, of_right, of_left)?))
}

/// Both as numbers of the larger of their units, for equivalence.
pub(crate) fn roughly(left: &Quantity<'_>, right: &Quantity<'_>) -> Option<(Decimal, Decimal)> {
    let (a, b) = ratio(left, right)?;
    if a >= b {
        Some((left.value, right.value.checked_mul(b)?.checked_div(a)?))
    } else {
        Some((left.value.checked_mul(a)?.checked_div(b)?, right.value))
    }
}

/// One of each unit, as numbers of a third.
pub(crate) fn ratio(left: &Quantity<'_>, right: &Quantity<'_>) -> Option<(Decimal, Decimal)> {
    let one_left = Quantity { value: Decimal::ONE, ..left.clone() };
    let one_right = Quantity { value: Decimal::ONE, ..right.clone() };
    aligned(&one_left, &one_right)
}

/// Whether two units measure the same thing.
pub(crate) fn comparable(left: &Quantity<'_>, right: &Quantity<'_>) -> bool {
    left.unit == right.unit
        || matches!((unit_of(left), unit_of(right)), (Some(a), Some(b)) if a.dimensions == b.dimensions)
}

/// The product (`sign` 1) or quotient (-1) of two quantities, in base units unless one of
/// them has none.
pub(crate) fn product<'a>(
    left: &Quantity<'a>,
    right: &Quantity<'a>,
    sign: i8,
) -> Option<Quantity<'a>> {
    let numbers =
        |a: Decimal, b: Decimal| if sign > 0 { a.checked_mul(b) } else { a.checked_div(b) };
    if right.unit == "1" {
        return Some(Quantity { value: numbers(left.value, right.value)?, ..left.clone() });
    }
    if left.unit == "1" && sign > 0 {
        return Some(Quantity { value: numbers(left.value, right.value)?, ..right.clone() });
    }
    if left.unit == right.unit && sign < 0 {
        let unit = Cow::Borrowed("1");
        return Some(Quantity { value: numbers(left.value, right.value)?, unit, calendar: false });
    }
    let unit = unit_of(left)?.times(unit_of(right)?, sign)?;
    let value =
        numbers(left.value, right.value)?.checked_mul(unit.over)?.checked_div(unit.under)?;
    let value = scaled(value, unit.power)?.normalize();
    Some(Quantity { value, unit: Cow::Owned(written(unit.dimensions)), calendar: false })
}

fn unit_of(quantity: &Quantity<'_>) -> Option<Unit> {
    if !quantity.calendar {
        return parse(&quantity.unit);
    }
    // A calendar's year and month are of no definite length.
    parse(match Step::of_word(&quantity.unit)? {
        Step::Year | Step::Month => return None,
        Step::Week => "wk",
        Step::Day => "d",
        Step::Hour => "h",
        Step::Minute => "min",
        Step::Second => "s",
        Step::Millisecond => "ms",
    })
}

/// `number × 10^power`, exactly or not at all.
fn scaled(number: Decimal, power: i32) -> Option<Decimal> {
    let mut scaled = number.normalize();
    let scale = i64::from(scaled.scale()) - i64::from(power);
    if scale >= 0 {
        scaled.set_scale(u32::try_from(scale).ok()?).ok()?;
        return Some(scaled);
    }
    scaled.set_scale(0).ok()?;
    let zeros = u32::try_from(-scale).ok()?;
    scaled.checked_mul(Decimal::from_i128_with_scale(10_i128.checked_pow(zeros)?, 0))
}

fn written(dimensions: Dimensions) -> String {
    let mut out = String::new();
    for (base, power) in BASES.iter().zip(dimensions).filter(|(_, power)| *power != 0) {
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(base);
        if power != 1 {
            out.push_str(&power.to_string());
        }
    }
    if out.is_empty() { "1".to_owned() } else { out }
}

fn parse(unit: &str) -> Option<Unit> {
    if unit.len() > UNIT_BYTES_MAX {
        return None;
    }
    let mut rest = unit;
    let mut sign = 1;
    if let Some(quotient) = rest.strip_prefix('/') {
        (rest, sign) = (quotient, -1);
    }
    let mut whole = Unit::ONE;
    loop {
        let length = component_length(rest);
        whole = whole.times(component(&rest[..length])?, sign)?;
        rest = &rest[length..];
        sign = match rest.as_bytes().first() {
            None => return Some(whole),
            Some(b'.') => 1,
            _ => -1,
        };
        rest = &rest[1..];
    }
}

/// Up to the next `.` or `/` that stands in no bracket.
fn component_length(text: &str) -> usize {
    let mut open = 0_i32;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open -= 1,
            b'.' | b'/' if open == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

fn component(text: &str) -> Option<Unit> {
    // An annotation says what is counted, not how much it is.
    let text = match text.find('{') {
        Some(at) if text.ends_with('}') => &text[..at],
        Some(_) => return None,
        None if text.is_empty() => return None,
        None => text,
    };
    if text.is_empty() {
        return Some(Unit::ONE);
    }
    if let Some(power) = text.strip_prefix("10*").or_else(|| text.strip_prefix("10^")) {
        let power: i32 = if power.is_empty() { 1 } else { power.parse().ok()? };
        return (power.abs() <= POWER_MAX).then_some(Unit { power, ..Unit::ONE });
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Unit { over: text.parse().ok()?, ..Unit::ONE });
    }
    let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
    let mut name = &text[..text.len() - digits];
    let mut exponent: i8 = if digits == 0 { 1 } else { text[name.len()..].parse().ok()? };
    if digits > 0
        && let Some(bare) = name.strip_suffix(['-', '+'])
    {
        exponent = if name.ends_with('-') { -exponent } else { exponent };
        name = bare;
    }
    if exponent.abs() > 9 {
        return None;
    }
    simple(name)?.to_the(exponent)
}

/// An atom with or without a prefix.
fn simple(name: &str) -> Option<Unit> {
    if let Some(atom) = atom(name) {
        return unit(atom, 0);
    }
    PREFIXES.iter().find_map(|(prefix, power)| {
        let atom = atom(name.strip_prefix(prefix)?).filter(|atom| atom.metric)?;
        unit(atom, *power)
    })
}

fn atom(name: &str) -> Option<&'static Atom> {
    ATOMS.iter().find(|atom| atom.code == name)
}

fn unit(atom: &Atom, power: i32) -> Option<Unit> {
    let mut dimensions = Unit::ONE.dimensions;
    for (base, exponent) in atom.of {
        dimensions[BASES.iter().position(|own| own == base)?] = *exponent;
    }
    let over = atom.mantissa.parse().ok()?;
    Some(Unit { over, power: atom.power + power, dimensions, ..Unit::ONE })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity(value: &str, unit: &'static str) -> Quantity<'static> {
        Quantity { value: value.parse().unwrap(), unit: unit.into(), calendar: false }
    }

    fn same(left: (&str, &'static str), right: (&str, &'static str)) -> Option<bool> {
        aligned(&quantity(left.0, left.1), &quantity(right.0, right.1)).map(|(a, b)| a == b)
    }

    #[test]
    fn units_of_medicine_convert_exactly() {
        for (left, right) in [
            (("4", "g"), ("4000.0", "mg")),
            (("1", "[in_i]"), ("2.54", "cm")),
            (("1", "[lb_av]"), ("453.59237", "g")),
            (("5.5", "mmol/L"), ("5500", "umol/L")),
            (("120", "mm[Hg]"), ("12", "cm[Hg]")),
            (("1", "kg/m2"), ("0.1", "g/cm2")),
            (("2", "10*9/L"), ("2000", "10*6/L")),
            (("1", "L/min"), ("60", "L/h")),
            (("1", "dL"), ("100", "cm3")),
            (("60", "/min"), ("1", "s-1")),
            (("60", "{beats}/min"), ("1", "Hz")),
            (("37", "Cel"), ("37", "Cel")),
            (("50", "%"), ("0.5", "1")),
            (("1", "h"), ("3600", "s")),
        ] {
            assert_eq!(same(left, right), Some(true), "{} {}", left.1, right.1);
        }
        assert_eq!(same(("4", "g"), ("4040", "mg")), Some(false));
    }

    #[test]
    fn what_does_not_measure_the_same_does_not_compare() {
        for (left, right) in [
            ("g", "m"),
            ("Cel", "[degF]"),
            ("1", "mg"),
            ("[iU]", "mg"),
            ("nonsense", "g"),
            ("mol", "g"),
        ] {
            assert_eq!(same(("1", left), ("1", right)), None, "{left} {right}");
        }
        assert_eq!(same(("1", "nonsense"), ("1", "nonsense")), Some(true));
        assert!(!comparable(&quantity("1", "cm"), &quantity("1", "s")));
        assert!(comparable(&quantity("1", "cm"), &quantity("1", "[in_i]")));
        for odd in ["", "m/", "//m", "m..m", "m-", "{open", "m99", "10*99"] {
            assert!(parse(odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn products_are_in_base_units() {
        let area = product(&quantity("2.0", "cm"), &quantity("2.0", "m"), 1).unwrap();
        assert_eq!((area.value, area.unit.as_ref()), ("0.04".parse().unwrap(), "m2"));
        let line = product(&quantity("4.0", "kg"), &quantity("2.0", "m"), -1).unwrap();
        assert_eq!((line.value, line.unit.as_ref()), (2000.into(), "m-1.g"));
        assert!(parse(&line.unit).is_some(), "what is written is read");
        let none = product(&quantity("1.0", "m"), &quantity("2.0", "m"), -1).unwrap();
        assert_eq!(none.unit, "1");
    }
}
