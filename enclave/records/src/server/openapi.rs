//! What is served, as an `OpenAPI` 3.1 description, for tools that know no FHIR.

use autoclave_search::parameters;
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use serde_json::{Map, Value, json};

use super::Server;
use super::capability::{OWN_OPERATIONS, kinds};
use super::message::FhirResponse;
use super::operation::Place;

/// Answers `GET /openapi.json`.
pub(crate) fn answer(server: &Server, base: &str) -> FhirResponse {
    let body = serde_json::to_vec(&description(server, base)).unwrap_or_default();
    let mut answer = Response::new(Bytes::from(body));
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

fn description(server: &Server, base: &str) -> Value {
    let mut paths = Map::new();
    paths.insert(
        "/".to_owned(),
        json!({
            "get": search(&["_type", "_id", "_lastUpdated", "_count"]),
            "post": writing("Bundle", "A batch or a transaction."),
        }),
    );
    paths.insert("/metadata".to_owned(), json!({"get": reading("What is served.", &[])}));
    paths.insert("/_history".to_owned(), json!({"get": history(&[])}));
    for kind in kinds() {
        let name = kind.name();
        let codes: Vec<&str> = parameters(kind).map(|info| info.code).collect();
        paths.insert(
            format!("/{name}"),
            json!({
                "get": search(&codes),
                "post": writing(name, "Makes a resource."),
            }),
        );
        paths.insert(format!("/{name}/_history"), json!({"get": history(&[])}));
        paths.insert(
            format!("/{name}/{{id}}"),
            json!({
                "get": reading("Reads a resource.", &["id"]),
                "put": with_id(writing(name, "Puts a resource at its id.")),
                "patch": with_id(writing("Parameters", "Changes parts of a resource.")),
                "delete": deleting(&["id"]),
            }),
        );
        paths.insert(format!("/{name}/{{id}}/_history"), json!({"get": history(&["id"])}));
        paths.insert(
            format!("/{name}/{{id}}/_history/{{version}}"),
            json!({"get": reading("Reads a version.", &["id", "version"])}),
        );
    }
    operations(server, &mut paths);
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Autoclave records (FHIR R4)", "version": env!("CARGO_PKG_VERSION")},
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Resource": {
                    "type": "object",
                    "required": ["resourceType"],
                    "properties": {"resourceType": {"type": "string"}, "id": {"type": "string"}},
                },
                "OperationOutcome": {
                    "type": "object",
                    "required": ["resourceType", "issue"],
                    "properties": {
                        "resourceType": {"const": "OperationOutcome"},
                        "issue": {"type": "array", "minItems": 1},
                    },
                },
            },
        },
    })
}

fn operations(server: &Server, paths: &mut Map<String, Value>) {
    for (name, kind, _) in OWN_OPERATIONS {
        let kind = kind.unwrap_or("{type}");
        let path = format!("/{kind}/{{id}}/${name}");
        let names: &[&str] = if kind == "{type}" { &["type", "id"] } else { &["id"] };
        let method = if matches!(name, "meta-add" | "meta-delete") { "post" } else { "get" };
        paths.insert(path, json!({method: reading("An operation.", names)}));
    }
    for operation in server.operations() {
        let method = if operation.changes() { "post" } else { "get" };
        for place in operation.places() {
            let name = operation.name();
            let (path, names): (String, &[&str]) = match place {
                Place::System => (format!("/${name}"), &[]),
                Place::Type(kind) => (format!("/{kind}/${name}"), &[]),
                Place::Instance(kind) => (format!("/{kind}/{{id}}/${name}"), &["id"]),
                Place::AnyType => (format!("/{{type}}/${name}"), &["type"]),
                Place::AnyInstance => (format!("/{{type}}/{{id}}/${name}"), &["type", "id"]),
            };
            paths.insert(path, json!({method: reading("An operation.", names)}));
        }
    }
}

/// What was deleted is answered without a body.
fn deleting(names: &[&str]) -> Value {
    let mut deleting = reading("Deletes a resource.", names);
    deleting["responses"]["204"] = json!({"description": "Deleted, or never there."});
    deleting
}

fn responses() -> Value {
    let of = |schema: &str| {
        let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
        json!({"application/fhir+json": {"schema": schema}})
    };
    json!({
        "2XX": {"description": "As asked.", "content": of("Resource")},
        "304": {"description": "The client has this version."},
        "4XX": {"description": "Refused; the outcome says why.", "content": of("OperationOutcome")},
        "5XX": {"description": "Failed inside.", "content": of("OperationOutcome")},
    })
}

fn in_path(names: &[&str]) -> Vec<Value> {
    let each = names.iter().map(
        |name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}),
    );
    each.collect()
}

fn reading(summary: &str, names: &[&str]) -> Value {
    json!({"summary": summary, "parameters": in_path(names), "responses": responses()})
}

fn search(codes: &[&str]) -> Value {
    let each = codes.iter().map(|code| {
        json!({"name": code, "in": "query", "required": false, "schema": {"type": "string"}})
    });
    let parameters: Vec<Value> = each.collect();
    json!({"summary": "Searches.", "parameters": parameters, "responses": responses()})
}

fn history(names: &[&str]) -> Value {
    let mut parameters = in_path(names);
    for name in ["_since", "_at", "_count"] {
        parameters.push(
            json!({"name": name, "in": "query", "required": false, "schema": {"type": "string"}}),
        );
    }
    json!({"summary": "What was.", "parameters": parameters, "responses": responses()})
}

fn writing(kind: &str, summary: &str) -> Value {
    let schema = json!({
        "allOf": [{"$ref": "#/components/schemas/Resource"}],
        "properties": {"resourceType": {"const": kind}},
    });
    json!({
        "summary": summary,
        "requestBody": {
            "required": true,
            "content": {"application/fhir+json": {"schema": schema}},
        },
        "responses": responses(),
    })
}

fn with_id(mut operation: Value) -> Value {
    operation["parameters"] = Value::Array(in_path(&["id"]));
    operation
}
