//! `bench servers`: sealed and attested on our side, clear HTTP on theirs; all of them at
//! several numbers of connections, in turn, in interleaved rounds.

use crate::caller::{Caller, Sealed};
use crate::load::{Figures, Target, run as loop_of};
use crate::peers;
use crate::sealed::{image, tensor};
use crate::table::{ms, table};
use crate::world::{Mode, NARROW, UNET, WIDE, World};
use crate::{Any, Setup, say};

/// Connections at once.
const WORKERS: [usize; 4] = [1, 2, 4, 8];

/// A server that takes part.
struct Rival {
    name: String,
    form: &'static str,
    target: Box<dyn Target>,
    ours: bool,
    figures: Vec<Figures>,
}

/// Runs it; the tables.
pub(crate) fn run(setup: &Setup) -> Any<String> {
    let (world, enclaves) = World::start(setup, &[WIDE[0], WIDE[1], NARROW])?;
    let mut rivals = Vec::new();
    for enclave in &enclaves {
        let caller = Caller::new(&world, enclave)?;
        let mut forms = vec![("PNG", image(setup)?)];
        if enclave.mode.engine == "ort" {
            forms.push(("V2 binary", tensor(UNET, "image", &[1, 3, 256, 256])));
        }
        for (form, question) in forms {
            let sealed = Sealed { caller: caller.clone(), question, pid: enclave.pid };
            rivals.push(rival(named(&enclave.mode), form, Box::new(sealed), true));
        }
    }
    for peer in peers::start(setup)? {
        let (name, form) = (peer.name.to_owned(), peer.form);
        rivals.push(rival(name, form, Box::new(peer), false));
    }
    for round in 0..setup.rounds {
        for (at, workers) in WORKERS.into_iter().enumerate() {
            for rival in &mut rivals {
                say(&format!("round {round}, {workers} connections: {}", rival.name));
                match loop_of(rival.target.as_ref(), workers, setup.seconds) {
                    Ok(figures) => rival.figures[at].add(figures),
                    Err(error) if rival.ours => return Err(error),
                    // The others' failures are theirs, and show as gaps.
                    Err(error) => say(&format!("failed: {}: {error}", rival.name)),
                }
            }
        }
    }
    Ok(all(&rivals) + "\n" + &verdict(&rivals))
}

fn named(mode: &Mode) -> String {
    let Mode { engine, threads, runs, .. } = mode;
    let runs = if *runs == 1 { "one run".to_owned() } else { format!("{runs} runs") };
    format!("**Autoclave, {engine}**, sealed, {runs} of {threads} engine threads at once")
}

fn rival(name: String, form: &'static str, target: Box<dyn Target>, ours: bool) -> Rival {
    Rival { name, form, target, ours, figures: vec![Figures::default(); WORKERS.len()] }
}

fn all(rivals: &[Rival]) -> String {
    let series = |rival: &Rival, show: &dyn Fn(&Figures) -> String| {
        rival.figures.iter().map(show).collect::<Vec<_>>().join(" / ")
    };
    let row = |rival: &Rival| {
        let peak = rival.figures.iter().map(|figures| figures.peak_mb).fold(0.0, f64::max);
        vec![
            rival.name.clone(),
            rival.form.to_owned(),
            series(rival, &|figures| format!("{:.2}", figures.per_second())),
            series(rival, &|figures| ms(figures.percentile(50))),
            series(rival, &|figures| ms(figures.percentile(99))),
            series(rival, &|figures| ms(figures.server_ms_each())),
            format!("{peak:.0}"),
        ]
    };
    let head = [
        "server",
        "in and out",
        "requests/s at 1 / 2 / 4 / 8",
        "p50 ms",
        "p99 ms",
        "server CPU ms per request",
        "peak MB",
    ];
    table(&head, &rivals.iter().map(row).collect::<Vec<_>>())
}

/// Our `ort` beside the best of the others at each number of connections.
fn verdict(rivals: &[Rival]) -> String {
    let ours = |rival: &&Rival| rival.ours && rival.name.contains("ort");
    let row = |(at, workers): (usize, usize)| {
        let best = |pick: &dyn Fn(&&Rival) -> bool, of: &dyn Fn(&Figures) -> f64| {
            let all = rivals.iter().filter(pick).map(|rival| of(&rival.figures[at]));
            all.fold(f64::NAN, f64::max)
        };
        let rate = |figures: &Figures| figures.per_second();
        // The least, by the largest negative.
        let cpu = |figures: &Figures| -figures.server_ms_each();
        let theirs = |rival: &&Rival| !rival.ours;
        let (rate_ours, rate_theirs) = (best(&ours, &rate), best(&theirs, &rate));
        let (cpu_ours, cpu_theirs) = (-best(&ours, &cpu), -best(&theirs, &cpu));
        vec![
            workers.to_string(),
            format!("{rate_ours:.2} / {rate_theirs:.2} = {:.2}", rate_ours / rate_theirs),
            format!("{} / {} = {:.2}", ms(cpu_ours), ms(cpu_theirs), cpu_ours / cpu_theirs),
        ]
    };
    let rows: Vec<_> = WORKERS.into_iter().enumerate().map(row).collect();
    let head = [
        "connections",
        "requests/s, ours with ort / best peer",
        "CPU ms, ours with ort / least of any peer",
    ];
    table(&head, &rows)
}
