//! Every bound of the shell, by name. The cell's. Nothing here grows with what a caller
//! sends.

use std::time::Duration;

use axum::extract::DefaultBodyLimit;

/// Largest clear body on a streaming route: an image of 200 MB, and a margin for the
/// multipart or JSON around it.
pub const BODY_BYTES_MAX: usize = 210_000_000;

/// Largest sealed body: the clear one, plus binary HTTP framing and 16 authentication
/// bytes for every chunk (under one percent at the chunk sizes that clients use).
pub const SEALED_BYTES_MAX: usize = BODY_BYTES_MAX + BODY_BYTES_MAX / 50;

/// Largest body on plain routes, and on every route that does not ask for more.
pub const JSON_BYTES_MAX: usize = 64 * 1024;

/// A body that ends within this many bytes is read to its end before a handler runs, so
/// that a handler which ignores its body cannot act on a truncated request.
pub const PREFETCH_BYTES: usize = 64 * 1024;

/// Largest answer that the cell takes from a peer: a mask and its receipt, generously.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Largest request head; hyper refuses more with 431. The longest chain fits.
pub const HEAD_BYTES_MAX: usize = 128 * 1024;

/// Open connections per door. Each holds at most a few buffers while it waits.
pub const CONNECTIONS_MAX: usize = 1024;

/// Time for a client to send a request head, or to ask again on a kept connection.
pub const HEAD_SECONDS_MAX: Duration = Duration::from_secs(15);

/// Longest silence inside a request body, and longest that a client may leave an answer
/// unread.
pub const STALL_SECONDS_MAX: Duration = Duration::from_secs(30);

/// Longest time for a whole request body: 200 MB at 2.8 Mbit/s.
pub const BODY_SECONDS_MAX: Duration = Duration::from_mins(10);

/// Time for a TLS handshake on the direct door.
pub const HANDSHAKE_SECONDS_MAX: Duration = Duration::from_secs(10);

/// Time that open requests get to finish after the signal to stop.
pub const DRAIN_SECONDS_MAX: Duration = Duration::from_secs(20);

/// Time for one whole exchange with a peer: inference on a slow machine included.
pub const EXCHANGE_SECONDS_MAX: Duration = Duration::from_mins(2);

/// Time to connect to a peer.
pub const CONNECT_SECONDS_MAX: Duration = Duration::from_secs(5);

/// How long a request waits for the cell's own token before it is refused.
pub const TOKEN_WAIT_SECONDS_MAX: Duration = Duration::from_secs(10);

/// First pause between attempts to renew the token; doubled each time.
pub const RENEW_PAUSE_MIN: Duration = Duration::from_millis(200);
/// Longest pause between attempts to renew the token.
pub const RENEW_PAUSE_MAX: Duration = Duration::from_secs(15);

/// How long a verified attestor (its keys, its manifest) is believed before it is asked
/// again: half of a token's life, so that a rotated key is known while both are published.
pub const ATTESTOR_SECONDS_MAX: u64 = 300;

/// Least time between two re-checks of the attestor that strangers' tokens can cause.
pub const ATTESTOR_SECONDS_MIN: u64 = 5;

/// Threads that ask the TEE for evidence at once. A TPM answers one after the other.
pub const QUOTES_AT_ONCE_MAX: usize = 4;

/// How long a question for evidence waits for its turn before it is refused: a TPM makes
/// some fifty quotes in a second.
pub const QUOTE_WAIT_SECONDS_MAX: Duration = Duration::from_secs(10);

/// Largest sealed state in clear: keys and settings, not records.
pub const STATE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Largest configuration file.
pub const CONFIG_BYTES_MAX: usize = 1024 * 1024;

/// For a route that takes large bodies: `route(…).layer(limits::streaming())`. Without
/// it a route takes [`JSON_BYTES_MAX`].
pub fn streaming() -> DefaultBodyLimit {
    DefaultBodyLimit::max(BODY_BYTES_MAX)
}
