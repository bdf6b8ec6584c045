//! What all parties share: time as a number, digests, typed ids, canonical JSON, the
//! shape of an error, and the wrappers that keep secrets and health data unprintable.
//! It belongs to no party. Nothing here reads a clock, draws randomness of its own or
//! does I/O.

pub mod b64;
pub mod cbor;
mod digest;
pub mod guard;
mod hex;
pub mod ids;
pub mod jcs;
mod problem;
mod time;

pub use digest::{Digest, DigestError};
pub use guard::{LogSafe, Phi, Secret};
pub use hex::{HexBytes, HexError};
pub use problem::Problem;
pub use time::UnixTime;
