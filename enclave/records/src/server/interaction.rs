//! What a request asks for: its interaction, from method and path. Pure. A path that FHIR
//! does not know is told apart from a method that the path does not take.

use autoclave_fhir::Kind;
use http::{HeaderValue, Method, StatusCode, header};

use super::fault::Fault;

/// Longest logical id (FHIR R4, `id`).
const ID_BYTES_MAX: usize = 64;

/// Over what a search or a history goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The whole system.
    System,
    /// All of a type.
    Type(Kind),
    /// One resource (history only).
    Instance(Kind, String),
    /// What belongs to a patient, of one type or of all.
    Compartment(String, Option<Kind>),
}

impl Over {
    /// The type, where it is one.
    pub(crate) const fn kind(&self) -> Option<Kind> {
        match self {
            Self::System => None,
            Self::Type(kind) | Self::Instance(kind, _) => Some(*kind),
            Self::Compartment(_, kind) => *kind,
        }
    }
}

/// One interaction of FHIR's REST API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Interaction {
    Capabilities,
    OpenApi,
    Read(Kind, String),
    Vread(Kind, String, u32),
    Create(Kind),
    Update(Kind, String),
    Patch(Kind, String),
    Delete(Kind, String),
    ConditionalUpdate(Kind),
    ConditionalPatch(Kind),
    ConditionalDelete(Kind),
    Search(Over),
    History(Over),
    Bundle,
    /// An operation by its name without `$`, and what stands behind it.
    Operation {
        name: String,
        kind: Option<Kind>,
        id: Option<String>,
        rest: Vec<String>,
    },
}

impl Interaction {
    /// Whether a lost answer may be asked for again without harm: nothing changes.
    pub(crate) const fn is_safe(&self) -> bool {
        matches!(
            self,
            Self::Capabilities
                | Self::OpenApi
                | Self::Read(..)
                | Self::Vread(..)
                | Self::Search(_)
                | Self::History(_)
        )
    }
}

/// Whether a text is a logical id.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

/// Reads method and path.
pub(crate) fn interaction(method: &Method, path: &[String]) -> Result<Interaction, Fault> {
    let parts: Vec<&str> =
        path.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    if let Some(at) = parts.iter().position(|part| part.starts_with('$')) {
        return operation(&parts, at);
    }
    match parts.as_slice() {
        [] => root(method),
        ["metadata"] => only(method, &Method::GET, Interaction::Capabilities),
        ["openapi.json"] => only(method, &Method::GET, Interaction::OpenApi),
        ["_history"] => only(method, &Method::GET, Interaction::History(Over::System)),
        ["_search"] => only(method, &Method::POST, Interaction::Search(Over::System)),
        [kind] => of_type(method, parse_kind(kind)?),
        [kind, "_search"] => {
            only(method, &Method::POST, Interaction::Search(Over::Type(parse_kind(kind)?)))
        }
        [kind, "_history"] => {
            only(method, &Method::GET, Interaction::History(Over::Type(parse_kind(kind)?)))
        }
        [kind, id] => of_instance(method, parse_kind(kind)?, id),
        [kind, id, rest @ ..] => below_instance(method, parse_kind(kind)?, id, rest),
    }
}

fn root(method: &Method) -> Result<Interaction, Fault> {
    match *method {
        Method::GET | Method::HEAD => Ok(Interaction::Search(Over::System)),
        Method::POST => Ok(Interaction::Bundle),
        _ => Err(not_allowed("GET, HEAD, POST")),
    }
}

fn of_type(method: &Method, kind: Kind) -> Result<Interaction, Fault> {
    match *method {
        Method::GET | Method::HEAD => Ok(Interaction::Search(Over::Type(kind))),
        Method::POST => Ok(Interaction::Create(kind)),
        Method::PUT => Ok(Interaction::ConditionalUpdate(kind)),
        Method::PATCH => Ok(Interaction::ConditionalPatch(kind)),
        Method::DELETE => Ok(Interaction::ConditionalDelete(kind)),
        _ => Err(not_allowed("GET, HEAD, POST, PUT, PATCH, DELETE")),
    }
}

fn of_instance(method: &Method, kind: Kind, id: &str) -> Result<Interaction, Fault> {
    let id = parse_id(method, id)?;
    match *method {
        Method::GET | Method::HEAD => Ok(Interaction::Read(kind, id)),
        Method::PUT => Ok(Interaction::Update(kind, id)),
        Method::PATCH => Ok(Interaction::Patch(kind, id)),
        Method::DELETE => Ok(Interaction::Delete(kind, id)),
        _ => Err(not_allowed("GET, HEAD, PUT, PATCH, DELETE")),
    }
}

fn below_instance(
    method: &Method,
    kind: Kind,
    id: &str,
    rest: &[&str],
) -> Result<Interaction, Fault> {
    let id = parse_id(method, id)?;
    match rest {
        ["_history"] => only(method, &Method::GET, Interaction::History(Over::Instance(kind, id))),
        ["_history", version] => {
            let version = version.parse().map_err(|_| Fault::not_found())?;
            only(method, &Method::GET, Interaction::Vread(kind, id, version))
        }
        [inner] if kind.name() == "Patient" => {
            let over = Over::Compartment(id, compartment_kind(inner)?);
            only(method, &Method::GET, Interaction::Search(over))
        }
        [inner, "_search"] if kind.name() == "Patient" => {
            let over = Over::Compartment(id, compartment_kind(inner)?);
            only(method, &Method::POST, Interaction::Search(over))
        }
        _ => Err(no_such_path()),
    }
}

fn compartment_kind(name: &str) -> Result<Option<Kind>, Fault> {
    if name == "*" { Ok(None) } else { parse_kind(name).map(Some) }
}

fn operation(parts: &[&str], at: usize) -> Result<Interaction, Fault> {
    let name = parts[at][1..].to_owned();
    let rest = parts[at + 1..].iter().map(|part| (*part).to_owned()).collect();
    let (kind, id) = match &parts[..at] {
        [] => (None, None),
        [kind] => (Some(parse_kind(kind)?), None),
        [kind, id] => (Some(parse_kind(kind)?), Some(parse_id(&Method::GET, id)?)),
        _ => return Err(no_such_path()),
    };
    Ok(Interaction::Operation { name, kind, id, rest })
}

/// GET stands for HEAD as well.
fn only(method: &Method, wanted: &Method, then: Interaction) -> Result<Interaction, Fault> {
    if method == wanted || (method == Method::HEAD && wanted == Method::GET) {
        return Ok(then);
    }
    Err(not_allowed(if wanted == Method::GET { "GET, HEAD" } else { "POST" }))
}

fn parse_kind(name: &str) -> Result<Kind, Fault> {
    name.parse().map_err(|_| {
        let status = StatusCode::NOT_FOUND;
        Fault::new(
            status,
            "not-supported",
            "request.type_unknown",
            "There is no such resource type in FHIR R4.",
        )
    })
}

fn parse_id(method: &Method, id: &str) -> Result<String, Fault> {
    if is_id(id) {
        Ok(id.to_owned())
    } else if *method == Method::PUT {
        Err(Fault::bad("request.id", "An id has 1 to 64 of A-Z a-z 0-9 - and dot."))
    } else {
        Err(Fault::not_found())
    }
}

fn no_such_path() -> Fault {
    let status = StatusCode::NOT_FOUND;
    Fault::new(status, "not-supported", "request.path_unknown", "There is no such path.")
}

fn not_allowed(allowed: &'static str) -> Fault {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let text = "This path does not take this method.";
    Fault::new(status, "not-supported", "request.method", text)
        .with_header(header::ALLOW, HeaderValue::from_static(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, path: &str) -> Result<Interaction, u16> {
        let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        interaction(&method.parse().unwrap(), &parts).map_err(|fault| fault.status().as_u16())
    }

    #[test]
    fn every_path_of_the_rest_api_is_understood() {
        let patient = Kind::known("Patient");
        let id = || "7".to_owned();
        for (method, path, expected) in [
            ("GET", "", Interaction::Search(Over::System)),
            ("POST", "", Interaction::Bundle),
            ("GET", "metadata", Interaction::Capabilities),
            ("GET", "Patient", Interaction::Search(Over::Type(patient))),
            ("POST", "Patient/_search", Interaction::Search(Over::Type(patient))),
            ("POST", "_search", Interaction::Search(Over::System)),
            ("POST", "Patient", Interaction::Create(patient)),
            ("PUT", "Patient", Interaction::ConditionalUpdate(patient)),
            ("GET", "Patient/7", Interaction::Read(patient, id())),
            ("HEAD", "Patient/7", Interaction::Read(patient, id())),
            ("GET", "Patient/7/_history", Interaction::History(Over::Instance(patient, id()))),
            ("GET", "Patient/7/_history/3", Interaction::Vread(patient, id(), 3)),
            ("GET", "Patient/7/*", Interaction::Search(Over::Compartment(id(), None))),
            (
                "GET",
                "Patient/7/Observation",
                Interaction::Search(Over::Compartment(id(), Some(Kind::known("Observation")))),
            ),
            ("PATCH", "Patient/7", Interaction::Patch(patient, id())),
        ] {
            assert_eq!(asked(method, path), Ok(expected), "{method} {path}");
        }
        let Ok(Interaction::Operation { name, kind, id, rest }) =
            asked("POST", "Patient/7/$everything/x")
        else {
            panic!("an operation");
        };
        assert_eq!((name.as_str(), kind, id.as_deref()), ("everything", Some(patient), Some("7")));
        assert_eq!(rest, ["x"]);
    }

    #[test]
    fn unknown_paths_methods_and_ids_are_told_apart() {
        for (method, path, status) in [
            ("GET", "patient", 404),
            ("GET", "Nobody/7", 404),
            ("DELETE", "", 405),
            ("POST", "Patient/7", 405),
            ("GET", "Patient/_search", 405),
            ("PUT", "Patient/a_b", 400),
            ("GET", "Patient/a'b", 404),
            ("GET", "Observation/7/Patient", 404),
            ("GET", "Patient/7/_history/x", 404),
        ] {
            assert_eq!(asked(method, path), Err(status), "{method} {path}");
        }
        assert!(!is_id(&"a".repeat(65)) && is_id(&"a".repeat(64)) && !is_id(""));
    }
}
