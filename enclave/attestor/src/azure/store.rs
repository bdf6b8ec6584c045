//! Policies in force, and who may sign them: in sealed state, each change a line before it is
//! there. It belongs to the administrators that the configuration names. What was not read as
//! a policy is never kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use autoclave_attest::claimrules::Policy;
use autoclave_base::{Digest, b64};
use autoclave_cell::{BootError, Cell, Refusal};
use autoclave_ledger::{Event, Label};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::token::UNSIGNED_HEADER;
use super::{AzureSettings, InForce, Kind};
use crate::trustee::pem;

/// Where it lies in the state.
const STATE_NAME: &str = "attestor/azure-policies";
/// Version of the stored form.
const VERSION: u32 = 1;
/// Signers beyond those of the configuration.
pub(super) const SIGNERS_MAX: usize = 32;

/// What is stored.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u32,
    policies: BTreeMap<Kind, StoredPolicy>,
    /// Certificates (DER, base64url) of signers that others added.
    signers: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPolicy {
    text: String,
    jws: String,
    signer: Option<String>,
}

/// The stored state does not hold what it should.
#[derive(Debug, thiserror::Error)]
#[error("the stored policies or the configured signers are damaged")]
struct Damaged;

const DAMAGED: &str = "azure.policies_damaged";

/// All of it.
pub(crate) struct Store {
    configured: Vec<Vec<u8>>,
    stored: Mutex<Stored>,
    in_force: Mutex<BTreeMap<Kind, Arc<InForce>>>,
}

impl Store {
    pub(super) fn open(cell: &Cell, settings: &AzureSettings) -> Result<Self, BootError> {
        let damaged = || BootError::role(DAMAGED, Damaged);
        let mut configured = Vec::new();
        for text in &settings.policy_signers {
            let certificate = pem(text).into_iter().next().ok_or_else(damaged)?;
            configured.push(certificate);
        }
        let stored = match cell.state().get(STATE_NAME) {
            None => Stored { v: VERSION, ..Stored::default() },
            Some(bytes) => serde_json::from_slice(bytes.expose()).map_err(|_| damaged())?,
        };
        let in_force: Option<BTreeMap<_, _>> = Kind::ALL
            .into_iter()
            .map(|kind| Some((kind, Arc::new(in_force(&stored, kind)?))))
            .collect();
        let in_force = in_force.filter(|_| stored.v == VERSION).ok_or_else(damaged)?;
        Ok(Self { configured, stored: Mutex::new(stored), in_force: Mutex::new(in_force) })
    }

    /// The policy of a type.
    #[expect(clippy::expect_used, reason = "`open` puts one in for each type")]
    pub(super) fn policy(&self, kind: Kind) -> Arc<InForce> {
        lock(&self.in_force).get(&kind).expect("one for each type").clone()
    }

    /// The certificates (DER) of all who may sign policies.
    pub(super) fn signers(&self) -> Vec<Vec<u8>> {
        let added = lock(&self.stored).signers.clone();
        let added = added.iter().filter_map(|text| b64::decode(text).ok());
        self.configured.iter().cloned().chain(added).collect()
    }

    /// Sets the policy of a type, or with none the default one; the line first.
    pub(super) async fn set(
        &self,
        cell: &Cell,
        kind: Kind,
        policy: Option<InForce>,
    ) -> Result<(), Refusal> {
        let before = Digest::of(self.policy(kind).policy.text());
        let mut stored = lock(&self.stored).clone();
        match &policy {
            None => drop(stored.policies.remove(&kind)),
            Some(policy) => {
                let (text, jws) = (policy.policy.text().to_owned(), policy.jws.clone());
                let signer = policy.signer.as_ref().map(b64::encode);
                stored.policies.insert(kind, StoredPolicy { text, jws, signer });
            }
        }
        let now = in_force(&stored, kind).ok_or_else(|| Refusal::internal(DAMAGED))?;
        let event = Event::PolicyChange {
            name: Label::of_claim(&format!("azure/{}", kind.name())),
            from: Some(before),
            to: Digest::of(now.policy.text()),
        };
        cell.ledger().append(event).await?;
        self.keep(cell, stored)?;
        lock(&self.in_force).insert(kind, Arc::new(now));
        Ok(())
    }

    /// Adds a signer, or removes one that was added; the line first. Says whether it is there
    /// afterwards.
    pub(super) async fn change_signer(
        &self,
        cell: &Cell,
        certificate: &[u8],
        add: bool,
    ) -> Result<bool, Refusal> {
        if self.configured.iter().any(|known| known == certificate) {
            return Ok(true);
        }
        let mut stored = lock(&self.stored).clone();
        let text = b64::encode(certificate);
        let before = Digest::of(stored.signers.concat());
        stored.signers.retain(|known| *known != text);
        if add {
            if stored.signers.len() == SIGNERS_MAX {
                return Err(TOO_MANY);
            }
            stored.signers.push(text);
        }
        let to = Digest::of(stored.signers.concat());
        let name = Label::code("azure/policy_signers");
        cell.ledger().append(Event::PolicyChange { name, from: Some(before), to }).await?;
        self.keep(cell, stored)?;
        Ok(add)
    }

    fn keep(&self, cell: &Cell, stored: Stored) -> Result<(), Refusal> {
        let bytes = serde_json::to_vec(&stored).map_err(|_| Refusal::internal(DAMAGED))?;
        cell.state().put(STATE_NAME, &bytes).map_err(|error| Refusal::internal(error.code()))?;
        *lock(&self.stored) = stored;
        Ok(())
    }
}

const TOO_MANY: Refusal =
    Refusal::bad_request("azure.signers", "There are too many policy signers already.");

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is in force of a type: what is stored, or the default.
fn in_force(stored: &Stored, kind: Kind) -> Option<InForce> {
    if let Some(stored) = stored.policies.get(&kind) {
        let signer = stored.signer.as_deref().map(b64::decode).transpose().ok()?;
        let policy = Policy::parse(&stored.text).ok()?;
        return Some(InForce { policy, jws: stored.jws.clone(), signer });
    }
    let text = kind.default_policy();
    let payload = json!({"AttestationPolicy": b64::encode(text)}).to_string();
    let jws = format!("{UNSIGNED_HEADER}.{}.", b64::encode(payload));
    Some(InForce { policy: Policy::parse(text).ok()?, jws, signer: None })
}
