//! SMART on FHIR (App Launch 2.2, Backend Services): which applications there are, and what
//! was granted to them. The hospital's. A code and an access token live in this process only
//! and by their digests, so that neither a copy of the disk nor of the memory's swap opens a
//! record with them; what lasts (refresh tokens, assertions that were used) is in the store.

pub(crate) mod assertion;
pub(crate) mod book;
pub(crate) mod form;
mod keys;
mod settings;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use autoclave_attest::jwk::Thumbprint;
use autoclave_base::ids::StaffId;
use autoclave_base::{Digest, UnixTime, b64};
use autoclave_record::{Purpose, Role, Scopes};
use rand::CryptoRng;

pub use settings::{ClientKind, ClientSettings, SettingsRefusal, SmartSettings};

use book::Book;
pub(crate) use settings::Client;

/// How long an access token counts: what it opens is decided anew after that.
pub(crate) const ACCESS_SECONDS: u64 = 300;
/// How long a code waits for its application (RFC 6749 recommends ten minutes at the most).
const CODE_SECONDS: u64 = 60;
/// How long a launch, or a person who signed in, may take to go on.
const PENDING_SECONDS: u64 = 600;
/// Tokens at one time: a request for one each second by two hundred applications.
const TOKENS_MAX: usize = 65_536;
/// Codes, launches and half-done sign-ins at one time.
const STEPS_MAX: usize = 4096;
/// Bytes of a token.
const TOKEN_BYTES: usize = 32;

/// For whom an application acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A member of staff who allowed it.
    Staff { id: StaffId, role: Role },
    /// Itself.
    Application,
}

/// What was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// `client_id`
    pub(crate) client: String,
    pub(crate) holder: Holder,
    pub(crate) scopes: Scopes,
    /// The patient whose record it is confined to.
    pub(crate) patient: Option<String>,
    pub(crate) purpose: Purpose,
}

/// An access token as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) grant: Arc<Grant>,
    /// The key that its holder proves with each request, where it is bound to one.
    pub(crate) jkt: Option<Thumbprint>,
    /// The line of refresh tokens that it comes from; revoked with it.
    pub(crate) family: Option<Digest>,
    pub(crate) issued_at: UnixTime,
    pub(crate) expires_at: UnixTime,
}

/// A code on its way through somebody's browser.
pub(crate) struct Code {
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: String,
    /// S256 of the verifier (RFC 7636).
    pub(crate) challenge: String,
}

/// What a person, having signed in, is asked to allow.
pub(crate) struct Pending {
    pub(crate) holder: Holder,
    /// The query of `GET /auth/authorize`, as it came.
    pub(crate) asked: String,
}

/// A launch from the record system: for whom, and about whom.
pub(crate) struct Launch {
    pub(crate) client: String,
    pub(crate) staff: StaffId,
    pub(crate) patient: Option<String>,
}

/// The applications, and what they hold.
pub(crate) struct Smart {
    base: Option<String>,
    clients: Vec<Client>,
    access: Mutex<Book<Access>>,
    codes: Mutex<Book<Code>>,
    pending: Mutex<Book<Pending>>,
    launches: Mutex<Book<Launch>>,
}

/// A secret that somebody is given: 256 random bits, kept as a digest.
pub(crate) struct Bearer(String);

impl Bearer {
    /// A new one.
    pub(crate) fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; TOKEN_BYTES];
        rng.fill_bytes(&mut bytes);
        Self(b64::encode(bytes))
    }

    /// The text, to give it away.
    pub(crate) fn into_text(self) -> String {
        self.0
    }

    /// What it is kept as.
    pub(crate) fn digest(&self) -> Digest {
        Self::digest_of(&self.0)
    }

    /// What such a text would be kept as.
    pub(crate) fn digest_of(text: &str) -> Digest {
        Digest::of_parts(&[b"clinic bearer v1", text.as_bytes()])
    }
}

impl Smart {
    /// As configured.
    pub(crate) fn new(settings: &SmartSettings) -> Result<Self, SettingsRefusal> {
        Ok(Self {
            base: settings.base.clone(),
            clients: settings.clients()?,
            access: Mutex::new(Book::new(TOKENS_MAX)),
            codes: Mutex::new(Book::new(STEPS_MAX)),
            pending: Mutex::new(Book::new(STEPS_MAX)),
            launches: Mutex::new(Book::new(STEPS_MAX)),
        })
    }

    /// Where applications reach the clinic; nothing where SMART is not configured.
    pub(crate) fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// A registered application.
    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    /// Access tokens.
    pub(crate) fn access(&self) -> MutexGuard<'_, Book<Access>> {
        held(&self.access)
    }

    /// Keeps a code for its minute.
    pub(crate) fn keep_code(&self, text: &Bearer, code: Code, now: UnixTime) -> bool {
        held(&self.codes).put(text.digest(), code, now.plus(CODE_SECONDS), now)
    }

    /// Uses a code up.
    pub(crate) fn take_code(&self, text: &str, now: UnixTime) -> Option<Code> {
        held(&self.codes).take(&Bearer::digest_of(text), now)
    }

    /// Keeps what somebody is about to allow.
    pub(crate) fn keep_pending(&self, text: &Bearer, pending: Pending, now: UnixTime) -> bool {
        held(&self.pending).put(text.digest(), pending, now.plus(PENDING_SECONDS), now)
    }

    /// Takes it up, once.
    pub(crate) fn take_pending(&self, text: &str, now: UnixTime) -> Option<Pending> {
        held(&self.pending).take(&Bearer::digest_of(text), now)
    }

    /// Keeps a launch.
    pub(crate) fn keep_launch(&self, text: &Bearer, launch: Launch, now: UnixTime) -> bool {
        held(&self.launches).put(text.digest(), launch, now.plus(PENDING_SECONDS), now)
    }

    /// Uses a launch up.
    pub(crate) fn take_launch(&self, text: &str, now: UnixTime) -> Option<Launch> {
        held(&self.launches).take(&Bearer::digest_of(text), now)
    }
}

/// Books are changed by single insertions and removals; a panic elsewhere leaves them whole.
fn held<T>(book: &Mutex<Book<T>>) -> MutexGuard<'_, Book<T>> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether `verifier` is what `challenge` was made of (RFC 7636, S256).
pub(crate) fn proves(verifier: &str, challenge: &str) -> bool {
    let fits = (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    fits && b64::encode(Digest::of(verifier).bytes()) == challenge
}
