//! Decimals by their digits, and as bounds of 64-bit floats that never lie: a number that a
//! float cannot hold becomes the interval of the two floats around it. It belongs to the crate.

use std::cmp::Ordering;

/// Most significant digits of a number that a query compares by; FHIR wants 18.
const DIGITS_MAX: usize = 34;
/// Up to so many significant digits decimals and floats are one to one, with one to spare for
/// half of the last place.
const DIGITS_EXACT: usize = 14;
/// Beyond this many powers of ten a number is as good as endless, or zero.
const POWER_MAX: i64 = 100_000;

/// A decimal number: `digits * 10^power`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    /// Without zeros in front; empty for zero.
    digits: Vec<u8>,
    power: i64,
    /// Written with an exponent.
    scientific: bool,
}

impl Decimal {
    /// Reads JSON's and XML's way of writing numbers, and `+` in front as clients do.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent.parse::<i64>().ok()?)),
            None => (rest, None),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_complete = mantissa.contains('.') != part.is_empty();
        if whole.is_empty() || !is_number(whole) || !is_number(part) || !is_complete {
            return None;
        }
        let digits: Vec<u8> =
            whole.bytes().chain(part.bytes()).skip_while(|byte| *byte == b'0').collect();
        let power =
            exponent.unwrap_or(0).clamp(-POWER_MAX, POWER_MAX) - i64::try_from(part.len()).ok()?;
        Some(Self { negative, digits, power, scientific: exponent.is_some() })
    }

    /// Least and greatest float between which the number lies: the same where a float is the
    /// shortest way to it. Comparing these with a number of few digits says what comparing the
    /// decimals says.
    pub(crate) fn bounds(&self) -> (f64, f64) {
        let near = self.near();
        if self.digits.len() <= DIGITS_EXACT
            && near.abs() < 1e300
            && (near == 0.0 || near.abs() > 1e-290)
        {
            return (near, near);
        }
        let shortest = Self::parse(&format!("{near:e}"));
        match shortest.map(|shortest| self.compare(&shortest)) {
            Some(Ordering::Less) => (near.next_down().max(f64::MIN), near),
            Some(Ordering::Greater) => (near, near.next_up().min(f64::MAX)),
            _ => (near, near),
        }
    }

    /// The nearest float, never endless.
    pub(crate) fn near(&self) -> f64 {
        let sign = if self.negative { "-" } else { "" };
        let digits = if self.digits.is_empty() {
            "0"
        } else {
            std::str::from_utf8(&self.digits).unwrap_or("0")
        };
        let near: f64 = format!("{sign}{digits}e{}", self.power).parse().unwrap_or(0.0);
        near.clamp(f64::MIN, f64::MAX)
    }

    /// Whether it has too many digits for comparing by floats.
    pub(crate) fn is_long(&self) -> bool {
        self.digits.len() > DIGITS_EXACT
    }

    /// The range that its precision means (R4, search.html#number): `100` is 99.5 to 100.5,
    /// `1e2` is 95 to 105. None with more digits than are compared.
    pub(crate) fn precision(&self) -> Option<(Self, Self)> {
        let shift = if self.scientific { 2 } else { 1 };
        let factor: i128 = if self.scientific { 100 } else { 10 };
        let scaled = self.signed()? * factor;
        Some((Self::of(scaled - 5, self.power - shift), Self::of(scaled + 5, self.power - shift)))
    }

    /// The range that is about it: a tenth less to a tenth more.
    pub(crate) fn about(&self) -> Option<(Self, Self)> {
        let (value, tenth) = (self.signed()? * 10, self.signed()?.abs());
        Some((Self::of(value - tenth, self.power - 1), Self::of(value + tenth, self.power - 1)))
    }

    fn signed(&self) -> Option<i128> {
        if self.digits.len() > DIGITS_MAX {
            return None;
        }
        let value =
            self.digits.iter().fold(0_i128, |value, digit| value * 10 + i128::from(digit - b'0'));
        Some(if self.negative { -value } else { value })
    }

    fn of(value: i128, power: i64) -> Self {
        let digits = value.unsigned_abs().to_string().into_bytes();
        let digits = digits.into_iter().skip_while(|digit| *digit == b'0').collect();
        Self { negative: value < 0, digits, power, scientific: false }
    }

    /// How two numbers compare, digit by digit.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self.sign(), other.sign()) {
            (1, 1) => self.size(other),
            (-1, -1) => other.size(self),
            (own, others) => own.cmp(&others),
        }
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    fn size(&self, other: &Self) -> Ordering {
        let magnitude =
            |one: &Self| i64::try_from(one.digits.len()).unwrap_or(i64::MAX) + one.power;
        magnitude(self).cmp(&magnitude(other)).then_with(|| {
            let length = self.digits.len().max(other.digits.len());
            let padded = |one: &Self| {
                one.digits
                    .iter()
                    .copied()
                    .chain(std::iter::repeat(b'0'))
                    .take(length)
                    .collect::<Vec<u8>>()
            };
            padded(self).cmp(&padded(other))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn only_numbers_are_numbers() {
        for text in
            ["", "-", ".5", "1.", "1e", "0x1", "NaN", "inf", "1,5", "١", "1 ", "--1", "1e1.5"]
        {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
        for text in ["0", "-0.0", "+1", "007", "1e2", "1E-400", "1e999999999"] {
            assert!(Decimal::parse(text).is_some(), "{text}");
        }
    }

    #[test]
    fn digits_are_compared_beyond_floats() {
        let sorted = [
            "-1e400",
            "-2",
            "-1.50",
            "-1.4999999999999999999999",
            "0",
            "1e-400",
            "0.1",
            "0.10000000000000000000001",
            "123456789012345678901",
            "123456789012345678902",
            "1e400",
        ];
        for pair in sorted.windows(2) {
            assert_eq!(number(pair[0]).compare(&number(pair[1])), Ordering::Less, "{pair:?}");
        }
        assert_eq!(number("1.50").compare(&number("15e-1")), Ordering::Equal);
        assert_eq!(number("-0.0").compare(&number("0")), Ordering::Equal);
    }

    #[test]
    fn bounds_lie_on_the_right_side_of_every_short_number() {
        for (text, low, high) in [
            ("5.4", 5.4, 5.4),
            ("5.4000000000000000000001", 5.4, 5.4_f64.next_up()),
            ("5.3999999999999999999999", 5.4_f64.next_down(), 5.4),
            ("-5.4000000000000000000001", (-5.4_f64).next_down(), -5.4),
            ("1e400", f64::MAX, f64::MAX),
            ("-1e400", f64::MIN, f64::MIN),
            ("100.00", 100.0, 100.0),
        ] {
            assert_eq!(number(text).bounds(), (low, high), "{text}");
        }
    }

    #[test]
    fn precision_is_what_the_specification_says_of_its_own_examples() {
        for (text, low, high) in [
            ("100", 99.5, 100.5),
            ("100.00", 99.995, 100.005),
            ("1e2", 95.0, 105.0),
            ("5.4", 5.35, 5.45),
            ("5.40e-3", 0.005_399_5, 0.005_400_5),
            ("-1", -1.5, -0.5),
            ("0", -0.5, 0.5),
        ] {
            let (from, to) = number(text).precision().unwrap();
            assert_eq!((from.near(), to.near()), (low, high), "{text}");
        }
        assert!(number(&"9".repeat(40)).precision().is_none());
    }
}
