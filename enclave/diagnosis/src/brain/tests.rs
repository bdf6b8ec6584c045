#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    clippy::naive_bytecount,
    reason = "small numbers"
)]

use image::ImageReader;

use super::*;
use crate::engine::TensorSpec;
use crate::intake::{Spacing, samples};

fn answer(probability: impl Fn(usize, usize) -> f32) -> Tensor {
    let data = (0..MODEL_PIXELS).map(|i| probability(i / 256, i % 256)).collect();
    Tensor::new("probability", vec![1, 1, 256, 256], data).ok().unwrap()
}

fn square(row: usize, column: usize) -> f32 {
    if (64..128).contains(&row) && (32..64).contains(&column) { 0.9 } else { 0.1 }
}

#[test]
fn each_channel_is_centred_and_scaled_over_the_whole_slice() {
    let picture = samples::picture(256, 256, |x, y| [x as u8, 7, if y < 128 { 0 } else { 200 }]);
    let tensor = tensor(&picture, "image").ok().unwrap();
    assert_eq!(tensor.shape(), [1, 3, 256, 256]);
    let channel = |c: usize| &tensor.data()[c * MODEL_PIXELS..(c + 1) * MODEL_PIXELS];
    // 0..=255 once a row: mean 127.5, deviation sqrt((256² − 1) / 12).
    let deviation = ((256.0_f32 * 256.0 - 1.0) / 12.0).sqrt();
    assert!((channel(0)[0] + 127.5 / deviation).abs() < 1e-6);
    assert!((channel(0)[255] - 127.5 / deviation).abs() < 1e-6);
    assert!(channel(1).iter().all(|&value| value == 0.0), "an even channel is centred");
    assert_eq!((channel(2)[0], channel(2)[MODEL_PIXELS - 1]), (-1.0, 1.0));
}

#[test]
fn other_sides_are_resampled() {
    let halves = |x: u32| if x < 256 { 0 } else { 100 };
    let picture = samples::picture(512, 300, |x, _| [halves(x); 3]);
    let tensor = tensor(&picture, "image").ok().unwrap();
    assert_eq!(tensor.shape(), [1, 3, 256, 256]);
    assert!((tensor.data()[0] + 1.0).abs() < 0.02 && (tensor.data()[255] - 1.0).abs() < 0.02);
}

#[test]
fn a_mask_is_what_lies_above_one_half() {
    let mask = Mask::of(&answer(square), 256, 256).unwrap_or_else(|_| panic!());
    assert_eq!(mask.grey().iter().filter(|&&level| level == 255).count(), 64 * 32);
    assert_eq!(mask.grey()[64 * 256 + 32], 255);
    assert_eq!(mask.grey()[64 * 256 + 31], 0);
    let even = Mask::of(&answer(|_, _| 0.5), 256, 256).unwrap_or_else(|_| panic!());
    assert!(even.grey().iter().all(|&level| level == 0), "one half itself is outside");
}

#[test]
fn a_mask_has_the_sides_of_its_picture() {
    for (width, height) in [(512, 512), (128, 512), (100, 77)] {
        let mask = Mask::of(&answer(square), width, height).unwrap_or_else(|_| panic!());
        assert_eq!(mask.grey().len(), (width * height) as usize);
        let share = mask.grey().iter().filter(|&&level| level > 0).count() as f64
            / f64::from(width * height);
        assert!((share - 1.0 / 32.0).abs() < 0.003, "{share}");
    }
}

#[test]
fn the_png_is_eight_bit_grey_of_two_levels() {
    let mask = Mask::of(&answer(square), 512, 256).unwrap_or_else(|_| panic!());
    let png = mask.png().unwrap_or_else(|_| panic!());
    let mut reader = ImageReader::new(std::io::Cursor::new(png));
    reader.set_format(image::ImageFormat::Png);
    let image = reader.decode().unwrap();
    assert_eq!(image.color(), image::ColorType::L8);
    assert_eq!(image.into_luma8().into_raw(), mask.grey());
}

#[test]
fn findings_count_pixels_area_and_regions() {
    let two =
        answer(|row, column| if row == 200 && column == 200 { 0.75 } else { square(row, column) });
    let mask = Mask::of(&two, 256, 256).unwrap_or_else(|_| panic!());
    let found = findings(&mask, &two, Some(Spacing { row_mm: 0.5, column_mm: 2.0 }));
    assert_eq!((found.pixels, found.regions), (64 * 32 + 1, 2));
    assert_eq!(found.area_mm2, Some(2049.0));
    assert_eq!(found.probability_max, 0.9);
    assert_eq!(findings(&mask, &two, None).area_mm2, None);
}

#[test]
fn corners_touch_and_an_empty_mask_has_no_region() {
    let diagonal = answer(|row, column| if row == column { 1.0 } else { 0.0 });
    let count = |answer: &Tensor| {
        let mask = Mask::of(answer, 256, 256).unwrap_or_else(|_| panic!());
        let found = findings(&mask, answer, None);
        (found.pixels, found.regions)
    };
    assert_eq!(count(&diagonal), (256, 1));
    assert_eq!(count(&answer(|_, _| 0.0)), (0, 0));
    assert_eq!(count(&answer(|_, _| 1.0)), (65536, 1));
}

#[test]
fn an_answer_that_is_no_probability_is_refused() {
    let code = |answer: &Tensor| Mask::of(answer, 256, 256).err().map(BrainError::code);
    assert_eq!(code(&answer(|_, _| 1.5)), Some("engine.output"));
    assert_eq!(code(&answer(|_, _| -0.5)), Some("engine.output"));
    let short = Tensor::new("probability", vec![1], vec![0.5]).ok().unwrap();
    assert_eq!(code(&short), Some("engine.output"));
}

#[test]
fn only_a_model_of_the_documented_form_fits() {
    let named = |name: &str, shape: &[Option<usize>]| TensorSpec {
        name: name.into(),
        shape: shape.to_vec(),
    };
    let spec = |channels| IoSpec {
        inputs: vec![named("image", &[None, Some(channels), Some(256), Some(256)])],
        outputs: vec![named("probability", &[None, Some(1), Some(256), Some(256)])],
    };
    assert_eq!(fits(&spec(3), "image", "probability"), Ok(()));
    assert_eq!(fits(&spec(1), "image", "probability"), Err(BrainError::Model));
    assert_eq!(fits(&spec(3), "x", "probability"), Err(BrainError::Model));
    assert_eq!(fits(&spec(3), "image", "mask"), Err(BrainError::Model));
}
