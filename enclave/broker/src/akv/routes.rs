//! Which operation a request asks for, and the one way into all of them: bearer, host,
//! institution, then the operation with that institution's keys alone.

use std::sync::Arc;

use autoclave_base::ids::KeyName;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{Method, Request, Uri};

use super::bearer::Caller;
use super::config::KeyVaultSettings;
use super::error::AkvError;
use super::handle;
use crate::Broker;
use crate::vault::Tenant;

/// Largest body: a key with its policy, or a token.
const BODY_BYTES_MAX: usize = 128 * 1024;

/// Versions of the API that say the same about these routes.
const API_VERSIONS: [&str; 6] = ["7.3", "7.4", "7.5", "7.6", "2025-07-01", "2025-06-01-preview"];

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    List,
    Create(String),
    Import(String),
    Get(String, String),
    Versions(String),
    Update(String, String),
    Rotate(String),
    Delete(String),
    Release(String, String),
    ListDeleted,
    GetDeleted(String),
    Purge(String),
    Recover(String),
}

impl Operation {
    /// By method and path. A version may be missing or empty, which the client writes as two
    /// slashes or one at the end.
    pub(crate) fn parse(method: &Method, path: &str) -> Option<Self> {
        let owned = |text: &&str| (*text).to_owned();
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let names: Vec<String> = parts.iter().map(owned).collect();
        let name = names.get(1).filter(|name| !name.is_empty()).cloned();
        let of = |make: fn(String) -> Self| name.clone().map(make);
        match (method.as_str(), &parts[..]) {
            ("GET", ["keys"]) => Some(Self::List),
            ("GET", ["keys", _, "versions"]) => of(Self::Versions),
            ("GET", ["keys", _]) => Some(Self::Get(name?, String::new())),
            ("GET", ["keys", _, version]) => Some(Self::Get(name?, owned(version))),
            ("PUT", ["keys", _]) => of(Self::Import),
            ("PATCH", ["keys", _]) => Some(Self::Update(name?, String::new())),
            ("PATCH", ["keys", _, version]) => Some(Self::Update(name?, owned(version))),
            ("DELETE", ["keys", _]) => of(Self::Delete),
            ("POST", ["keys", _, "create"]) => of(Self::Create),
            ("POST", ["keys", _, "rotate"]) => of(Self::Rotate),
            ("POST", ["keys", _, "release"]) => Some(Self::Release(name?, String::new())),
            ("POST", ["keys", _, version, "release"]) => Some(Self::Release(name?, owned(version))),
            ("GET", ["deletedkeys"]) => Some(Self::ListDeleted),
            ("GET", ["deletedkeys", _]) => of(Self::GetDeleted),
            ("DELETE", ["deletedkeys", _]) => of(Self::Purge),
            ("POST", ["deletedkeys", _, "recover"]) => of(Self::Recover),
            _ => None,
        }
    }

    /// Whether it needs somebody who may change keys.
    const fn manages(&self) -> bool {
        !matches!(self, Self::List | Self::Get(..) | Self::Versions(_) | Self::Release(..))
    }
}

/// Whether a request speaks this API: its paths, with a version of it in the query.
pub(crate) fn is_meant(uri: &Uri) -> bool {
    let path = uri.path();
    let ours = path == "/keys" || path.starts_with("/keys/") || path.starts_with("/deletedkeys");
    ours && api_version(uri).is_some()
}

fn api_version(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("api-version="))
}

/// Everything that an operation may know of its request.
pub(super) struct Call<'a> {
    pub(super) broker: &'a Broker,
    pub(super) settings: &'a KeyVaultSettings,
    pub(super) tenant: Tenant<'a>,
    pub(super) caller: Caller<'a>,
    pub(super) api_version: &'a str,
    pub(super) body: &'a [u8],
}

/// Answers a request of this API.
pub(crate) async fn serve(broker: Arc<Broker>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let answered = match axum::body::to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => answer(&broker, &parts, &body).await,
        Err(_) => Err(AkvError::bad("The body cannot be read.", "request.malformed")),
    };
    answered.unwrap_or_else(AkvError::into_response)
}

async fn answer(broker: &Broker, parts: &Parts, body: &Bytes) -> Result<Response, AkvError> {
    let settings = broker.key_vault.as_ref().ok_or_else(AkvError::not_found)?;
    let caller = broker.bearers.authenticate(
        &broker.administrators,
        settings,
        &parts.headers,
        broker.cell.now(),
    )?;
    let institution = caller.who.institution();
    let header = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = parts.uri.authority().map(http::uri::Authority::as_str).or(header);
    let tenant = broker.vault.tenant(institution);
    let own = tenant.filter(|_| settings.is_host_of(institution.as_str(), host));
    let tenant = own.ok_or_else(|| {
        AkvError::forbidden("The bearer is of another vault.", "key_vault.other_institution")
    })?;
    let api_version = api_version(&parts.uri).filter(|it| API_VERSIONS.contains(it));
    let api_version = api_version.ok_or_else(|| {
        AkvError::bad("api-version: none that is spoken here.", "key_vault.api_version")
    })?;
    let operation = Operation::parse(&parts.method, parts.uri.path());
    let operation = operation.ok_or_else(|| {
        AkvError::bad("The operation is not supported here.", "key_vault.not_supported")
    })?;
    if operation.manages() && !caller.manages {
        return Err(AkvError::forbidden("The caller may not change keys.", "key_vault.caller"));
    }
    let call = Call { broker, settings, tenant, caller, api_version, body };
    dispatch(&call, operation).await
}

async fn dispatch(call: &Call<'_>, operation: Operation) -> Result<Response, AkvError> {
    use Operation as It;
    match operation {
        It::List => handle::list(call, false).await,
        It::ListDeleted => handle::list(call, true).await,
        It::Create(name) => handle::create(call, &key(&name)?).await,
        It::Import(name) => handle::import(call, &key(&name)?).await,
        It::Get(name, version) => handle::get(call, &key(&name)?, &version).await,
        It::Versions(name) => handle::versions(call, &key(&name)?).await,
        It::Update(name, version) => handle::update(call, &key(&name)?, &version).await,
        It::Rotate(name) => handle::rotate(call, &key(&name)?).await,
        It::Delete(name) => handle::delete(call, &key(&name)?).await,
        It::Release(name, version) => handle::release(call, &name, version).await,
        It::GetDeleted(name) => handle::get_deleted(call, &key(&name)?).await,
        It::Purge(name) => handle::purge(call, &key(&name)?).await,
        It::Recover(name) => handle::recover(call, &key(&name)?).await,
    }
}

/// Names are letters, digits and dashes, and case does not count, as in Azure.
fn key(name: &str) -> Result<KeyName, AkvError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let name = Some(name.to_ascii_lowercase()).filter(|it| it.bytes().all(allowed));
    let name = name.and_then(|name| KeyName::parse(&name).ok());
    name.ok_or_else(|| {
        let message = "A key's name is 1 to 63 letters, digits and dashes.";
        AkvError::bad(message, "key_vault.name")
    })
}
