//! A root key that lies in a token of PKCS#11: made there, not extractable, used there. The
//! data owners'; the token's maker and its PIN stand between it and everybody else. Only
//! keys of records pass through, and the root key itself is nowhere in the enclave's memory.
//!
//! A wrapped key is version (one byte, 1), nonce (12 bytes), ciphertext and tag of
//! AES-256-GCM, made by the token.

#[cfg(test)]
mod tests;

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use autoclave_base::{Secret, b64};
use autoclave_cell::{Cell, Entropy};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11 as Module};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use rand::Rng as _;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Answer, KeepError, RootKey};
use crate::storage::Pkcs11Settings;

/// The first byte of what is wrapped.
const VERSION: u8 = 1;
/// Bytes of a nonce.
const NONCE_BYTES: usize = 12;
/// Bits of a tag.
const TAG_BITS: u64 = 128;
/// Bytes of a root key and of a record's key.
const KEY_BYTES: usize = 32;
/// What is authenticated beside a record's key.
const PURPOSE: &[u8] = b"autoclave broker root v1";
/// Bytes of a key's name in the token.
const ID_BYTES: usize = 16;
/// Where the state remembers which key it was, so that a lost one is noticed.
const REMEMBERED: &str = "root:pkcs11";
/// Longest PIN that is read.
const PIN_BYTES_MAX: usize = 256;

/// Why the token gives no root key.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The PIN's file cannot be read, or holds none.
    #[error("the file with the PIN cannot be read")]
    Pin,
    /// There is no token of that label.
    #[error("there is no such token")]
    NoToken,
    /// The key that sealed the records is not in the token any more.
    #[error("the token does not hold the root key")]
    NoKey,
    /// The key in the token may leave it, or may be read.
    #[error("the token's key is extractable")]
    Extractable,
    /// More than one key of that name.
    #[error("the token holds several keys of that name")]
    Ambiguous,
    /// The token or its module failed.
    #[error("the token does not answer")]
    Module(#[from] Error),
    /// Which key it is could not be remembered.
    #[error("the root key could not be remembered")]
    State(#[from] autoclave_cell::StateError),
    /// The thread that speaks to the token ended.
    #[error("the token was not asked")]
    Stopped,
}

impl TokenError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Pin => "root.pin",
            Self::NoToken => "root.no_token",
            Self::NoKey => "root.no_key",
            Self::Extractable => "root.extractable",
            Self::Ambiguous => "root.ambiguous",
            Self::Module(_) => "root.module",
            Self::State(error) => error.code(),
            Self::Stopped => "root.stopped",
        }
    }
}

/// The root key in a token.
pub struct Pkcs11 {
    cell: Arc<Cell>,
    token: Arc<Mutex<Token>>,
}

struct Token {
    session: Session,
    key: ObjectHandle,
}

impl Pkcs11 {
    /// Opens the token and finds the key, or makes it at the first start. Without an
    /// operator: the PIN lies in a file.
    pub async fn open(cell: Arc<Cell>, settings: Pkcs11Settings) -> Result<Self, TokenError> {
        let known = cell.state().get(REMEMBERED).map(|bytes| bytes.expose().clone());
        let opening = cell.machine().block_on(move || Token::open(&settings, known.as_deref()));
        let (token, id) = opening.await.map_err(|_| TokenError::Stopped)??;
        let text = b64::encode(id);
        if cell.state().get(REMEMBERED).is_none() {
            cell.state().put(REMEMBERED, text.as_bytes())?;
        }
        Ok(Self { cell, token: Arc::new(Mutex::new(token)) })
    }

    /// Asks the token on a thread that may block.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Token) -> Result<T, KeepError> + Send + 'static,
    ) -> Result<T, KeepError> {
        let token = self.token.clone();
        let asking = self.cell.machine().block_on(move || {
            // A panic elsewhere leaves a session as it is.
            work(&token.lock().unwrap_or_else(PoisonError::into_inner))
        });
        asking.await.map_err(|_| KeepError::Unavailable)?
    }
}

impl RootKey for Pkcs11 {
    fn wrap<'a>(&'a self, key: &'a Secret<[u8; 32]>) -> Answer<'a, Vec<u8>> {
        let key = key.clone();
        Box::pin(self.ask(move |token| token.wrap(&key)))
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8]) -> Answer<'a, Secret<[u8; 32]>> {
        let wrapped = wrapped.to_vec();
        Box::pin(self.ask(move |token| token.unwrap(&wrapped)))
    }
}

impl Token {
    fn open(
        settings: &Pkcs11Settings,
        known: Option<&[u8]>,
    ) -> Result<(Self, Vec<u8>), TokenError> {
        let module = Module::new(&settings.module)?;
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(error.into()),
        }
        let session = log_in(&module, settings)?;
        let label = Attribute::Label(settings.key.as_bytes().to_vec());
        let class = Attribute::Class(ObjectClass::SECRET_KEY);
        let found = session.find_objects(&[label, class])?;
        let key = match (found.as_slice(), known) {
            ([one], _) => *one,
            ([], None) => make(&session, &settings.key)?,
            ([], Some(_)) => return Err(TokenError::NoKey),
            _ => return Err(TokenError::Ambiguous),
        };
        let id = inspected(&session, key)?;
        if known.is_some_and(|known| known != b64::encode(&id).as_bytes()) {
            return Err(TokenError::NoKey);
        }
        Ok((Self { session, key }, id))
    }

    fn wrap(&self, key: &Secret<[u8; KEY_BYTES]>) -> Result<Vec<u8>, KeepError> {
        let mut nonce = [0; NONCE_BYTES];
        Entropy.fill_bytes(&mut nonce);
        let mut used = nonce;
        let parameters = GcmParams::new(&mut used, PURPOSE, TAG_BITS.into());
        let parameters = parameters.map_err(|_| KeepError::Unavailable)?;
        let sealed = self.session.encrypt(&Mechanism::AesGcm(parameters), self.key, key.expose());
        let sealed = sealed.map_err(|_| KeepError::Unavailable)?;
        Ok([&[VERSION][..], &nonce, &sealed].concat())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Secret<[u8; KEY_BYTES]>, KeepError> {
        let (version, rest) = wrapped.split_first().ok_or(KeepError::Damaged)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(KeepError::Damaged)?;
        if *version != VERSION {
            return Err(KeepError::Damaged);
        }
        let mut nonce = *nonce;
        let parameters = GcmParams::new(&mut nonce, PURPOSE, TAG_BITS.into());
        let parameters = parameters.map_err(|_| KeepError::Unavailable)?;
        let opened = self.session.decrypt(&Mechanism::AesGcm(parameters), self.key, sealed);
        // What the token refuses to open was altered; a token that is gone says other things,
        // and either way there is no key.
        let opened = Zeroizing::new(opened.map_err(|error| why(&error))?);
        let key = <[u8; KEY_BYTES]>::try_from(opened.as_slice());
        key.map(Secret::new).map_err(|_| KeepError::Damaged)
    }
}

/// Whether what was asked for is wrong, or the token is not there.
fn why(error: &Error) -> KeepError {
    let wrong = [RvError::EncryptedDataInvalid, RvError::EncryptedDataLenRange];
    match error {
        Error::Pkcs11(code, _) if wrong.contains(code) || *code == RvError::GeneralError => {
            KeepError::Damaged
        }
        _ => KeepError::Unavailable,
    }
}

fn log_in(module: &Module, settings: &Pkcs11Settings) -> Result<Session, TokenError> {
    let slots = module.get_slots_with_initialized_token()?;
    let labelled = |slot: &cryptoki::slot::Slot| {
        module.get_token_info(*slot).is_ok_and(|info| info.label() == settings.token)
    };
    let slot = slots.into_iter().find(labelled).ok_or(TokenError::NoToken)?;
    let session = module.open_rw_session(slot)?;
    let mut text = fs::read_to_string(&settings.pin_file).map_err(|_| TokenError::Pin)?;
    let pin = AuthPin::from(text.trim_end());
    let empty = text.trim_end().is_empty() || text.len() > PIN_BYTES_MAX;
    text.zeroize();
    if empty {
        return Err(TokenError::Pin);
    }
    match session.login(UserType::User, Some(&pin)) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
        Err(error) => Err(error.into()),
    }
}

fn make(session: &Session, label: &str) -> Result<ObjectHandle, TokenError> {
    let mut id = vec![0; ID_BYTES];
    Entropy.fill_bytes(&mut id);
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::ValueLen(cryptoki::types::Ulong::from(KEY_BYTES as u64)),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(id),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Modifiable(false),
        Attribute::Copyable(false),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
    ];
    Ok(session.generate_key(&Mechanism::AesKeyGen, &template)?)
}

/// The key's id, if the token has always kept it to itself.
fn inspected(session: &Session, key: ObjectHandle) -> Result<Vec<u8>, TokenError> {
    let wanted = [
        AttributeType::Id,
        AttributeType::Sensitive,
        AttributeType::AlwaysSensitive,
        AttributeType::Extractable,
        AttributeType::NeverExtractable,
        AttributeType::Local,
    ];
    let (mut id, mut kept) = (Vec::new(), 0);
    for attribute in session.get_attributes(key, &wanted)? {
        match attribute {
            Attribute::Id(found) => id = found,
            Attribute::Sensitive(true)
            | Attribute::AlwaysSensitive(true)
            | Attribute::Extractable(false)
            | Attribute::NeverExtractable(true)
            | Attribute::Local(true) => kept += 1,
            _ => {}
        }
    }
    if kept == wanted.len() - 1 { Ok(id) } else { Err(TokenError::Extractable) }
}
