#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use image::ImageFormat;

use super::samples::*;
use super::*;

const PNG: &str = "image/png";
const TIFF: &str = "image/tiff";
const DICOM: &str = "application/dicom";

fn refusal(media_type: &str, bytes: &[u8]) -> Option<&'static str> {
    Picture::decode(media_type, bytes).err().map(ImageRefusal::code)
}

fn decoded(media_type: &str, bytes: &[u8]) -> Picture {
    Picture::decode(media_type, bytes).unwrap_or_else(|refusal| panic!("{refusal}"))
}

mod good {
    use super::*;

    #[test]
    fn png_webp_and_tiff_decode_to_the_same_pixels() {
        let kinds = [
            (PNG, ImageFormat::Png),
            ("image/webp; q=1", ImageFormat::WebP),
            ("IMAGE/TIFF", ImageFormat::Tiff),
        ];
        for (media_type, format) in kinds {
            let picture = decoded(media_type, &encoded(format, 200, 256));
            assert_eq!((picture.width(), picture.height()), (200, 256));
            assert_eq!(picture.rgb(), rgb(200, 256, disc));
            assert_eq!(picture.spacing(), None);
        }
    }

    #[test]
    fn monochrome_dicom_goes_to_all_three_channels() {
        let grey: Vec<u8> = (0..64 * 32_u32).map(|i| (i % 251) as u8).collect();
        for syntax in [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN] {
            let picture = decoded(DICOM, &dicom(mr_with(64, 32, grey.clone()), syntax));
            assert_eq!((picture.width(), picture.height()), (64, 32));
            let expected: Vec<u8> = grey.iter().flat_map(|&level| [level; 3]).collect();
            assert_eq!(picture.rgb(), expected);
        }
    }

    #[test]
    fn monochrome1_is_turned() {
        let mut object = mr_with(16, 16, vec![10; 256]);
        text(&mut object, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1");
        assert!(decoded(DICOM, &plain(object)).rgb().iter().all(|&level| level == 245));
    }

    #[test]
    fn sixteen_bits_are_stretched_from_least_to_greatest() {
        let rgb = decoded(DICOM, &plain(sixteen_bits())).into_rgb();
        assert_eq!((rgb[0], rgb[3 * 255], rgb[3 * 128]), (0, 255, 128));
    }

    #[test]
    fn a_window_of_the_file_is_applied() {
        let mut object = sixteen_bits();
        text(&mut object, tags::WINDOW_CENTER, VR::DS, "1000.5");
        text(&mut object, tags::WINDOW_WIDTH, VR::DS, "201");
        let rgb = decoded(DICOM, &plain(object)).into_rgb();
        assert_eq!((rgb[3 * 80], rgb[3 * 120]), (0, 255), "below 900 and above 1100");
        assert_eq!(rgb[3 * 100], 128);
    }

    #[test]
    fn colour_dicom_is_taken_interleaved_and_in_planes() {
        let pixels = rgb(32, 16, |x, y| [x as u8, y as u8, 9]);
        let planes: Vec<u8> = (0..3)
            .flat_map(|c| pixels.iter().skip(c).step_by(3).copied().collect::<Vec<_>>())
            .collect();
        for (configuration, data) in [(0, pixels.clone()), (1, planes)] {
            let mut object = mr_with(32, 16, data);
            number(&mut object, tags::SAMPLES_PER_PIXEL, 3);
            number(&mut object, tags::PLANAR_CONFIGURATION, configuration);
            text(&mut object, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
            assert_eq!(decoded(DICOM, &plain(object)).rgb(), pixels);
        }
    }

    #[test]
    fn spacing_is_read_and_nonsense_in_it_is_not() {
        for (value, expected) in [
            ("0.5\\0.75", Some(Spacing { row_mm: 0.5, column_mm: 0.75 })),
            ("0\\1", None),
            ("-1\\1", None),
            ("1", None),
            ("1e9\\1", None),
        ] {
            let mut object = mr_with(16, 16, vec![0; 256]);
            text(&mut object, tags::PIXEL_SPACING, VR::DS, value);
            assert_eq!(decoded(DICOM, &plain(object)).spacing(), expected, "{value}");
        }
    }

    /// 16×16 values 0, 10, 20, … 2550.
    fn sixteen_bits() -> dicom_object::InMemDicomObject {
        let mut object = mr(16, 16, 16);
        let value = dicom_core::PrimitiveValue::U16((0..256).map(|i| i * 10).collect());
        object.put(dicom_core::DataElement::new(tags::PIXEL_DATA, VR::OW, value));
        object
    }
}

mod refused {
    use super::*;

    #[test]
    fn an_empty_image() {
        for media_type in [PNG, TIFF, "image/webp", DICOM] {
            assert_eq!(refusal(media_type, b""), Some("image.empty"));
        }
    }

    #[test]
    fn a_single_pixel_and_a_strip() {
        assert_eq!(refusal(PNG, &encoded(ImageFormat::Png, 1, 1)), Some("image.dimensions"));
        assert_eq!(refusal(TIFF, &encoded(ImageFormat::Tiff, 1, 1)), Some("image.dimensions"));
        assert_eq!(refusal(PNG, &encoded(ImageFormat::Png, 256, 8)), Some("image.dimensions"));
        assert_eq!(refusal(DICOM, &plain(mr_with(1, 1, vec![0, 0]))), Some("image.dimensions"));
    }

    #[test]
    fn a_huge_header_on_a_small_file() {
        assert_eq!(refusal(PNG, &png_header(20_000, 20_000)), Some("image.dimensions"));
        assert_eq!(refusal(PNG, &png_header(8_192, 8_192)), Some("image.dimensions"));
        assert_eq!(refusal(TIFF, &tiff_header(20_000, 20_000)), Some("image.dimensions"));
        assert_eq!(
            refusal(DICOM, &plain(mr_with(20_000, 20_000, vec![0; 64]))),
            Some("image.dimensions")
        );
    }

    #[test]
    fn a_right_header_without_its_pixels() {
        assert_eq!(refusal(PNG, &png_header(256, 256)), Some("image.undecodable"));
        assert_eq!(refusal(DICOM, &plain(mr_with(64, 64, vec![0; 64]))), Some("image.undecodable"));
    }

    #[test]
    fn another_kind_under_the_name() {
        let png = encoded(ImageFormat::Png, 64, 64);
        for media_type in [TIFF, "image/webp", DICOM] {
            assert_eq!(refusal(media_type, &png), Some("image.type_mismatch"));
        }
        assert_eq!(refusal(PNG, b"<svg/>"), Some("image.type_mismatch"));
        assert_eq!(
            refusal(PNG, &plain(mr_with(16, 16, vec![0; 256]))),
            Some("image.type_mismatch")
        );
    }

    #[test]
    fn a_type_that_is_not_taken() {
        for media_type in ["image/jpeg", "text/html", "", "application/octet-stream"] {
            assert_eq!(refusal(media_type, b"x"), Some("image.type_unsupported"));
        }
    }

    #[test]
    fn every_truncation_and_no_panic() {
        let object = mr_with(32, 32, vec![7; 1024]);
        let all = [
            (PNG, encoded(ImageFormat::Png, 32, 32)),
            ("image/webp", encoded(ImageFormat::WebP, 32, 32)),
            (TIFF, encoded(ImageFormat::Tiff, 32, 32)),
            (DICOM, plain(object)),
        ];
        for (media_type, bytes) in all {
            for length in (0..bytes.len().saturating_sub(64)).step_by(7) {
                assert!(refusal(media_type, &bytes[..length]).is_some(), "{media_type} {length}");
            }
        }
    }

    #[test]
    fn dicom_without_pixels() {
        assert_eq!(refusal(DICOM, &plain(mr(64, 64, 8))), Some("image.no_pixels"));
    }

    #[test]
    fn dicom_of_several_frames_other_samples_and_other_bits() {
        for (tag, value) in
            [(tags::NUMBER_OF_FRAMES, 2), (tags::SAMPLES_PER_PIXEL, 4), (tags::BITS_ALLOCATED, 32)]
        {
            let mut object = mr_with(16, 16, vec![0; 2048]);
            number(&mut object, tag, value);
            assert_eq!(refusal(DICOM, &plain(object)), Some("image.form_unsupported"), "{tag}");
        }
        let mut palette = mr_with(16, 16, vec![0; 256]);
        text(&mut palette, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "PALETTE COLOR");
        assert_eq!(refusal(DICOM, &plain(palette)), Some("image.form_unsupported"));
    }

    #[test]
    fn dicom_that_must_be_expanded_to_be_measured() {
        let deflated =
            dicom(mr_with(16, 16, vec![0; 256]), uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN);
        assert_eq!(refusal(DICOM, &deflated), Some("image.form_unsupported"));
    }

    #[test]
    fn a_jpeg_stream_with_other_sides_than_its_object() {
        // Start of image, an application segment, then a frame header of 65535×65535.
        let mut jpeg = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0];
        jpeg.extend([0xff, 0xc0, 0, 11, 8, 0xff, 0xff, 0xff, 0xff, 1, 1, 0x11, 0, 0xff, 0xd9, 0]);
        let object = mr_fragment(64, 64, jpeg);
        assert_eq!(
            refusal(DICOM, &dicom(object, uids::JPEG_BASELINE8_BIT)),
            Some("image.dimensions")
        );
        let object = mr_fragment(64, 64, vec![0xff, 0xd8, 0xff, 0xd9]);
        assert_eq!(
            refusal(DICOM, &dicom(object, uids::JPEG_BASELINE8_BIT)),
            Some("image.undecodable")
        );
    }

    #[test]
    fn dicom_nested_too_deep() {
        assert_eq!(refusal(DICOM, &plain(nested(15))), None);
        assert_eq!(refusal(DICOM, &plain(nested(40))), Some("image.undecodable"));
    }

    #[test]
    fn dicom_that_announces_more_than_the_file_holds() {
        let mut bytes = plain(mr(64, 64, 8));
        // (7FE0,0010) OW with four gigabytes of pixels.
        bytes.extend([0xe0, 0x7f, 0x10, 0, b'O', b'W', 0, 0, 0xfe, 0xff, 0xff, 0xff, 1, 2]);
        assert_eq!(refusal(DICOM, &bytes), Some("image.undecodable"));
    }
}
