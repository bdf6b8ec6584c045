//! Azure Attestation's data plane, versions 2020-10-01, 2022-08-01 and 2025-06-01: evidence in,
//! a token with Azure's claims out, under a policy in Azure's language. It belongs to relying
//! parties that know that API. A policy decides over what strict verification left, never
//! instead of it, and its own API can loosen nothing that the configuration does not name.

mod admin;
mod attest;
mod certs;
mod claims;
mod error;
mod keys;
mod policies;
mod request;
mod rsa;
mod signers;
mod store;
mod token;
mod tpm;

use std::sync::Arc;

use autoclave_attest::claimrules::Policy;
use autoclave_attest::jwk::Jwk;
use autoclave_cell::{BootError, Cell, Refusal};
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Query};
use axum::routing::{get, post};
use http::request::Parts;
use serde::Deserialize;

use crate::foreign::FOREIGN_BYTES_MAX;
use crate::service::Attestor;
use error::AzureError;

/// Longest life of a token (seconds): what Azure's own tokens have.
pub(crate) const TOKEN_LIFE_SECONDS_MAX: u64 = 28_800;

/// The versions of the API that are spoken here. The first is what Azure's client library for
/// Python sends.
const VERSIONS: [&str; 3] = ["2020-10-01", "2022-08-01", "2025-06-01"];

/// `[attestor.azure]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AzureSettings {
    /// Keys (ES256) whose holders may set policies and their signers, by tokens of their own.
    /// Where none is named, nobody may.
    pub administrators: Vec<Jwk>,
    /// Certificates (PEM) whose keys sign policies.
    pub policy_signers: Vec<String>,
    /// Whether an administrator may set a policy that nobody signed, while no signer is known.
    pub unsigned_policies: bool,
    /// How long a token lasts (seconds), at most [`TOKEN_LIFE_SECONDS_MAX`].
    pub token_life_seconds: Option<u64>,
}

/// What this API needs beyond the attestor itself.
pub(crate) struct Azure {
    settings: AzureSettings,
    pub(crate) keys: keys::Keys,
    store: store::Store,
}

impl Azure {
    pub(crate) fn open(cell: &Cell, settings: AzureSettings) -> Result<Self, BootError> {
        let store = store::Store::open(cell, &settings)?;
        Ok(Self { settings, keys: keys::Keys::default(), store })
    }
}

/// What can be attested, each under a policy of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize)]
pub(crate) enum Kind {
    SgxEnclave,
    OpenEnclave,
    SevSnpVm,
    TdxVm,
    Tpm,
}

impl Kind {
    const ALL: [Self; 5] =
        [Self::SgxEnclave, Self::OpenEnclave, Self::SevSnpVm, Self::TdxVm, Self::Tpm];

    /// As it stands in paths; Azure compares without case.
    fn parse(text: &str) -> Result<Self, AzureError> {
        let found = Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| AzureError::new("InvalidParameter", UNKNOWN_KIND))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::SgxEnclave => "SgxEnclave",
            Self::OpenEnclave => "OpenEnclave",
            Self::SevSnpVm => "SevSnpVm",
            Self::TdxVm => "TdxVm",
            Self::Tpm => "Tpm",
        }
    }

    /// The policy where none is set: it permits, and names what Azure's names.
    const fn default_policy(self) -> &'static str {
        match self {
            Self::SgxEnclave | Self::OpenEnclave => SGX_POLICY,
            Self::SevSnpVm | Self::TdxVm | Self::Tpm => PERMIT_POLICY,
        }
    }
}

const UNKNOWN_KIND: Refusal =
    Refusal::bad_request("azure.attestation_type", "This attestation type is not served here.");

/// As Azure's: evidence that verified gets a token.
const PERMIT_POLICY: &str =
    "version=1.0;\nauthorizationrules\n{\n\t=> permit();\n};\nissuancerules\n{\n};";

/// Azure's published default for enclaves.
const SGX_POLICY: &str = "version= 1.0;\nauthorizationrules\n{\n\tc:[type==\"$is-debuggable\"] => \
permit();\n};\nissuancerules\n{\n\tc:[type==\"$is-debuggable\"] => issue(type=\"is-debuggable\", \
value=c.value);\n\tc:[type==\"$sgx-mrsigner\"] => issue(type=\"sgx-mrsigner\", value=c.value);\n\t\
c:[type==\"$sgx-mrenclave\"] => issue(type=\"sgx-mrenclave\", value=c.value);\n\t\
c:[type==\"$product-id\"] => issue(type=\"product-id\", value=c.value);\n\tc:[type==\"$svn\"] => \
issue(type=\"svn\", value=c.value);\n\tc:[type==\"$tee\"] => issue(type=\"tee\", \
value=c.value);\n};";

/// A policy with what signed it.
pub(crate) struct InForce {
    policy: Policy,
    /// The JWS that it came in.
    jws: String,
    /// The certificate of who signed it (DER).
    signer: Option<Vec<u8>>,
}

pub(crate) fn routes() -> Router<Arc<Attestor>> {
    Router::new()
        .route("/attest/{kind}", post(attest::attest))
        .route("/certs", get(certs::certs))
        .route("/policies/{kind}", get(policies::get).put(policies::set).post(policies::reset))
        .route("/certificates", get(signers::list))
        .route("/certificates:add", post(signers::add))
        .route("/certificates:remove", post(signers::remove))
        .layer(DefaultBodyLimit::max(FOREIGN_BYTES_MAX))
}

/// A request that names a version that is spoken here.
pub(crate) struct Versioned;

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "api-version")]
    version: Option<String>,
}

const NO_VERSION: Refusal =
    Refusal::bad_request("azure.api_version_missing", "The parameter api-version is missing.");
const OTHER_VERSION: Refusal = Refusal::bad_request(
    "azure.api_version",
    "This version is not spoken here; 2020-10-01, 2022-08-01 and 2025-06-01 are.",
);

impl<S: Send + Sync> FromRequestParts<S> for Versioned {
    type Rejection = AzureError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AzureError> {
        let query = Query::<Version>::from_request_parts(parts, state).await;
        let version = query.ok().and_then(|Query(query)| query.version);
        match version {
            None => Err(AzureError::new("MissingApiVersionParameter", NO_VERSION)),
            Some(version) if VERSIONS.contains(&version.as_str()) => Ok(Self),
            Some(_) => Err(AzureError::new("UnsupportedApiVersion", OTHER_VERSION)),
        }
    }
}

/// What tests of the service need to know of this API.
#[cfg(test)]
pub(crate) mod test_seams {
    pub(crate) use super::admin::{SCOPE as ADMIN_SCOPE, TYP as ADMIN_TYP};
    pub(crate) use super::rsa::RsaKey;
}
