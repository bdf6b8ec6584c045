use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::uids;

use super::*;
use crate::instance::samples::{self, COLUMNS, ONE, ROWS};

const LOOK: Look = Look { kind: Kind::Png, window: None, within: None, quality: 90 };

fn grey(file: &[u8], frame: usize, look: &Look) -> GrayImage {
    image::load_from_memory(&render(file, frame, look).unwrap()).unwrap().to_luma8()
}

#[test]
fn a_frame_is_rendered_as_it_is_through_a_window_and_small() {
    let file = samples::plain(samples::frames(ONE, 2));
    let frame = usize::from(ROWS) * usize::from(COLUMNS);
    assert_eq!(grey(&file, 0, &LOOK).as_raw()[..], samples::grey(2)[..frame]);
    assert_eq!(grey(&file, 1, &LOOK).as_raw()[..], samples::grey(2)[frame..]);
    let window = Window::parse("100,1,LINEAR").unwrap();
    let windowed = grey(&file, 0, &Look { window: Some(window), ..LOOK });
    assert!(windowed.as_raw().iter().all(|level| matches!(level, 0 | 255)));
    let small = grey(&file, 0, &Look { within: Some((8, 8)), ..LOOK });
    assert_eq!(small.dimensions(), (8, 5));
    assert_eq!(render(&file, 2, &LOOK), Err(RenderError::NoFrame));
    let jpeg = render(&file, 0, &Look { kind: Kind::Jpeg, ..LOOK }).unwrap();
    assert!(jpeg.starts_with(&[0xff, 0xd8, 0xff]));
}

#[test]
fn single_bits_are_black_and_white() {
    let mut object = samples::head(ONE);
    for tag in [tags::BITS_ALLOCATED, tags::BITS_STORED] {
        samples::number(&mut object, tag, 1);
    }
    let bytes = vec![0b0000_0101_u8; 48];
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(bytes)));
    let picture = grey(&samples::plain(object), 0, &LOOK);
    assert_eq!(picture.as_raw()[..4], [255, 0, 255, 0]);
}

#[test]
fn a_stream_that_claims_other_sides_is_not_decoded() {
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
    let grey = samples::grey(1);
    encoder.encode(&grey, COLUMNS, ROWS, jpeg_encoder::ColorType::Luma).unwrap();
    let sound = samples::fragments(ONE, 1, vec![jpeg.clone()]);
    let sound = samples::file(sound, uids::JPEG_BASELINE8_BIT);
    assert!(render(&sound, 0, &LOOK).is_ok());
    assert_eq!(super::samples(&sound, 0).unwrap().len(), grey.len());
    let at = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[at + 5..at + 9].copy_from_slice(&[0xff; 4]);
    let lying = samples::fragments(ONE, 1, vec![jpeg]);
    let lying = samples::file(lying, uids::JPEG_BASELINE8_BIT);
    assert_eq!(render(&lying, 0, &LOOK), Err(RenderError::Undecodable));
}

#[test]
fn what_is_no_window_or_viewport_is_refused() {
    let look = |name: &str, value: &str| {
        Look::of(Kind::Png, &[(name.to_owned(), value.to_owned())]).is_some()
    };
    assert!(look("window", "40,400,linear") && look("viewport", "100,50") && look("quality", "1"));
    for (name, value) in [
        ("window", "40"),
        ("window", "NaN,1"),
        ("window", "1,2,sigmoid"),
        ("viewport", "0,5"),
        ("viewport", "99999,1"),
        ("quality", "0"),
    ] {
        assert!(!look(name, value), "{name}={value}");
    }
}
