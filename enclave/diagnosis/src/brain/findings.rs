//! Counts over a mask: pixels, area, the greatest probability, connected regions.
//! They belong to the patient, and the clinic files them as an observation.
//! Nothing is derived here that the mask and the file do not say.

use serde::Serialize;

use super::Mask;
use crate::intake::Spacing;
use crate::tensor::Tensor;

/// What the mask amounts to.
#[derive(Clone, PartialEq, Serialize)]
pub struct Findings {
    /// Pixels of the mask, at the picture's sides.
    pub pixels: u64,
    /// Their area, where the file says how far pixels are apart.
    pub area_mm2: Option<f64>,
    /// The greatest probability of any pixel of the model's view.
    pub probability_max: f64,
    /// Regions of pixels that touch at a side or a corner.
    pub regions: u64,
}

/// Counts.
#[expect(clippy::cast_precision_loss, reason = "fewer than 2^24 pixels")]
pub fn findings(mask: &Mask, answer: &Tensor, spacing: Option<Spacing>) -> Findings {
    let pixels = mask.grey().iter().filter(|&&level| level > 0).count() as u64;
    Findings {
        pixels,
        area_mm2: spacing.map(|each| rounded(pixels as f64 * each.row_mm * each.column_mm)),
        probability_max: rounded(answer.data().iter().copied().fold(0.0, f32::max).into()),
        regions: regions(mask),
    }
}

/// Four decimals: what is beyond them is noise of the engine.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn regions(mask: &Mask) -> u64 {
    let mut left: Vec<bool> = mask.grey().iter().map(|&level| level > 0).collect();
    let width = mask.width() as usize;
    let mut regions = 0;
    let mut edge = Vec::new();
    for start in 0..left.len() {
        if std::mem::take(&mut left[start]) {
            regions += 1;
            edge.push(start);
            while let Some(pixel) = edge.pop() {
                take_neighbours(pixel, width, &mut left, &mut edge);
            }
        }
    }
    regions
}

fn take_neighbours(pixel: usize, width: usize, left: &mut [bool], edge: &mut Vec<usize>) {
    let (row, column) = (pixel / width, pixel % width);
    for y in row.saturating_sub(1)..=(row + 1).min(left.len() / width - 1) {
        for x in column.saturating_sub(1)..=(column + 1).min(width - 1) {
            if std::mem::take(&mut left[y * width + x]) {
                edge.push(y * width + x);
            }
        }
    }
}
