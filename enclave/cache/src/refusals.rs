//! What a refused caller is told. The cache's. Every refusal is counted, and the ledger
//! hears of those that the cell's budget has room for, so that nobody fills the disk.

use autoclave_cell::{Cell, Refusal};
use http::StatusCode;

/// There is no such value.
pub(crate) const MISSING: Refusal = Refusal::not_found("cache.missing", "There is no such value.");
/// The name is not 64 hexadecimal digits.
pub(crate) const NAME: Refusal =
    Refusal::bad_request("cache.name", "A value's name is 64 lower-case hexadecimal digits.");
/// The life is missing or too long.
pub(crate) const SECONDS: Refusal =
    Refusal::bad_request("cache.seconds", "A value lives for 1 to 86400 seconds.");
/// The query is not a known one.
pub(crate) const WISH: Refusal =
    Refusal::bad_request("cache.query", "The query of a reading is link=true or nothing.");
/// The value is too large.
pub(crate) const TOO_LARGE: Refusal =
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "cache.too_large", "A value has at most 4 MiB.");
/// Too many bodies at once.
pub(crate) const BUSY: Refusal =
    Refusal::unavailable("cache.busy", "Too many values at once; try again in a while.");

/// Counts a refusal of a chain and tells the ledger of it, within the cell's budget.
pub(crate) async fn note(cell: &Cell, refusal: Refusal) -> Refusal {
    cell.metrics().count("cache_refusals", label(&refusal));
    if !refusal.status().is_client_error() {
        return refusal;
    }
    let code = refusal.cause().unwrap_or_else(|| refusal.code());
    match cell.tell_refusal("cache", code).await {
        Ok(_) => refusal,
        Err(error) => error.into(),
    }
}

/// Constants only: a label is one of few.
fn label(refusal: &Refusal) -> &'static str {
    match refusal.code() {
        "chain.missing" => "missing",
        "chain.link_refused" => "link_refused",
        "chain.replayed" => "replayed",
        "chain.not_accepted" => "not_accepted",
        _ => "other",
    }
}
