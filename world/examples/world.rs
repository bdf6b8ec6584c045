//! Runs seeds: `world [--seed N | --from N] [--seconds S] [--trace]`. Without an end it runs
//! until it is stopped or a rule is broken; then it prints the seed and what happened last.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use autoclave_world::{Lab, Outcome, scratch};

/// Events that are printed of a seed that broke a rule.
const TAIL_LINES: usize = 80;

struct Wanted {
    from: u64,
    only: bool,
    seconds: Option<u64>,
    trace: bool,
}

struct Hunt {
    next: AtomicU64,
    done: AtomicU64,
    simulated: AtomicU64,
    found: AtomicBool,
}

fn main() -> ExitCode {
    let Some(wanted) = arguments() else {
        println!("usage: world [--seed N | --from N] [--seconds S] [--trace]");
        return ExitCode::FAILURE;
    };
    let hunt = Hunt {
        next: AtomicU64::new(wanted.from),
        done: AtomicU64::new(0),
        simulated: AtomicU64::new(0),
        found: AtomicBool::new(false),
    };
    let threads =
        if wanted.only { 1 } else { thread::available_parallelism().map_or(1, usize::from) };
    let began = Instant::now();
    let failed = thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| work(&wanted, &hunt, began))).collect();
        workers.into_iter().any(|worker| !matches!(worker.join(), Ok(Ok(()))))
    });
    let (done, simulated) = (hunt.done.into_inner(), hunt.simulated.into_inner());
    println!(
        "{done} seeds from {} in {} s, {} h of simulated time",
        wanted.from,
        began.elapsed().as_secs(),
        simulated / 3600
    );
    if failed || hunt.found.into_inner() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn work(wanted: &Wanted, hunt: &Hunt, began: Instant) -> io::Result<()> {
    let folder = scratch()?;
    let lab = match runtime()?.block_on(Lab::set_up(folder.path())) {
        Ok(lab) => lab,
        Err(error) => {
            println!("{error}");
            return Err(error);
        }
    };
    let limit = wanted.seconds.map(Duration::from_secs);
    while !hunt.found.load(Ordering::SeqCst) && limit.is_none_or(|limit| began.elapsed() < limit) {
        let seed = hunt.next.fetch_add(1, Ordering::SeqCst);
        let outcome = runtime()?.block_on(lab.run(seed, None))?;
        hunt.done.fetch_add(1, Ordering::SeqCst);
        hunt.simulated.fetch_add(outcome.seconds, Ordering::SeqCst);
        tell(&outcome, wanted);
        if !outcome.broken.is_empty() {
            hunt.found.store(true, Ordering::SeqCst);
        }
        if wanted.only {
            break;
        }
    }
    Ok(())
}

/// One thread, and time that stands still until nobody has anything to do.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()
}

fn tell(outcome: &Outcome, wanted: &Wanted) {
    if outcome.broken.is_empty() && !wanted.trace {
        return;
    }
    let lines: Vec<_> = outcome.tail.lines().collect();
    let shown = if wanted.trace { lines.len() } else { TAIL_LINES };
    println!("seed {}: trace {}", outcome.seed, outcome.digest);
    for line in &lines[lines.len().saturating_sub(shown)..] {
        println!("{line}");
    }
    for rule in &outcome.broken {
        println!("seed {} broke a rule: {rule}", outcome.seed);
    }
    if !outcome.broken.is_empty() {
        println!("again: cargo xtask storm --seed {}", outcome.seed);
    }
}

fn arguments() -> Option<Wanted> {
    let mut wanted = Wanted { from: 0, only: false, seconds: None, trace: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seed" => (wanted.from, wanted.only) = (words.next()?.parse().ok()?, true),
            "--from" => wanted.from = words.next()?.parse().ok()?,
            "--seconds" => wanted.seconds = Some(words.next()?.parse().ok()?),
            "--trace" => wanted.trace = true,
            _ => return None,
        }
    }
    Some(wanted)
}
