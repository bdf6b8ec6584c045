//! The form of a DICOM object's pixels, read from its attributes before decoding.
//! It belongs to the intake of the diagnosis enclave.
//! No form is guessed: what is missing or unknown is refused.

use dicom_core::header::HasLength as _;
use dicom_dictionary_std::tags;
use dicom_object::{DefaultDicomObject, Tag};

use crate::intake::{ImageRefusal, Sides, Spacing};

/// A spacing beyond this is a mistake in the file, not an image of a patient.
const SPACING_MM_MAX: f64 = 100.0;

/// One frame of one or three samples for each pixel, sides within bounds.
pub(super) struct Form {
    pub(super) sides: Sides,
    pub(super) samples: u16,
    pub(super) spacing: Option<Spacing>,
}

impl Form {
    pub(super) fn of(object: &DefaultDicomObject) -> Result<Self, ImageRefusal> {
        let pixels =
            object.element_opt(tags::PIXEL_DATA).ok().flatten().ok_or(ImageRefusal::NoPixels)?;
        let (rows, columns) = (number(object, tags::ROWS)?, number(object, tags::COLUMNS)?);
        let sides = Sides::check(columns.into(), rows.into())?;
        let samples = number(object, tags::SAMPLES_PER_PIXEL)?;
        let bits = number(object, tags::BITS_ALLOCATED)?;
        let frames = optional(object, tags::NUMBER_OF_FRAMES)?.unwrap_or(1);
        if !matches!((samples, bits), (1, 8 | 16) | (3, 8)) || frames != 1 {
            return Err(ImageRefusal::FormUnsupported);
        }
        if let Some(fragments) = pixels.value().fragments() {
            same_sides(&fragments.concat(), sides)?;
        }
        Ok(Self { sides, samples, spacing: spacing(object) })
    }
}

fn number(object: &DefaultDicomObject, tag: Tag) -> Result<u16, ImageRefusal> {
    optional(object, tag)?.ok_or(ImageRefusal::Undecodable)
}

fn optional(object: &DefaultDicomObject, tag: Tag) -> Result<Option<u16>, ImageRefusal> {
    match object.element_opt(tag) {
        Ok(Some(element)) if !element.is_empty() => {
            element.to_int::<u16>().map(Some).map_err(|_| ImageRefusal::Undecodable)
        }
        Ok(_) => Ok(None),
        Err(_) => Err(ImageRefusal::Undecodable),
    }
}

/// Pixel Spacing (PS3.3, 10.7.1.3): between rows, then between columns, in millimetres.
fn spacing(object: &DefaultDicomObject) -> Option<Spacing> {
    let values = object.element_opt(tags::PIXEL_SPACING).ok()??.to_multi_float64().ok()?;
    let [row_mm, column_mm] = values[..] else { return None };
    let sound = |mm: f64| mm > 0.0 && mm <= SPACING_MM_MAX;
    (sound(row_mm) && sound(column_mm)).then_some(Spacing { row_mm, column_mm })
}

/// Refuses a JPEG stream whose frame header (ITU-T T.81, B.2.2) has other sides than the
/// object: its decoder allocates by that header. Run-length data has no header.
fn same_sides(stream: &[u8], sides: Sides) -> Result<(), ImageRefusal> {
    if !stream.starts_with(&[0xff, 0xd8]) {
        return Ok(());
    }
    let (width, height) = jpeg_sides(&stream[2..]).ok_or(ImageRefusal::Undecodable)?;
    if (width, height) == (sides.width, sides.height) {
        Ok(())
    } else {
        Err(ImageRefusal::Dimensions)
    }
}

fn jpeg_sides(mut segments: &[u8]) -> Option<(u32, u32)> {
    loop {
        let [0xff, marker, high, low, ..] = *segments else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        match marker {
            0xff => segments = &segments[1..],
            // C4, C8 and CC among the frame headers are tables and reserved.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let side = |at: usize| {
                    Some(u32::from(u16::from_be_bytes([
                        *segments.get(at)?,
                        *segments.get(at + 1)?,
                    ])))
                };
                return Some((side(7)?, side(5)?));
            }
            _ => segments = segments.get(2 + length..)?,
        }
    }
}
