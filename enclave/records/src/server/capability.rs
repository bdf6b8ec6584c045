//! What is served, as a `CapabilityStatement`: made from the same tables that serve it.

use std::borrow::Cow;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_search::parameters;
use http::StatusCode;

use super::Server;
use super::instant::instant;
use super::message::FhirResponse;
use super::operation::Place;
use super::reply;
use super::wanted::Wanted;

/// Types that are messages, and never stored.
const NOT_STORED: [&str; 3] = ["OperationOutcome", "Parameters", "SubscriptionStatus"];
/// What may be done with each type.
const INTERACTIONS: [&str; 9] = [
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
];
/// What may be done with the whole system.
const SYSTEM_INTERACTIONS: [&str; 4] = ["transaction", "batch", "search-system", "history-system"];
/// Operations that the server itself has: name, type, definition.
pub(crate) const OWN_OPERATIONS: [(&str, Option<&str>, &str); 4] = [
    ("everything", Some("Patient"), "http://hl7.org/fhir/OperationDefinition/Patient-everything"),
    ("meta", None, "http://hl7.org/fhir/OperationDefinition/Resource-meta"),
    ("meta-add", None, "http://hl7.org/fhir/OperationDefinition/Resource-meta-add"),
    ("meta-delete", None, "http://hl7.org/fhir/OperationDefinition/Resource-meta-delete"),
];
/// Profiles of US Core 6.1.0 are `us-core-…`; the server is of this statement.
const US_CORE: &str = "http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server";

/// The types that are served.
pub(crate) fn kinds() -> impl Iterator<Item = Kind> {
    Kind::all().filter(|kind| !NOT_STORED.contains(&kind.name()))
}

/// Answers `GET /metadata`.
pub(crate) fn answer(
    server: &Server,
    base: &str,
    pairs: &[(String, String)],
    wanted: &Wanted,
) -> FhirResponse {
    let mode = pairs.iter().find(|(name, _)| name == "mode").map(|(_, mode)| mode.as_str());
    let now = server.guard().now_ms();
    let node = match mode {
        Some("terminology") => terminology(base, now),
        _ => statement(server, base, now),
    };
    reply::json(StatusCode::OK, node.to_bytes(), wanted)
}

fn word(text: impl Into<Cow<'static, str>>) -> Node<'static> {
    Node::Text(text.into())
}

fn words(texts: &[&'static str]) -> Node<'static> {
    Node::List(texts.iter().map(|text| word(*text)).collect())
}

fn head(name: &'static str, base: &str, now: i64) -> Vec<(&'static str, Node<'static>)> {
    vec![
        ("resourceType", word(name)),
        ("status", word("active")),
        ("date", word(instant(now))),
        ("kind", word("instance")),
        (
            "software",
            Node::object([
                ("name", word("Autoclave")),
                ("version", word(env!("CARGO_PKG_VERSION"))),
            ]),
        ),
        (
            "implementation",
            Node::object([
                ("description", word("The clinic's records, sealed in an attested enclave.")),
                ("url", word(base.to_owned())),
            ]),
        ),
    ]
}

fn statement(server: &Server, base: &str, now: i64) -> Node<'static> {
    let mut members = head("CapabilityStatement", base, now);
    members.extend([
        ("instantiates", words(&[US_CORE])),
        ("fhirVersion", word("4.0.1")),
        ("format", words(&["json", "application/fhir+json"])),
        ("patchFormat", words(&["application/json-patch+json", "application/fhir+json"])),
        (
            "implementationGuide",
            words(&["http://hl7.org/fhir/us/core/ImplementationGuide/hl7.fhir.us.core"]),
        ),
    ]);
    let resources = kinds().map(|kind| resource(server, kind)).collect();
    let rest = Node::object([
        ("mode", word("server")),
        ("security", security(server)),
        ("resource", Node::List(resources)),
        ("interaction", coded(&SYSTEM_INTERACTIONS)),
        ("operation", operations(server, None)),
        ("compartment", words(&["http://hl7.org/fhir/CompartmentDefinition/patient"])),
    ]);
    members.push(("rest", Node::List(vec![without_empty(rest)])));
    Node::object(members)
}

fn resource(server: &Server, kind: Kind) -> Node<'static> {
    let all: Vec<_> = parameters(kind).collect();
    let parameters = all.iter().map(|info| {
        Node::object([
            ("name", word(info.code)),
            ("definition", word(info.url.clone())),
            ("type", word(info.kind.name())),
        ])
    });
    let references = all.iter().filter(|info| info.kind.name() == "reference");
    let mut includes = vec![word("*")];
    includes.extend(references.map(|info| word(format!("{kind}:{}", info.code))));
    let node = Node::object([
        ("type", word(kind.name())),
        ("profile", word(format!("http://hl7.org/fhir/StructureDefinition/{kind}"))),
        ("interaction", coded(&INTERACTIONS)),
        ("versioning", word("versioned-update")),
        ("readHistory", Node::Bool(true)),
        ("updateCreate", Node::Bool(true)),
        ("conditionalCreate", Node::Bool(true)),
        ("conditionalRead", word("full-support")),
        ("conditionalUpdate", Node::Bool(true)),
        ("conditionalDelete", word("single")),
        ("referencePolicy", words(&["literal", "logical"])),
        ("searchInclude", Node::List(includes)),
        ("searchRevInclude", Node::List(reverse(kind))),
        ("searchParam", Node::List(parameters.collect())),
        ("operation", operations(server, Some(kind))),
    ]);
    without_empty(node)
}

/// References of other types that US Core asks to come along.
fn reverse(kind: Kind) -> Vec<Node<'static>> {
    let has_target = parameters(Kind::known("Provenance")).any(|info| info.code == "target");
    let mut all = Vec::new();
    if has_target && kind.name() != "Provenance" {
        all.push(word("Provenance:target"));
    }
    all
}

fn coded(codes: &[&'static str]) -> Node<'static> {
    Node::List(codes.iter().map(|code| Node::object([("code", word(*code))])).collect())
}

fn operations(server: &Server, kind: Option<Kind>) -> Node<'static> {
    let one = |name: &'static str, definition: &'static str| {
        Node::object([("name", word(name)), ("definition", word(definition))])
    };
    let own = OWN_OPERATIONS.iter().filter(|(_, of, _)| match (of, kind) {
        (Some(of), Some(kind)) => *of == kind.name(),
        (None, Some(_)) => true,
        _ => false,
    });
    let mut all: Vec<_> = own.map(|(name, _, definition)| one(name, definition)).collect();
    for operation in server.operations() {
        let is_here = operation.places().iter().any(|place| match (place, kind) {
            (Place::System, None) | (Place::AnyType | Place::AnyInstance, Some(_)) => true,
            (Place::Type(of) | Place::Instance(of), Some(kind)) => *of == kind,
            _ => false,
        });
        if is_here {
            all.push(one(operation.name(), operation.definition()));
        }
    }
    Node::List(all)
}

fn security(server: &Server) -> Node<'static> {
    let coding = Node::object([
        ("system", word("http://terminology.hl7.org/CodeSystem/restful-security-service")),
        ("code", word("SMART-on-FHIR")),
    ]);
    let service = Node::object([("coding", Node::List(vec![coding]))]);
    let urls =
        server.settings().security.iter().map(|(name, url)| {
            Node::object([("url", word(*name)), ("valueUri", word(url.clone()))])
        });
    let extension = Node::object([
        ("url", word("http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris")),
        ("extension", Node::List(urls.collect())),
    ]);
    let mut members = vec![("cors", Node::Bool(false)), ("service", Node::List(vec![service]))];
    if !server.settings().security.is_empty() {
        members.insert(0, ("extension", Node::List(vec![extension])));
    }
    Node::object(members)
}

/// FHIR knows no empty lists.
fn without_empty(node: Node<'static>) -> Node<'static> {
    match node {
        Node::Object(members) => Node::Object(
            members
                .into_iter()
                .filter(|(_, value)| !matches!(value, Node::List(items) if items.is_empty()))
                .collect(),
        ),
        other => other,
    }
}

fn terminology(base: &str, now: i64) -> Node<'static> {
    let mut members = head("TerminologyCapabilities", base, now);
    members.extend([
        ("expansion", Node::object([("paging", Node::Bool(true))])),
        ("codeSearch", word("explicit")),
    ]);
    Node::object(members)
}
