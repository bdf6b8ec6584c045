//! What administrators do with the keys of their own institution. Every change is a line in
//! the ledger first, and no answer shows a key.

use autoclave_base::ids::KeyName;
use autoclave_base::{UnixTime, jcs};
use autoclave_cell::{Entropy, Refusal};
use autoclave_ledger::Label;
use autoclave_seal::wrap::Wrapped;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Call, json};
use crate::glass;
use crate::revoke::Kind;
use crate::routes::{MALFORMED, UNKNOWN_KEY, vault_refusal};
use crate::vault::{
    Change, KeyRecord, Material, NewKey, OCT_BYTES, Origin, State, Terms, VaultError,
};

/// The HPKE `info` of a key that is imported.
pub(crate) const IMPORT_INFO: &[u8] = b"autoclave key import v1";

/// Bytes of a key that the broker makes.
const NEW_BYTES: usize = 32;

const NOT_KEPT: Refusal =
    Refusal::unavailable("keys.not_kept", "The store does not answer at the moment.");

const WRONG_KEY: Refusal =
    Refusal::bad_request("keys.unopened", "The key does not open, or is of no size that is taken.");

/// `PUT keys/{name}`, `POST keys/{name}/rotate`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewVersion {
    /// What it is for; needed for a new key.
    purpose: Option<Label>,
    /// Seconds that a replaced version is still used; of a new key.
    overlap: Option<u64>,
    not_before: Option<UnixTime>,
    expires: Option<UnixTime>,
    /// A key that is imported; otherwise the broker makes one.
    wrapped: Option<Wrapped>,
}

#[derive(Serialize)]
struct Binding<'a> {
    institution: &'a Label,
    key: &'a KeyName,
}

/// The HPKE `aad` of a key that is imported: the canonical JSON of institution and key.
#[expect(clippy::expect_used, reason = "two texts have a canonical form")]
pub(crate) fn import_binding(institution: &Label, key: &KeyName) -> Vec<u8> {
    jcs::to_vec(&Binding { institution, key }).expect("texts have a canonical form")
}

impl Call<'_> {
    fn now(&self) -> UnixTime {
        self.broker.cell.now()
    }

    fn change<'c>(&'c self, action: &'c str) -> Change<'c> {
        Change { now: self.now(), action, by: self.who.name() }
    }

    /// The key that came wrapped to one of the broker's attested keys, or a new one.
    fn material(&self, name: &KeyName, wrapped: Option<&Wrapped>) -> Result<Material, Refusal> {
        let Some(wrapped) = wrapped else {
            return Ok(Material::new_oct(NEW_BYTES, &mut Entropy));
        };
        let aad = import_binding(self.tenant.institution(), name);
        let secret = self.broker.cell.unwrap(wrapped, IMPORT_INFO, &aad);
        let secret = secret.map_err(|error| WRONG_KEY.caused_by(error.code()))?;
        let fits = OCT_BYTES.contains(&secret.expose().len());
        fits.then(|| Material::oct(secret.expose().clone())).ok_or(WRONG_KEY)
    }

    fn view(&self, name: KeyName, record: &KeyRecord) -> Response {
        json(&self.tenant.view(name, record))
    }
}

fn terms(wanted: &NewVersion) -> Terms {
    let (not_before, expires) = (wanted.not_before, wanted.expires);
    Terms { not_before, expires, exportable: true, enabled: true, policy: None }
}

#[expect(clippy::needless_pass_by_value, reason = "a function for map_err")]
fn failed(error: VaultError) -> Refusal {
    vault_refusal(&error)
}

pub(super) async fn list(call: &Call<'_>) -> Result<Response, Refusal> {
    let keys = call.tenant.views().await.map_err(failed)?;
    Ok(json(&json!({ "keys": keys })))
}

pub(super) async fn get(call: &Call<'_>, name: &KeyName) -> Result<Response, Refusal> {
    let record = call.tenant.key(name).await.map_err(failed)?.ok_or(UNKNOWN_KEY)?;
    Ok(call.view(name.clone(), &record))
}

pub(super) async fn put(call: &Call<'_>, name: &KeyName) -> Result<Response, Refusal> {
    let wanted: NewVersion = call.read()?;
    let purpose = wanted.purpose.clone().ok_or(MALFORMED)?;
    let material = call.material(name, wanted.wrapped.as_ref())?;
    let action = if wanted.wrapped.is_some() { "imported" } else { "created" };
    let (origin, overlap) = (Origin::Institution, Some(wanted.overlap.unwrap_or(0)));
    let terms = terms(&wanted);
    let new = NewKey { origin, purpose, overlap, material, terms };
    let record = call.tenant.add(name, new, &call.change(action)).await.map_err(failed)?;
    let view = call.view(name.clone(), &record);
    Ok((StatusCode::CREATED, view).into_response())
}

pub(super) async fn rotate(call: &Call<'_>, name: &KeyName) -> Result<Response, Refusal> {
    let wanted: NewVersion = call.read()?;
    let material = call.material(name, wanted.wrapped.as_ref())?;
    let (purpose, overlap) = (wanted.purpose.clone(), wanted.overlap);
    let terms = |record: &KeyRecord| match (record.origin, purpose, overlap) {
        (Origin::Institution, None, None) => Ok((material, terms(&wanted))),
        _ => Err(VaultError::Forbidden),
    };
    let change = call.change("rotated");
    let record = call.tenant.rotate(name, terms, &change).await.map_err(failed)?;
    Ok(call.view(name.clone(), &record))
}

/// `POST keys/{name}/state`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewState {
    version: u32,
    state: State,
}

pub(super) async fn set_state(call: &Call<'_>, name: &KeyName) -> Result<Response, Refusal> {
    let NewState { version, state } = call.read()?;
    let action = match state {
        State::Enabled => "enabled",
        State::Disabled => "disabled",
        State::Revoked => "revoked",
        State::Destroyed => "destroyed",
    };
    let changed = call.tenant.set_state(name, version, state, &call.change(action)).await;
    Ok(call.view(name.clone(), &changed.map_err(failed)?))
}

pub(super) async fn revocations(call: &Call<'_>) -> Result<Response, Refusal> {
    let list = call.broker.revocations.of(call.tenant.institution()).await;
    Ok(json(&list.map_err(|error| NOT_KEPT.caused_by(error.code()))?))
}

/// `POST revocations`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRevocation {
    kind: Kind,
    /// A workload, a measurement or a token's `jti`.
    what: String,
}

pub(super) async fn revoke(call: &Call<'_>) -> Result<Response, Refusal> {
    let NewRevocation { kind, what } = call.read()?;
    let what = match kind {
        Kind::Token => Label::of_claim(&what),
        _ => Label::parse(&what).map_err(|_| MALFORMED)?,
    };
    if !kind.fits(&what) {
        return Err(MALFORMED);
    }
    let (broker, institution) = (call.broker, call.tenant.institution());
    let ledger = broker.cell.ledger();
    let (by, now) = (call.who.name(), call.now());
    let entry = broker.revocations.revoke(institution, (kind, what), by, now, ledger).await;
    Ok((StatusCode::CREATED, json(&entry.map_err(failed)?)).into_response())
}

pub(super) async fn cases(call: &Call<'_>) -> Result<Response, Refusal> {
    let cases = call.broker.cabinet.of(call.tenant.institution()).await;
    let cases = cases.map_err(|error| NOT_KEPT.caused_by(error.code()))?;
    Ok(json(&json!({ "cases": cases })))
}

pub(super) async fn ask(call: &Call<'_>) -> Result<Response, Refusal> {
    let wanted: glass::Wanted = call.read()?;
    call.tenant.key(&wanted.key).await.map_err(failed)?.ok_or(UNKNOWN_KEY)?;
    let ledger = call.broker.cell.ledger();
    let case = call.broker.cabinet.ask(wanted, call.who, call.now(), ledger).await;
    Ok((StatusCode::CREATED, json(&case.map_err(failed)?)).into_response())
}

pub(super) async fn approve(call: &Call<'_>, case: &str) -> Result<Response, Refusal> {
    let ledger = call.broker.cell.ledger();
    let case = call.broker.cabinet.approve(case, call.who, call.now(), ledger).await;
    Ok(json(&case.map_err(failed)?))
}

/// `POST break-glass/{case}/review`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Review {
    /// A code: `justified`, `not-justified`, ….
    outcome: Label,
}

pub(super) async fn review(call: &Call<'_>, case: &str) -> Result<Response, Refusal> {
    let Review { outcome } = call.read()?;
    let ledger = call.broker.cell.ledger();
    let reviewed = call.broker.cabinet.review((case, outcome), call.who, call.now(), ledger).await;
    Ok(json(&reviewed.map_err(failed)?))
}
