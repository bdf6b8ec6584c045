//! What parties prove to each other: evidence, its appraisal, the token that says so,
//! the chain of tokens behind a request, and the receipt behind an answer. It belongs to
//! all parties, who judge by the same code. Nothing here reads a clock, draws randomness
//! of its own, does I/O, or trusts a key that came with the message it signs.

pub mod appraise;
pub mod book;
pub mod certificate;
pub mod chain;
pub mod claimrules;
pub mod corim;
pub mod dpop;
pub mod evidence;
pub mod handshake;
pub mod jwk;
pub mod jws;
pub mod nonce;
pub mod receipt;
pub mod release;
pub mod runtime;
pub mod token;

#[cfg(test)]
mod fixtures;

/// How far two honest clocks may differ (seconds): what lies further in the future is
/// not yet valid.
pub const CLOCK_SKEW_SECONDS: u64 = 30;

/// A random name for a token or proof: 16 bytes in base64url, 128 bits so that two never
/// meet.
pub(crate) fn random_id(rng: &mut (impl rand_core::CryptoRng + ?Sized)) -> String {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    autoclave_base::b64::encode(bytes)
}
