//! `fhir`: the clinic's FHIR server for ordinary clients: a token for them, one answer, or a
//! relay on loopback.
//! It belongs to whoever holds the client's key; in a demo that is its user.
//! Nothing is sent to a clinic that was not verified, and no token is written to a file.

mod grant;
mod link;
mod proxy;

use http::Method;

pub use link::Link;

use crate::cli::{Fhir, Get, Granted};
use crate::failure::{Failure, Outcome};
use crate::terminal::out;

/// Runs the command.
pub async fn run(command: Fhir) -> Outcome {
    match command {
        Fhir::Token(granted) => token(&granted).await,
        Fhir::Get(get) => show(&get).await,
        Fhir::Proxy(proxy) => proxy::run(proxy).await,
    }
}

async fn token(granted: &Granted) -> Outcome {
    let link = Link::open_with(&granted.connection, &granted.scope).await?;
    out(link.token().await?);
    Ok(())
}

async fn show(get: &Get) -> Outcome {
    let link = Link::open_with(&get.granted.connection, &get.granted.scope).await?;
    let path = get.path.trim_start_matches('/');
    let (status, body) = link.send(Method::GET, path, None).await?;
    out(String::from_utf8_lossy(&body));
    if (200..300).contains(&status) {
        return Ok(());
    }
    Err(Failure::new("fhir.refused", format!("the FHIR server answers {status}")))
}
