//! The JSON of requests and answers, in the words of Azure Key Vault. Members that a client
//! may send and that we do not keep are refused where they would change what happens, and
//! ignored where they are decoration.

use autoclave_base::{UnixTime, b64};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::AkvError;
use super::jwk::PrivateJwk;
use super::policy::{POLICY_BYTES_MAX, ReleasePolicy};
use crate::vault::{Curve, KeyRecord, PolicyText, Public, State, Terms, Version};

/// The one media type of policies.
const POLICY_MEDIA_TYPE: &str = "application/json; charset=utf-8";

/// Days that a deleted key is kept before its name may be taken again, as the API says it.
const RECOVERABLE_DAYS: u32 = 90;

/// `attributes` of a request.
#[derive(Default, Deserialize)]
pub(super) struct Attributes {
    pub(super) enabled: Option<bool>,
    pub(super) nbf: Option<UnixTime>,
    pub(super) exp: Option<UnixTime>,
    pub(super) exportable: Option<bool>,
}

/// `release_policy` of a request.
#[derive(Deserialize)]
pub(super) struct PolicyMember {
    #[serde(rename = "contentType")]
    content_type: Option<String>,
    data: String,
    immutable: Option<bool>,
}

/// `POST /keys/{name}/create`
#[derive(Deserialize)]
pub(super) struct Create {
    pub(super) kty: String,
    pub(super) key_size: Option<usize>,
    pub(super) crv: Option<Curve>,
    #[serde(default)]
    pub(super) attributes: Attributes,
    release_policy: Option<PolicyMember>,
    tags: Option<Value>,
}

/// `PUT /keys/{name}`
#[derive(Deserialize)]
pub(super) struct Import {
    pub(super) key: PrivateJwk,
    #[serde(default)]
    attributes: Attributes,
    release_policy: Option<PolicyMember>,
    tags: Option<Value>,
}

/// `PATCH /keys/{name}/{version}`
#[derive(Deserialize)]
pub(super) struct Update {
    #[serde(default)]
    pub(super) attributes: Attributes,
    release_policy: Option<PolicyMember>,
    tags: Option<Value>,
}

/// `POST /keys/{name}/{version}/release`
#[derive(Deserialize)]
pub(super) struct Release {
    pub(super) target: String,
    pub(super) nonce: Option<String>,
    pub(super) enc: Option<String>,
}

/// Reads a body.
pub(super) fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, AkvError> {
    let malformed = AkvError::bad("The body is not what this route takes.", "request.malformed");
    serde_json::from_slice(body).map_err(|_| malformed)
}

impl PolicyMember {
    fn text(&self) -> Result<PolicyText, AkvError> {
        let refused = || {
            AkvError::bad(
                "release_policy: not a policy of version 1.0.0.",
                "key_vault.policy_malformed",
            )
        };
        let media = self.content_type.as_deref().unwrap_or(POLICY_MEDIA_TYPE);
        if !media.eq_ignore_ascii_case(POLICY_MEDIA_TYPE) || self.data.len() > 2 * POLICY_BYTES_MAX
        {
            return Err(refused());
        }
        let data = b64::decode(self.data.trim_end_matches('=')).map_err(|_| refused())?;
        let text = String::from_utf8(data).map_err(|_| refused())?;
        ReleasePolicy::parse(&text).map_err(|_| refused())?;
        Ok(PolicyText { text, immutable: self.immutable.unwrap_or(false) })
    }
}

/// The terms that a request asks for. What may leave has a policy, and the other way round.
fn terms(
    attributes: &Attributes,
    policy: Option<&PolicyMember>,
    tags: Option<&Value>,
) -> Result<Terms, AkvError> {
    untagged(tags)?;
    let policy = policy.map(PolicyMember::text).transpose()?;
    let exportable = attributes.exportable.unwrap_or(false);
    if exportable != policy.is_some() {
        let message = "An exportable key needs a release policy, and only such a key has one.";
        return Err(AkvError::bad(message, "key_vault.policy_needed"));
    }
    let (not_before, expires) = (attributes.nbf, attributes.exp);
    let enabled = attributes.enabled.unwrap_or(true);
    Ok(Terms { not_before, expires, exportable, enabled, policy })
}

fn untagged(tags: Option<&Value>) -> Result<(), AkvError> {
    let none =
        |tags: &Value| tags.is_null() || tags.as_object().is_some_and(serde_json::Map::is_empty);
    if tags.is_none_or(none) {
        return Ok(());
    }
    Err(AkvError::bad("tags: free text is not kept here.", "key_vault.tags"))
}

impl Create {
    pub(super) fn terms(&self) -> Result<Terms, AkvError> {
        terms(&self.attributes, self.release_policy.as_ref(), self.tags.as_ref())
    }
}

impl Import {
    pub(super) fn terms(&self) -> Result<Terms, AkvError> {
        terms(&self.attributes, self.release_policy.as_ref(), self.tags.as_ref())
    }
}

impl Update {
    /// The policy that takes the place of the one before.
    pub(super) fn policy(&self) -> Result<Option<PolicyText>, AkvError> {
        untagged(self.tags.as_ref())?;
        self.release_policy.as_ref().map(PolicyMember::text).transpose()
    }
}

/// `attributes` of an answer.
#[derive(Serialize)]
struct AttributesView {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<UnixTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<UnixTime>,
    created: UnixTime,
    updated: UnixTime,
    #[serde(rename = "recoveryLevel")]
    recovery_level: &'static str,
    #[serde(rename = "recoverableDays")]
    recoverable_days: u32,
    exportable: bool,
}

impl AttributesView {
    fn of(version: &Version) -> Self {
        Self {
            enabled: version.state == State::Enabled,
            nbf: version.not_before,
            exp: version.expires,
            created: version.made,
            updated: version.updated,
            recovery_level: "Recoverable+Purgeable",
            recoverable_days: RECOVERABLE_DAYS,
            exportable: version.exportable,
        }
    }
}

/// The public members of a version's key.
pub(super) fn public(version: &Version, kid: &str) -> Value {
    let ops: &[&str] = if version.exportable { &["export"] } else { &[] };
    let members = version.describe(|public| match public {
        Public::Oct => json!({ "kty": "oct-HSM" }),
        Public::Rsa { n, e } => {
            json!({ "kty": "RSA-HSM", "n": b64::encode(n), "e": b64::encode(e) })
        }
        Public::Ec { crv, x, y } => {
            let (x, y) = (b64::encode(x), b64::encode(y));
            json!({ "kty": "EC-HSM", "crv": crv, "x": x, "y": y })
        }
    });
    let mut members = members.unwrap_or_else(|| json!({}));
    members["kid"] = json!(kid);
    members["key_ops"] = json!(ops);
    members
}

/// `release_policy` of an answer.
pub(super) fn policy(version: &Version) -> Option<Value> {
    let policy = version.policy.as_ref()?;
    let data = b64::encode(&policy.text);
    Some(json!({
        "contentType": POLICY_MEDIA_TYPE, "data": data, "immutable": policy.immutable,
    }))
}

/// What the API calls a key bundle.
pub(super) fn bundle(version: &Version, kid: &str) -> Value {
    let mut bundle = json!({
        "key": public(version, kid), "attributes": attributes(version),
    });
    if let Some(policy) = policy(version) {
        bundle["release_policy"] = policy;
    }
    bundle
}

/// What the API calls a deleted key bundle.
pub(super) fn deleted(record: &KeyRecord, version: &Version, kid: &str, recovery: &str) -> Value {
    let mut bundle = bundle(version, kid);
    let since = record.deleted.unwrap_or(version.updated);
    bundle["recoveryId"] = json!(recovery);
    bundle["deletedDate"] = json!(since);
    bundle["scheduledPurgeDate"] = json!(since.plus(u64::from(RECOVERABLE_DAYS) * 86_400));
    bundle
}

/// What the API calls a key item.
pub(super) fn item(version: &Version, kid: &str) -> Value {
    json!({ "kid": kid, "attributes": attributes(version) })
}

pub(super) fn attributes(version: &Version) -> Value {
    serde_json::to_value(AttributesView::of(version)).unwrap_or_default()
}
