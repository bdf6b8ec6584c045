//! `/attest/Tpm`, as far as its protocol is published: the first message of a TPM, and the
//! challenge. The second message holds claims in a form of Windows that is not published
//! (`NCryptCreateClaim`); it is refused by name, not guessed at. TPMs of ours come through
//! `/attest` with evidence that is verified as a whole.

use autoclave_base::b64;
use autoclave_cell::Refusal;
use http::StatusCode;
use serde_json::{Value, json};

use super::error::AzureError;
use super::request::{Request, bytes};
use crate::refusal;
use crate::service::Attestor;

const NOT_PUBLISHED: Refusal = Refusal::new(
    StatusCode::NOT_IMPLEMENTED,
    "azure.tpm_claims",
    "Claims in the form of Windows are not read here; TPM evidence is taken at /attest.",
);

/// The answer to one message.
pub(super) fn answer(attestor: &Attestor, request: &Request) -> Result<Value, AzureError> {
    let data = bytes(request.data.as_deref().ok_or(refusal::MALFORMED)?)?;
    let message: Value = serde_json::from_slice(&data).map_err(|_| refusal::MALFORMED)?;
    // Older clients wrap the first message in a payload.
    let first = message.get("payload").unwrap_or(&message);
    if first.get("type").and_then(Value::as_str) == Some("aikcert") {
        let challenge = attestor.nonce()?;
        let context = json!({"challenge": challenge.nonce, "exp": challenge.expires_at});
        let answer = json!({
            "challenge": challenge.nonce,
            "service_context": b64::encode(context.to_string()),
        });
        return Ok(json!({"data": b64::encode(answer.to_string())}));
    }
    if message.get("request").is_some() {
        return Err(AzureError::new("NotImplemented", NOT_PUBLISHED));
    }
    Err(refusal::MALFORMED.into())
}
