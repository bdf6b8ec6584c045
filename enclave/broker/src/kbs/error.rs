//! How the service refuses: in Trustee's shape, with our stable code beside it. The status
//! is 401 for nearly everything, because that is what guests of Confidential Containers
//! attest again on; `strict_status` gives the one that says more. No input stands in either.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::guest::GuestRefusal;
use crate::keep::KeepError;

/// What stands before a variant's name.
const TYPES: &str = "https://github.com/confidential-containers/kbs/errors/";

/// A refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KbsRefusal {
    variant: &'static str,
    code: &'static str,
    detail: &'static str,
    strict: StatusCode,
    cause: Option<&'static str>,
}

const fn refusal(
    variant: &'static str,
    code: &'static str,
    strict: StatusCode,
    detail: &'static str,
) -> KbsRefusal {
    KbsRefusal { variant, code, detail, strict, cause: None }
}

const ATTESTATION: &str = "AttestationError";
const BAD: StatusCode = StatusCode::BAD_REQUEST;
const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

impl KbsRefusal {
    pub(crate) const VERSION: Self = refusal(
        ATTESTATION,
        "kbs.version",
        BAD,
        "KBS Client Protocol Version Mismatch: expect =0.4.0.",
    );
    pub(crate) const TEE: Self =
        refusal(ATTESTATION, "kbs.tee", BAD, "This kind of TEE is not known here.");
    pub(crate) const HASH: Self =
        refusal(ATTESTATION, "kbs.hash", BAD, "None of the offered digests is supported.");
    pub(crate) const MALFORMED: Self =
        refusal("SerdeError", "kbs.malformed", BAD, "The body is not what this route takes.");
    pub(crate) const NO_SESSION: Self =
        refusal(ATTESTATION, "kbs.no_session", UNAUTHORIZED, "There is no such session.");
    pub(crate) const SESSION_EXPIRED: Self =
        refusal(ATTESTATION, "kbs.session_expired", UNAUTHORIZED, "The session has expired.");
    pub(crate) const NONCE: Self =
        refusal(ATTESTATION, "kbs.nonce", UNAUTHORIZED, "The nonce is not the session's.");
    pub(crate) const NONCE_USED: Self =
        refusal(ATTESTATION, "kbs.nonce_used", UNAUTHORIZED, "The nonce was used before.");
    pub(crate) const KEY: Self =
        refusal(ATTESTATION, "kbs.key", BAD, "Nothing can be encrypted to this tee-pubkey.");
    pub(crate) const INIT_DATA: Self =
        refusal(ATTESTATION, "kbs.init_data", BAD, "Init data is taken as toml only.");
    pub(crate) const DEVICES: Self =
        refusal(ATTESTATION, "kbs.devices", BAD, "The additional evidence is malformed.");
    pub(crate) const EVIDENCE: Self =
        refusal(ATTESTATION, "kbs.evidence", FORBIDDEN, "The evidence does not verify.");
    pub(crate) const NO_ATTESTOR: Self = refusal(
        ATTESTATION,
        "kbs.no_attestor",
        UNAVAILABLE,
        "The attestation service is not available.",
    );
    pub(crate) const NO_TOKEN: Self =
        refusal("TokenNotFound", "kbs.no_token", UNAUTHORIZED, "Attestation Token not found");
    pub(crate) const TOKEN: Self =
        refusal("TokenVerifierError", "kbs.token", UNAUTHORIZED, "The token is not believed.");
    pub(crate) const POLICY: Self =
        refusal("PolicyDeny", "kbs.refused", FORBIDDEN, "Access denied by policy");
    pub(crate) const JWE: Self =
        refusal("JweError", "kbs.not_wrapped", FORBIDDEN, "The resource could not be encrypted.");
    pub(crate) const PATH: Self = refusal(
        "InvalidRequestPath",
        "kbs.path",
        StatusCode::NOT_FOUND,
        "The path is not repository/type/tag.",
    );
    pub(crate) const PLUGIN: Self =
        refusal("PluginNotFound", "kbs.plugin", StatusCode::NOT_FOUND, "There is no such plugin.");
    pub(crate) const ADMINISTRATOR: Self = refusal(
        "AdminAuthAccess",
        "kbs.administrator",
        FORBIDDEN,
        "The request needs an administrator of this institution.",
    );
    pub(crate) const TOO_LARGE: Self =
        refusal("PluginInternalError", "kbs.too_large", BAD, "The resource is too large.");
    pub(crate) const FULL: Self = refusal(
        "PluginInternalError",
        "kbs.versions_full",
        FORBIDDEN,
        "The resource has as many versions as are kept.",
    );
    pub(crate) const UNKNOWN: Self = refusal(
        "PluginInternalError",
        "kbs.unknown",
        StatusCode::NOT_FOUND,
        "There is no such resource of your institution.",
    );
    pub(crate) const REGO: Self = refusal(
        "ParsePolicyError",
        "kbs.rego",
        BAD,
        "Policies here are written in Cedar; Rego is not taken.",
    );
    pub(crate) const POLICY_MALFORMED: Self = refusal(
        "ParsePolicyError",
        "kbs.policy_malformed",
        BAD,
        "The policy is not Cedar that fits the schema of resources.",
    );
    pub(crate) const GOVERNED: Self = refusal(
        "PolicyEngineError",
        "kbs.governed",
        FORBIDDEN,
        "The rules stand in the measured configuration; nobody sets them through this protocol.",
    );
    pub(crate) const NOT_RECORDED: Self = refusal(
        "PluginInternalError",
        "kbs.not_recorded",
        UNAVAILABLE,
        "The decision could not be recorded.",
    );
    pub(crate) const NOT_KEPT: Self =
        refusal("PluginInternalError", "kbs.not_kept", UNAVAILABLE, "The store does not answer.");
    pub(crate) const INTERNAL: Self = refusal(
        "PluginInternalError",
        "internal",
        StatusCode::INTERNAL_SERVER_ERROR,
        "The request failed inside.",
    );

    /// Adds the code of the inner error, for the log and the ledger only.
    pub(crate) const fn caused_by(mut self, code: &'static str) -> Self {
        self.cause = Some(code);
        self
    }

    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) const fn cause(&self) -> Option<&'static str> {
        self.cause
    }

    /// Whether the failure is on our side, and nobody was judged.
    pub(crate) fn is_ours(&self) -> bool {
        self.strict.is_server_error()
    }

    /// A store that failed.
    pub(crate) fn kept(error: KeepError) -> Self {
        Self::NOT_KEPT.caused_by(error.code())
    }

    /// The answer, under a status that guests know, or the strict one.
    pub(crate) fn answer(self, strict: bool) -> Response {
        let lenient = if self.strict == StatusCode::NOT_FOUND && self.code != Self::UNKNOWN.code {
            StatusCode::NOT_FOUND
        } else {
            UNAUTHORIZED
        };
        let status = if strict { self.strict } else { lenient };
        let (code, cause) = (self.code, self.cause.unwrap_or("none"));
        autoclave_cell::event!(INFO, "kbs.refused", refusal = code, cause = cause);
        let kind = format!("{TYPES}{}", self.variant);
        let body = json!({ "type": kind, "detail": self.detail, "code": code }).to_string();
        let mut response = (status, body).into_response();
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

impl From<GuestRefusal> for KbsRefusal {
    fn from(refusal: GuestRefusal) -> Self {
        Self::TOKEN.caused_by(refusal.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_see_401_unless_the_configuration_is_strict() {
        for (refusal, lenient, strict) in [
            (KbsRefusal::POLICY, 401, 403),
            (KbsRefusal::NO_TOKEN, 401, 401),
            (KbsRefusal::NOT_KEPT, 401, 503),
            (KbsRefusal::UNKNOWN, 401, 404),
            (KbsRefusal::PATH, 404, 404),
            (KbsRefusal::PLUGIN, 404, 404),
        ] {
            let status = |strict| refusal.answer(strict).status().as_u16();
            assert_eq!((status(false), status(true)), (lenient, strict), "{}", refusal.code());
        }
    }
}
