//! What the clinic needs from outside itself: the time, its ledger, and somebody who
//! computes diagnoses. The cell fulfils it; tests do without one. No rule stands here.

use autoclave_attest::chain::Link;
use autoclave_attest::token::VerifiedToken;
use autoclave_base::UnixTime;
use autoclave_cell::{Machine, Refusal};
use autoclave_ledger::{Entry, Event, Hash};
use futures::future::BoxFuture;
use http::{Request, StatusCode};
use serde_json::Value;

/// An answer of the diagnosis enclave, opened.
pub struct PeerAnswer {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Vec<u8>,
}

/// A verified token, with what is needed to verify it again in years: the attestor's keys
/// of this hour, and its own evidence for them.
pub struct Vouched {
    /// The token.
    pub token: VerifiedToken,
    /// The attestor's keys, a JWKS.
    pub jwks: Value,
    /// The attestor's evidence, as `ReceiptBundle` holds it.
    pub attestor: Value,
    /// Whether the tokens of the chain verify as well, so that they can be kept beside.
    pub chain_holds: bool,
}

/// The clinic's ledger at one moment.
pub struct LedgerHead {
    /// Its name.
    pub origin: String,
    /// How many lines it has.
    pub size: u64,
    /// The root of its tree of that size.
    pub root: Hash,
}

/// The clinic's surroundings.
pub trait Outside: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> UnixTime;

    /// Now, in milliseconds since 1970.
    fn now_ms(&self) -> i64;

    /// The ledger as it is now.
    fn ledger(&self) -> LedgerHead;

    /// A line of the ledger, where there is one. Blocks.
    fn ledger_line(&self, index: u64) -> Option<Entry>;

    /// Threads that may block, for work that does.
    fn machine(&self) -> &Machine;

    /// Appends a line; when this returns, it is durable.
    fn append(&self, event: Event) -> BoxFuture<'_, Result<(), Refusal>>;

    /// Sends a request, sealed, to the diagnosis enclave with the clinic's own link behind the
    /// `earlier` ones. Nothing is sent before that enclave was verified.
    fn diagnose(
        &self,
        request: Request<Vec<u8>>,
        earlier: Vec<Link>,
    ) -> BoxFuture<'_, Result<PeerAnswer, Refusal>>;

    /// Verifies a token that the diagnosis enclave showed as its own, and looks at those that
    /// it showed as the chain's.
    fn diagnosis_token<'a>(
        &'a self,
        token: &'a str,
        chain: &'a [String],
    ) -> BoxFuture<'a, Result<Vouched, Refusal>>;
}
