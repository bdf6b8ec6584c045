//! Sealed requests and answers: whole HTTP messages (binary HTTP, RFC 9292) inside chunked
//! Oblivious HTTP (RFC 9458 and draft-ietf-ohai-chunked-ohttp), streamed both ways in bounded
//! memory. Client and enclave share it; the edge sees the outer content type and a length.
//! No body ends cleanly here unless every byte of it was authenticated up to the final chunk.
//!
//! The client [`seal`]s a request and gets the bytes to post and a [`ResponseOpener`]; the
//! enclave [`open`]s them, asks [`crate::fresh`] whether they are new, and seals its answer
//! with the [`Responder`]. Randomness is the operating system's, because `ohttp` draws it
//! itself.

mod chunks;
mod client;
mod contents;
mod fields;
mod head;
mod lengths;
mod message;
mod pump;
mod refusal;
mod server;
mod source;
mod stream;

#[cfg(test)]
mod tests;

pub use client::{ResponseOpener, seal, seal_bytes};
pub use refusal::{OpenRefusal, SealRefusal};
pub use server::{Opened, RequestKey, Responder, open};
pub use stream::{Body, SealedStream};

/// The media type of `application/ohttp-keys`.
pub const KEYS_MEDIA_TYPE: &str = "application/ohttp-keys";
/// The media type of a sealed request.
pub const REQUEST_MEDIA_TYPE: &str = "message/ohttp-chunked-req";
/// The media type of a sealed answer.
pub const RESPONSE_MEDIA_TYPE: &str = "message/ohttp-chunked-res";

/// Plaintext in one chunk: what `ohttp` permits, so that a chunk is held whole in memory.
pub const CHUNK_BYTES_MAX: usize = 1 << 14;
/// The longest body: the 200 MB that large images take, and room for what wraps them.
pub const BODY_BYTES_MAX: u64 = 210_000_000;
/// Method, path, header fields and trailer fields together; a chain of four tokens, the
/// longest header that the project sends, takes about 12 KB.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Header fields in one message.
pub const FIELDS_MAX: usize = 128;
/// Zero bytes that a client may add behind its message to hide its length.
pub const PADDING_BYTES_MAX: usize = 1 << 20;
