//! `Subscription/id/$webhook-secret`: the key under which notifications of one subscription are
//! signed, for whoever made it and nobody else. It is derived, so nothing keeps it.

use std::sync::Arc;

use autoclave_base::{HexBytes, Secret};
use autoclave_fhir::Kind;
use futures::future::BoxFuture;
use http::StatusCode;
use ring::hmac;

use super::super::reply::{self, parameter, parameters, word};
use super::super::run::blocking;
use super::super::vault::Vault;
use super::Subscriptions;
use super::state::{self, Subscribed};
use crate::server::{Access, Action, Call, Called, Caller, Fault, Operation, Place, Server};
use crate::visible::Touched;

/// The header `X-Autoclave-Signature` of a body: `t=seconds,v1=hex`, HMAC-SHA256 over
/// `seconds.body`, so that an old notification is told from a new one.
pub(super) fn sign(vault: &Vault, one: &Subscribed, seconds: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key(vault, one).expose());
    let mut signed = format!("{seconds}.").into_bytes();
    signed.extend(body);
    format!("t={seconds},v1={}", HexBytes::of(hmac::sign(&key, &signed)))
}

fn key(vault: &Vault, one: &Subscribed) -> Secret<[u8; 32]> {
    vault.secret(&format!("webhook:{}:{}", one.owner.tenant().0, one.id))
}

/// The operation.
pub(in crate::operations) struct WebhookSecret(pub(in crate::operations) Subscriptions);

impl Operation for WebhookSecret {
    fn name(&self) -> &'static str {
        "webhook-secret"
    }

    fn places(&self) -> Vec<Place> {
        vec![Place::Instance(Kind::known("Subscription"))]
    }

    /// It changes nothing, but a secret is not fetched by following a link.
    fn changes(&self) -> bool {
        true
    }

    fn definition(&self) -> &'static str {
        "https://autoclave.health/fhir/OperationDefinition/Subscription-webhook-secret"
    }

    fn committed(&self, caller: &Caller, touched: &Touched) {
        self.0.committed(caller, touched);
    }

    fn call<'a>(&'a self, _: &'a Server, call: Call<'a>) -> BoxFuture<'a, Result<Called, Fault>> {
        let vault = Arc::clone(&self.0.vault);
        let (caller, rules) = (call.caller.clone(), call.granted.rules);
        let id = call.id.unwrap_or_default().to_owned();
        Box::pin(blocking(move || {
            let one: Option<Subscribed> = vault.get_json(&state::name(caller.tenant.0, &id))?;
            let one = one.filter(|one| one.owner.is(&caller)).ok_or_else(Fault::not_found)?;
            let secret = HexBytes::of(key(&vault, &one).expose()).to_string();
            let told = parameters(vec![parameter("secret", "valueString", word(secret))]);
            let access = Access {
                action: Action::Operation("webhook-secret"),
                kind: Some(Kind::known("Subscription")),
                subjects: Vec::new(),
                count: 0,
                granted: true,
                glass: false,
                rules,
            };
            Ok(Called { answer: reply::resource(StatusCode::OK, &told), access })
        }))
    }
}
