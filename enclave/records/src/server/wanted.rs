//! How a client wants to be answered: format, return preference, handling, conditions; from
//! headers and from the parameters that belong to every interaction. Pure.

use http::{HeaderMap, StatusCode, header};

use super::MEDIA_TYPE;
use super::fault::Fault;

/// Most parameters of one query.
const PAIRS_MAX: usize = 256;

/// What a write is answered with (`Prefer: return=`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Return {
    /// Nothing but headers.
    Minimal,
    /// The resource as stored.
    Representation,
    /// An `OperationOutcome`.
    Outcome,
}

/// How much of each resource is told (`_summary`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Summary {
    #[default]
    All,
    True,
    Text,
    Data,
    Count,
}

/// What holds for every answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// What was preferred; a single write gives the resource, a bundle nothing.
    pub(crate) give: Option<Return>,
    /// Unknown search parameters are named in the answer instead of refused.
    pub(crate) is_lenient: bool,
    pub(crate) pretty: bool,
    pub(crate) summary: Summary,
    /// Names of `_elements`; empty: all.
    pub(crate) elements: Vec<String>,
}

impl Wanted {
    /// Whether resources leave as they are stored, byte by byte.
    pub(crate) fn is_whole(&self) -> bool {
        !self.pretty
            && self.elements.is_empty()
            && matches!(self.summary, Summary::All | Summary::Count)
    }
}

/// Decoded pairs of a query or a form.
pub(crate) type Pairs = Vec<(String, String)>;

/// Reads `application/x-www-form-urlencoded`.
pub(crate) fn pairs(text: &str) -> Result<Pairs, Fault> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    if parts.clone().count() > PAIRS_MAX {
        let text = "The query has too many parameters.";
        return Err(Fault::bad("request.too_many_parameters", text));
    }
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Undoes percent-encoding, and `+` for a space.
pub(crate) fn decode(text: &str) -> Result<String, Fault> {
    let refused = || Fault::bad("request.encoding", "The query is not percent-encoded UTF-8.");
    if !text.contains(['%', '+']) {
        return Ok(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(bytes.next()), digit(bytes.next()));
                let (high, low) = high.zip(low).ok_or_else(refused)?;
                out.push(u8::try_from(high * 16 + low).map_err(|_| refused())?);
            }
            plain => out.push(plain),
        }
    }
    // A NUL in a text is never meant, and databases disagree about it.
    if out.contains(&0) {
        return Err(refused());
    }
    String::from_utf8(out).map_err(|_| refused())
}

/// Reads what holds for every answer; the pairs keep what belongs to a search.
pub(crate) fn wanted(headers: &HeaderMap, pairs: &[(String, String)]) -> Result<Wanted, Fault> {
    let mut wanted = Wanted::default();
    let mut format = None;
    for (name, value) in pairs {
        match name.as_str() {
            "_format" => format = Some(value.as_str()),
            "_pretty" => wanted.pretty = value == "true",
            "_summary" => wanted.summary = summary(value)?,
            "_elements" => {
                wanted.elements.extend(value.split(',').map(|one| one.trim().to_owned()));
            }
            _ => {}
        }
    }
    acceptable(headers, format)?;
    for value in headers.get_all("prefer") {
        prefer(value.to_str().unwrap_or_default(), &mut wanted);
    }
    Ok(wanted)
}

fn summary(value: &str) -> Result<Summary, Fault> {
    Ok(match value {
        "true" => Summary::True,
        "text" => Summary::Text,
        "data" => Summary::Data,
        "count" => Summary::Count,
        "false" => Summary::All,
        _ => {
            let text = "_summary is one of true, text, data, count and false.";
            return Err(Fault::bad("search.summary", text).at("_summary"));
        }
    })
}

fn prefer(value: &str, wanted: &mut Wanted) {
    for part in value.split([',', ';']).map(str::trim) {
        match part.to_ascii_lowercase().as_str() {
            "return=minimal" => wanted.give = Some(Return::Minimal),
            "return=representation" => wanted.give = Some(Return::Representation),
            "return=operationoutcome" => wanted.give = Some(Return::Outcome),
            "handling=lenient" => wanted.is_lenient = true,
            "handling=strict" => wanted.is_lenient = false,
            _ => {}
        }
    }
}

/// `_format` decides where it is given; otherwise one of the accepted types must be ours.
fn acceptable(headers: &HeaderMap, format: Option<&str>) -> Result<(), Fault> {
    let is_json = |media: &str| {
        let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        // A space where `+` was not encoded is what many clients send.
        matches!(
            media.as_str(),
            "json"
                | "application/json"
                | "application/fhir+json"
                | "application/fhir json"
                | "application/json+fhir"
                | "text/json"
        )
    };
    let is_any = |media: &str| {
        let media = media.split(';').next().unwrap_or_default().trim();
        matches!(media, "*/*" | "application/*" | "*")
    };
    let fits = if let Some(format) = format {
        is_json(format)
    } else {
        let mut all = headers.get_all(header::ACCEPT).iter().peekable();
        let is_ours = |media| is_json(media) || is_any(media);
        all.peek().is_none()
            || all.any(|accept| accept.to_str().unwrap_or_default().split(',').any(is_ours))
    };
    if fits {
        return Ok(());
    }
    let text = "Answers are application/fhir+json only.";
    Err(Fault::new(StatusCode::NOT_ACCEPTABLE, "not-supported", "request.format", text))
}

/// What kind of body a write sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// A resource.
    Resource,
    /// RFC 6902.
    JsonPatch,
    /// Parameters of a search, or of an operation.
    Form,
}

/// Reads `Content-Type`.
pub(crate) fn body_kind(headers: &HeaderMap) -> Result<BodyKind, Fault> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = value.unwrap_or(MEDIA_TYPE).split(';').next().unwrap_or_default().trim();
    match media.to_ascii_lowercase().as_str() {
        "application/fhir+json" | "application/json" | "application/json+fhir" => {
            Ok(BodyKind::Resource)
        }
        "application/json-patch+json" => Ok(BodyKind::JsonPatch),
        "application/x-www-form-urlencoded" => Ok(BodyKind::Form),
        _ => {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            let text = "Send application/fhir+json.";
            Err(Fault::new(status, "not-supported", "request.media_type", text))
        }
    }
}

/// The version in `If-Match` or `If-None-Match`, as in `W/"3"`; a bare `"3"` is taken too.
pub(crate) fn version_tag(text: &str) -> Option<u32> {
    let text = text.trim();
    let text = text.strip_prefix("W/").unwrap_or(text);
    text.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// The text of a header, where it stands once and is text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()));
        pairs.collect()
    }

    #[test]
    fn queries_are_decoded_once() {
        let read = pairs("name=J%C3%BCrgen+M&code=http%3A%2F%2Fx%7C1&flag&&a=b=c").unwrap();
        let expected = [("name", "Jürgen M"), ("code", "http://x|1"), ("flag", ""), ("a", "b=c")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "%=1"] {
            assert_eq!(pairs(bad).unwrap_err().status(), 400, "{bad}");
        }
    }

    #[test]
    fn formats_other_than_json_are_refused() {
        let with = |accept: &str, query: &str| {
            let headers = headers(&[("accept", accept)]);
            wanted(&headers, &pairs(query).unwrap()).map_err(|fault| fault.status().as_u16())
        };
        for (accept, query) in [
            ("application/fhir+json; fhirVersion=4.0", ""),
            ("text/html, */*;q=0.1", ""),
            ("application/fhir+xml", "_format=json"),
            ("application/fhir+xml", "_format=application/fhir+json"),
        ] {
            assert!(with(accept, query).is_ok(), "{accept} {query}");
        }
        for (accept, query) in [
            ("application/fhir+xml", ""),
            ("application/json", "_format=xml"),
            ("application/json", "_format=ttl"),
        ] {
            assert_eq!(with(accept, query), Err(406), "{accept} {query}");
        }
        assert!(wanted(&HeaderMap::new(), &[]).unwrap().is_whole());
    }

    #[test]
    fn preferences_and_subsets_are_read() {
        let headers = headers(&[("prefer", "return=minimal; handling=lenient")]);
        let pairs = pairs("_summary=text&_elements=id,%20name&_pretty=true").unwrap();
        let read = wanted(&headers, &pairs).unwrap();
        assert_eq!((read.give, read.is_lenient, read.pretty), (Some(Return::Minimal), true, true));
        assert_eq!((read.summary, read.elements.len()), (Summary::Text, 2));
        assert!(!read.is_whole());
        let wrong = [("_summary".to_owned(), "some".to_owned())];
        assert_eq!(wanted(&HeaderMap::new(), &wrong).unwrap_err().code(), "search.summary");
    }

    #[test]
    fn bodies_have_a_type_that_is_ours() {
        let of = |media: &str| body_kind(&headers(&[("content-type", media)]));
        assert_eq!(of("application/fhir+json;charset=utf-8").ok(), Some(BodyKind::Resource));
        assert_eq!(of("application/json-patch+json").ok(), Some(BodyKind::JsonPatch));
        assert_eq!(of("application/fhir+xml").unwrap_err().status(), 415);
        assert_eq!(of("text/plain").unwrap_err().status(), 415);
        assert_eq!(version_tag("W/\"3\""), Some(3));
        assert_eq!(version_tag("\"12\""), Some(12));
        assert_eq!(version_tag("W/3"), None);
    }
}
