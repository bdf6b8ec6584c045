//! What a comparison asks of an interval (R4, search.html#prefix: "the range of the search
//! value", here from `from` to `to`, and "the range of the target value", here low to high).

use super::value::Prefix;
use crate::decimal::Decimal;
use crate::instant::interval;
use crate::{Filter, Parameter};

/// A comparison with a range that contains its bounds.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Comparison {
    prefix: Prefix,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// Bounds of one span of a filter: `low >=`, `low <=`, `high >=`, `high <=`.
type Bounds = (Option<f64>, Option<f64>, Option<f64>, Option<f64>);

impl Comparison {
    /// Of a date, with or without a prefix; `now` is for `ap`.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of four-digit years are exact")]
    pub(crate) fn date(prefix: Prefix, text: &str, now: i64) -> Option<Self> {
        let (mut from, mut to) = interval(text)?;
        if prefix == Prefix::Ap {
            // "10% of the gap between now and the date".
            let about = (now - from).abs() / 10;
            (from, to) = (from - about, to + about);
        }
        Some(Self { prefix, from: from as f64, to: to as f64 })
    }

    /// Of a number. Prefixes that order ignore its precision (R4: "arbitrarily high
    /// precision"). A number of more digits than floats hold is widened, for a check to narrow.
    pub(crate) fn number(prefix: Prefix, number: &Decimal) -> Option<Self> {
        let (from, to) = match prefix {
            Prefix::Eq | Prefix::Ne => {
                let (from, to) = number.precision()?;
                // The range does not contain its upper end.
                (
                    from.bounds().0,
                    if number.is_long() { to.bounds().1 } else { to.near().next_down() },
                )
            }
            Prefix::Ap => {
                let (from, to) = number.about()?;
                (from.bounds().0, to.bounds().1)
            }
            _ => number.bounds(),
        };
        Some(Self { prefix, from, to })
    }

    /// Whether an interval is what is asked for.
    pub(crate) fn holds(&self, low: f64, high: f64) -> bool {
        let is_above = |bound: Option<f64>, value: f64| bound.is_none_or(|bound| value >= bound);
        let is_below = |bound: Option<f64>, value: f64| bound.is_none_or(|bound| value <= bound);
        self.bounds().iter().any(|(low_from, low_to, high_from, high_to)| {
            is_above(*low_from, low)
                && is_below(*low_to, low)
                && is_above(*high_from, high)
                && is_below(*high_to, high)
        })
    }

    /// As a filter over spans.
    pub(crate) fn filter(&self, parameter: Parameter, unit: i64) -> Vec<Filter> {
        let span = |(low_from, low_to, high_from, high_to): Bounds| Filter::Span {
            parameter,
            unit,
            low_from,
            low_to,
            high_from,
            high_to,
        };
        self.bounds().into_iter().map(span).collect()
    }

    /// As a filter over when resources were changed.
    pub(crate) fn updated(&self) -> Vec<Filter> {
        let time = |(low_from, low_to, high_from, high_to): Bounds| Filter::Updated {
            from: low_from.or(high_from).map(|bound| whole(bound.ceil())),
            to: high_to.or(low_to).map(|bound| whole(bound.floor())),
        };
        self.bounds().into_iter().map(time).collect()
    }

    /// Alternatives of bounds.
    fn bounds(&self) -> Vec<Bounds> {
        let (from, to) = (self.from, self.to);
        let is_before = (None, Some(from.next_down()), None, None);
        let is_behind = (None, None, Some(to.next_up()), None);
        match self.prefix {
            Prefix::Eq => vec![(Some(from), None, None, Some(to))],
            Prefix::Ne => vec![is_before, is_behind],
            Prefix::Gt => vec![is_behind],
            Prefix::Lt => vec![is_before],
            // "above, or contained": whatever begins within the range is one or the other.
            Prefix::Ge => vec![is_behind, (Some(from), None, None, None)],
            Prefix::Le => vec![is_before, (None, None, None, Some(to))],
            Prefix::Sa => vec![(Some(to.next_up()), None, None, None)],
            Prefix::Eb => vec![(None, None, None, Some(from.next_down()))],
            Prefix::Ap => vec![(None, Some(to), Some(from), None)],
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds of four-digit years are exact")]
fn whole(bound: f64) -> i64 {
    bound as i64
}

/// Whether a decimal is what is asked for, digit by digit.
pub(crate) fn decimal_holds(prefix: Prefix, asked: &Decimal, value: &Decimal) -> Option<bool> {
    use std::cmp::Ordering::{Greater, Less};
    let order = value.compare(asked);
    let within = |(from, to): (Decimal, Decimal), to_is_in: bool| {
        let below = value.compare(&to);
        value.compare(&from) != Less && (below == Less || to_is_in && below != Greater)
    };
    Some(match prefix {
        Prefix::Eq => within(asked.precision()?, false),
        Prefix::Ne => !within(asked.precision()?, false),
        Prefix::Ap => within(asked.about()?, true),
        Prefix::Gt | Prefix::Sa => order == Greater,
        Prefix::Lt | Prefix::Eb => order == Less,
        Prefix::Ge => order != Less,
        Prefix::Le => order != Greater,
    })
}
