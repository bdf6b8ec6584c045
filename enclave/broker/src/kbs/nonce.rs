//! Nonces that tell by themselves that they are ours and when they were given out: a time,
//! random bytes, and a tag over both. The broker's. That each counts once is the store's
//! to say, for all replicas.

use autoclave_base::{Digest, Secret, UnixTime};
use autoclave_seal::kdf;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::CryptoRng;

/// How long a guest may take between nonce and evidence: Trustee's sessions last as long.
pub(crate) const SECONDS: u64 = 300;

/// Bytes of a time that stand in a nonce.
const TIME_BYTES: usize = 8;
/// Bytes that nobody can guess.
const RANDOM_BYTES: usize = 12;
/// Bytes of the tag.
const TAG_BYTES: usize = 12;
/// Bytes of a nonce, as the protocol wants.
const NONCE_BYTES: usize = TIME_BYTES + RANDOM_BYTES + TAG_BYTES;

/// What tags nonces; all replicas have the same.
pub(crate) struct NonceKey(Secret<[u8; 32]>);

impl NonceKey {
    pub(crate) const fn new(key: Secret<[u8; 32]>) -> Self {
        Self(key)
    }

    /// A new nonce in the protocol's form: standard base64.
    pub(crate) fn issue(&self, rng: &mut impl CryptoRng, now: UnixTime) -> String {
        let mut nonce = [0; NONCE_BYTES];
        let (front, tag) = nonce.split_at_mut(TIME_BYTES + RANDOM_BYTES);
        front[..TIME_BYTES].copy_from_slice(&now.seconds().to_be_bytes());
        rng.fill_bytes(&mut front[TIME_BYTES..]);
        tag.copy_from_slice(&self.tag(front));
        STANDARD.encode(nonce)
    }

    /// When we gave the nonce out, if we did.
    pub(crate) fn issued_at(&self, nonce: &str) -> Option<UnixTime> {
        let nonce: [u8; NONCE_BYTES] = STANDARD.decode(nonce).ok()?.try_into().ok()?;
        let (front, tag) = nonce.split_at(TIME_BYTES + RANDOM_BYTES);
        let tag = Secret::new(<[u8; TAG_BYTES]>::try_from(tag).ok()?);
        let time = front.first_chunk::<TIME_BYTES>()?;
        let ours = Secret::new(self.tag(front)).same_as(&tag);
        ours.then(|| UnixTime::from_seconds(u64::from_be_bytes(*time)))
    }

    /// The derivation is a pseudorandom function of its label.
    fn tag(&self, front: &[u8]) -> [u8; TAG_BYTES] {
        let tag = kdf::derive(self.0.expose(), &format!("nonce:{}", STANDARD.encode(front)));
        std::array::from_fn(|at| tag.expose()[at])
    }
}

/// Its name where it is noted that it was used.
pub(crate) fn id(nonce: &str) -> [u8; 32] {
    *Digest::of(nonce).bytes()
}

#[cfg(test)]
mod tests {
    use autoclave_cell::Entropy;

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

    #[test]
    fn a_nonce_says_when_it_was_given_out_and_an_altered_one_nothing() {
        let key = NonceKey::new(Secret::new([1; 32]));
        let nonce = key.issue(&mut Entropy, NOW);
        assert_eq!(key.issued_at(&nonce), Some(NOW));
        assert_eq!(STANDARD.decode(&nonce).unwrap().len(), 32);
        assert_ne!(key.issue(&mut Entropy, NOW), nonce);
        assert_eq!(NonceKey::new(Secret::new([2; 32])).issued_at(&nonce), None);
        let bytes = STANDARD.decode(&nonce).unwrap();
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert_eq!(key.issued_at(&STANDARD.encode(altered)), None, "{at}");
        }
        assert_eq!(key.issued_at("x"), None);
    }
}
