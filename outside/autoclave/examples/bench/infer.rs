//! `bench infer`: both engines and Python's ONNX Runtime on the same model, in turn.

use crate::engines::{Engine, Runs};
use crate::load::percentile;
use crate::table::{ms, table};
use crate::{Any, Setup, say};

/// Threads of one run.
const THREADS: [u8; 2] = [1, 2];
/// Runs of one engine before the next has its turn.
const TURN: u32 = 3;
/// Turns of each engine for a round of the other benchmarks.
const TURNS: u32 = 3;
const MIDDLE: usize = 50;

/// Runs it; the table.
pub(crate) fn run(setup: &Setup) -> Any<String> {
    let mut text = String::from("U-Net (24 GFLOP), one image, f32, the engines in turn:\n\n");
    let mut labels = Vec::new();
    let mut rows = Vec::new();
    for threads in THREADS {
        let mut engines = engines(setup, threads)?;
        let mut runs: Vec<Runs> = engines.iter().map(|_| Runs::default()).collect();
        for engine in &mut engines {
            engine.run("tensor", 1)?;
        }
        for _ in 0..TURNS * setup.rounds {
            for (engine, runs) in engines.iter_mut().zip(&mut runs) {
                runs.add(engine.run("tensor", TURN)?);
            }
        }
        let yardstick = runs.last().map_or(f64::NAN, |runs| percentile(&runs.times, MIDDLE));
        rows.extend(
            engines.iter().zip(&runs).map(|(engine, runs)| row(engine, runs, threads, yardstick)),
        );
        labels = engines.iter().map(|engine| engine.label.clone()).collect();
    }
    let last = "p50 / that of the last with as many threads";
    let head = ["engine", "threads", "p50 ms", "fastest ms", "CPU ms", last, "peak MB"];
    text.push_str(&table(&head, &rows));
    Ok(format!("{text}\n{}.\n", labels.join("; ")))
}

fn engines(setup: &Setup, threads: u8) -> Any<Vec<Engine>> {
    say(&format!("engines with {threads} threads"));
    let mut engines = vec![Engine::ours(setup, "rten", threads, &setup.unet)?];
    if setup.library.is_some() {
        engines.push(Engine::ours(setup, "ort", threads, &setup.unet)?);
    }
    match &setup.python {
        Some(python) => engines.push(Engine::python(setup, python, threads, &setup.unet)?),
        None => say("skipped: Python onnxruntime, which could not be installed"),
    }
    Ok(engines)
}

fn row(engine: &Engine, runs: &Runs, threads: u8, yardstick: f64) -> Vec<String> {
    let middle = percentile(&runs.times, MIDDLE);
    vec![
        engine.name.clone(),
        threads.to_string(),
        ms(middle),
        ms(percentile(&runs.times, 0)),
        ms(runs.cpu_ms_each()),
        format!("{:.2}", middle / yardstick),
        ms(engine.peak_mb()),
    ]
}
