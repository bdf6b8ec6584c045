use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};

use super::samples::{self, ONE};
use super::*;

fn why(bytes: &[u8]) -> InstanceRefusal {
    Instance::read(bytes).err().unwrap()
}

#[test]
fn a_file_says_the_same_in_every_native_transfer_syntax() {
    for syntax in
        [uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::EXPLICIT_VR_LITTLE_ENDIAN, "1.2.840.10008.1.2.2"]
    {
        let mut object = samples::image(ONE);
        samples::sequence(&mut object, tags::REFERENCED_STUDY_SEQUENCE, samples::head(ONE));
        let file = samples::file(object, syntax);
        let instance = Instance::read(&file).unwrap();
        assert_eq!(instance.study.as_str(), ONE.study);
        assert_eq!(instance.class.as_str(), uids::MR_IMAGE_STORAGE);
        assert_eq!(instance.transfer_syntax, syntax);
        assert_eq!(instance.first(tags::PATIENT_NAME), Some("Muster^Anna"));
        assert_eq!(instance.first(tags::ROWS), Some("16"));
        let spacing = instance.metadata.get("00280030").unwrap().to_bytes();
        assert_eq!(spacing, br#"{"vr":"DS","Value":[0.50,0.50]}"#);
        let Some(Pixels::Native { place, frame_bits, frames: 1 }) = instance.pixels else {
            panic!("native pixels")
        };
        assert_eq!(frame_bits, 24 * 16 * 8);
        assert_eq!(file[place], samples::grey(1));
        let item = instance.metadata.at(&["00081110", "Value"]).unwrap().items();
        assert_eq!(
            item[0].get("00100020").unwrap().to_bytes(),
            br#"{"vr":"LO","Value":["MRN-1"]}"#
        );
    }
}

#[test]
fn a_length_that_leads_out_of_the_file_is_refused_wherever_it_stands() {
    let mut object = samples::image(ONE);
    samples::sequence(&mut object, tags::REFERENCED_STUDY_SEQUENCE, samples::head(ONE));
    let sound = samples::plain(object);
    assert!(Instance::read(&sound).is_ok());
    let at = samples::place(&sound, tags::PIXEL_DATA) + 8;
    for length in [u32::MAX - 1, 0x7fff_ffff, 4096] {
        let mut lying = sound.clone();
        lying[at..at + 4].copy_from_slice(&length.to_le_bytes());
        assert_eq!(why(&lying), Flaw::Length.into(), "{length}");
    }
    let mut open = sound.clone();
    open[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(why(&open), Flaw::Length.into());
    for shorter in [1, 100, sound.len() / 2] {
        let cut = &sound[..sound.len() - shorter];
        assert!(Instance::read(cut).is_err(), "{shorter}");
    }
    assert_eq!(why(b"DICM"), Flaw::Preamble.into());
}

#[test]
fn every_cut_and_every_altered_byte_is_answered_without_a_panic() {
    let mut object = samples::image(ONE);
    samples::sequence(&mut object, tags::REFERENCED_STUDY_SEQUENCE, samples::head(ONE));
    for syntax in [uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::EXPLICIT_VR_LITTLE_ENDIAN] {
        let sound = samples::file(object.clone(), syntax);
        for at in 0..sound.len() {
            drop(Instance::read(&sound[..at]));
            for bits in [0xff, 0x01] {
                let mut altered = sound.clone();
                altered[at] ^= bits;
                drop(Instance::read(&altered));
            }
        }
    }
}

#[test]
fn fewer_pixels_than_described_are_refused() {
    let mut object = samples::image(ONE);
    samples::number(&mut object, tags::ROWS, 17);
    assert_eq!(why(&samples::plain(object)), InstanceRefusal::Pixels);
    let mut object = samples::image(ONE);
    samples::text(&mut object, tags::NUMBER_OF_FRAMES, VR::IS, "18446744073709551615");
    assert_eq!(why(&samples::plain(object)), InstanceRefusal::Pixels);
}

#[test]
fn an_element_that_stands_twice_is_refused() {
    let sound = samples::plain(samples::image(ONE));
    let (from, to) = (
        samples::place(&sound, tags::PATIENT_ID),
        samples::place(&sound, tags::PATIENT_BIRTH_DATE),
    );
    let twice = [&sound[..to], &sound[from..to], &sound[to..]].concat();
    assert_eq!(why(&twice), Flaw::Twice.into());
}

#[test]
fn metadata_beyond_its_bound_is_refused() {
    let mut object = samples::image(ONE);
    for at in 0..300 {
        let tag = Tag(0x0009, 0x1000 + at);
        samples::text(&mut object, tag, VR::LT, &"x".repeat(60_000));
    }
    assert_eq!(why(&samples::plain(object)), InstanceRefusal::Metadata);
}

#[test]
fn nesting_beyond_the_bound_is_refused() {
    let mut object = samples::image(ONE);
    for _ in 0..=dataset::NESTING_MAX {
        let mut around = samples::image(ONE);
        samples::sequence(&mut around, tags::REFERENCED_STUDY_SEQUENCE, object);
        object = around;
    }
    assert_eq!(why(&samples::plain(object)), Flaw::Size.into());
}

#[test]
fn identifying_uids_must_be_there_and_agree_with_the_head() {
    for tag in [tags::STUDY_INSTANCE_UID, tags::SERIES_INSTANCE_UID] {
        let mut object = samples::image(ONE);
        object.remove_element(tag);
        assert_eq!(why(&samples::plain(object)), InstanceRefusal::Uid);
    }
    let mut object = samples::image(ONE);
    samples::text(&mut object, tags::STUDY_INSTANCE_UID, VR::UI, "../../etc");
    assert_eq!(why(&samples::plain(object)), InstanceRefusal::Uid);
    let mut other = samples::plain(samples::image(ONE));
    let at = samples::place(&other, tags::MEDIA_STORAGE_SOP_INSTANCE_UID) + 8;
    other[at] = b'1';
    assert_eq!(why(&other), InstanceRefusal::Head);
}

#[test]
fn fragments_belong_to_their_frames() {
    let one_each = samples::fragments(ONE, 2, vec![vec![1; 4], vec![2; 6]]);
    let file = samples::file(one_each, uids::JPEG_BASELINE8_BIT);
    let Some(Pixels::Encapsulated { frames }) = Instance::read(&file).unwrap().pixels else {
        panic!("encapsulated pixels")
    };
    assert_eq!(frames.len(), 2);
    assert_eq!(file[frames[1][0].clone()], [2; 6]);
    let all_for_one = samples::fragments(ONE, 1, vec![vec![1; 4], vec![2; 6]]);
    let file = samples::file(all_for_one, uids::JPEG_BASELINE8_BIT);
    let pixels = Instance::read(&file).unwrap().pixels.unwrap();
    assert!(matches!(pixels, Pixels::Encapsulated { frames } if frames[0].len() == 2));
    let unclear = samples::fragments(ONE, 3, vec![vec![1; 4], vec![2; 6]]);
    assert_eq!(why(&samples::file(unclear, uids::JPEG_BASELINE8_BIT)), InstanceRefusal::Pixels);
}

#[test]
fn large_values_stay_in_the_file_behind_their_uri() {
    let mut object = samples::image(ONE);
    let mut item = dicom_object::InMemDicomObject::new_empty();
    let large = PrimitiveValue::from(vec![7_u8; 2048]);
    item.put(DataElement::new(tags::ICC_PROFILE, VR::OB, large));
    samples::sequence(&mut object, tags::REFERENCED_IMAGE_SEQUENCE, item);
    let file = samples::plain(object);
    let instance = Instance::read(&file).unwrap();
    let mut metadata = instance.metadata.clone();
    json::with_base(&mut metadata, "https://clinic/i");
    let uri = metadata.at(&["7FE00010", "BulkDataURI"]).unwrap().text();
    assert_eq!(uri, Some("https://clinic/i/bulkdata/7FE00010"));
    let item = &metadata.at(&["00081140", "Value"]).unwrap().items()[0];
    let uri = item.at(&["00282000", "BulkDataURI"]).unwrap().text().unwrap();
    assert_eq!(uri, "https://clinic/i/bulkdata/00081140/1/00282000");
    let path: Vec<_> = uri.split("bulkdata/").nth(1).unwrap().split('/').collect();
    let read = dataset::read(&file).unwrap();
    let places = crate::bulk::find(&read.data, &path).unwrap();
    assert_eq!(file[places[0].clone()], vec![7; 2048]);
    for nowhere in ["00081140/2/00282000", "00081140/0/00282000", "00081140", "00000000", "x"] {
        let path: Vec<_> = nowhere.split('/').collect();
        assert!(crate::bulk::find(&read.data, &path).is_none(), "{nowhere}");
    }
}
