//! What the edge says when it refuses: RFC 9457 problem documents with a stable code.
//! They belong to the edge.
//! They never repeat what the request said.

use autoclave_base::Problem as Document;
use http::{HeaderValue, Response, StatusCode, header};
use hyper::body::Bytes;

/// Why a request was not relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    RouteUnknown,
    PartyUnknown,
    TooManyRequests { retry_seconds: u64 },
    BodyTooLarge,
    BodyStalled,
    BodyBroken,
    UpstreamUnreachable,
    UpstreamSilent,
}

impl Problem {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::RouteUnknown => "edge.route_unknown",
            Self::PartyUnknown => "edge.party_unknown",
            Self::TooManyRequests { .. } => "edge.too_many_requests",
            Self::BodyTooLarge => "edge.body_too_large",
            Self::BodyStalled => "edge.body_stalled",
            Self::BodyBroken => "edge.body_broken",
            Self::UpstreamUnreachable => "edge.upstream_unreachable",
            Self::UpstreamSilent => "edge.upstream_silent",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::RouteUnknown | Self::PartyUnknown => StatusCode::NOT_FOUND,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyStalled => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::UpstreamUnreachable => StatusCode::BAD_GATEWAY,
            Self::UpstreamSilent => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::RouteUnknown => "The edge relays no such route.",
            Self::PartyUnknown => "The edge knows no such party.",
            Self::TooManyRequests { .. } => "Too many requests from this address; try again later.",
            Self::BodyTooLarge => "The body is larger than this route allows.",
            Self::BodyStalled => "The request's body stalled.",
            Self::BodyBroken => "The request's body broke off.",
            Self::UpstreamUnreachable => "The party cannot be reached.",
            Self::UpstreamSilent => "The party did not answer in time.",
        }
    }

    /// The answer; it closes the connection where an unread body may still come.
    pub(crate) fn answer(self) -> Response<Bytes> {
        let status = self.status();
        let text = Document::new(status.as_u16(), self.code(), self.title()).to_json();
        let mut response = Response::new(Bytes::from(text));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let json = HeaderValue::from_static(Document::MEDIA_TYPE);
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::TooManyRequests { retry_seconds } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_seconds));
            }
            Self::BodyTooLarge | Self::BodyStalled | Self::BodyBroken => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => (),
        }
        response
    }
}
