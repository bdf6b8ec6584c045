//! The clinic's routes as a hospital's software calls them: intake, diagnosis, result.
//! It belongs to the integrator.
//! A result is given out only with a receipt that was checked.

use autoclave_attest::handshake::AttestorTranscript;
use autoclave_attest::receipt::ReceiptBundle;
use autoclave_attest::token::KeySet;
use autoclave_base::ids::{ImagingStudyId, WorkloadName};
use autoclave_base::{b64, jcs};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::{Client, party_path, unreachable};
use crate::clock::random;
use crate::error::{ClientError, refused};
use crate::receipt::{self, CheckedReceipt, ReceiptError};
use crate::staff::{Ask, Session};

/// Purpose of use of all that is done here: treatment.
const TREATMENT: &str = "TREAT";
/// Where an enclave shows the token that it carries.
const TOKEN_PATH: &str = "/.well-known/autoclave/token";
/// The workload that signs receipts.
const DIAGNOSIS: &str = "diagnosis";
/// Bytes of randomness in a multipart boundary or an idempotency key.
const RANDOM_BYTES: usize = 16;

/// A patient at the door.
#[derive(Clone, Serialize)]
pub struct Patient {
    /// Family name.
    pub family: String,
    /// Given names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<String>,
    /// Birth date, `YYYY-MM-DD`.
    #[serde(rename = "birthDate", skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<String>,
}

/// An image file.
#[derive(Clone)]
pub struct Image {
    /// `image/png`, `image/webp`, `image/tiff` or `application/dicom`.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What intake made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Admission {
    /// The patient.
    pub patient: String,
    /// The study that holds the image.
    #[serde(alias = "imagingStudy", alias = "study")]
    pub imaging_study: ImagingStudyId,
}

/// A diagnosis whose receipt was checked.
pub struct Diagnosis {
    /// The answer as the clinic gave it.
    pub answer: Value,
    /// What the model found.
    pub findings: Value,
    /// The mask, a PNG.
    pub mask: Vec<u8>,
    /// The receipt with all that is needed to check it again.
    pub bundle: ReceiptBundle,
    /// The receipt, checked.
    pub checked: CheckedReceipt,
}

/// Why there is no diagnosis.
#[derive(Debug, thiserror::Error)]
pub enum DiagnosisError {
    /// The exchange failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// There is an answer, but its receipt does not hold.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
}

impl DiagnosisError {
    /// The stable code.
    pub fn code(&self) -> std::borrow::Cow<'static, str> {
        match self {
            Self::Client(error) => error.code(),
            Self::Receipt(error) => error.code().into(),
        }
    }
}

/// A name for one intake, so that repeating it makes no second patient.
pub fn idempotency_key() -> String {
    let mut bytes = [0; RANDOM_BYTES];
    rand::Rng::fill_bytes(&mut random(), &mut bytes);
    b64::encode(bytes)
}

impl Session {
    /// Admits a patient with an image. Repeating it under the same `idempotency_key` gives
    /// the same admission.
    pub async fn intake(
        &self,
        patient: &Patient,
        image: &Image,
        idempotency_key: &str,
    ) -> Result<Admission, ClientError> {
        let (content_type, body) = multipart(patient, image)?;
        let ask = Ask::new(Method::POST, "/intake")
            .header("idempotency-key", idempotency_key)
            .header("purpose-of-use", TREATMENT)
            .body(content_type, body);
        self.read(&self.send(ask).await?)
    }

    /// Asks for the diagnosis of a study, and checks the receipt that comes with it.
    pub async fn diagnosis(&self, study: ImagingStudyId) -> Result<Diagnosis, DiagnosisError> {
        let path = format!("/imaging-studies/{study}/diagnosis");
        let ask = Ask::new(Method::POST, path).header("purpose-of-use", TREATMENT);
        let answer: Value = self.read(&self.send(ask).await?)?;
        let workload = WorkloadName::parse(DIAGNOSIS).map_err(|_| ClientError::PartyName)?;
        let bundle = bundle(self.client(), &answer, &workload).await?;
        let checked = receipt::verify(&bundle, self.client().trust(), &workload)?;
        let result = &answer["result"];
        let mask = result["mask"]["data"].as_str().and_then(|data| b64::decode(data).ok());
        let mask = mask.ok_or_else(malformed)?;
        Ok(Diagnosis { findings: result["findings"].clone(), mask, bundle, checked, answer })
    }
}

/// Puts together what is needed to check the receipt of an answer, now and later.
async fn bundle(
    client: &Client,
    answer: &Value,
    workload: &WorkloadName,
) -> Result<ReceiptBundle, ClientError> {
    let receipt = answer["receipt"].as_str().ok_or_else(malformed)?.to_owned();
    let token = match answer["token"].as_str() {
        Some(token) => token.to_owned(),
        None => token_of(client, workload).await?,
    };
    let response = jcs::digest(&answer["result"]).map_err(|_| malformed())?;
    let chain = answer["chain"].as_array().into_iter().flatten();
    let chain = chain.filter_map(|token| token.as_str().map(str::to_owned)).collect();
    let (jwks, attestor) = match (&answer["jwks"], &answer["attestor"]) {
        (Value::Null, _) | (_, Value::Null) => attestor_now(client).await,
        (jwks, attestor) => attestor_then(jwks, attestor)?,
    };
    let (attestor, ledger) = (Some(attestor), answer["ledger"].clone());
    Ok(ReceiptBundle { receipt, token, chain, jwks, attestor, ledger, response })
}

/// The attestor of the hour in which the diagnosis was filed: its keys and its manifest may
/// have changed since, and the receipt's token is of then.
fn attestor_then(
    jwks: &Value,
    attestor: &Value,
) -> Result<(KeySet, AttestorTranscript), ClientError> {
    let jwks = KeySet::deserialize(jwks).map_err(|_| malformed())?;
    Ok((jwks, AttestorTranscript::deserialize(attestor).map_err(|_| malformed())?))
}

/// The attestor as this client knows it.
async fn attestor_now(client: &Client) -> (KeySet, AttestorTranscript) {
    let attestor = client.attestor().await;
    (attestor.keys().clone(), attestor.transcript().clone())
}

/// The token that an enclave shows now.
async fn token_of(client: &Client, workload: &WorkloadName) -> Result<String, ClientError> {
    let party = workload.as_str();
    let answer = client.http().get(&party_path(party, TOKEN_PATH)).await;
    let answer = answer.map_err(|source| unreachable(party, source))?;
    if !answer.status.is_success() {
        return Err(refused(party, answer.status.as_u16(), &answer.body));
    }
    let text = String::from_utf8(answer.body.to_vec()).map_err(|_| malformed())?;
    let json: Option<Value> = serde_json::from_str(&text).ok();
    let token = json.as_ref().and_then(|json| json["token"].as_str()).map(str::to_owned);
    Ok(token.unwrap_or(text.trim().to_owned()))
}

fn malformed() -> ClientError {
    ClientError::Malformed("clinic".to_owned())
}

/// A `multipart/form-data` body (RFC 7578) of patient and image.
fn multipart(patient: &Patient, image: &Image) -> Result<(String, Vec<u8>), ClientError> {
    let boundary = format!("autoclave-{}", idempotency_key());
    let patient = serde_json::to_vec(patient).map_err(|_| ClientError::Request("patient"))?;
    let mut body = Vec::with_capacity(image.bytes.len() + patient.len() + 1024);
    part(&mut body, &boundary, "patient", "application/json", &patient);
    part(&mut body, &boundary, "image", image.media_type, &image.bytes);
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((format!("multipart/form-data; boundary={boundary}"), body))
}

/// File names say too much about patients: none is sent but the part's own.
fn part(body: &mut Vec<u8>, boundary: &str, name: &str, media_type: &str, bytes: &[u8]) {
    let head = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\
         content-type: {media_type}\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n");
}

impl Image {
    /// An image of the kind that its first bytes say; `None` if it is none of ours.
    pub fn of(bytes: Vec<u8>) -> Option<Self> {
        let media_type = media_type(&bytes)?;
        Some(Self { media_type, bytes })
    }
}

fn media_type(bytes: &[u8]) -> Option<&'static str> {
    const DICOM_AT: usize = 128;
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else if bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*") {
        Some("image/tiff")
    } else if bytes.get(DICOM_AT..DICOM_AT + 4) == Some(b"DICM") {
        Some("application/dicom")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_their_bytes() {
        let mut dicom = vec![0; 128];
        dicom.extend_from_slice(b"DICM");
        assert_eq!(media_type(b"\x89PNG\r\n\x1a\nrest"), Some("image/png"));
        assert_eq!(media_type(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(media_type(b"MM\0*...."), Some("image/tiff"));
        assert_eq!(media_type(&dicom), Some("application/dicom"));
        for other in [&b""[..], b"GIF89a", b"%PDF", b"RIFF\0\0\0\0WAVE"] {
            assert!(Image::of(other.to_vec()).is_none());
        }
    }

    #[test]
    fn a_multipart_body_holds_both_parts_and_no_file_name() {
        let patient =
            Patient { family: "Müller".into(), given: vec!["Ada".into()], birth_date: None };
        let image = Image { media_type: "image/png", bytes: b"PNG\r\n--x".to_vec() };
        let (content_type, body) = multipart(&patient, &image).unwrap();
        let boundary = content_type.split_once("boundary=").unwrap().1;
        let text = String::from_utf8(body).unwrap();
        assert_eq!(text.matches(&format!("--{boundary}\r\n")).count(), 2);
        assert!(text.ends_with(&format!("--{boundary}--\r\n")));
        assert!(text.contains(r#"{"family":"Müller","given":["Ada"]}"#));
        assert!(text.contains("\r\n\r\nPNG\r\n--x\r\n--"));
    }

    #[test]
    fn idempotency_keys_differ() {
        assert_ne!(idempotency_key(), idempotency_key());
    }
}
