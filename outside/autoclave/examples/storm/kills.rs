//! Who is struck and when: decided by a seed, spread over the work that is done, so that
//! every kill meets work under way and work goes on between kills.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use autoclave::deploy::party::Party;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;
use tokio::time::sleep;

use super::common::Any;
use super::common::parties::Parties;

/// Longest wait before a kill that is due (milliseconds): several requests pass meanwhile.
const DELAY_MS_MAX: u64 = 400;
/// One kill in so many strikes a second party in the same moment.
const DOUBLE_ONE_IN: u32 = 4;
/// How often those are looked after that ended by themselves.
const TEND_PAUSE: Duration = Duration::from_millis(25);
/// A supervisor's pause before it starts one again that gave up by itself.
const RESPAWN_PAUSE: Duration = Duration::from_millis(200);
/// Longest standstill: far longer than any restart takes.
const STANDSTILL_MAX: Duration = Duration::from_mins(2);

/// A storm to come.
pub(crate) struct Storm {
    pub(crate) diagnoses: usize,
    pub(crate) kills: usize,
    pub(crate) seed: u64,
}

/// A storm that has passed.
#[derive(Default)]
pub(crate) struct Struck {
    kills: BTreeMap<Party, u32>,
    gave_up: BTreeMap<Party, u32>,
}

impl Storm {
    /// Kills and starts again until the work is done.
    pub(crate) async fn rage(
        &self,
        parties: &mut Parties,
        mut progress: watch::Receiver<usize>,
    ) -> Any<Struck> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let mut struck = Struck::default();
        let mut order = Vec::new();
        for kill in 0..self.kills {
            let due = kill * self.diagnoses / self.kills;
            tend_until(parties, &mut struck, &mut progress, due).await?;
            let delay = Duration::from_millis(rng.random_range(0..DELAY_MS_MAX));
            tend_for(parties, &mut struck, delay).await?;
            let number = if rng.random_range(0..DOUBLE_ONE_IN) == 0 { 2 } else { 1 };
            let victims: Vec<Party> = (0..number).map(|_| next(&mut order, &mut rng)).collect();
            for victim in &victims {
                parties.strike(*victim);
                *struck.kills.entry(*victim).or_default() += 1;
            }
            for victim in victims {
                parties.spawn(victim)?;
            }
        }
        tend_until(parties, &mut struck, &mut progress, self.diagnoses).await?;
        for party in Party::STARTS {
            while parties.is_dead(party) || !parties.is_ready(party).await {
                tend_for(parties, &mut struck, TEND_PAUSE).await?;
            }
        }
        Ok(struck)
    }
}

/// Each of the five in turn, in an order that is drawn anew each time.
fn next(order: &mut Vec<Party>, rng: &mut StdRng) -> Party {
    if order.is_empty() {
        order.extend(Party::STARTS);
    }
    let at = rng.random_range(0..order.len());
    order.swap_remove(at)
}

async fn tend_until(
    parties: &mut Parties,
    struck: &mut Struck,
    progress: &mut watch::Receiver<usize>,
    due: usize,
) -> Any<()> {
    let mut last = (*progress.borrow(), Instant::now());
    while *progress.borrow() < due {
        if progress.has_changed().is_err() {
            return Err("the work ended early".into());
        }
        if *progress.borrow() != last.0 {
            last = (*progress.borrow(), Instant::now());
        }
        if last.1.elapsed() > STANDSTILL_MAX {
            return Err("nothing is done any more".into());
        }
        tend_for(parties, struck, TEND_PAUSE).await?;
    }
    Ok(())
}

async fn tend_for(parties: &mut Parties, struck: &mut Struck, time: Duration) -> Any<()> {
    let end = Instant::now() + time;
    loop {
        let ended = parties.tend()?;
        for party in &ended {
            *struck.gave_up.entry(*party).or_default() += 1;
        }
        let pause = if ended.is_empty() { TEND_PAUSE } else { RESPAWN_PAUSE };
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        sleep(pause.min(left)).await;
    }
}

impl fmt::Display for Struck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |all: &BTreeMap<Party, u32>| {
            let each: Vec<_> =
                all.iter().map(|(party, times)| format!("{party} {times}")).collect();
            if each.is_empty() { "none".to_owned() } else { each.join(", ") }
        };
        write!(f, "killed: {}; gave up at their start: {}", list(&self.kills), list(&self.gave_up))
    }
}
