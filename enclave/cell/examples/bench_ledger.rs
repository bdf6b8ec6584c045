//! The ledger's speed: lines that are durable, with group commit, at several numbers of
//! callers at once, beside one `fdatasync` for each line of the same length on the same disk.
//! Driven by `cargo xtask bench ledger`; prints Markdown. No test looks at these figures.
//!
//!     bench_ledger FOLDER [SECONDS]      (a folder on the disk that is to be measured)

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use autoclave_base::Digest;
use autoclave_base::ids::{KeyName, WorkloadName};
use autoclave_cell::ledger::{Ledger, Options};
use autoclave_cell::{Clock, Machine};
use autoclave_ledger::{Event, Label, LogSigner};
use ed25519_dalek::SigningKey;

type Any<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Callers that wait for their line at the same time.
const CALLERS: [usize; 6] = [1, 8, 32, 128, 512, 2048];
/// Seconds for each number of callers.
const SECONDS: f64 = 4.0;
/// Threads of the runtime, as an enclave on two cores has.
const THREADS: usize = 2;
/// Lines of the baseline: enough to be steady, few enough to end.
const ALONE_LINES: usize = 1_000;

/// Times of single lines, in milliseconds.
struct Figures {
    times: Vec<f64>,
    seconds: f64,
}

fn main() -> Any<()> {
    let mut words = std::env::args().skip(1);
    let folder = PathBuf::from(words.next().ok_or("usage: bench_ledger FOLDER [SECONDS]")?);
    let seconds = words.next().map_or(Ok(SECONDS), |text| text.parse())?;
    fs::create_dir_all(&folder)?;
    say("| callers | lines/s, durable | p50 ms | p99 ms | lines in one fsync |");
    say("| --- | --- | --- | --- | --- |");
    let alone = alone(&folder.join("alone"))?;
    row("one fdatasync a line", &alone, "1");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    for callers in CALLERS {
        let place = folder.join(format!("ledger-{callers}"));
        let figures = runtime.block_on(together(&place, callers, seconds))?;
        let frames = frames(&place.join("journal"))?;
        row(&callers.to_string(), &figures, &per_frame(figures.times.len(), frames));
        fs::remove_dir_all(place)?;
    }
    Ok(())
}

fn event() -> Any<Event> {
    let digest = Digest::of("bench");
    Ok(Event::Release {
        institution: None,
        key: KeyName::parse("model/brain-mri")?,
        version: 1,
        workload: WorkloadName::parse("diagnosis")?,
        measurement: digest,
        token: digest,
        policy: digest,
        rules: vec![Label::parse("release.model")?],
    })
}

/// Writes each line by itself and waits for the disk.
fn alone(path: &Path) -> Any<Figures> {
    let entry = autoclave_ledger::Entry { time: Clock::system().now(), event: event()? };
    let line = entry.to_bytes()?;
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
    let (began, mut times) = (Instant::now(), Vec::new());
    for _ in 0..ALONE_LINES {
        let line_began = Instant::now();
        file.write_all(&line)?;
        file.sync_data()?;
        times.push(line_began.elapsed().as_secs_f64() * 1e3);
    }
    fs::remove_file(path)?;
    Ok(Figures { times, seconds: began.elapsed().as_secs_f64() })
}

/// So many callers, each with its next line when the last is durable and proven.
async fn together(folder: &Path, callers: usize, seconds: f64) -> Any<Figures> {
    let signer = LogSigner::new("bench.example/ledger", SigningKey::from_bytes(&[7; 32]))?;
    let ledger = Ledger::open(Options {
        folder: folder.to_owned(),
        signer,
        clock: Clock::system(),
        known: None,
        machine: Machine::system(),
    })?;
    let (event, began) = (event()?, Instant::now());
    let limit = Duration::from_secs_f64(seconds);
    let mut working = Vec::new();
    for _ in 0..callers {
        let (ledger, event) = (ledger.clone(), event.clone());
        working.push(tokio::spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < limit {
                let line_began = Instant::now();
                ledger.append(event.clone()).await?;
                times.push(line_began.elapsed().as_secs_f64() * 1e3);
            }
            Ok::<_, autoclave_cell::ledger::AppendError>(times)
        }));
    }
    let mut times = Vec::new();
    for one in working {
        times.extend(one.await??);
    }
    Ok(Figures { times, seconds: began.elapsed().as_secs_f64() })
}

/// Frames of a journal: each was made durable by one `fsync`.
fn frames(journal: &Path) -> Any<usize> {
    let bytes = fs::read(journal)?;
    let (mut at, mut frames) = (8, 0);
    while let Some(length) = bytes.get(at..at + 4) {
        at += 48 + usize::try_from(u32::from_be_bytes(length.try_into()?))?;
        frames += 1;
    }
    Ok(frames)
}

#[expect(clippy::cast_precision_loss, reason = "counts of lines are small")]
fn per_frame(lines: usize, frames: usize) -> String {
    format!("{:.0}", lines as f64 / frames.max(1) as f64)
}

#[expect(clippy::cast_precision_loss, reason = "counts of lines are small")]
fn row(name: &str, figures: &Figures, lines: &str) {
    let mut sorted = figures.times.clone();
    sorted.sort_by(f64::total_cmp);
    let at = |percent: usize| sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)];
    let rate = figures.times.len() as f64 / figures.seconds;
    say(&format!("| {name} | {rate:.0} | {:.2} | {:.2} | {lines} |", at(50), at(99)));
}

#[expect(clippy::print_stdout, reason = "tables for people")]
fn say(line: &str) {
    println!("{line}");
}
