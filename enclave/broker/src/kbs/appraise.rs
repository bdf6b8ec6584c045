//! Asking the attestor what a guest's evidence is worth: the request of Trustee's
//! attestation service over REST, and its answer, a token. The broker's. The way there is plain; what
//! comes back counts by its signature alone.

use autoclave_base::b64;
use autoclave_cell::{Cell, Refusal};
use axum::body::Bytes;
use futures::future::BoxFuture;
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::sync::Arc;

use super::error::KbsRefusal;
use super::guest::Trusted;
use super::session::Authed;
use super::wire::Attest;

/// Where the attestor appraises for key brokers.
const PATH: &str = "/attestation";

/// Longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 64 * 1024;

/// Devices beside the processor.
const DEVICES_MAX: usize = 3;

/// The attestor as the service needs it.
pub(crate) trait Attestation: Send + Sync {
    /// A token for a request, or why there is none.
    fn appraise(&self, query: Value) -> BoxFuture<'_, Result<String, KbsRefusal>>;

    /// Whose signature counts.
    fn trusted(&self) -> BoxFuture<'_, Result<Trusted, KbsRefusal>>;
}

/// The attestor of the cell.
pub(crate) struct CellAttestor(pub(crate) Arc<Cell>);

impl Attestation for CellAttestor {
    fn appraise(&self, query: Value) -> BoxFuture<'_, Result<String, KbsRefusal>> {
        Box::pin(async move {
            let answer = self.0.ask_attestor(PATH, query.to_string()).await;
            let (status, body) = answer.map_err(|refusal| unavailable(&refusal))?;
            token(status, &body)
        })
    }

    fn trusted(&self) -> BoxFuture<'_, Result<Trusted, KbsRefusal>> {
        Box::pin(async {
            let attestor = self.0.attestor().await.map_err(|refusal| unavailable(&refusal))?;
            Ok(Trusted { keys: attestor.keys().clone(), issuer: attestor.issuer().to_owned() })
        })
    }
}

fn unavailable(refusal: &Refusal) -> KbsRefusal {
    KbsRefusal::NO_ATTESTOR.caused_by(refusal.cause().unwrap_or("cell.no_attestor"))
}

fn token(status: StatusCode, body: &Bytes) -> Result<String, KbsRefusal> {
    if status.is_server_error() {
        return Err(KbsRefusal::NO_ATTESTOR);
    }
    if status != StatusCode::OK || body.len() > TOKEN_BYTES_MAX {
        return Err(KbsRefusal::EVIDENCE);
    }
    let token = std::str::from_utf8(body).map_err(|_| KbsRefusal::EVIDENCE)?;
    Ok(token.trim().to_owned())
}

/// The request for a session's guest.
pub(crate) fn query(session: &Authed, body: &Attest, audience: &str) -> Result<Value, KbsRefusal> {
    let (nonce, key) = (&body.runtime_data.nonce, &body.runtime_data.tee_pubkey);
    let additional = &body.tee_evidence.additional_evidence;
    let runtime = json!({ "nonce": nonce, "tee-pubkey": key, "additional-evidence": additional });
    let mut processor = part(&session.tee, &body.tee_evidence.primary_evidence, &runtime, session);
    if let Some(init_data) = &body.init_data {
        if init_data.format != "toml" {
            return Err(KbsRefusal::INIT_DATA);
        }
        processor.insert("init_data".to_owned(), json!({ "init_data_toml": init_data.body }));
    }
    let mut parts = vec![processor];
    for (tee, evidence) in devices(additional)? {
        let runtime = json!({ "nonce": nonce, "tee-pubkey": key });
        parts.push(part(&tee, &evidence, &runtime, session));
    }
    Ok(json!({ "verification_requests": parts, "policy_ids": ["default"], "audience": audience }))
}

fn part(tee: &str, evidence: &Value, runtime: &Value, session: &Authed) -> Map<String, Value> {
    let mut part = Map::new();
    part.insert("tee".to_owned(), json!(tee));
    part.insert("evidence".to_owned(), json!(b64::encode(evidence.to_string())));
    part.insert("runtime_data".to_owned(), json!({ "structured": runtime }));
    part.insert("runtime_data_hash_algorithm".to_owned(), json!(session.hash.name()));
    part
}

fn devices(additional: &str) -> Result<Map<String, Value>, KbsRefusal> {
    if additional.is_empty() {
        return Ok(Map::new());
    }
    let devices: Map<String, Value> =
        serde_json::from_str(additional).map_err(|_| KbsRefusal::DEVICES)?;
    if devices.len() > DEVICES_MAX { Err(KbsRefusal::DEVICES) } else { Ok(devices) }
}
