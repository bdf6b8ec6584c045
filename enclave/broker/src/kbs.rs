//! The key broker service of Confidential Containers: the KBS protocol 0.4.0, so that its
//! guests get their resources here unchanged. The data owners' as all of the broker: what a
//! repository holds belongs to one institution, and its own rules alone let it out. Nothing
//! leaves without a line in the ledger, unencrypted, or because no rule speaks of it.
//!
//! | route | who | answer |
//! |---|---|---|
//! | `POST /kbs/v0/auth` | anybody | a nonce, good once, and a session |
//! | `POST /kbs/v0/attest` | a guest with its session | a token of the attestor's |
//! | `GET /kbs/v0/resource/{repository}/{type}/{tag}` | an attested guest | the resource, as JWE |
//! | `POST`, `DELETE` the same | administrator of the institution | the version |
//! | `GET /kbs/v0/resource-policy` | administrator | the institution's rules |

mod admin;
mod appraise;
pub mod config;
mod error;
mod guest;
mod nonce;
mod path;
mod release;
mod routes;
mod session;
mod store;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use autoclave_base::Secret;
use autoclave_cell::policy::PolicyBook;
use autoclave_cell::{BootError, Cell, Entropy};
use autoclave_ledger::{Event, Label};
use autoclave_seal::jwe::Jwe;
use autoclave_seal::kdf;
use rand::Rng as _;
use zeroize::Zeroizing;

use crate::Broker;
use crate::keep::{KeepError, Kept};
use crate::refusals::Refused;
use crate::revoke::Revoked;
use appraise::Attestation;
use config::KbsSettings;
use error::KbsRefusal;
use guest::Guest;
use nonce::NonceKey;
use path::ResourcePath;
use release::{Asked, Recorded};
use session::{Authed, SessionKey};
use store::Resources;
use wire::{Attest, Challenge, Request};

pub(crate) use appraise::CellAttestor;
pub(crate) use release::{REFUSED, RecordedRefusal};
pub(crate) use routes::routes;

/// What the ledger calls the operation.
const OPERATION: &str = "kbs";

/// The record that all replicas derive their session and nonce keys from.
const SECRET: &str = "kbs/secret";

/// An institution with its repositories and rules.
pub(crate) struct Institution {
    name: Label,
    repositories: Vec<String>,
    rules: String,
    book: PolicyBook,
}

/// A running service.
pub(crate) struct Kbs {
    broker: Arc<Broker>,
    settings: KbsSettings,
    institutions: Vec<Institution>,
    attestation: Arc<dyn Attestation>,
    kept: Kept,
    resources: Resources,
    sessions: SessionKey,
    nonces: NonceKey,
}

impl Kbs {
    /// Opens it: rules, and the secret that it shares with its replicas.
    pub(crate) async fn open(
        broker: Arc<Broker>,
        kept: Kept,
        attestation: Arc<dyn Attestation>,
        settings: KbsSettings,
    ) -> Result<Self, BootError> {
        settings.check().map_err(|error| BootError::role(error.code(), error))?;
        let institutions = settings.institutions.iter().map(Institution::open);
        let institutions = institutions.collect::<Result<Vec<_>, _>>()?;
        for institution in &institutions {
            institution.record(&broker.cell).await?;
        }
        let secret = shared_secret(&kept).await;
        let secret = secret.map_err(|error| BootError::role(error.code(), error))?;
        let sessions = SessionKey::new(kdf::derive(secret.expose(), "kbs session"));
        let nonces = NonceKey::new(kdf::derive(secret.expose(), "kbs nonce"));
        let resources = Resources::new(kept.clone());
        Ok(Self { broker, settings, institutions, attestation, kept, resources, sessions, nonces })
    }

    fn cell(&self) -> &Arc<Cell> {
        &self.broker.cell
    }

    /// A nonce, and the session that remembers what it is for: on the guest's side, sealed,
    /// so that asking costs the broker nothing.
    fn auth(&self, request: &Request) -> Result<(Challenge, String), KbsRefusal> {
        let (tee, hash) = request.check()?;
        let now = self.cell().now();
        let nonce = self.nonces.issue(&mut Entropy, now);
        let session = Authed { tee, hash, nonce: nonce.clone(), until: now.plus(nonce::SECONDS) };
        let cookie = self.sessions.authed(&session).ok_or(KbsRefusal::INTERNAL)?;
        Ok((Challenge::new(nonce, hash), cookie))
    }

    /// A token for evidence over the session's nonce, which is spent first, whatever comes.
    async fn attest(&self, cookie: Option<&str>, body: &Attest) -> Result<Attested, KbsRefusal> {
        let now = self.cell().now();
        let session = self.sessions.open_authed(cookie.ok_or(KbsRefusal::NO_SESSION)?, now)?;
        if body.runtime_data.nonce != session.nonce {
            return Err(KbsRefusal::NONCE);
        }
        let id = nonce::id(&session.nonce);
        let until = session.until;
        if !self.kept.take_once(OPERATION, &id, until, now).await.map_err(KbsRefusal::kept)? {
            return Err(KbsRefusal::NONCE_USED);
        }
        let key = body.runtime_data.key()?;
        let query = appraise::query(&session, body, &self.settings.audience)?;
        let token = self.attestation.appraise(query).await?;
        let guest = self.believe(&token).await?;
        if guest.nonce != session.nonce || guest.key != key {
            return Err(KbsRefusal::TOKEN.caused_by("kbs.token_of_another"));
        }
        let cookie = self.sessions.attested(&guest).ok_or(KbsRefusal::INTERNAL)?;
        let seconds = guest.until.since(now);
        Ok(Attested { token, cookie, seconds })
    }

    /// The guest of a token, if the attestor signed it for us.
    async fn believe(&self, token: &str) -> Result<Guest, KbsRefusal> {
        let trusted = self.attestation.trusted().await?;
        let wanted = guest::Wanted {
            trusted: &trusted,
            audience: &self.settings.audience,
            hardware_required: self.cell().trust().hardware_required(),
            nonces: &self.nonces,
        };
        Ok(guest::verify(token, &wanted, self.cell().now())?)
    }

    /// A resource for a guest: decided, recorded, wrapped; in this order.
    async fn resource(
        &self,
        guest: Guest,
        path: ResourcePath,
        version: Option<u32>,
    ) -> Result<Jwe, KbsRefusal> {
        let institution = self.institution_of(&path);
        let (found, revoked) = match institution {
            Some(Institution { name, .. }) => {
                let found = self.resources.find(name, &path, version).await;
                let revoked = self.broker.revocations.of(name).await;
                (found.map_err(KbsRefusal::kept)?, revoked.map_err(KbsRefusal::kept)?)
            }
            None => (None, Revoked::default()),
        };
        let asked = Asked::new(guest, path, version, self.cell().now());
        let decided = release::decide(asked, institution, found, &revoked);
        let recorded = release::record(decided, self.cell().ledger()).await;
        match recorded.map_err(|error| KbsRefusal::NOT_RECORDED.caused_by(error.code()))? {
            Recorded::Release(recorded) => {
                let wrapped = release::wrap(recorded, &self.resources, &mut Entropy).await;
                wrapped.map_err(|error| KbsRefusal::JWE.caused_by(error.code()))
            }
            Recorded::Refusal(recorded) => Err(self.refuse(&recorded)),
        }
    }

    fn institution_of(&self, path: &ResourcePath) -> Option<&Institution> {
        self.institutions
            .iter()
            .find(|it| it.repositories.iter().any(|own| own == path.repository()))
    }

    fn refuse(&self, recorded: &RecordedRefusal) -> KbsRefusal {
        let owner = self.institution_of(recorded.path()).map(|it| it.name.clone());
        let refused = Refused::of_guest(recorded, owner);
        if let Err(error) = self.broker.refusals.note(refused, self.cell().state()) {
            // The ledger has the refusal; what is lost at the next start is its wording.
            autoclave_cell::event!(WARN, "refusals.not_kept", reason = error.code());
        }
        KbsRefusal::POLICY
    }

    /// A refusal of somebody who is not attested: recorded, then told.
    async fn refuse_stranger(&self, refusal: KbsRefusal) -> KbsRefusal {
        if refusal.is_ours() {
            return refusal;
        }
        let code = refusal.cause().unwrap_or_else(|| refusal.code());
        match self.cell().tell_refusal(OPERATION, code).await {
            Ok(Some(line)) => {
                let stranger = Refused::of_stranger(line, code, self.cell().now());
                self.broker.refusals.note_stranger(stranger);
                refusal
            }
            Ok(None) => refusal,
            Err(error) => KbsRefusal::NOT_RECORDED.caused_by(error.code()),
        }
    }
}

/// What a guest gets for its evidence.
struct Attested {
    token: String,
    cookie: String,
    seconds: u64,
}

impl Institution {
    fn open(settings: &config::InstitutionSettings) -> Result<Self, BootError> {
        let book = PolicyBook::load(&settings.rules, config::SCHEMA);
        let book = book.map_err(|error| BootError::role(error.code(), error))?;
        let (name, repositories) = (settings.name.clone(), settings.repositories.clone());
        Ok(Self { name, repositories, rules: settings.rules.clone(), book })
    }

    /// The line first, then the memory of it, as with the rules for keys.
    async fn record(&self, cell: &Cell) -> Result<(), BootError> {
        let (place, to) = (format!("policy:kbs:{}", self.name), self.book.digest());
        let known = cell.state().get(&place);
        let from = known.and_then(|bytes| {
            std::str::from_utf8(bytes.expose()).ok().and_then(|it| it.parse().ok())
        });
        if from == Some(to) {
            return Ok(());
        }
        let name = Label::of_claim(&format!("kbs/{}", self.name));
        let line = cell.ledger().append(Event::PolicyChange { name, from, to }).await;
        line.map_err(|error| BootError::role(error.code(), error))?;
        cell.state().put(&place, to.to_string().as_bytes())?;
        Ok(())
    }
}

/// The one secret of all replicas: whoever comes first makes it.
async fn shared_secret(kept: &Kept) -> Result<Secret<[u8; 32]>, KeepError> {
    for _ in 0..2 {
        if let Some(opened) = kept.get(SECRET).await? {
            let bytes = <[u8; 32]>::try_from(opened.bytes.as_slice());
            return bytes.map(Secret::new).map_err(|_| KeepError::Damaged);
        }
        let mut fresh = Zeroizing::new([0; 32]);
        Entropy.fill_bytes(fresh.as_mut_slice());
        match kept.put(SECRET, None, fresh.as_slice()).await {
            Ok(_) => return Ok(Secret::new(*fresh)),
            Err(KeepError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(KeepError::Conflict)
}
