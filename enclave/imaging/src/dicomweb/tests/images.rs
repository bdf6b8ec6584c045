use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use http::StatusCode;

use super::scene::{BASE, Scene};
use crate::instance::samples::{self, COLUMNS, ONE, Of, ROWS};

const PATH: &str = "studies/2.25.1/series/2.25.1.1/instances/2.25.1.1.1";

async fn with(files: &[Vec<u8>]) -> Scene {
    let scene = Scene::new();
    let answer = scene.stow("studies", files).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
    scene
}

#[tokio::test]
async fn files_come_back_byte_for_byte_at_every_level() {
    let files: Vec<_> = ["2.25.1.1.1", "2.25.1.1.2"]
        .map(|instance| samples::plain(samples::image(Of { instance, ..ONE })))
        .into();
    let scene = with(&files).await;
    for path in ["studies/2.25.1", "studies/2.25.1/series/2.25.1.1"] {
        for accept in ["", "multipart/related; type=\"application/dicom\"; transfer-syntax=*"] {
            let answer = scene.get(path, accept).await;
            let parts: Vec<_> = answer.parts().into_iter().map(|part| part.body).collect();
            assert!(parts == files, "{path} {accept}");
        }
    }
    let one = scene.get(PATH, "application/dicom").await;
    assert!(one.body == files[0]);
    assert_eq!(one.headers["content-length"], files[0].len().to_string());
    assert_eq!(one.headers["cache-control"], "no-store");
    let metadata = scene.get("studies/2.25.1/metadata", "application/dicom+json").await.json();
    assert_eq!(metadata.as_array().unwrap().len(), 2);
    let uri = metadata[0]["7FE00010"]["BulkDataURI"].as_str().unwrap().to_owned();
    assert_eq!(uri, format!("{BASE}/{PATH}/bulkdata/7FE00010"));
    let bulk = scene.get(&format!("{PATH}/bulkdata/7FE00010"), "").await;
    assert_eq!(bulk.parts()[0].body, samples::grey(1));
}

#[tokio::test]
async fn a_file_of_many_parts_is_streamed_whole_and_its_last_frame_alone() {
    let count = 5 * 1024 * 1024 / samples::grey(1).len();
    let file = samples::plain(samples::frames(ONE, count));
    let scene = with(std::slice::from_ref(&file)).await;
    assert!(scene.get(PATH, "application/dicom").await.body == file);
    let frame = usize::from(ROWS) * usize::from(COLUMNS);
    let answer = scene.get(&format!("{PATH}/frames/{count},1"), "").await;
    let parts = answer.parts();
    assert_eq!(parts[0].body, samples::grey(count)[frame * (count - 1)..]);
    assert_eq!(parts[1].body, samples::grey(count)[..frame]);
    let beyond = scene.get(&format!("{PATH}/frames/{}", count + 1), "").await;
    assert_eq!(beyond.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn another_transfer_syntax_than_the_stored_one_is_not_acceptable() {
    let scene = with(&[samples::file(samples::image(ONE), uids::IMPLICIT_VR_LITTLE_ENDIAN)]).await;
    for (accept, status) in [
        ("application/dicom; transfer-syntax=1.2.840.10008.1.2", 200),
        ("application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50", 406),
        ("multipart/related; type=\"application/dicom\"; transfer-syntax=1.2.840.10008.1.2.1", 406),
        ("application/dicom; transfer-syntax=*", 200),
        ("image/gif", 406),
        ("text/html, */*;q=0.1", 200),
    ] {
        assert_eq!(scene.get(PATH, accept).await.status.as_u16(), status, "{accept}");
    }
}

#[tokio::test]
async fn compressed_frames_go_out_as_they_are_or_decoded() {
    let mut jpeg = Vec::new();
    let grey = samples::grey(1);
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 100);
    encoder.encode(&grey, COLUMNS, ROWS, jpeg_encoder::ColorType::Luma).unwrap();
    if jpeg.len() % 2 == 1 {
        jpeg.push(0);
    }
    let object = samples::fragments(ONE, 1, vec![jpeg.clone()]);
    let scene = with(&[samples::file(object, uids::JPEG_BASELINE8_BIT)]).await;
    let path = format!("{PATH}/frames/1");
    for (accept, media, whole) in [
        ("image/jpeg", "image/jpeg", true),
        ("multipart/related; type=\"image/jpeg\"", "image/jpeg", false),
        (
            "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*",
            "image/jpeg",
            false,
        ),
        ("*/*", "image/jpeg", false),
    ] {
        let answer = scene.get(&path, accept).await;
        let body = if whole { answer.body.clone() } else { answer.parts().remove(0).body };
        assert!(body == jpeg && answer.media_type().contains(media), "{accept}");
    }
    let decoded = scene.get(&path, "application/octet-stream").await;
    assert_eq!((decoded.status, decoded.body.len()), (StatusCode::OK, grey.len()));
    let rendered = scene.get(&format!("{PATH}/rendered"), "image/png").await;
    assert!(rendered.body.starts_with(b"\x89PNG"));
}

#[tokio::test]
async fn pictures_are_rendered_for_instance_series_and_study() {
    let scene = with(&[samples::plain(samples::image(ONE))]).await;
    for path in ["studies/2.25.1", "studies/2.25.1/series/2.25.1.1", PATH] {
        let answer = scene.get(&format!("{path}/rendered?window=100,50,linear"), "").await;
        assert_eq!((answer.status, answer.media_type()), (StatusCode::OK, "image/jpeg"));
        let thumbnail = scene.get(&format!("{path}/thumbnail?viewport=8,8"), "image/png").await;
        let picture = image::load_from_memory(&thumbnail.body).unwrap();
        assert_eq!((picture.width(), picture.height()), (8, 5));
    }
    let wrong = scene.get(&format!("{PATH}/rendered?window=a,b"), "").await;
    assert_eq!(wrong.json()["code"], "imaging.look_malformed");
}

#[tokio::test]
async fn an_instance_without_pixels_has_metadata_and_no_picture() {
    let mut object = samples::head(ONE);
    let large = PrimitiveValue::from(vec![9_u8; 4096]);
    object.put(DataElement::new(tags::ENCAPSULATED_DOCUMENT, VR::OB, large));
    let scene = with(&[samples::plain(object)]).await;
    assert_eq!(scene.get(&format!("{PATH}/rendered"), "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(scene.get(&format!("{PATH}/frames/1"), "").await.status, StatusCode::NOT_FOUND);
    let metadata = scene.get(&format!("{PATH}/metadata"), "").await.json();
    let uri = metadata[0]["00420011"]["BulkDataURI"].as_str().unwrap();
    let path = uri.strip_prefix(BASE).unwrap().trim_start_matches('/');
    let bulk = scene.get(path, "application/octet-stream").await;
    assert_eq!(bulk.body, vec![9; 4096]);
}
