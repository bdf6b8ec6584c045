//! Runs the committed model and noise through both engines, rten and a native ONNX Runtime,
//! and fails where they differ. Run by `cargo xtask test engines`, which fetches the library.
//!
//!     compare_engines LIBONNXRUNTIME.SO [MODEL]

use std::error::Error;
use std::num::NonZeroU8;
use std::path::PathBuf;

use autoclave_base::Digest;
use autoclave_diagnosis::config::{EngineConfig, LibraryConfig};
use autoclave_diagnosis::engine::Runtime;
use autoclave_diagnosis::tensor::Tensor;

/// Farther apart than this, two probabilities are not the same figure in f32.
const DIFFERENCE_MAX: f32 = 1e-4;
const SIDE: usize = 256;
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/brain-mri/brain-mri.onnx");

type Any<T> = Result<T, Box<dyn Error>>;

fn main() -> Any<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: compare_engines LIBONNXRUNTIME.SO [MODEL]";
    let path = PathBuf::from(arguments.next().ok_or(usage)?);
    let model = std::fs::read(arguments.next().unwrap_or_else(|| MODEL.to_owned()))?;
    let threads = NonZeroU8::new(2).ok_or("threads")?;
    let library = LibraryConfig { digest: Digest::of(std::fs::read(&path)?), path };
    let ours =
        run(&Runtime::start(&EngineConfig::Rten { threads, runs: NonZeroU8::MIN })?, &model)?;
    let theirs = run(
        &Runtime::start(&EngineConfig::Ort { threads, runs: NonZeroU8::MIN, library })?,
        &model,
    )?;
    let apart = |(a, b): (&f32, &f32)| (a - b).abs();
    let farthest = ours.data().iter().zip(theirs.data()).map(apart).fold(0.0, f32::max);
    say(&format!("farthest apart of {} probabilities: {farthest:e}", ours.data().len()));
    if ours.shape() == theirs.shape() && farthest < DIFFERENCE_MAX {
        Ok(())
    } else {
        Err("the engines differ".into())
    }
}

/// Two slices of noise, the same for both.
fn run(engine: &Runtime, model: &[u8]) -> Any<Tensor> {
    let noise = |i: u16| f32::from(i.wrapping_mul(7919) % 511) / 128.0 - 2.0;
    let data: Vec<f32> = (0..=u16::MAX).cycle().take(2 * 3 * SIDE * SIDE).map(noise).collect();
    let image = Tensor::new("image", vec![2, 3, SIDE, SIDE], data)?;
    say(&engine.label());
    Ok(engine.load(model)?.run(&[image.view()])?.remove(0))
}

#[expect(clippy::print_stdout, reason = "figures for people")]
fn say(line: &str) {
    println!("{line}");
}
