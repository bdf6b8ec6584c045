//! The key pairs that requests and released keys are sealed to. They belong to one enclave,
//! are made inside it at boot, and their public halves stand in its token. No private key
//! is ever written, exported or printed here.

mod list;
mod public;

#[cfg(test)]
mod tests;

use autoclave_base::Secret;
use hpke::{Kem as _, Serializable as _};
use ohttp::hpke::{Aead, Kdf};
use ohttp::{KeyConfig, SymmetricSuite};
use rand_core::CryptoRng;

pub use public::{KeyRefusal, PublicSealingKey};

use crate::Kem;

/// Best first: what a client that can do both will take.
const KEMS: [Kem; 2] = [Kem::XWing, Kem::X25519];
/// The highest key id; 0 stays unused, so that an id missing on the wire is noticed.
const KEY_ID_MAX: u8 = 254;

/// One enclave's sealing keys: the current X-Wing and X25519 pairs, and after a rotation
/// those before, which still open what was sealed to them until they are retired.
#[derive(Clone)]
pub struct SealingKeys {
    current: Vec<KeyPair>,
    previous: Vec<KeyPair>,
}

/// A pair for one mechanism. The seed is kept for [`crate::wrap`], because `ohttp` does not
/// give its private keys out.
#[derive(Clone)]
pub(crate) struct KeyPair {
    pub(crate) public: PublicSealingKey,
    pub(crate) config: KeyConfig,
    pub(crate) seed: Secret<[u8; 32]>,
}

impl SealingKeys {
    /// Makes the first keys: X-Wing with key id 1 and X25519 with key id 2. Each is derived
    /// from 32 bytes of `rng`, in this order, by HPKE's `DeriveKeyPair`.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self { current: key_pairs(rng, 1), previous: Vec::new() }
    }

    /// Makes new current keys under the next ids. Those that were current stay usable as
    /// the previous ones; those that were previous are gone.
    pub fn rotate(&mut self, rng: &mut impl CryptoRng) {
        let fresh = key_pairs(rng, self.next_id());
        self.previous = std::mem::replace(&mut self.current, fresh);
    }

    /// Forgets the keys from before the last rotation: what was sealed to them is refused
    /// with `seal.key_unknown` from now on.
    pub fn retire(&mut self) {
        self.previous.clear();
    }

    /// The public halves of the current keys, best first.
    pub fn public(&self) -> Vec<PublicSealingKey> {
        self.current.iter().map(|pair| pair.public.clone()).collect()
    }

    /// The current keys as `application/ohttp-keys` (RFC 9458, section 3).
    pub fn ohttp_keys(&self) -> Vec<u8> {
        list::encode(self.current.iter().map(|pair| &pair.public))
    }

    /// The pair of that id, current or previous.
    pub(crate) fn find(&self, key_id: u8) -> Option<&KeyPair> {
        self.current.iter().chain(&self.previous).find(|pair| pair.public.key_id() == key_id)
    }

    fn next_id(&self) -> u8 {
        let last = self.current.last().map_or(0, |pair| pair.public.key_id());
        if last >= KEY_ID_MAX { 1 } else { last + 1 }
    }
}

fn key_pairs(rng: &mut impl CryptoRng, first_id: u8) -> Vec<KeyPair> {
    KEMS.into_iter().zip(first_id..).map(|(kem, key_id)| key_pair(rng, key_id, kem)).collect()
}

#[expect(clippy::expect_used, reason = "the suite is a constant that `ohttp` supports")]
fn key_pair(rng: &mut impl CryptoRng, key_id: u8, kem: Kem) -> KeyPair {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let suite = SymmetricSuite::new(Kdf::HkdfSha256, Aead::Aes128Gcm);
    let config =
        KeyConfig::derive(key_id, kem.to_ohttp(), vec![suite], &seed).expect("a supported suite");
    let public = PublicSealingKey::from_parts(key_id, kem, &public_half(kem, &seed))
        .expect("a key that was just derived");
    KeyPair { public, config, seed: Secret::new(seed) }
}

fn public_half(kem: Kem, seed: &[u8]) -> Vec<u8> {
    match kem {
        Kem::XWing => hpke::kem::XWing::derive_keypair(seed).1.to_bytes().to_vec(),
        Kem::X25519 => hpke::kem::X25519HkdfSha256::derive_keypair(seed).1.to_bytes().to_vec(),
    }
}
