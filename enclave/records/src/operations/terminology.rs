//! `$expand`, `$lookup`, `$validate-code` and `$subsumes`, over HL7's published codes and the
//! code systems and value sets that the hospital has stored. They are nobody's record.

mod stored;

use std::sync::Arc;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_validate::Terminology;
use autoclave_validate::terminology::{Asked as Code, Expand, TerminologyRefusal};
use futures::future::BoxFuture;
use http::StatusCode;

use super::asked::Asked;
use super::reply;
use super::run::{blocking, fault};
use crate::server::{
    Access, Action, Call, Called, Caller, Fault, FhirRequest, Operation, Place, Server,
};
pub(super) use stored::Vocabulary;

/// Which operation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Expand,
    Lookup,
    ValidateCode,
    Subsumes,
}

/// One of the operations.
pub(super) struct Terms {
    which: Which,
    vocabulary: Arc<Vocabulary>,
}

impl Terms {
    /// All of them.
    pub(super) fn all(vocabulary: &Arc<Vocabulary>) -> Vec<Arc<dyn Operation>> {
        [Which::Expand, Which::Lookup, Which::ValidateCode, Which::Subsumes]
            .into_iter()
            .map(|which| {
                let vocabulary = Arc::clone(vocabulary);
                Arc::new(Self { which, vocabulary }) as Arc<dyn Operation>
            })
            .collect()
    }
}

impl Operation for Terms {
    fn name(&self) -> &'static str {
        match self.which {
            Which::Expand => "expand",
            Which::Lookup => "lookup",
            Which::ValidateCode => "validate-code",
            Which::Subsumes => "subsumes",
        }
    }

    fn places(&self) -> Vec<Place> {
        let (set, system) = (Kind::known("ValueSet"), Kind::known("CodeSystem"));
        match self.which {
            Which::Expand => vec![Place::Type(set), Place::Instance(set)],
            Which::Lookup => vec![Place::Type(system)],
            Which::ValidateCode => vec![
                Place::Type(set),
                Place::Instance(set),
                Place::Type(system),
                Place::Instance(system),
            ],
            Which::Subsumes => vec![Place::Type(system), Place::Instance(system)],
        }
    }

    fn changes(&self) -> bool {
        false
    }

    fn definition(&self) -> &'static str {
        match self.which {
            Which::Expand => "http://hl7.org/fhir/OperationDefinition/ValueSet-expand",
            Which::Lookup => "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup",
            Which::ValidateCode => "http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code",
            Which::Subsumes => "http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes",
        }
    }

    fn call<'a>(
        &'a self,
        server: &'a Server,
        call: Call<'a>,
    ) -> BoxFuture<'a, Result<Called, Fault>> {
        let (which, vocabulary) = (self.which, Arc::clone(&self.vocabulary));
        let (server, caller, request) = (server.clone(), call.caller.clone(), call.request.clone());
        let (kind, id, rules) = (call.kind, call.id.map(str::to_owned), call.granted.rules);
        let name = self.name();
        Box::pin(blocking(move || {
            let known = vocabulary.of(server.store(), caller.tenant).map_err(fault)?;
            let own = id.map(|id| address(&server, &caller, kind, &id)).transpose()?;
            let now = crate::server::instant(server.guard().now_ms());
            let told = answer(which, &known.terms, &request, (kind, own), &now)?;
            let access = Access {
                action: Action::Operation(name),
                kind,
                subjects: Vec::new(),
                count: 0,
                granted: true,
                glass: false,
                rules,
            };
            Ok(Called { answer: reply::resource(StatusCode::OK, &told), access })
        }))
    }
}

/// The canonical address of a stored value set or code system.
fn address(
    server: &Server,
    caller: &Caller,
    kind: Option<Kind>,
    id: &str,
) -> Result<String, Fault> {
    let kind = kind.ok_or_else(Fault::not_found)?;
    let stored = server.store().read(caller.tenant, |view| view.get(kind, id)).map_err(fault)?;
    let document = stored.and_then(|stored| stored.document).ok_or_else(Fault::not_found)?;
    let node = document.node().map_err(|_| Fault::internal("a stored value set"))?;
    node.text_of("url").map(str::to_owned).ok_or_else(Fault::not_found)
}

fn answer(
    which: Which,
    terms: &Terminology,
    request: &FhirRequest,
    (kind, own): (Option<Kind>, Option<String>),
    now: &str,
) -> Result<Node<'static>, Fault> {
    let asked = Asked::of(request)?;
    let of_set = kind == Some(Kind::known("ValueSet"));
    let told = match which {
        Which::Expand => expand(terms, &asked, own.as_deref(), now)?,
        Which::Lookup => {
            let codes = codes(&asked, None);
            let code = codes.first().ok_or_else(|| missing("code"))?;
            let system = code.system.ok_or_else(|| missing("system"))?;
            terms.lookup(system, code.code)
        }
        Which::ValidateCode if of_set => {
            let url = own.as_deref().or_else(|| asked.text("url"));
            let codes = codes(&asked, None);
            if codes.is_empty() {
                return Err(missing("code"));
            }
            terms.validate_code(url.ok_or_else(|| missing("url"))?, &codes)
        }
        Which::ValidateCode => {
            let url = own.as_deref().or_else(|| asked.text("url"));
            let codes = codes(&asked, url);
            let code = codes.first().ok_or_else(|| missing("code"))?;
            terms.validate_in_system(code.system.ok_or_else(|| missing("url"))?, *code)
        }
        Which::Subsumes => {
            let system = own.as_deref().or_else(|| asked.text("system"));
            let code = |name| asked.text(name).ok_or_else(|| missing(name));
            terms.subsumes(system.ok_or_else(|| missing("system"))?, code("codeA")?, code("codeB")?)
        }
    };
    told.map_err(|error| refused(&error))
}

fn expand(
    terms: &Terminology,
    asked: &Asked<'_>,
    own: Option<&str>,
    now: &str,
) -> Result<Result<Node<'static>, TerminologyRefusal>, Fault> {
    let number = |name| -> Result<Option<usize>, Fault> {
        Ok(asked.number(name)?.and_then(|value| usize::try_from(value).ok()))
    };
    let how = Expand {
        filter: asked.text("filter"),
        offset: number("offset")?.unwrap_or(0),
        count: number("count")?,
        active_only: asked.flag("activeOnly"),
        now,
    };
    if let Some(url) = own.or_else(|| asked.text("url")) {
        return Ok(terms.expand(url, how));
    }
    let given = asked
        .resource("valueSet")
        .filter(|node| node.text_of("resourceType") == Some("ValueSet"))
        .ok_or_else(|| missing("url"))?;
    Ok(terms.expand_given(given, how))
}

/// The codes that are asked about: as `code`, as `coding`, or as `codeableConcept`.
fn codes<'a>(asked: &'a Asked<'_>, system: Option<&'a str>) -> Vec<Code<'a>> {
    if let Some(code) = asked.text("code") {
        let system = system.or_else(|| asked.text("system"));
        return vec![Code { system, code, display: asked.text("display") }];
    }
    let coding = asked.parameter("coding").and_then(|node| node.get("valueCoding"));
    let concept = asked.parameter("codeableConcept");
    let concept = concept.and_then(|node| node.at(&["valueCodeableConcept", "coding"]));
    let all = coding.map(std::slice::from_ref).or_else(|| concept.map(Node::items));
    let each = all.unwrap_or_default().iter().filter_map(|coding| {
        Some(Code {
            system: coding.text_of("system").or(system),
            code: coding.text_of("code")?,
            display: coding.text_of("display"),
        })
    });
    each.collect()
}

fn missing(name: &'static str) -> Fault {
    Fault::bad("operation.parameter_missing", "A parameter is missing.").at(name)
}

fn refused(refusal: &TerminologyRefusal) -> Fault {
    let (status, text) = match refusal {
        TerminologyRefusal::SetUnknown => {
            (StatusCode::NOT_FOUND, "No value set with this address is here.")
        }
        TerminologyRefusal::SystemUnknown => {
            (StatusCode::NOT_FOUND, "No code system with this address is here.")
        }
        TerminologyRefusal::CodeUnknown => {
            (StatusCode::NOT_FOUND, "The code system has no such code.")
        }
        TerminologyRefusal::Unlisted(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "It would need the codes of a system or value set that are not here.",
        ),
    };
    Fault::new(status, refusal.issue(), refusal.code(), text)
}
