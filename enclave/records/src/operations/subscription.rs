//! Subscriptions, R4 with the backport's notifications: a `Subscription` with criteria and a
//! rest-hook is told of every resource that was stored and that it means. The hospital's.
//!
//! What was stored is its own outbox: a change is durable with its place in the history, and
//! each subscription remembers, sealed, up to which place it has told. So nothing is told that
//! was rolled back, nothing is lost in a crash, and a notification may come twice (it has a
//! number). Its owner is told only of what they may meet at that moment. Notifications go to
//! hosts that the hospital listed, are signed, and say who is meant by id or not at all, unless
//! the whole resource was asked for.

mod criteria;
mod delivery;
mod dispatch;
mod notice;
mod secret;
mod state;

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::Notify;

use super::vault::Vault;
use crate::server::Caller;
use crate::visible::Touched;

pub(super) use secret::WebhookSecret;

/// A notification on its way out.
pub struct Outgoing {
    /// Where to: an `https` address whose host the hospital listed.
    pub url: String,
    /// Its headers: those that the subscriber asked for, media type and signatures.
    pub headers: Vec<(String, String)>,
    /// A FHIR Bundle, or nothing.
    pub body: Vec<u8>,
}

/// Sends notifications; the clinic's. It follows no redirects and has a deadline of its own.
pub trait Sender: Send + Sync {
    /// Sends one; the status of the answer, or `None` where there was none.
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Option<u16>>;

    /// Signs a body with the clinic's key: a detached JWS (RFC 7515, appendix F), which anybody
    /// verifies with the clinic's public key.
    fn sign(&self, body: &[u8]) -> Option<String>;
}

/// What a hospital lets subscribe.
#[derive(Clone, Default)]
pub struct SubscriptionSettings {
    /// Hosts that may be told, as in `hooks.hospital.example` or `127.0.0.1:8123`; none: nobody.
    pub hosts: Vec<String>,
    /// Whether `http` will do: for tests on one machine.
    pub plain: bool,
}

/// All subscriptions. Clones share them.
#[derive(Clone)]
pub(super) struct Subscriptions {
    vault: Arc<Vault>,
    settings: SubscriptionSettings,
    /// Wakes the dispatcher.
    woken: Arc<Notify>,
}

impl Subscriptions {
    pub(super) fn new(vault: Arc<Vault>, settings: SubscriptionSettings) -> Self {
        Self { vault, settings, woken: Arc::new(Notify::new()) }
    }

    /// Says that something was stored; after each commit, before the answer leaves. A new or
    /// changed subscription belongs to whoever stored it.
    pub(super) fn committed(&self, caller: &Caller, touched: &Touched) {
        for id in touched.subscriptions() {
            if let Err(error) = state::stored(&self.vault, caller, id) {
                tracing::error!(%error, "a subscription is not remembered");
            }
        }
        self.woken.notify_one();
    }
}
