//! Why a request of `DICOMweb` is not answered as asked: a status, our stable code and one
//! sentence, all from the source. What a client sent stands in none of them.

use autoclave_base::Problem;
use http::{HeaderValue, Response, StatusCode, header};

use crate::body::Body;

/// One refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The status.
    pub status: StatusCode,
    /// The stable code.
    pub code: &'static str,
    title: &'static str,
}

impl Fault {
    /// With these words.
    pub const fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { status, code, title }
    }

    /// 400: the request itself is wrong.
    pub const fn bad(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, title)
    }

    /// 404: there is no such thing, or none that the caller may know of.
    pub const NOT_FOUND: Self =
        Self::new(StatusCode::NOT_FOUND, "imaging.not_found", "There is no such image.");
    /// 403
    pub const FORBIDDEN: Self =
        Self::new(StatusCode::FORBIDDEN, "imaging.forbidden", "The rules do not permit this.");
    /// 406: none of the forms that the client takes.
    pub const NOT_ACCEPTABLE: Self = Self::new(
        StatusCode::NOT_ACCEPTABLE,
        "imaging.not_acceptable",
        "The image is not available in a form that the client takes.",
    );
    /// 413
    pub const TOO_LARGE: Self = Self::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "imaging.too_large",
        "An instance is too large, or there are too many.",
    );
    /// 503: too many at once.
    pub const BUSY: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "imaging.busy",
        "Too many images are on their way at once.",
    );

    /// 500, without a word on why; the cause is logged.
    pub fn internal(cause: &'static str) -> Self {
        tracing::error!(cause, "an image request failed inside");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The request failed inside.")
    }

    /// The answer that tells it.
    pub fn into_response(self) -> Response<Body> {
        let problem = Problem::new(self.status.as_u16(), self.code, self.title);
        let mut answer = Response::new(Body::Whole(problem.to_json().into()));
        *answer.status_mut() = self.status;
        let media_type = HeaderValue::from_static(Problem::MEDIA_TYPE);
        answer.headers_mut().insert(header::CONTENT_TYPE, media_type);
        answer
    }
}
