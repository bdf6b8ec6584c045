//! The routes of one institution: `/institutions/{institution}/…`. For its administrators,
//! who prove their key for each request, and for attested code, which the rules judge.
//!
//! There is one table of routes and one way in. Whoever comes in gets the keys of the one
//! institution that was established, so that no operation can reach another's.

mod manage;
mod usage;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use autoclave_base::Digest;
use autoclave_base::ids::KeyName;
use autoclave_cell::Refusal;
use autoclave_cell::administrators::Administrator;
use autoclave_ledger::Label;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Broker;
use crate::routes::{MALFORMED, NOT_A_ROUTE, UNKNOWN_KEY};
use crate::vault::Tenant;

#[cfg(test)]
pub(crate) use manage::{IMPORT_INFO, import_binding};
pub(crate) use usage::{lease, version_request};

/// Every operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    ListKeys,
    GetKey,
    PutKey,
    RotateKey,
    SetState,
    ListRevocations,
    Revoke,
    ListCases,
    AskCase,
    ApproveCase,
    ReviewCase,
    Release,
    Lease,
    Wrap,
    Unwrap,
}

use Operation as It;

/// Every route: method, and path below the institution, where `*` is a name. The first that
/// fits is taken.
pub(crate) const ROUTES: [(Operation, &str, &str); 15] = [
    (It::ListKeys, "GET", "keys"),
    (It::GetKey, "GET", "keys/*"),
    (It::PutKey, "PUT", "keys/*"),
    (It::RotateKey, "POST", "keys/*/rotate"),
    (It::SetState, "POST", "keys/*/state"),
    (It::Release, "POST", "keys/*/release"),
    (It::Lease, "POST", "keys/*/lease"),
    (It::Wrap, "POST", "keys/*/wrap"),
    (It::Unwrap, "POST", "keys/*/unwrap"),
    (It::ListRevocations, "GET", "revocations"),
    (It::Revoke, "POST", "revocations"),
    (It::ListCases, "GET", "break-glass"),
    (It::AskCase, "POST", "break-glass"),
    (It::ApproveCase, "POST", "break-glass/*/approve"),
    (It::ReviewCase, "POST", "break-glass/*/review"),
];

impl Operation {
    /// By method and path below the institution; with the name in it, or an empty one.
    fn parse<'p>(method: &str, path: &'p str) -> Option<(Self, &'p str)> {
        ROUTES.iter().filter(|(_, own, _)| *own == method).find_map(|(operation, _, pattern)| {
            let Some((before, after)) = pattern.split_once('*') else {
                return (path == *pattern).then_some((*operation, ""));
            };
            let name = path.strip_prefix(before)?.strip_suffix(after)?;
            (!name.is_empty()).then_some((*operation, name))
        })
    }

    /// Whether attested code asks, rather than an administrator.
    pub(crate) const fn is_for_code(self) -> bool {
        matches!(self, Self::Release | Self::Lease | Self::Wrap | Self::Unwrap)
    }
}

/// An administrator's call, with the keys of that administrator's institution.
struct Call<'a> {
    broker: &'a Broker,
    tenant: Tenant<'a>,
    who: &'a Administrator,
    body: &'a [u8],
}

impl Call<'_> {
    fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(self.body).map_err(|_| MALFORMED)
    }
}

/// The one way in.
pub(crate) async fn serve(
    State(broker): State<Arc<Broker>>,
    Path((institution, path)): Path<(String, String)>,
    parts: Parts,
    body: Bytes,
) -> Result<Response, Refusal> {
    let (operation, name) = Operation::parse(parts.method.as_str(), &path).ok_or(NOT_A_ROUTE)?;
    let institution = Label::parse(&institution).map_err(|_| UNKNOWN_KEY)?;
    if operation.is_for_code() {
        return usage::serve(&broker, operation, (&institution, name), &parts, &body).await;
    }
    let who = broker.administrators.prove(&parts, broker.cell.now())?;
    let own = broker.vault.tenant(&institution).filter(|_| *who.institution() == institution);
    let call = Call { broker: &broker, tenant: own.ok_or(UNKNOWN_KEY)?, who, body: &body };
    match operation {
        It::ListKeys => manage::list(&call).await,
        It::GetKey => manage::get(&call, &key(name)?).await,
        It::PutKey => manage::put(&call, &key(name)?).await,
        It::RotateKey => manage::rotate(&call, &key(name)?).await,
        It::SetState => manage::set_state(&call, &key(name)?).await,
        It::ListRevocations => manage::revocations(&call).await,
        It::Revoke => manage::revoke(&call).await,
        It::ListCases => manage::cases(&call).await,
        It::AskCase => manage::ask(&call).await,
        It::ApproveCase => manage::approve(&call, name).await,
        It::ReviewCase => manage::review(&call, name).await,
        It::Release | It::Lease | It::Wrap | It::Unwrap => Err(NOT_A_ROUTE),
    }
}

fn key(name: &str) -> Result<KeyName, Refusal> {
    KeyName::parse(name).map_err(|_| UNKNOWN_KEY)
}

fn json(value: &impl Serialize) -> Response {
    Json(value).into_response()
}

/// The digest of a request's body, as a chain names it.
fn digest(body: &[u8]) -> Digest {
    Digest::of(body)
}
