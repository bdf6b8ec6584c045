//! What attested code does with an institution's keys: has them released, asks whether it
//! may go on using one, and wraps and unwraps without ever holding one. The rules judge
//! every request, and every refusal is the same outside.

use autoclave_base::{b64, ids::KeyName};
use autoclave_cell::Refusal;
use autoclave_cell::release::{LEASE_SECONDS_MAX, Lease};
use autoclave_ledger::Label;
use axum::response::Response;
use http::request::Parts;
use serde::{Deserialize, Serialize};

use super::{Operation, digest, json};
use crate::Broker;
use crate::broker::REFUSAL;
use crate::release::{Action, Which};
use crate::routes::{MALFORMED, UNKNOWN_KEY};
use crate::vault::{CIPHERTEXT_BYTES_MIN, PLAIN_BYTES_MAX, Tenant};

/// `POST …/release`, `POST …/lease`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VersionRequest {
    /// The current one, where it is absent.
    pub(crate) version: Option<u32>,
}

/// `POST …/wrap`, `POST …/unwrap`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TextRequest {
    /// What to wrap or unwrap, base64url.
    value: String,
    /// What it is bound to besides, base64url.
    #[serde(default)]
    aad: String,
}

#[derive(Serialize)]
struct TextAnswer {
    version: u32,
    value: String,
}

const ALTERED: Refusal =
    Refusal::bad_request("keys.altered", "The text does not open under this key.");

/// Reads an empty body, or one that names a version.
pub(crate) fn version_request(body: &[u8]) -> Result<VersionRequest, Refusal> {
    if body.is_empty() {
        return Ok(VersionRequest::default());
    }
    serde_json::from_slice(body).map_err(|_| MALFORMED)
}

pub(super) async fn serve(
    broker: &Broker,
    operation: Operation,
    (institution, name): (&Label, &str),
    parts: &Parts,
    body: &[u8],
) -> Result<Response, Refusal> {
    let chain = broker.caller(parts, digest(body)).await?;
    let tenant = broker.vault.tenant(institution);
    match operation {
        Operation::Release => {
            let version = version_request(body)?.version;
            broker.release(&chain, (tenant.as_ref(), name), version).await.map(|it| json(&it))
        }
        Operation::Lease => {
            let version = version_request(body)?.version;
            broker.lease(&chain, (tenant.as_ref(), name), version).await.map(|it| json(&it))
        }
        _ => {
            let request: TextRequest = serde_json::from_slice(body).map_err(|_| MALFORMED)?;
            let tenant = tenant.ok_or(UNKNOWN_KEY)?;
            let wraps = operation == Operation::Wrap;
            let answer = text(broker, &chain, (&tenant, name), &request, wraps).await?;
            Ok(json(&answer))
        }
    }
}

async fn text(
    broker: &Broker,
    chain: &autoclave_attest::chain::VerifiedChain,
    (tenant, name): (&Tenant<'_>, &str),
    request: &TextRequest,
    wraps: bool,
) -> Result<TextAnswer, Refusal> {
    let (value, aad) = read(request)?;
    // What is unwrapped names its version itself; a replaced one is judged as such.
    let which = if wraps { Which::Current } else { Which::Number(named(&value)?) };
    let action = if wraps { Action::Wrap } else { Action::Unwrap };
    let version = broker.use_key(chain, (tenant, name), which, action).await?;
    let name = KeyName::parse(name).map_err(|_| UNKNOWN_KEY)?;
    let record = tenant.key(&name).await.ok().flatten().ok_or(REFUSAL)?;
    let now = broker.cell.now();
    let (key, texts) = ((&name, &record), (&value[..], &aad[..]));
    let value = if wraps {
        let wrapped = tenant.wrap(key, texts, now, &mut broker.cell.rng());
        b64::encode(wrapped.map_err(|error| ALTERED.caused_by(error.code()))?)
    } else {
        let opened = tenant.unwrap(key, texts, now);
        b64::encode(opened.map_err(|error| ALTERED.caused_by(error.code()))?.expose())
    };
    Ok(TextAnswer { version, value })
}

fn read(request: &TextRequest) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
    let bytes = |text: &str| b64::decode(text).map_err(|_| MALFORMED);
    let (value, aad) = (bytes(&request.value)?, bytes(&request.aad)?);
    let fits =
        value.len() <= PLAIN_BYTES_MAX + CIPHERTEXT_BYTES_MIN && aad.len() <= PLAIN_BYTES_MAX;
    if fits { Ok((value, aad)) } else { Err(MALFORMED) }
}

fn named(wrapped: &[u8]) -> Result<u32, Refusal> {
    let (_, rest) = wrapped.split_first_chunk::<4>().ok_or(ALTERED)?;
    let (version, _) = rest.split_first_chunk::<4>().ok_or(ALTERED)?;
    Ok(u32::from_be_bytes(*version))
}

/// What a confirmed lease says.
pub(crate) const fn lease(version: u32) -> Lease {
    Lease { version, seconds: LEASE_SECONDS_MAX }
}
