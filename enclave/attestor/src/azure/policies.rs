//! `/policies/{type}`: the policy in force for everybody to read, and for administrators to
//! set, signed by a signer that is known. The attestor answers in tokens of its own, so that a
//! client can prove what was set. A policy that cannot be read is never set.

use std::sync::Arc;

use autoclave_attest::claimrules::{POLICY_BYTES_MAX, Policy};
use autoclave_base::b64;
use autoclave_cell::Refusal;
use axum::Json;
use axum::extract::{Path, State};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::attest::of_policy;
use super::error::AzureError;
use super::signers::Signed;
use super::token::signer_jwk;
use super::{InForce, Kind, Versioned};
use crate::refusal;
use crate::service::Attestor;

/// The operation in the ledger and in metrics.
const OPERATION: &str = "azure_policy";

/// What a policy is set with.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "AttestationPolicy")]
    policy: String,
}

const NO_SUCH: Refusal = Refusal::not_found("request.no_route", "There is no such route.");

type Answer = Result<Json<Value>, AzureError>;

pub(super) async fn get(
    State(attestor): State<Arc<Attestor>>,
    _version: Versioned,
    Path(kind): Path<String>,
) -> Answer {
    let in_force = attestor.azure.store.policy(Kind::parse(&kind)?);
    let mut claims = Map::new();
    claims.insert("x-ms-policy".to_owned(), json!(in_force.jws));
    attestor.answer_azure(claims).await
}

pub(super) async fn set(
    State(attestor): State<Arc<Attestor>>,
    _version: Versioned,
    Path(kind): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let done = attestor.set_policy(&kind, &headers, unquoted(&body)).await;
    attestor.answer_change(OPERATION, done).await
}

/// `POST /policies/{type}:reset`.
pub(super) async fn reset(
    State(attestor): State<Arc<Attestor>>,
    _version: Versioned,
    Path(kind): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let kind = kind.strip_suffix(":reset").ok_or(NO_SUCH)?;
    let done = attestor.reset_policy(kind, &headers, unquoted(&body)).await;
    attestor.answer_change(OPERATION, done).await
}

/// Some clients send the JWS as a JSON text.
pub(super) fn unquoted(body: &str) -> &str {
    body.trim().trim_matches('"')
}

/// The text of a policy in the JWS that it is set with; who signed it is another question.
pub(super) fn policy_of_jws(jws: &str) -> Result<String, AzureError> {
    let payload = jws.split('.').nth(1).and_then(|part| b64::decode(part).ok());
    let payload = payload.ok_or(refusal::MALFORMED)?;
    policy_of(&payload)
}

fn policy_of(payload: &[u8]) -> Result<String, AzureError> {
    let envelope: Envelope = serde_json::from_slice(payload).map_err(|_| refusal::MALFORMED)?;
    if envelope.policy.len() > 2 * POLICY_BYTES_MAX {
        return Err(of_policy(autoclave_attest::claimrules::PolicyRefusal::TooLarge));
    }
    let policy = b64::decode(envelope.policy.trim_end_matches('='));
    let policy = policy.map_err(|_| refusal::MALFORMED)?;
    String::from_utf8(policy).map_err(|_| refusal::MALFORMED.into())
}

impl Attestor {
    async fn set_policy(
        &self,
        kind: &str,
        headers: &HeaderMap,
        jws: &str,
    ) -> Result<Map<String, Value>, AzureError> {
        self.administrator(headers)?;
        let kind = Kind::parse(kind)?;
        let Signed { payload, signer } = self.signed(jws)?;
        let policy = Policy::parse(&policy_of(&payload)?).map_err(of_policy)?;
        let in_force = InForce { policy, jws: jws.to_owned(), signer: signer.clone() };
        self.azure.store.set(self.cell(), kind, Some(in_force)).await?;
        let mut claims = result("Updated", jws, signer.as_deref());
        claims.insert("x-ms-policy".to_owned(), json!(jws));
        Ok(claims)
    }

    async fn reset_policy(
        &self,
        kind: &str,
        headers: &HeaderMap,
        jws: &str,
    ) -> Result<Map<String, Value>, AzureError> {
        self.administrator(headers)?;
        let kind = Kind::parse(kind)?;
        let Signed { payload, signer } = self.signed(jws)?;
        if !payload.is_empty() {
            return Err(refusal::MALFORMED.into());
        }
        self.azure.store.set(self.cell(), kind, None).await?;
        Ok(result("Removed", jws, signer.as_deref()))
    }

    /// A change's result as a token, or its refusal with its line.
    pub(super) async fn answer_change(
        &self,
        operation: &'static str,
        done: Result<Map<String, Value>, AzureError>,
    ) -> Answer {
        match done {
            Ok(claims) => self.answer_azure(claims).await,
            Err(error) => {
                let _told = self.conclude::<()>(operation, Err(error.refusal().clone())).await;
                Err(error)
            }
        }
    }

    /// `{"token": …}` over these claims.
    pub(super) async fn answer_azure(&self, mut claims: Map<String, Value>) -> Answer {
        claims.extend(self.registered());
        let token = self.sign_rs256(&claims).await?;
        Ok(Json(json!({"token": token})))
    }
}

/// What was done, with the digest of the very JWS that did it.
fn result(done: &str, jws: &str, signer: Option<&[u8]>) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("x-ms-policy-result".to_owned(), json!(done));
    let hash = b64::encode(Sha256::digest(jws));
    claims.insert("x-ms-policy-token-hash".to_owned(), json!(hash));
    if let Some(signer) = signer {
        claims.insert("x-ms-policy-signer".to_owned(), signer_jwk(signer));
    }
    claims
}
