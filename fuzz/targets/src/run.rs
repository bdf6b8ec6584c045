//! The runner: a target over its inputs and changed ones, for a time or a number of them.
//! An input whose outcome is new is worth changing further, and is kept where that is asked
//! for. What makes a target panic, or takes it longer than anything may, ends the run.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::Target;
use crate::corpus::{self, INPUT_BYTES_MAX};
use crate::mutate::mutate;

/// Longest that one input may take. The slowest verifies a chain in a few milliseconds on a
/// quiet machine; what grows with the square of 64 KiB takes longer than this on any.
const INPUT_TIME_MAX: Duration = Duration::from_secs(5);
/// Inputs between two looks at the clock.
const ROUND: u32 = 64;
/// Inputs that are changed further.
const POOL_MAX: usize = 4096;

/// How a run came out.
pub struct Came {
    /// Inputs tried.
    pub tried: u64,
    /// Different outcomes.
    pub outcomes: BTreeSet<&'static str>,
}

/// What a target did not survive.
pub struct Found {
    /// Where the input lies.
    pub path: PathBuf,
    /// What happened.
    pub what: &'static str,
}

/// Runs `target` for `time` from `seed` on. With `keeping`, the smallest input of each
/// outcome that was not kept yet is, and none of them begins with genuine evidence, which
/// is not ours to keep.
///
/// # Errors
/// If an input makes the target panic or takes too long.
pub fn run(target: &Target, time: Duration, seed: u64, keeping: bool) -> Result<Came, Found> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut pool = corpus::begin(target, !keeping);
    let mut came = Came { tried: 0, outcomes: BTreeSet::new() };
    for input in &pool {
        came.outcomes.insert(one(target, input)?);
        came.tried += 1;
    }
    let began = Instant::now();
    while began.elapsed() < time {
        for _ in 0..ROUND {
            let [base, other] = [0, 1].map(|_| random.random_range(0..pool.len()));
            let input = mutate(&mut random, &pool[base], &pool[other]);
            let outcome = one(target, &input)?;
            came.tried += 1;
            if came.outcomes.insert(outcome) && pool.len() < POOL_MAX {
                let input = shorten(target, outcome, input)?;
                if keeping {
                    let _ = corpus::keep(target, outcome, &input);
                }
                pool.push(input);
            }
        }
    }
    Ok(came)
}

/// A shorter input of the same outcome: halves, quarters and so on are left out while that
/// changes nothing.
fn shorten(target: &Target, outcome: &str, mut input: Vec<u8>) -> Result<Vec<u8>, Found> {
    let mut length = input.len() / 2;
    while length > 0 {
        let mut at = 0;
        while at + length <= input.len() {
            let without = [&input[..at], &input[at + length..]].concat();
            if one(target, &without)? == outcome {
                input = without;
            } else {
                at += length;
            }
        }
        length /= 2;
    }
    Ok(input)
}

fn one(target: &Target, input: &[u8]) -> Result<&'static str, Found> {
    let input = &input[..input.len().min(INPUT_BYTES_MAX)];
    let began = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let what = match outcome {
        Err(_) => "panicked",
        Ok(_) if began.elapsed() > INPUT_TIME_MAX => "took too long",
        Ok(outcome) => return Ok(outcome),
    };
    let folder = corpus::folder().join("artifacts").join(target.name);
    let path = folder.join("found");
    // Where it cannot be written, the seed repeats it.
    let _ = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, input));
    Err(Found { path, what })
}
