//! One count and one line for each request that a handler answered: method, template of
//! the route, status, time. Never a path, a query, a header or a length of clear data.

use std::sync::Arc;
use std::time::Instant;

use autoclave_base::LogSafe;
use autoclave_base::ids::RequestId;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::Cell;
use crate::event;

/// A route's template, as the program's text has it.
struct Template(Option<MatchedPath>);

impl Template {
    fn as_str(&self) -> &str {
        self.0.as_ref().map_or("unmatched", MatchedPath::as_str)
    }
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl LogSafe for Template {}

/// Middleware around the role's and the cell's routes.
pub(super) async fn observe(
    State(cell): State<Arc<Cell>>,
    matched: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let (started, route) = (Instant::now(), Template(matched));
    let (id, method) = (RequestId::random(&mut cell.rng()), request.method().clone());
    request.extensions_mut().insert(id);
    let response = next.run(request).await;
    let took = started.elapsed();
    cell.metrics().request(&method, route.as_str(), response.status(), took);
    let (status, micros) = (response.status().as_u16(), micros(took));
    event!(INFO, "request", id = id, route = route, status = status, micros = micros);
    response
}

fn micros(took: std::time::Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
