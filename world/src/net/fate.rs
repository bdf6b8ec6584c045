//! What becomes of one connection.

use crate::dice::Dice;

/// Whose bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Of who connected.
    Near,
    /// Of who was connected to.
    Far,
}

impl Side {
    /// Its place among both.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// The other.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Near => Self::Far,
            Self::Far => Self::Near,
        }
    }
}

/// What becomes of a connection. A number counts the writes of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing.
    Fine,
    /// Every write takes this many milliseconds more.
    Slow(u64),
    /// Reset at this write, which is lost.
    Reset(Side, u64),
    /// From this write on one direction is silent.
    HalfOpen(Side, u64),
    /// Half of this write arrives, then the end of the stream.
    Cut(Side, u64),
    /// A bit of this write is turned.
    Turned(Side, u64),
    /// The process of one side is killed before this write is sent.
    KilledBefore(Side, u64),
    /// The process of one side is killed after this write is sent.
    KilledAfter(Side, u64),
}

impl Fate {
    /// The fate of the connection `name`; something happens to so many in a thousand.
    pub(crate) fn of(dice: Dice, name: &str, per_thousand: u64) -> Self {
        if !dice.happens(name, 1, per_thousand) {
            return Self::Fine;
        }
        let side = if dice.happens(name, 2, 500) { Side::Near } else { Side::Far };
        // The first writes of a connection are those that most requests have.
        let at = dice.below(name, 3, 2 + dice.below(name, 4, 8));
        match dice.below(name, 5, 12) {
            0 | 1 => Self::Slow(100 + dice.below(name, 6, 4000)),
            2..=4 => Self::Reset(side, at),
            5 => Self::HalfOpen(side, at),
            6 | 7 => Self::Cut(side, at),
            8 | 9 => Self::Turned(side, at),
            10 => Self::KilledBefore(side, at),
            _ => Self::KilledAfter(side, at),
        }
    }

    /// What becomes of write `nth` of `side`.
    pub(crate) fn befalls(self, side: Side, nth: u64) -> Self {
        match self {
            Self::Reset(of, at)
            | Self::Cut(of, at)
            | Self::Turned(of, at)
            | Self::KilledBefore(of, at)
            | Self::KilledAfter(of, at)
                if of == side && at == nth =>
            {
                self
            }
            Self::HalfOpen(of, at) if of == side && at <= nth => self,
            Self::Slow(_) => self,
            _ => Self::Fine,
        }
    }
}
