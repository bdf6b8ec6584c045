//! The documented way of the brain model: picture to tensor, probabilities to a mask.
//! It belongs to the diagnosis enclave; the training recipe does the same in Python.
//! No clinical judgement is made here: the threshold and the counts are all there is.

mod findings;
mod mask;

use image::{RgbImage, imageops};
use thiserror::Error;

pub use self::findings::{Findings, findings};
pub use self::mask::Mask;
use crate::engine::IoSpec;
use crate::intake::Picture;
use crate::tensor::{Tensor, TensorRefusal};

/// Rows and columns that the model takes.
pub const MODEL_SIDE_PX: u32 = 256;
/// Pixels of the model's view.
const MODEL_PIXELS: usize = (MODEL_SIDE_PX * MODEL_SIDE_PX) as usize;
/// A channel with less deviation than this (of 255) is empty: it is centred, not blown up.
const DEVIATION_MIN: f64 = 1e-3;

/// Why an answer of the model is no mask, or a model is no brain model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BrainError {
    /// The model's inputs or outputs are not those of the documented way.
    #[error("the model does not take and give what its preprocessing says")]
    Model,
    /// The model's answer is not one probability for each pixel.
    #[error("the model's answer is not a map of probabilities")]
    Answer,
    /// The mask could not be written as PNG.
    #[error("the mask could not be encoded")]
    Encode,
}

impl BrainError {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Model => "model.preprocessing",
            Self::Answer => "engine.output",
            Self::Encode => "mask.encode",
        }
    }
}

/// Whether a model takes `input` [N,3,256,256] and gives `output` [N,1,256,256].
pub fn fits(spec: &IoSpec, input: &str, output: &str) -> Result<(), BrainError> {
    let side = MODEL_SIDE_PX as usize;
    let [takes] = &spec.inputs[..] else { return Err(BrainError::Model) };
    let gives = spec.outputs.iter().find(|given| given.name == output).ok_or(BrainError::Model)?;
    let fits =
        takes.name == input && takes.takes(&[1, 3, side, side]) && gives.takes(&[1, 1, side, side]);
    if fits { Ok(()) } else { Err(BrainError::Model) }
}

/// RGB 0..255, resampled bilinearly to 256×256 where it has other sides, then each
/// channel of the slice (x − mean) / max(deviation, 10⁻³); f32 NCHW [1,3,256,256].
pub fn tensor(picture: &Picture, name: &str) -> Result<Tensor, TensorRefusal> {
    let pixels = resampled(picture);
    let mut data = Vec::with_capacity(3 * MODEL_PIXELS);
    for channel in 0..3 {
        standardise(pixels.iter().skip(channel).step_by(3).copied(), &mut data);
    }
    let side = MODEL_SIDE_PX as usize;
    Tensor::new(name, vec![1, 3, side, side], data)
}

fn resampled(picture: &Picture) -> Vec<u8> {
    if (picture.width(), picture.height()) == (MODEL_SIDE_PX, MODEL_SIDE_PX) {
        return picture.rgb().to_vec();
    }
    let Some(full) = RgbImage::from_raw(picture.width(), picture.height(), picture.rgb().to_vec())
    else {
        return Vec::new();
    };
    imageops::resize(&full, MODEL_SIDE_PX, MODEL_SIDE_PX, imageops::FilterType::Triangle).into_raw()
}

/// Mean and population deviation come from exact integer sums, so that no order of
/// summation shows in the result.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "sums below 2^53; f32 is the format"
)]
fn standardise(values: impl Iterator<Item = u8> + Clone, into: &mut Vec<f32>) {
    let (count, sum, squares) =
        values.clone().fold((0_u64, 0_u64, 0_u64), |(count, sum, squares), value| {
            let value = u64::from(value);
            (count + 1, sum + value, squares + value * value)
        });
    let count = count.max(1) as f64;
    let mean = sum as f64 / count;
    let deviation = (squares as f64 / count - mean * mean).max(0.0).sqrt().max(DEVIATION_MIN);
    into.extend(values.map(|value| ((f64::from(value) - mean) / deviation) as f32));
}

#[cfg(test)]
mod tests;
