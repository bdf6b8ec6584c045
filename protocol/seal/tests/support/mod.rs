//! What the tests and the generator of the vectors share: a second implementation of chunked
//! Oblivious HTTP, written from RFC 9458 and draft-ietf-ohai-chunked-ohttp on HPKE alone, in
//! which every random number is an argument. It never stands in for the crate's own code.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "it serves tests only")]

pub mod bhttp;
pub mod make;
pub mod ohttp;

use std::convert::Infallible;

use rand_core::{CryptoRng, TryCryptoRng, TryRng};

/// The operating system's randomness: no test depends on what it gives.
#[allow(clippy::disallowed_methods, reason = "tests have no caller to be given it by")]
pub fn rng() -> impl CryptoRng {
    rand::rng()
}

/// "Randomness" that was decided on before: gives these bytes, and panics behind them.
pub struct Given(Vec<u8>);

impl Given {
    pub fn new(parts: &[&[u8]]) -> Self {
        Self(parts.concat())
    }
}

impl TryRng for Given {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut word = [0; 4];
        self.try_fill_bytes(&mut word)?;
        Ok(u32::from_le_bytes(word))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut word = [0; 8];
        self.try_fill_bytes(&mut word)?;
        Ok(u64::from_le_bytes(word))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        to.copy_from_slice(&self.0[..to.len()]);
        self.0.drain(..to.len());
        Ok(())
    }
}

impl TryCryptoRng for Given {}

pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    use std::fmt::Write as _;
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub fn unhex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0);
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The bytes that a JSON member gives in hexadecimal.
pub fn bytes(value: &serde_json::Value) -> Vec<u8> {
    unhex(value.as_str().unwrap())
}

/// `0, 1, 2, …` from `first` on: recognisable, and never twice the same.
pub fn count<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|at| first.wrapping_add(u8::try_from(at % 256).unwrap()))
}
