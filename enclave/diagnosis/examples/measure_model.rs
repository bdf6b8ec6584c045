//! Measures the committed model on the validation patients, through the enclave's own
//! intake, preprocessing, engine and mask: Dice over all slices of a patient together
//! (Buda et al. 2019). Run by `cargo xtask test model`; fails under the promised mean.
//!
//!     measure_model FOLDER [MODEL]
//!
//! `FOLDER` holds `slices.csv` and `val/PATIENT/NN.jpg`, `NN_mask.png`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Cursor;
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};

use autoclave_diagnosis::brain::{self, Mask};
use autoclave_diagnosis::config::EngineConfig;
use autoclave_diagnosis::engine::{Engine, Runtime};
use autoclave_diagnosis::intake::Picture;
use image::{DynamicImage, ImageFormat, RgbImage};

/// Mean per-patient Dice that the model card promises at least.
const MEAN_DICE_MIN: f64 = 0.75;
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/brain-mri/brain-mri.onnx");

type Any<T> = Result<T, Box<dyn Error>>;

/// Pixels of one patient: found and true, found, true.
#[derive(Default)]
struct Overlap {
    both: u64,
    found: u64,
    truth: u64,
}

impl Overlap {
    #[expect(clippy::cast_precision_loss, reason = "pixel counts are far below 2^52")]
    fn dice(&self) -> f64 {
        match self.found + self.truth {
            0 => 1.0,
            sum => 2.0 * self.both as f64 / sum as f64,
        }
    }
}

fn main() -> Any<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: measure_model FOLDER [MODEL]")?);
    let model = fs::read(arguments.next().unwrap_or_else(|| MODEL.to_owned()))?;
    let threads = NonZeroU8::new(2).ok_or("threads")?;
    let engine =
        Runtime::start(&EngineConfig::Rten { threads, runs: NonZeroU8::MIN })?.load(&model)?;
    let mut patients: BTreeMap<String, Overlap> = BTreeMap::new();
    for (patient, slice) in slices(&folder)? {
        measure(
            engine.as_ref(),
            &folder,
            &patient,
            slice,
            patients.entry(patient.clone()).or_default(),
        )?;
    }
    report(&patients)
}

fn slices(folder: &Path) -> Any<Vec<(String, u32)>> {
    let text = fs::read_to_string(folder.join("slices.csv"))?;
    let rows = text.lines().filter_map(|line| line.strip_prefix("val,"));
    rows.map(|row| {
        let mut fields = row.split(',');
        let patient = fields.next().ok_or("patient")?.to_owned();
        Ok((patient, fields.next().ok_or("slice")?.parse()?))
    })
    .collect()
}

fn measure(
    engine: &dyn Engine,
    folder: &Path,
    patient: &str,
    slice: u32,
    sums: &mut Overlap,
) -> Any<()> {
    let place = folder.join("val").join(patient);
    let picture = Picture::decode("image/png", &png_of(&place.join(format!("{slice:02}.jpg")))?)?;
    let tensor = brain::tensor(&picture, "image")?;
    let answer = engine.run(&[tensor.view()])?;
    let mask = Mask::of(&answer[0], picture.width(), picture.height())?;
    let truth = truth(&place.join(format!("{slice:02}_mask.png")), mask.grey().len())?;
    for (found, truth) in mask.grey().iter().zip(truth) {
        sums.both += u64::from(*found > 0 && truth);
        sums.found += u64::from(*found > 0);
        sums.truth += u64::from(truth);
    }
    Ok(())
}

/// The enclave takes no JPEG; pixels go in unchanged as PNG.
fn png_of(jpeg: &Path) -> Any<Vec<u8>> {
    let mut decoder = zune_jpeg::JpegDecoder::new(Cursor::new(fs::read(jpeg)?));
    let rgb = decoder.decode()?;
    let info = decoder.info().ok_or("no header")?;
    let picture =
        RgbImage::from_raw(info.width.into(), info.height.into(), rgb).ok_or("not RGB")?;
    let mut png = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture).write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

fn truth(mask: &Path, pixels: usize) -> Any<Vec<bool>> {
    if !mask.exists() {
        return Ok(vec![false; pixels]);
    }
    let picture = image::load_from_memory(&fs::read(mask)?)?.to_luma8();
    Ok(picture.into_raw().into_iter().map(|grey| grey > 0).collect())
}

#[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a table for people")]
fn report(patients: &BTreeMap<String, Overlap>) -> Any<()> {
    for (patient, sums) in patients {
        println!("{:.3}  {patient}  true {} found {}", sums.dice(), sums.truth, sums.found);
    }
    let mean = patients.values().map(Overlap::dice).sum::<f64>() / patients.len() as f64;
    println!("mean Dice of {} patients: {mean:.4}", patients.len());
    if patients.is_empty() || mean < MEAN_DICE_MIN {
        return Err(format!("below {MEAN_DICE_MIN}").into());
    }
    Ok(())
}
