//! The operations, each on the keys of the one institution that its call names. None of
//! them sees a key's bytes but those that a client imports.

use autoclave_base::UnixTime;
use autoclave_base::ids::KeyName;
use autoclave_cell::Entropy;
use autoclave_cell::release::REFUSED;
use autoclave_ledger::Label;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::answer::Released;
use super::error::AkvError;
use super::routes::Call;
use super::rsa::Wrapping;
use super::token::{AuthorityToken, TokenRefusal, Trusted};
use super::wire::{self, Create, Import, Release, Update};
use crate::release::{Action, Asked, Caller, Which, wrap_to_rsa};
use crate::vault::{
    Change, Curve, KeyRecord, Material, NewKey, Origin, State, Terms, VaultError, Version,
};

/// What the vault calls the purpose of these keys.
const PURPOSE: &str = "key-vault";

/// The space of tokens that were used once.
const TOKENS: &str = "key-vault-tokens";

/// Bytes of a new symmetric key where its size is not said.
const OCT_BYTES_DEFAULT: usize = 32;

impl Call<'_> {
    fn now(&self) -> UnixTime {
        self.broker.cell.now()
    }

    fn change<'c>(&'c self, action: &'c str) -> Change<'c> {
        Change { now: self.now(), action, by: self.caller.who.name() }
    }

    fn url(&self) -> String {
        self.settings.url_of(self.tenant.institution().as_str())
    }

    fn kid(&self, name: &KeyName, version: &Version) -> String {
        format!("{}/keys/{name}/{}", self.url(), version.id)
    }

    /// A key of this API; one of another origin is none.
    async fn key(&self, name: &KeyName) -> Result<KeyRecord, AkvError> {
        let record = self.tenant.key(name).await?;
        let ours = record.filter(|record| record.origin == Origin::KeyVault);
        ours.ok_or_else(AkvError::not_found)
    }

    async fn living(&self, name: &KeyName) -> Result<KeyRecord, AkvError> {
        let record = self.key(name).await?;
        if record.deleted.is_none() { Ok(record) } else { Err(AkvError::not_found()) }
    }

    fn bundle(&self, name: &KeyName, record: &KeyRecord, id: &str) -> Result<Response, AkvError> {
        let version = record.find_id(id).ok_or_else(AkvError::not_found)?;
        Ok(Json(wire::bundle(version, &self.kid(name, version))).into_response())
    }
}

pub(super) async fn list(call: &Call<'_>, deleted: bool) -> Result<Response, AkvError> {
    let mut items = Vec::new();
    for name in call.tenant.names().await? {
        let Ok(record) = call.key(&name).await else { continue };
        let Some(version) = record.current().filter(|_| record.deleted.is_some() == deleted) else {
            continue;
        };
        let mut item = wire::item(version, &format!("{}/keys/{name}", call.url()));
        if deleted {
            item["recoveryId"] = json!(format!("{}/deletedkeys/{name}", call.url()));
        }
        items.push(item);
    }
    Ok(page(&items))
}

pub(super) async fn versions(call: &Call<'_>, name: &KeyName) -> Result<Response, AkvError> {
    let record = call.living(name).await?;
    let item = |version: &Version| wire::item(version, &call.kid(name, version));
    let items: Vec<_> = record.versions().iter().map(item).collect();
    Ok(page(&items))
}

/// All of it at once: a vault and a key have a bound.
fn page(items: &[Value]) -> Response {
    Json(json!({ "value": items, "nextLink": null })).into_response()
}

pub(super) async fn get(call: &Call<'_>, name: &KeyName, id: &str) -> Result<Response, AkvError> {
    call.bundle(name, &call.living(name).await?, id)
}

pub(super) async fn create(call: &Call<'_>, name: &KeyName) -> Result<Response, AkvError> {
    let wanted: Create = wire::read(call.body)?;
    let terms = wanted.terms()?;
    let material = generated(&wanted.kty, wanted.key_size, wanted.crv)?;
    added(call, name, material, terms, "created").await
}

pub(super) async fn import(call: &Call<'_>, name: &KeyName) -> Result<Response, AkvError> {
    let wanted: Import = wire::read(call.body)?;
    let terms = wanted.terms()?;
    let material = wanted.key.material().ok_or_else(|| {
        AkvError::bad("key: not a key of a kind that is taken here.", "key_vault.key")
    })?;
    added(call, name, material, terms, "imported").await
}

async fn added(
    call: &Call<'_>,
    name: &KeyName,
    material: Material,
    terms: Terms,
    action: &str,
) -> Result<Response, AkvError> {
    let (origin, purpose) = (Origin::KeyVault, Label::code(PURPOSE));
    let new = NewKey { origin, purpose, overlap: None, material, terms };
    let record = call.tenant.add(name, new, &call.change(action)).await?;
    call.bundle(name, &record, "")
}

/// A key of the moment. RSA keys are imported: a good prime takes code that we do not have.
fn generated(kty: &str, bits: Option<usize>, crv: Option<Curve>) -> Result<Material, AkvError> {
    let unsupported = || {
        AkvError::bad(
            "kty, key_size, crv: made here are oct of 128, 192, 256 bits and EC on P-256, P-384.",
            "key_vault.not_supported",
        )
    };
    match kty {
        "oct" | "oct-HSM" => {
            let bytes = bits.map_or(OCT_BYTES_DEFAULT, |bits| bits / 8);
            let known =
                crate::vault::OCT_BYTES.contains(&bytes) && bits.is_none_or(|it| it % 8 == 0);
            known.then(|| Material::new_oct(bytes, &mut Entropy)).ok_or_else(unsupported)
        }
        "EC" | "EC-HSM" => Material::new_ec(crv.unwrap_or(Curve::P256)).ok_or_else(unsupported),
        _ => Err(unsupported()),
    }
}

pub(super) async fn update(
    call: &Call<'_>,
    name: &KeyName,
    id: &str,
) -> Result<Response, AkvError> {
    let wanted: Update = wire::read(call.body)?;
    let policy = wanted.policy()?;
    let number = call.living(name).await?.find_id(id).map(|version| version.number);
    let number = number.ok_or_else(AkvError::not_found)?;
    let change = call.change("updated");
    let record = call
        .tenant
        .change(name, &change, |record| {
            let version = record.find_mut(Some(number)).ok_or(VaultError::Unknown)?;
            if matches!(version.state, State::Revoked | State::Destroyed) {
                return Err(VaultError::Forbidden);
            }
            if let Some(policy) = policy {
                let fixed = version.policy.as_ref().is_none_or(|known| known.immutable);
                if fixed && version.policy.as_ref() != Some(&policy) {
                    return Err(VaultError::Forbidden);
                }
                version.policy = Some(policy);
            }
            let attributes = &wanted.attributes;
            if attributes.exportable.is_some_and(|it| it != version.exportable) {
                return Err(VaultError::Forbidden);
            }
            if let Some(enabled) = attributes.enabled {
                version.state = if enabled { State::Enabled } else { State::Disabled };
            }
            version.not_before = attributes.nbf.or(version.not_before);
            version.expires = attributes.exp.or(version.expires);
            let begin = version.not_before.unwrap_or(version.made);
            if version.expires.is_none_or(|end| end <= begin) {
                return Err(VaultError::Expiry);
            }
            version.updated = change.now;
            Ok(Some(number))
        })
        .await?;
    let id = record.find(Some(number)).map(|version| version.id.clone()).unwrap_or_default();
    call.bundle(name, &record, &id)
}

/// A new version with bytes of its own, on the terms of the one before, for as long as that
/// one was good for.
pub(super) async fn rotate(call: &Call<'_>, name: &KeyName) -> Result<Response, AkvError> {
    let current = call.living(name).await?;
    let kind = current.current().and_then(|version| {
        version.describe(|public| match public {
            crate::vault::Public::Oct => ("oct", None),
            crate::vault::Public::Rsa { .. } => ("RSA", None),
            crate::vault::Public::Ec { crv, .. } => ("EC", Some(crv)),
        })
    });
    let (kty, crv) = kind.ok_or_else(AkvError::not_found)?;
    let material = generated(kty, None, crv)?;
    let now = call.now();
    let terms = |record: &KeyRecord| {
        let version = record.current().ok_or(VaultError::Unknown)?;
        let life = version.expires.map(|end| end.seconds().saturating_sub(version.made.seconds()));
        let terms = Terms {
            not_before: None,
            expires: life.map(|life| now.plus(life)),
            exportable: version.exportable,
            enabled: true,
            policy: version.policy.clone(),
        };
        Ok((material, terms))
    };
    let record = call.tenant.rotate(name, terms, &call.change("rotated")).await?;
    call.bundle(name, &record, "")
}

pub(super) async fn delete(call: &Call<'_>, name: &KeyName) -> Result<Response, AkvError> {
    call.living(name).await?;
    let now = call.now();
    let record = marked(call, name, "deleted", Some(now)).await?;
    deleted_bundle(call, name, &record)
}

pub(super) async fn get_deleted(call: &Call<'_>, name: &KeyName) -> Result<Response, AkvError> {
    deleted_bundle(call, name, &deleted(call, name).await?)
}

pub(super) async fn recover(call: &Call<'_>, name: &KeyName) -> Result<Response, AkvError> {
    deleted(call, name).await?;
    let record = marked(call, name, "recovered", None).await?;
    call.bundle(name, &record, "")
}

/// The bytes of every version are gone; the name stays taken, so that no other key ever
/// stands under an address that was given out.
pub(super) async fn purge(call: &Call<'_>, name: &KeyName) -> Result<Response, AkvError> {
    deleted(call, name).await?;
    let change = call.change("destroyed");
    call.tenant
        .change(name, &change, |record| {
            let numbers: Vec<u32> = record.versions().iter().map(|it| it.number).collect();
            for number in &numbers {
                if let Some(version) = record.find_mut(Some(*number)) {
                    version.destroy();
                    version.updated = change.now;
                }
            }
            Ok(numbers.first().copied())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn deleted(call: &Call<'_>, name: &KeyName) -> Result<KeyRecord, AkvError> {
    let record = call.key(name).await?;
    let gone = |record: &KeyRecord| record.current().is_none_or(|it| it.state == State::Destroyed);
    let there = record.deleted.is_some() && !gone(&record);
    if there { Ok(record) } else { Err(AkvError::not_found()) }
}

async fn marked(
    call: &Call<'_>,
    name: &KeyName,
    action: &str,
    at: Option<UnixTime>,
) -> Result<KeyRecord, AkvError> {
    let change = call.change(action);
    let marked = call.tenant.change(name, &change, |record| {
        record.deleted = at;
        Ok(record.current().map(|version| version.number))
    });
    Ok(marked.await?)
}

fn deleted_bundle(
    call: &Call<'_>,
    name: &KeyName,
    record: &KeyRecord,
) -> Result<Response, AkvError> {
    let version = record.current().ok_or_else(AkvError::not_found)?;
    let recovery = format!("{}/deletedkeys/{name}", call.url());
    let bundle = wire::deleted(record, version, &call.kid(name, version), &recovery);
    Ok(Json(bundle).into_response())
}

/// The release: the token is verified, and then everything goes the one way that all
/// releases go.
pub(super) async fn release(call: &Call<'_>, name: &str, id: String) -> Result<Response, AkvError> {
    let wanted: Release = wire::read(call.body)?;
    let enc = wanted.enc.as_deref().unwrap_or(Wrapping::Sha1.as_str());
    let wrapping = Wrapping::parse(enc);
    let wrapping = wrapping.ok_or_else(|| AkvError::bad("enc: unknown.", "key_vault.enc"))?;
    let token = match verified(call, &wanted).await {
        Ok(token) => token,
        Err(refusal) => return Err(stranger(call, refusal).await),
    };
    let by = call.caller.who.name().clone();
    let caller = Caller::Authority(Box::new(token), wrapping, by);
    let institution = call.tenant.institution();
    let name = name.to_ascii_lowercase();
    let which = Which::Id(id);
    let asked =
        Asked::new(caller.clone(), Action::Release, (Some(institution), &name), which, call.now());
    let refused = || AkvError::forbidden("The key is not released.", REFUSED);
    let recorded = call.broker.decide(asked, &call.tenant, &name).await.map_err(|refusal| {
        if refusal.status().is_server_error() {
            AkvError::unavailable("release.not_recorded")
        } else {
            refused()
        }
    })?;
    // As it stands now: what was revoked since the decision does not leave.
    let name = KeyName::parse(&name).map_err(|_| refused())?;
    let record = call.tenant.key(&name).await?;
    let (wrapped, wrapping) = wrap_to_rsa(&recorded, record.as_ref(), call.now(), &mut Entropy)
        .map_err(|error| AkvError::forbidden("The key is not released.", error.code()))?;
    let version = record.as_ref().and_then(|it| it.find(Some(recorded.version())));
    let version = version.ok_or_else(refused)?;
    let Caller::Authority(token, ..) = &caller else { return Err(refused()) };
    let released = Released {
        version,
        kid: &call.kid(&name, version),
        api_version: call.api_version,
        nonce: wanted.nonce.as_deref(),
        wrapping,
        target: token.target().kid(),
        wrapped: &wrapped,
    };
    let jws = released.sign(&call.broker.cell).await;
    let jws = jws.map_err(|_| AkvError::unavailable("key_vault.not_signed"))?;
    Ok(Json(json!({ "value": jws })).into_response())
}

async fn verified(call: &Call<'_>, wanted: &Release) -> Result<AuthorityToken, TokenRefusal> {
    // Our own attestor counts where it can be verified now; pinned authorities always.
    let attestor = call.broker.cell.attestor().await.ok();
    let issuer = call.broker.cell.trust().issuer();
    let own = attestor.as_ref().map(|attestor| (issuer, attestor.keys()));
    let trusted = Trusted { authorities: &call.settings.authorities, own };
    let token =
        AuthorityToken::verify(&wanted.target, &trusted, wanted.nonce.as_deref(), call.now())?;
    if call.settings.token_once {
        let id = autoclave_base::Digest::of(token.jti().unwrap_or(&wanted.target));
        let id = autoclave_base::Digest::of_parts(&[token.issuer().as_bytes(), id.bytes()]);
        let kept = &call.broker.kept;
        let new = kept.take_once(TOKENS, id.bytes(), token.expires(), call.now()).await;
        if !new.unwrap_or(false) {
            return Err(TokenRefusal::Replayed);
        }
    }
    Ok(token)
}

/// A token that is not believed has its line like any stranger's chain.
async fn stranger(call: &Call<'_>, refusal: TokenRefusal) -> AkvError {
    match call.broker.tell_stranger(refusal.code()).await {
        Ok(_) => AkvError::forbidden(
            "Target environment attestation statement cannot be verified.",
            refusal.code(),
        ),
        Err(_) => AkvError::unavailable("release.not_recorded"),
    }
}
