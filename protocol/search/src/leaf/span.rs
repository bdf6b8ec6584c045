//! Values that have an order, as intervals that contain their bounds.

use autoclave_fhir::json::Node;

use super::LeafKind;
use crate::decimal::Decimal;
use crate::instant::interval;

/// UCUM, in which a code alone says the unit.
pub(crate) const UCUM: &str = "http://unitsofmeasure.org";
const CURRENCY: &str = "urn:iso:std:iso:4217";

/// An interval. Open ends are the least and greatest numbers.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Span<'n> {
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// In what it is measured, of a quantity.
    pub(crate) unit: Unit<'n>,
}

/// A unit: its code in a system, and how people write it.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) struct Unit<'n> {
    pub(crate) system: &'n str,
    pub(crate) code: &'n str,
    pub(crate) text: &'n str,
}

impl LeafKind {
    /// The interval of a value.
    pub(crate) fn span<'n>(&self, value: &'n Node<'_>) -> Option<Span<'n>> {
        let bare = |(low, high)| Span { low, high, unit: Unit::default() };
        match self {
            Self::Date => value.text().and_then(date).map(bare),
            Self::Period => period(value).map(bare),
            Self::Timing => timing(value).map(bare),
            Self::Number => number(value).map(bare),
            Self::Range => range(value),
            Self::Quantity => quantity(value),
            Self::Money => money(value),
            Self::Sampled => sampled(value),
            _ => None,
        }
    }

    /// The decimal of a value that is one number without a comparator.
    pub(crate) fn decimal(&self, value: &Node<'_>) -> Option<Decimal> {
        let digits = match self {
            Self::Number => value.number(),
            Self::Quantity | Self::Money if value.get("comparator").is_none() => {
                value.get("value").and_then(Node::number)
            }
            _ => None,
        };
        digits.and_then(Decimal::parse)
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of four-digit years are exact")]
fn date(text: &str) -> Option<(f64, f64)> {
    interval(text).map(|(low, high)| (low as f64, high as f64))
}

fn period(value: &Node<'_>) -> Option<(f64, f64)> {
    let low = value.text_of("start").and_then(date);
    let high = value.text_of("end").and_then(date);
    (low.is_some() || high.is_some())
        .then(|| (low.map_or(f64::MIN, |low| low.0), high.map_or(f64::MAX, |high| high.1)))
}

/// From the first to the last of what a timing names (R4: "the outer bounds").
fn timing(value: &Node<'_>) -> Option<(f64, f64)> {
    let events = value.get("event").map_or(&[][..], Node::each);
    let events = events.iter().filter_map(|event| event.text().and_then(date));
    let bounds = value.at(&["repeat", "boundsPeriod"]).and_then(period);
    events.chain(bounds).reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)))
}

fn number(value: &Node<'_>) -> Option<(f64, f64)> {
    value.number().and_then(Decimal::parse).map(|number| number.bounds())
}

fn unit<'n>(value: &'n Node<'_>) -> Unit<'n> {
    let text = |name| value.text_of(name).unwrap_or("");
    Unit { system: text("system"), code: text("code"), text: text("unit") }
}

fn quantity<'n>(value: &'n Node<'_>) -> Option<Span<'n>> {
    let (low, high) = value.get("value").and_then(number)?;
    let (low, high) = match value.text_of("comparator") {
        Some("<") => (f64::MIN, low.next_down()),
        Some("<=") => (f64::MIN, high),
        Some(">") => (high.next_up(), f64::MAX),
        Some(">=") => (low, f64::MAX),
        _ => (low, high),
    };
    Some(Span { low, high, unit: unit(value) })
}

fn money<'n>(value: &'n Node<'_>) -> Option<Span<'n>> {
    let (low, high) = value.get("value").and_then(number)?;
    let code = value.text_of("currency").unwrap_or("");
    Some(Span { low, high, unit: Unit { system: CURRENCY, code, text: code } })
}

fn range<'n>(value: &'n Node<'_>) -> Option<Span<'n>> {
    let end = |name| value.get(name);
    let bound = |name| end(name).and_then(|end| end.get("value")).and_then(number);
    let (low, high) = (bound("low"), bound("high"));
    if low.is_none() && high.is_none() {
        return None;
    }
    Some(Span {
        low: low.map_or(f64::MIN, |low| low.0),
        high: high.map_or(f64::MAX, |high| high.1),
        unit: end("low").or_else(|| end("high")).map(unit).unwrap_or_default(),
    })
}

/// The least and greatest sample (R4, datatypes.html#SampledData: data × factor + origin).
fn sampled<'n>(value: &'n Node<'_>) -> Option<Span<'n>> {
    let plain = |name| value.get(name).and_then(Node::number).and_then(|text| text.parse().ok());
    let origin = value.get("origin")?;
    let zero: f64 = origin.get("value").and_then(Node::number)?.parse().ok()?;
    let factor: f64 = plain("factor").unwrap_or(1.0);
    let limit = |name| plain(name).map(|limit: f64| limit * factor + zero);
    let sample = |text: &str| match text {
        "E" => None,
        "L" => limit("lowerLimit").or(Some(f64::MIN)),
        "U" => limit("upperLimit").or(Some(f64::MAX)),
        number => number.parse::<f64>().ok().map(|number| number * factor + zero),
    };
    let samples = value.text_of("data")?.split_whitespace().filter_map(sample);
    let finite = samples.map(|sample| sample.clamp(f64::MIN, f64::MAX)).map(|one| (one, one));
    let (low, high) = finite.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)))?;
    Some(Span { low, high, unit: unit(origin) })
}

impl Unit<'_> {
    /// Calls back with every name under which the unit is found ([`Unit::asked`] makes the
    /// same).
    pub(crate) fn names(&self, found: &mut impl FnMut(&str)) {
        match (self.system, self.code) {
            (_, "") => {}
            (UCUM, code) => found(&ucum(code)),
            ("", code) => found(&plain(code)),
            (system, code) => {
                found(&format!("s{system}|{code}"));
                found(&plain(code));
            }
        }
        let is_said = self.text == self.code && self.system != UCUM;
        let is_ucum = self.text == self.code && self.system == UCUM;
        if !self.text.is_empty() && !is_said && !is_ucum {
            found(&plain(self.text));
        }
    }

    /// The names of which one must be a value's: of `|system|code`, and of `||code`, which is
    /// a code in whatever system or the unit as people write it.
    pub(crate) fn asked(system: &str, code: &str) -> Vec<String> {
        match system {
            "" => vec![ucum(code), plain(code)],
            UCUM => vec![ucum(code)],
            system => vec![format!("s{system}|{code}")],
        }
    }
}

fn ucum(code: &str) -> String {
    format!("u{code}")
}

fn plain(code: &str) -> String {
    format!("t{code}")
}
