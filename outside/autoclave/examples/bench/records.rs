//! The records beside Helios' `hfs`: the same bundles posted, the same questions asked, in
//! turn in the same run. Ours is the whole product (attested TLS, an access token, consent,
//! sealed bodies, a durable ledger line for each access); the other speaks clear HTTP, asks
//! nobody who they are and keeps no audit. Processor time is that of all processes of a side.

mod ask;
mod corpus;
mod side;
mod table;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use crate::load::{Figures, run as load};
use crate::process::{cpu_ms, peak_mb};
use crate::{Any, Setup, say};
use corpus::Corpus;
use side::Side;
use table::Sized;

/// Connections that post bundles.
const POSTING: usize = 2;
/// Connections that ask.
const ASKING: usize = 8;
/// How often the bundles are posted in all, so that growth shows.
const TIMES: [u32; 2] = [1, 10];

/// What was measured of one side at one size.
struct Measured {
    resources: usize,
    import: Figures,
    resident_mb: f64,
    disk_mb: f64,
    asked: Vec<(&'static str, Any<Figures>)>,
    export: Any<(f64, f64)>,
}

/// Measures both sides and gives the tables.
pub(crate) fn run(setup: &Setup) -> Any<String> {
    let folder = setup.bundles.as_deref().ok_or("no bundles to post; give --bundles")?;
    let corpus = Corpus::read(folder)?;
    say(&format!("{} bundles, {} resources", corpus.bundles.len(), corpus.resources));
    let mut sides = vec![Side::ours(setup)?];
    match &setup.hfs {
        Some(binary) => sides.push(Side::hfs(setup, binary)?),
        None => say("left out: hfs, which is not built (cargo xtask bench records --build-peer)"),
    }
    let mut text = String::new();
    let mut posted = 0;
    for times in TIMES {
        let mut measured = Vec::new();
        for side in &sides {
            say(&format!("{}: posting the bundles {} times", side.name, times - posted));
            measured.push(measure(setup, side, &corpus, times - posted, times)?);
        }
        posted = times;
        let sized = Sized { corpus: &corpus, times, sides: &sides, measured: &measured };
        sized.write(&mut text)?;
    }
    write_starts(&mut text, &mut sides)?;
    Ok(text)
}

fn measure(setup: &Setup, side: &Side, corpus: &Corpus, more: u32, times: u32) -> Any<Measured> {
    let import = import(side, corpus, more)?;
    let resident_mb = side.resident_mb();
    let known = ask::Known::look(side, corpus)?;
    let mut asked = Vec::new();
    for (name, target) in ask::all(side, &known) {
        side.renew()?;
        say(&format!("{}: {name}", side.name));
        asked.push((name, load(&*target, ASKING, setup.seconds)));
    }
    side.renew()?;
    let began = (Instant::now(), cpu_ms(side.pid()));
    let export =
        ask::export(side).map(|()| (began.0.elapsed().as_secs_f64(), cpu_ms(side.pid()) - began.1));
    let resources = corpus.resources * times as usize;
    Ok(Measured { resources, import, resident_mb, disk_mb: side.disk_mb()?, asked, export })
}

/// Posts all bundles `more` times over a few connections; a time is that of one bundle.
fn import(side: &Side, corpus: &Corpus, more: u32) -> Any<Figures> {
    let mut all = Figures::default();
    for _ in 0..more {
        side.renew()?;
        let (server, client) = (cpu_ms(side.pid()), cpu_ms(std::process::id()));
        let began = Instant::now();
        let next = std::sync::atomic::AtomicUsize::new(0);
        let times = std::thread::scope(|scope| {
            let next = &next;
            let hands: Vec<_> = (0..POSTING)
                .map(|_| scope.spawn(move || ask::post_all(side, corpus, next)))
                .collect();
            hands
                .into_iter()
                .map(|hand| hand.join().map_err(|_| "a worker panicked")?)
                .collect::<Any<Vec<Vec<f64>>>>()
        })?;
        all.add(Figures {
            times: times.concat(),
            seconds: began.elapsed().as_secs_f64(),
            server_ms: cpu_ms(side.pid()) - server,
            client_ms: cpu_ms(std::process::id()) - client,
            peak_mb: peak_mb(side.store_pid()),
        });
    }
    Ok(all)
}

fn write_starts(text: &mut String, sides: &mut [Side]) -> Any<()> {
    writeln!(text, "\n| server | ready after a start with all of it on disk, s |\n| --- | --- |")?;
    for side in sides {
        let seconds = side.restart()?;
        writeln!(text, "| {} | {seconds:.2} |", side.name)?;
    }
    Ok(())
}

/// What all files below a folder occupy, in megabytes.
#[expect(clippy::cast_precision_loss, reason = "megabytes")]
pub(super) fn occupied_mb(folder: &Path) -> Any<f64> {
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_dir() { folders.push(entry.path()) } else { bytes += meta.len() }
        }
    }
    Ok(bytes as f64 / 1e6)
}
