//! Every refusal of this enclave, with its status and its one sentence.
//! What callers may rely on; a test keeps the table complete.
//! No text of an error, an image or a path ever stands in an answer.

use autoclave_cell::Refusal;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// Code, status, sentence.
pub(super) const REFUSALS: [(&str, StatusCode, &str); 44] = [
    ("body.truncated", BAD, "The request's body ended before its end."),
    ("body.too_large", LARGE, "The request's body is too large."),
    (
        "image.type_unsupported",
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "Images are taken as PNG, WebP, TIFF or DICOM.",
    ),
    ("image.empty", UNFIT, "The image is empty."),
    ("image.too_large", LARGE, "The image has too many bytes."),
    ("image.type_mismatch", UNFIT, "The image is not what its content type says."),
    ("image.dimensions", UNFIT, "The image is too small, too large, or too long on one side."),
    ("image.undecodable", UNFIT, "The image cannot be decoded."),
    ("image.no_pixels", UNFIT, "The DICOM object has no pixel data."),
    (
        "image.form_unsupported",
        UNFIT,
        "The DICOM object's pixel data is of a form that is not taken.",
    ),
    ("tensor.shape", BAD, "A tensor does not have the shape that the model takes."),
    ("tensor.too_large", LARGE, "A tensor has too many elements."),
    ("tensor.length", BAD, "A tensor's data does not have the length that its shape says."),
    ("tensor.not_finite", BAD, "A tensor holds a value that is not finite."),
    ("tensor.name", BAD, "The model has no such input, or it was given twice."),
    ("tensor.missing", BAD, "An input of the model is missing."),
    (
        "kserve.header_length",
        BAD,
        "Inference-Header-Content-Length is not a length within the body.",
    ),
    ("kserve.too_large", LARGE, "The inference request is too large."),
    ("kserve.malformed", BAD, "The body is not an inference request."),
    ("kserve.datatype", BAD, "Only tensors of type FP32 are taken."),
    ("kserve.data", BAD, "Each input needs either data or binary_data_size."),
    ("kserve.binary_length", BAD, "The binary sizes do not add up to the body."),
    ("kserve.output", BAD, "The model has no such output."),
    ("model.unknown", StatusCode::NOT_FOUND, "There is no such model or version."),
    ("model.no_image_route", StatusCode::NOT_FOUND, "The model takes tensors only."),
    ("model.loading", LATER, "The model is being loaded."),
    ("model.unreadable", LATER, "The model's file cannot be read."),
    ("model.sealed", LATER, "The model's file does not open."),
    ("model.digest", LATER, "The model's file is not the configured model."),
    ("model.preprocessing", LATER, "The model does not fit its preprocessing."),
    ("engine.load", LATER, "The engine cannot load the model."),
    ("engine.io_unsupported", LATER, "The model takes or gives what is no f32 tensor."),
    ("engine.crashed", LATER, "The engine failed while it loaded the model."),
    ("release.refused", LATER, "The broker does not release the model's key."),
    ("release.unavailable", LATER, "The broker cannot release the model's key at the moment."),
    ("release.malformed", LATER, "The broker's answer is not the model's key."),
    ("release.unopened", LATER, "The model's key does not open."),
    ("diagnosis.busy", LATER, "Too many requests; try again in a while."),
    ("diagnosis.crashed", UNFIT, "The request could not be processed."),
    ("engine.run", INSIDE, "The engine failed."),
    ("engine.output", INSIDE, "The model's result is unusable."),
    ("mask.encode", INSIDE, "The mask could not be written."),
    ("diagnosis.canonical", INSIDE, "The result could not be written."),
    ("model.not_ready", LATER, "The model is not ready."),
];

const BAD: StatusCode = StatusCode::BAD_REQUEST;
const LARGE: StatusCode = StatusCode::PAYLOAD_TOO_LARGE;
const UNFIT: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
const LATER: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
const INSIDE: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

/// The refusal of a code in the table; a code that is not there is an inner failure.
pub(super) fn refusal(code: &'static str) -> Refusal {
    match REFUSALS.iter().find(|(known, ..)| *known == code) {
        Some(&(code, status, title)) => Refusal::new(status, code, title),
        None => Refusal::internal(code),
    }
}

/// Why a model is not ready: a code of the table, or any other as the cause of
/// `model.not_ready` (a broker that cannot be reached has many).
pub(super) fn not_ready(code: &'static str) -> Refusal {
    let known = refusal(code);
    if known.code() == code { known } else { refusal("model.not_ready").caused_by(code) }
}

/// A refusal in the form of the Open Inference Protocol, with our code beside it.
pub(super) struct KserveRefusal(pub(super) Refusal);

impl From<Refusal> for KserveRefusal {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for KserveRefusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.0.problem().title, "code": self.0.code() }).to_string();
        let mut response = self.0.into_response();
        *response.body_mut() = body.into();
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}
