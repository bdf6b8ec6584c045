//! `bench seal`: a sealed and attested request beside the same engine in process, in turn.

use std::fs;

use serde_json::json;

use crate::caller::{Caller, Question, Sealed};
use crate::engines::Engine;
use crate::load::{Target as _, percentile, run as loop_of};
use crate::process::peak_mb;
use crate::table::{ms, table};
use crate::world::{Enclave, TRIVIAL, UNET, WIDE, World};
use crate::{Any, Setup, say};

/// Threads of one run in process, as in the enclave ([`WIDE`]).
pub(crate) const THREADS: u8 = 2;
/// Pairs of one kind.
const PAIRS: u32 = 8;
/// Connections at once to the trivial model.
const WORKERS: [usize; 4] = [1, 4, 16, 32];
/// Runs of the trivial model in process.
const TRIVIAL_RUNS: u32 = 2_000;
const MIDDLE: usize = 50;

/// Runs it; the tables.
pub(crate) fn run(setup: &Setup) -> Any<String> {
    let (world, enclaves) = World::start(setup, &WIDE)?;
    let (mut large, mut small) = (Vec::new(), Vec::new());
    for enclave in &enclaves {
        say(&format!("{}: U-Net", enclave.mode.engine));
        large.extend(unet(setup, &world, enclave)?);
        say(&format!("{}: trivial model", enclave.mode.engine));
        small.extend(trivial(setup, &world, enclave)?);
    }
    let head = [
        "engine",
        "route",
        "in process p50 ms",
        "sealed p50 ms",
        "ratio",
        "median extra ms",
        "enclave peak MB",
    ];
    let large = table(&head, &large);
    let head = [
        "engine",
        "connections",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "server CPU ms",
        "client CPU ms",
        "in process p50 ms",
    ];
    let small = table(&head, &small);
    Ok(format!(
        "U-Net (24 GFLOP), one request at a time, {THREADS} threads, in process and sealed in turn:\n\n\
         {large}\nA trivial model (one addition), client and server on the same cores, KServe v2 \
         binary tensors:\n\n{small}"
    ))
}

/// The large model as an image and as a tensor.
fn unet(setup: &Setup, world: &World, enclave: &Enclave) -> Any<Vec<Vec<String>>> {
    let caller = Caller::new(world, enclave)?;
    let mut engine = Engine::ours(setup, enclave.mode.engine, THREADS, &setup.unet)?;
    let kinds = [("image", image(setup)?), ("tensor", tensor(UNET, "image", &[1, 3, 256, 256]))];
    let mut rows = Vec::new();
    for (kind, question) in kinds {
        let sealed = Sealed { caller: caller.clone(), question, pid: enclave.pid };
        let mut ask = sealed.worker()?;
        engine.run(kind, 1)?;
        let (mut inside, mut outside, mut extra) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..PAIRS * setup.rounds {
            let alone = engine.run(kind, 1)?.times[0];
            let began = std::time::Instant::now();
            ask()?;
            let sealed = began.elapsed().as_secs_f64() * 1e3;
            inside.push(alone);
            outside.push(sealed);
            extra.push(sealed - alone);
        }
        let (alone, sealed) = (percentile(&inside, MIDDLE), percentile(&outside, MIDDLE));
        rows.push(vec![
            enclave.mode.engine.to_owned(),
            kind.to_owned(),
            ms(alone),
            ms(sealed),
            format!("{:.3}", sealed / alone),
            ms(percentile(&extra, MIDDLE)),
            ms(peak_mb(enclave.pid)),
        ]);
    }
    Ok(rows)
}

/// The model that costs nothing, at several numbers of connections.
fn trivial(setup: &Setup, world: &World, enclave: &Enclave) -> Any<Vec<Vec<String>>> {
    let mut engine = Engine::ours(setup, enclave.mode.engine, THREADS, &setup.trivial)?;
    engine.run("tensor", TRIVIAL_RUNS)?;
    let alone = percentile(&engine.run("tensor", TRIVIAL_RUNS)?.times, MIDDLE);
    let caller = Caller::new(world, enclave)?;
    let sealed = Sealed { caller, question: tensor(TRIVIAL, "x", &[1, 2]), pid: enclave.pid };
    let mut rows = Vec::new();
    for workers in WORKERS {
        let figures = loop_of(&sealed, workers, setup.seconds)?;
        rows.push(vec![
            enclave.mode.engine.to_owned(),
            workers.to_string(),
            format!("{:.0}", figures.per_second()),
            ms(figures.percentile(MIDDLE)),
            ms(figures.percentile(99)),
            ms(figures.server_ms_each()),
            ms(figures.client_ms_each()),
            format!("{alone:.4}"),
        ]);
    }
    Ok(rows)
}

/// The image route: a PNG in; findings, mask and receipt out.
pub(crate) fn image(setup: &Setup) -> Any<Question> {
    let headers = vec![("content-type", "image/png".to_owned())];
    Ok(Question { path: format!("/diagnose/{UNET}"), headers, body: fs::read(&setup.image)? })
}

/// The inference route: binary tensors in and out.
pub(crate) fn tensor(model: &str, name: &str, shape: &[usize]) -> Question {
    let (head, body) = binary(name, shape);
    Question {
        path: format!("/v2/models/{model}/infer"),
        headers: vec![
            ("content-type", "application/octet-stream".to_owned()),
            ("inference-header-content-length", head.to_string()),
        ],
        body,
    }
}

/// An Open Inference Protocol request with one binary tensor, and the length of its JSON.
pub(crate) fn binary(name: &str, shape: &[usize]) -> (usize, Vec<u8>) {
    let data: Vec<u8> = values(shape).flat_map(f32::to_le_bytes).collect();
    let json = json!({
        "parameters": { "binary_data_output": true },
        "inputs": [{
            "name": name, "shape": shape, "datatype": "FP32",
            "parameters": { "binary_data_size": data.len() },
        }],
    })
    .to_string();
    (json.len(), [json.into_bytes(), data].concat())
}

/// The same in JSON alone.
pub(crate) fn json_only(name: &str, shape: &[usize]) -> Vec<u8> {
    let data: Vec<f32> = values(shape).collect();
    let input = json!({ "name": name, "shape": shape, "datatype": "FP32", "data": data });
    json!({ "inputs": [input] }).to_string().into_bytes()
}

/// Noise between −2 and 2.
fn values(shape: &[usize]) -> impl Iterator<Item = f32> {
    let value = |i: u16| f32::from(i.wrapping_mul(7919) % 511) / 128.0 - 2.0;
    (0..=u16::MAX).cycle().take(shape.iter().product()).map(value)
}
