//! The values of FHIRPath that are not already JSON: dates and times of any precision, and
//! quantities. It belongs to the crate. They may be somebody's birthday: no `Debug`, no
//! `Display`; `text` writes one out where it is asked for.

mod date_time;
mod shift;
mod time_of_day;

pub(crate) use date_time::days_of;
pub use date_time::{Date, DateTime};
pub use shift::{Duration, ShiftRefusal, Step};
pub use time_of_day::{Fraction, Time};

use std::cmp::Ordering;

/// Two digits at a place, where digits stand there.
fn two(text: &str, at: usize) -> Option<u8> {
    let digits = text.get(at..at + 2)?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// Compares a part that either side may lack: `Ok` where that decides, or where neither has
/// it (nothing finer can follow); `Err(())` where both have it and it is the same.
fn part<T: Ord>(left: Option<T>, right: Option<T>) -> Result<Option<Ordering>, ()> {
    match (left, right) {
        (Some(left), Some(right)) => match left.cmp(&right) {
            Ordering::Equal => Err(()),
            order => Ok(Some(order)),
        },
        (None, None) => Ok(Some(Ordering::Equal)),
        _ => Ok(None),
    }
}
