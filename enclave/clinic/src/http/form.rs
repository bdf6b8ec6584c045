//! The body of an intake: `multipart/form-data` (RFC 7578) with exactly the parts
//! `patient` (JSON) and `image`. The clinic's. Both are bounded while they are read, and a
//! body that ends early is no form.

use autoclave_base::Phi;
use autoclave_cell::Refusal;
use autoclave_record::INTAKE_BYTES_MAX;
use axum::extract::Request;
use futures::StreamExt as _;
use http::{StatusCode, header};
use multer::{Constraints, Error, Field, Multipart, SizeLimit};

use crate::places::{Place, Places, SMALL_BYTES_MAX};

/// Largest image, as the issue promises.
pub(super) const IMAGE_BYTES_MAX: u64 = 200_000_000;
/// Bytes of boundaries and part heads around both parts.
const FRAME_BYTES_MAX: u64 = 64 * 1024;

const NOT_A_FORM: Refusal = Refusal::bad_request(
    "intake.form",
    "The body is not multipart/form-data with the parts patient and image, each once.",
);
const TRUNCATED: Refusal =
    Refusal::bad_request("intake.truncated", "The body ended early or was altered.");
const TOO_LARGE: Refusal = Refusal::new(
    StatusCode::PAYLOAD_TOO_LARGE,
    "intake.too_large",
    "The patient or the image is too large.",
);

/// The two parts as sent.
pub(super) struct Form {
    pub(super) patient: Phi<Vec<u8>>,
    pub(super) image: Phi<Vec<u8>>,
    pub(super) image_type: Option<String>,
}

impl Form {
    /// Reads the whole body, to its very end: what follows the form may tell that the body
    /// was cut or altered.
    ///
    /// A large image takes a large place, to be kept as long as the form.
    pub(super) async fn read(
        request: Request,
        places: &Places,
    ) -> Result<(Self, Option<Place<'_>>), Refusal> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).ok_or(NOT_A_FORM)?;
        let boundary = multer::parse_boundary(content_type).map_err(|_| NOT_A_FORM)?;
        let mut body = request.into_body().into_data_stream();
        let mut place = None;
        let parts = Multipart::with_constraints(&mut body, boundary, constraints());
        let form = read_parts(parts, places, &mut place).await?;
        let mut left = FRAME_BYTES_MAX;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| TRUNCATED)?;
            left = left.checked_sub(chunk.len() as u64).ok_or(TOO_LARGE)?;
        }
        Ok((form, place))
    }
}

async fn read_parts<'a>(
    mut parts: Multipart<'_>,
    places: &'a Places,
    place: &mut Option<Place<'a>>,
) -> Result<Form, Refusal> {
    let (mut patient, mut image, mut image_type) = (None, None, None);
    while let Some(part) = parts.next_field().await.map_err(|error| refusal(&error))? {
        let slot = match part.name() {
            Some("patient") => &mut patient,
            Some("image") => {
                image_type = part.content_type().map(|kind| kind.essence_str().to_owned());
                &mut image
            }
            _ => return Err(NOT_A_FORM),
        };
        if slot.replace(bytes(part, places, place).await?).is_some() {
            return Err(NOT_A_FORM);
        }
    }
    let (patient, image) = patient.zip(image).ok_or(NOT_A_FORM)?;
    Ok(Form { patient, image, image_type })
}

fn constraints() -> Constraints {
    let patient = INTAKE_BYTES_MAX as u64;
    let whole = IMAGE_BYTES_MAX + patient + FRAME_BYTES_MAX;
    let limits = SizeLimit::new()
        .whole_stream(whole)
        .for_field("patient", patient)
        .for_field("image", IMAGE_BYTES_MAX);
    Constraints::new().size_limit(limits)
}

async fn bytes<'a>(
    mut part: Field<'_>,
    places: &'a Places,
    place: &mut Option<Place<'a>>,
) -> Result<Phi<Vec<u8>>, Refusal> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| refusal(&error))? {
        if bytes.len() + chunk.len() > SMALL_BYTES_MAX && place.is_none() {
            *place = Some(places.large().await?);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Phi::new(bytes))
}

fn refusal(error: &Error) -> Refusal {
    match error {
        Error::FieldSizeExceeded { .. } | Error::StreamSizeExceeded { .. } => TOO_LARGE,
        Error::StreamReadFailed(_)
        | Error::IncompleteStream
        | Error::IncompleteHeaders
        | Error::IncompleteFieldData { .. } => TRUNCATED,
        _ => NOT_A_FORM,
    }
}
