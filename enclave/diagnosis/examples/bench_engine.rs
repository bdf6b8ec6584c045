//! One engine in this process, alone, driven by lines: the yardstick of `cargo xtask bench`.
//! A line `tensor N` runs the model N times, `image N` takes an image through intake,
//! engine and mask N times; the answer is one line of milliseconds. `load` is none of its
//! business: nothing is sealed, attested, recorded or sent here.
//!
//!     bench_engine rten|ort THREADS MODEL IMAGE [LIBONNXRUNTIME.SO]

use std::error::Error;
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::time::Instant;

use autoclave_base::Digest;
use autoclave_diagnosis::brain::{self, Mask};
use autoclave_diagnosis::config::{EngineConfig, LibraryConfig};
use autoclave_diagnosis::engine::{Engine, Runtime};
use autoclave_diagnosis::intake::Picture;
use autoclave_diagnosis::tensor::Tensor;

const USAGE: &str = "usage: bench_engine rten|ort THREADS MODEL IMAGE [LIBONNXRUNTIME.SO]";

type Any<T> = Result<T, Box<dyn Error>>;

fn main() -> Any<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, threads, model, image, library @ ..] = &arguments[..] else {
        return Err(USAGE.into());
    };
    let runtime = Runtime::start(&engine(kind, threads.parse()?, library)?)?;
    let engine = runtime.load(&std::fs::read(model)?)?;
    let image = std::fs::read(image)?;
    say(&format!("ready {}", runtime.label()));
    for line in std::io::stdin().lines() {
        let line = line?;
        let (what, count) = line.split_once(' ').ok_or("no count")?;
        let tensor = noise(engine.as_ref())?;
        let times = (0..count.parse::<u32>()?).map(|_| match what {
            "tensor" => timed(|| engine.run(&[tensor.view()]).map(drop).map_err(Into::into)),
            "image" => timed(|| diagnose(engine.as_ref(), &image).map(drop)),
            _ => Err(USAGE.into()),
        });
        say(&times.collect::<Any<Vec<_>>>()?.join(" "));
    }
    Ok(())
}

fn engine(kind: &str, threads: NonZeroU8, library: &[String]) -> Any<EngineConfig> {
    match (kind, library) {
        ("rten", []) => Ok(EngineConfig::Rten { threads, runs: NonZeroU8::MIN }),
        ("ort", [path]) => {
            let library = LibraryConfig {
                digest: Digest::of(std::fs::read(path)?),
                path: PathBuf::from(path),
            };
            Ok(EngineConfig::Ort { threads, runs: NonZeroU8::MIN, library })
        }
        _ => Err(USAGE.into()),
    }
}

/// Any input that the model takes; free dimensions are one.
fn noise(engine: &dyn Engine) -> Any<Tensor> {
    let spec = engine.spec().inputs.first().ok_or("no input")?;
    let shape: Vec<usize> = spec.shape.iter().map(|side| side.unwrap_or(1)).collect();
    let value = |i: u16| f32::from(i.wrapping_mul(7919) % 511) / 128.0 - 2.0;
    let data = (0..=u16::MAX).cycle().take(shape.iter().product()).map(value).collect();
    Ok(Tensor::new(&spec.name, shape, data)?)
}

/// What the image route does inside the enclave: the mask as PNG.
fn diagnose(engine: &dyn Engine, image: &[u8]) -> Any<Vec<u8>> {
    let picture = Picture::decode("image/png", image)?;
    let tensor = brain::tensor(&picture, "image")?;
    let answer = engine.run(&[tensor.view()])?;
    Ok(Mask::of(&answer[0], picture.width(), picture.height())?.png()?)
}

/// In milliseconds.
fn timed(work: impl FnOnce() -> Any<()>) -> Any<String> {
    let began = Instant::now();
    work()?;
    Ok(format!("{:.4}", began.elapsed().as_secs_f64() * 1e3))
}

#[expect(clippy::print_stdout, reason = "the protocol with whoever drives it")]
fn say(line: &str) {
    println!("{line}");
}
