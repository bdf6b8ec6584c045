//! The mask: where the probability is above one half, at the sides of the picture.
//! It belongs to the patient whose picture it was made of.
//! It is never smoothed, filled or cleaned.

use std::io::Cursor;

use image::{GrayImage, ImageFormat};

use super::{BrainError, MODEL_PIXELS, MODEL_SIDE_PX};
use crate::tensor::Tensor;

/// A pixel belongs to the mask above this probability.
pub(super) const PROBABILITY_THRESHOLD: f32 = 0.5;

/// A mask of 0 and 255 with the sides of the picture it belongs to.
#[derive(Clone, PartialEq, Eq)]
pub struct Mask {
    width: u32,
    height: u32,
    grey: Vec<u8>,
}

impl Mask {
    /// Thresholds the model's answer [1,1,256,256] and brings it to `width`×`height` by
    /// the nearest neighbour.
    pub fn of(answer: &Tensor, width: u32, height: u32) -> Result<Self, BrainError> {
        let data = answer.data();
        if data.len() != MODEL_PIXELS || !data.iter().all(|p| (0.0..=1.0).contains(p)) {
            return Err(BrainError::Answer);
        }
        let mut grey = Vec::with_capacity(width as usize * height as usize);
        for row in 0..height {
            let from = nearest(row, height) * MODEL_SIDE_PX as usize;
            grey.extend((0..width).map(|column| level(data[from + nearest(column, width)])));
        }
        Ok(Self { width, height, grey })
    }

    /// Columns.
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// 0 or 255 for each pixel, row by row.
    pub fn grey(&self) -> &[u8] {
        &self.grey
    }

    /// 8-bit grey PNG.
    pub fn png(&self) -> Result<Vec<u8>, BrainError> {
        let image = GrayImage::from_raw(self.width, self.height, self.grey.clone())
            .ok_or(BrainError::Encode)?;
        let mut png = Cursor::new(Vec::new());
        image.write_to(&mut png, ImageFormat::Png).map_err(|_| BrainError::Encode)?;
        Ok(png.into_inner())
    }
}

const fn level(probability: f32) -> u8 {
    if probability > PROBABILITY_THRESHOLD { 255 } else { 0 }
}

/// The model's row or column whose centre is nearest to that of the picture's.
#[expect(clippy::cast_possible_truncation, reason = "below the model's 256")]
const fn nearest(at: u32, side: u32) -> usize {
    let centre = (2 * at as u64 + 1) * MODEL_SIDE_PX as u64;
    (centre / (2 * side as u64)) as usize
}
