//! The dispatcher: one task that tells subscriptions what there is to tell, when something was
//! stored and from time to time. It remembers what has arrived before it goes on.

use std::sync::Arc;
use std::time::Duration;

use autoclave_fhir::{Document, Kind};

use super::super::run::{blocking, fault};
use super::dispatch::{Next, Ready, with_status};
use super::state::{Status, Subscribed};
use super::{Sender, Subscriptions};
use crate::server::{Fault, Server};
use crate::store::{Put, StoreError};

/// How often it looks although nothing was stored: for attempts that wait, and heartbeats.
const LOOK: Duration = Duration::from_secs(1);

impl Subscriptions {
    /// Tells for ever.
    pub(in crate::operations) async fn run(self, server: Server, sender: Arc<dyn Sender>) {
        loop {
            while self.round(&server, &sender).await {}
            let _ = tokio::time::timeout(LOOK, self.woken.notified()).await;
        }
    }

    /// Tells each subscription what comes next; whether anything was told.
    pub(in crate::operations) async fn round(
        &self,
        server: &Server,
        sender: &Arc<dyn Sender>,
    ) -> bool {
        let mut has_told = false;
        for name in self.vault.names("subscription-").unwrap_or_default() {
            match self.tell(server, sender, &name).await {
                Ok(told) => has_told |= told,
                Err(fault) => tracing::error!(code = fault.code(), "a subscription is not told"),
            }
        }
        has_told
    }

    /// Tells one subscription what comes next; whether it arrived.
    async fn tell(
        &self,
        server: &Server,
        sender: &Arc<dyn Sender>,
        name: &str,
    ) -> Result<bool, Fault> {
        let Some(one) = self.vault.get_json::<Subscribed>(name)? else { return Ok(false) };
        if !one.is_due(server.guard().now_ms()) {
            return Ok(false);
        }
        let (own, other) = (self.clone(), server.clone());
        let before = one.clone();
        let Ready { mut outgoing, after, caller, access } =
            match blocking(move || own.next(&other, &before)).await? {
                Next::Idle => return Ok(false),
                Next::Quiet(after) => {
                    self.keep(server, name, &one, *after).await?;
                    return Ok(false);
                }
                Next::Send(ready) => *ready,
            };
        // Its ledger line first: what leaves has been written down.
        if access.count > 0 && server.guard().record(&caller, access).await.is_err() {
            return Err(Fault::internal("no ledger line for a notification"));
        }
        if let Some(signature) = sender.sign(&outgoing.body) {
            outgoing.headers.push(("x-autoclave-jws".into(), signature));
        }
        let status = sender.send(outgoing).await;
        let has_arrived = status.is_some_and(|status| (200..300).contains(&status));
        let mut kept = if has_arrived { after } else { one.clone() };
        kept.attempted(has_arrived, server.guard().now_ms());
        self.keep(server, name, &one, kept).await?;
        Ok(has_arrived)
    }

    /// Remembers, and says in the resource itself where the subscription stands.
    async fn keep(
        &self,
        server: &Server,
        name: &str,
        before: &Subscribed,
        after: Subscribed,
    ) -> Result<(), Fault> {
        self.vault.put_json(name, &after)?;
        if before.status == after.status {
            return Ok(());
        }
        if after.status == Status::Off {
            self.vault.remove(name)?;
            return Ok(());
        }
        let server = server.clone();
        blocking(move || say(&server, &after)).await
    }
}

/// Stores the status; the place that this takes in the history means nobody but itself.
fn say(server: &Server, one: &Subscribed) -> Result<(), Fault> {
    let kind = Kind::known("Subscription");
    let now = server.guard().now_ms();
    let said = server.store().change(one.owner.tenant(), |change| {
        let Some(stored) = change.get(kind, &one.id)? else { return Ok(()) };
        let Some(document) = &stored.document else { return Ok(()) };
        let text = document.node().map(|node| with_status(&node, one.status));
        let document = text.ok().and_then(|text| Document::parse(text).ok());
        let document = document.ok_or(StoreError::Malformed)?;
        let node = document.node().map_err(|_| StoreError::Malformed)?;
        let expected = Some(stored.version);
        let put = Put { id: &one.id, expected, document: &document, node: &node, updated: now };
        change.put(put).map(|_| ())
    });
    match said {
        // Somebody changes it at this moment: theirs counts.
        Ok(()) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(fault(error)),
    }
}
