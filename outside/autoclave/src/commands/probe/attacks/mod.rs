//! The list of attacks. It belongs to everybody; `docs/probe.md` says the same.
//! Each is a small function that needs no other.
//! None of them can succeed without a fault in the deployment.

mod attest;
mod edge;
mod foreign;
mod ledger;
mod people;
mod sealed;
mod token;

use super::Attack;

/// All of them.
pub(super) fn all() -> Vec<Attack> {
    [
        attest::ATTACKS,
        token::ATTACKS,
        sealed::ATTACKS,
        people::ATTACKS,
        edge::ATTACKS,
        ledger::ATTACKS,
        foreign::ATTACKS,
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect()
}
