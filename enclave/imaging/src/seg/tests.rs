use super::*;
use crate::capture;
use crate::instance::samples::{self, COLUMNS, ONE, ROWS};
use crate::{Instance, Pixels};

const EQUIPMENT: Equipment<'_> =
    Equipment { model: "Autoclave diagnosis", version: "0.1.0", serial: "sha384:00" };

pub(crate) const SEGMENT: Segment<'_> = Segment {
    label: "FLAIR abnormality",
    category: Code {
        value: "49755003",
        scheme: "SCT",
        meaning: "Morphologically Abnormal Structure",
    },
    kind: Code { value: "4147007", scheme: "SCT", meaning: "Mass" },
    algorithm: "unet-flair 1",
    equipment: EQUIPMENT,
};

/// A diagonal, and one pixel in the last corner.
pub(crate) fn mask() -> Vec<u8> {
    let mut pixels = vec![0; usize::from(ROWS) * usize::from(COLUMNS)];
    for at in 0..usize::from(ROWS) {
        pixels[at * usize::from(COLUMNS) + at] = 255;
    }
    *pixels.last_mut().unwrap() = 1;
    pixels
}

fn source() -> Node<'static> {
    Instance::read(&samples::plain(samples::image(ONE))).unwrap().metadata
}

#[test]
fn a_segmentation_is_of_its_sources_study_and_holds_the_mask_bit_by_bit() {
    let pixels = mask();
    let mask = Mask { columns: COLUMNS, rows: ROWS, pixels: &pixels };
    let file = write(&source(), mask, &SEGMENT, 1_900_000_000_123).unwrap();
    let instance = Instance::read(&file).unwrap();
    assert_eq!(instance.study.as_str(), ONE.study);
    assert_ne!(instance.series.as_str(), ONE.series);
    assert_eq!(instance.class.as_str(), uids::SEGMENTATION_STORAGE);
    assert_eq!(instance.first(tags::PATIENT_NAME), Some("Muster^Anna"));
    assert_eq!(instance.first(tags::CONTENT_DATE), Some("20300317"));
    let Some(Pixels::Native { place, frame_bits, frames: 1 }) = instance.pixels else {
        panic!("native pixels")
    };
    assert_eq!(frame_bits, usize::from(COLUMNS) * usize::from(ROWS));
    let bits = &file[place];
    let bit = |at: usize| bits[at / 8] >> (at % 8) & 1;
    assert!((0..frame_bits).all(|at| (bit(at) == 1) == (pixels[at] != 0)));
    let referenced = instance.metadata.at(&["00081115", "Value"]).unwrap().items();
    let referenced = referenced[0].at(&["0008114A", "Value"]).unwrap().items();
    let uid = crate::json::first(&referenced[0], tags::REFERENCED_SOP_INSTANCE_UID);
    assert_eq!(uid, Some(ONE.instance));
}

#[test]
fn a_mask_of_other_sides_than_its_source_is_refused() {
    let pixels = mask();
    let mask = Mask { columns: ROWS, rows: COLUMNS, pixels: &pixels };
    assert_eq!(write(&source(), mask, &SEGMENT, 0).err(), Some(MakeError::Sides));
    let mask = Mask { columns: COLUMNS, rows: ROWS, pixels: &pixels[1..] };
    assert_eq!(write(&source(), mask, &SEGMENT, 0).err(), Some(MakeError::Sides));
}

#[test]
fn a_picture_becomes_a_capture_that_a_mask_can_refer_to() {
    let whose = capture::Whose {
        patient_id: "MRN-1",
        issuer: Some("HOSPITAL"),
        name: "Müster^Anna",
        born: "19700102",
        sex: "F",
        study: None,
    };
    let mut png = std::io::Cursor::new(Vec::new());
    let grey = image::GrayImage::from_raw(COLUMNS.into(), ROWS.into(), samples::grey(1)).unwrap();
    grey.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let file = capture::write(png.get_ref(), whose, EQUIPMENT, 0).unwrap();
    let captured = Instance::read(&file).unwrap();
    assert_eq!(captured.first(tags::PATIENT_NAME), Some("Müster^Anna"));
    let Some(Pixels::Native { place, .. }) = captured.pixels.clone() else { panic!("pixels") };
    assert_eq!(file[place], samples::grey(1));
    let pixels = mask();
    let mask = Mask { columns: COLUMNS, rows: ROWS, pixels: &pixels };
    let file = write(&captured.metadata, mask, &SEGMENT, 0).unwrap();
    let instance = Instance::read(&file).unwrap();
    assert_eq!(instance.study, captured.study);
    assert!(instance.metadata.get("00209113").is_none());
    assert_eq!(capture::write(b"no picture", whose, EQUIPMENT, 0).err(), Some(MakeError::Picture));
}
