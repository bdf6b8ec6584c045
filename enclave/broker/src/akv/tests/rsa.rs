//! An RSA key pair of the tests', with the private operation that the broker lacks.

use aes_kw::{KeyInit as _, KwpAes256};
use autoclave_base::b64;
use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U2048};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384};

use crate::akv::rsa::{RsaKey, Wrapping};

pub(crate) struct Private;

/// Of the tests' alone; it opens nothing else.
pub(crate) const PRIVATE: Private = Private;

impl Private {
    /// Public and private members, as a client imports them.
    #[expect(clippy::unused_self, reason = "the one key that there is")]
    pub(crate) fn jwk(&self) -> Value {
        serde_json::from_str(include_str!("rsa.json")).unwrap()
    }

    fn member(&self, name: &str) -> Vec<u8> {
        b64::decode(self.jwk()[name].as_str().unwrap()).unwrap()
    }

    pub(crate) fn public(&self) -> RsaKey {
        RsaKey::new(Some("enc".to_owned()), self.member("n"), &self.member("e")).unwrap()
    }

    fn power(&self, number: &[u8]) -> Vec<u8> {
        let modulus = Odd::new(U2048::from_be_slice(&self.member("n"))).unwrap();
        let parameters = FixedMontyParams::new_vartime(modulus);
        let number = FixedMontyForm::new(&U2048::from_be_slice(number), &parameters);
        let power = number.pow(&U2048::from_be_slice(&self.member("d"))).retrieve();
        power.to_be_bytes().as_ref().to_vec()
    }

    /// What a recipient does with a released key.
    pub(crate) fn open(&self, wrapping: Wrapping, wrapped: &[u8]) -> Option<Vec<u8>> {
        let (key, rest) = wrapped.split_at_checked(256)?;
        let encoded = self.power(key);
        let key = match wrapping {
            Wrapping::Sha1 => unpadded::<Sha1>(encoded),
            Wrapping::Sha256 => unpadded::<Sha256>(encoded),
            Wrapping::Sha384 => unpadded::<Sha384>(encoded),
        }?;
        let key: [u8; 32] = key.try_into().ok()?;
        let mut room = vec![0; rest.len()];
        let secret = KwpAes256::new(&key.into()).unwrap_key(rest, &mut room).ok()?;
        Some(secret.to_vec())
    }
}

fn unpadded<H: Digest>(mut encoded: Vec<u8>) -> Option<Vec<u8>> {
    let hash = <H as Digest>::output_size();
    if encoded.remove(0) != 0 {
        return None;
    }
    let (seed, block) = encoded.split_at_mut(hash);
    masked::<H>(seed, block);
    masked::<H>(block, seed);
    let rest = block.strip_prefix(H::digest([]).as_slice())?;
    let at = rest.iter().position(|byte| *byte != 0)?;
    (rest[at] == 1).then(|| rest[at + 1..].to_vec())
}

fn masked<H: Digest>(bytes: &mut [u8], seed: &[u8]) {
    let size = <H as Digest>::output_size();
    for (counter, chunk) in (0_u32..).zip(bytes.chunks_mut(size)) {
        let mask = H::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize();
        chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
}
