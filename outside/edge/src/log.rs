//! The access log: one line for each answer, written when its last byte left.
//! It belongs to whoever hosts the system.
//! A path, a query, a header's free text or an address never gets into it.

use std::sync::Arc;
use tokio::time::Instant;

use http::{HeaderMap, header};

use crate::body::Tally;

/// What is known of a request when its answer begins.
pub(crate) struct Line {
    pub(crate) route: &'static str,
    pub(crate) party: String,
    pub(crate) content_type: &'static str,
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) received: Option<Arc<Tally>>,
    pub(crate) sent: Arc<Tally>,
    pub(crate) begun: Instant,
}

impl Drop for Line {
    fn drop(&mut self) {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            route = self.route,
            party = self.party,
            content_type = self.content_type,
            status = self.status,
            code = self.code,
            bytes_in = self.received.as_ref().map_or(0, |tally| tally.bytes()),
            bytes_out = self.sent.bytes(),
            complete = self.sent.ended().is_none(),
            ms = millis,
            "answered"
        );
    }
}

/// The content type as the log may know it: one of ours, or that it is another.
pub(crate) fn known_content_type(headers: &HeaderMap) -> &'static str {
    const KNOWN: &[&str] = &[
        "message/ohttp-chunked-req",
        "message/ohttp-req",
        "application/json",
        "application/ohttp-keys",
    ];
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return "none" };
    KNOWN.iter().find(|known| value == **known).copied().unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_strange_content_type_is_not_repeated() {
        let mut headers = HeaderMap::new();
        assert_eq!(known_content_type(&headers), "none");
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/ada-lovelace"));
        assert_eq!(known_content_type(&headers), "other");
        let sealed = HeaderValue::from_static("message/ohttp-chunked-req");
        headers.insert(header::CONTENT_TYPE, sealed);
        assert_eq!(known_content_type(&headers), "message/ohttp-chunked-req");
    }
}
