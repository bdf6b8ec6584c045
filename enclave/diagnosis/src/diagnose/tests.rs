use image::ImageFormat;

use super::*;
use crate::intake::samples;
use crate::model::tests::{ADD_ONE, THRESHOLD, resident};

fn brain() -> Resident {
    resident("brain", THRESHOLD, Preprocessing::BrainMri)
}

fn findings(media_type: &str, image: &[u8]) -> Value {
    let picture = Picture::decode(media_type, image).ok().unwrap();
    let model = brain();
    let tensor = brain::tensor(&picture, "image").ok().unwrap();
    let answers = model.engine().run(&[tensor.view()]).ok().unwrap();
    result(&model, &picture, &answers).ok().unwrap()
}

fn code(model: &Resident, media_type: &str, image: &[u8]) -> Option<&'static str> {
    diagnose(model, media_type, image).err().map(|error| error.code())
}

#[test]
fn a_bright_disc_is_found_where_it_lies() {
    let result = findings("image/png", &samples::encoded(ImageFormat::Png, 256, 256));
    let disc = (0..256 * 256_u32).filter(|i| samples::disc(i % 256, i / 256)[0] == 250).count();
    assert_eq!(result["findings"]["pixels"], disc);
    assert_eq!(result["findings"]["regions"], 1);
    assert_eq!(result["findings"]["area_mm2"], Value::Null);
    assert!(result["findings"]["probability_max"].as_f64().unwrap() > 0.99);
    let png = b64::decode(result["mask"]["data"].as_str().unwrap()).unwrap();
    let mask = image::load_from_memory_with_format(&png, ImageFormat::Png).unwrap().into_luma8();
    for (x, y, level) in mask.enumerate_pixels() {
        assert_eq!(level.0[0] == 255, samples::disc(x, y)[0] == 250, "{x} {y}");
    }
}

#[test]
fn a_dicom_object_gives_the_same_mask_and_an_area() {
    use dicom_core::VR;
    use dicom_dictionary_std::tags;
    let grey = samples::rgb(256, 256, samples::disc).into_iter().step_by(3).collect();
    let mut object = samples::mr_with(256, 256, grey);
    samples::text(&mut object, tags::PIXEL_SPACING, VR::DS, "0.5\\0.5");
    let dicom = findings("application/dicom", &samples::plain(object));
    let png = findings("image/png", &samples::encoded(ImageFormat::Png, 256, 256));
    assert_eq!(dicom["mask"], png["mask"]);
    let pixels = dicom["findings"]["pixels"].as_f64().unwrap();
    assert_eq!(dicom["findings"]["area_mm2"].as_f64(), Some(pixels / 4.0));
}

#[test]
fn a_result_names_its_model_and_has_a_digest() {
    let result = findings("image/png", &samples::encoded(ImageFormat::Png, 64, 64));
    let model = brain();
    assert_eq!(result["model"]["name"], "brain");
    assert_eq!(result["model"]["digest"], model.config().digest.to_string());
    assert!(diagnose(&model, "image/png", &samples::encoded(ImageFormat::Png, 64, 64)).is_ok());
}

#[test]
fn bad_images_are_refused_with_their_codes() {
    let model = brain();
    assert_eq!(code(&model, "image/png", b""), Some("image.empty"));
    assert_eq!(code(&model, "image/jpeg", b"x"), Some("image.type_unsupported"));
    assert_eq!(
        code(&model, "image/png", &samples::png_header(20_000, 20_000)),
        Some("image.dimensions")
    );
    let dicom = samples::plain(samples::mr(64, 64, 8));
    assert_eq!(code(&model, "application/dicom", &dicom), Some("image.no_pixels"));
}

#[test]
fn a_model_of_tensors_has_no_image_route() {
    let model = resident("add", ADD_ONE, Preprocessing::None);
    assert_eq!(code(&model, "image/png", b""), Some("model.no_image_route"));
}
