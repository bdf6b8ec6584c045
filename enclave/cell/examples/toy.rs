//! The smallest enclave: a whole process in a few lines. It stands in the attestor's place,
//! which has nobody to ask for a token, so that it runs alone. It is for reading, and for
//! the tests of the process; it attests nobody.

use std::process::ExitCode;
use std::sync::Arc;

use autoclave_cell::{BootError, Cell, NoSettings, Routes, run};
use axum::Router;
use axum::routing::get;

fn main() -> ExitCode {
    run("attestor", build)
}

async fn build(cell: Arc<Cell>, NoSettings {}: NoSettings) -> Result<Routes, BootError> {
    let now = move || async move { cell.now().rfc3339() };
    Ok(Routes::plain(Router::new().route("/now", get(now)).route("/fail", get(fail))))
}

/// Fails in a way that must not reach the log.
async fn fail() -> &'static str {
    std::panic::panic_any("Jane Doe, born 1970".to_owned())
}
