//! `$validate`: what is wrong with a resource, in words that repeat none of it. The answer is
//! an `OperationOutcome` with status 200, whatever it says.

use std::sync::Arc;

use autoclave_fhir::Kind;
use autoclave_record::consent::Act;
use autoclave_validate::{Context, Finding, operation_outcome};
use futures::future::BoxFuture;
use http::StatusCode;

use super::asked::Asked;
use super::reach::Reach;
use super::reply;
use super::run::blocking;
use super::terminology::Vocabulary;
use crate::server::{Call, Called, Fault, FhirRequest, Operation, Place, Server};

/// The operation, by the tenant's own profiles and terminology as well.
pub(super) struct Validate(pub(super) Arc<Vocabulary>);

impl Operation for Validate {
    fn name(&self) -> &'static str {
        "validate"
    }

    fn places(&self) -> Vec<Place> {
        vec![Place::System, Place::AnyType, Place::AnyInstance]
    }

    fn changes(&self) -> bool {
        false
    }

    fn definition(&self) -> &'static str {
        "http://hl7.org/fhir/OperationDefinition/Resource-validate"
    }

    fn call<'a>(
        &'a self,
        server: &'a Server,
        call: Call<'a>,
    ) -> BoxFuture<'a, Result<Called, Fault>> {
        let (server, caller, request) = (server.clone(), call.caller.clone(), call.request.clone());
        let (granted, kind, id) = (call.granted, call.kind, call.id.map(str::to_owned));
        let vocabulary = Arc::clone(&self.0);
        Box::pin(blocking(move || {
            let known = vocabulary.of(server.store(), caller.tenant).map_err(Fault::from)?;
            let context = Context { profiles: &known.profiles, terminology: &known.terms };
            let mut reach = Reach::new(&server, &caller, granted, Act::Access)?;
            let findings = validate(&mut reach, &request, &context, (kind, id.as_deref()))?;
            let answer = reply::resource(StatusCode::OK, &operation_outcome(&findings));
            Ok(Called { answer, access: reach.access("validate", kind) })
        }))
    }
}

fn validate(
    reach: &mut Reach,
    request: &FhirRequest,
    context: &Context<'_>,
    (kind, id): (Option<Kind>, Option<&str>),
) -> Result<Vec<Finding>, Fault> {
    let asked = Asked::of(request)?;
    let profiles: Vec<&str> = asked.each("profile").collect();
    let mode = asked.text("mode");
    if let Some(given) = asked.resource("resource") {
        if kind.is_some_and(|kind| given.text_of("resourceType") != Some(kind.name())) {
            return Err(Fault::bad("validate.type", "The resource is of another type."));
        }
        return Ok(autoclave_validate::validate(given, &profiles, context));
    }
    let (Some(kind), Some(id)) = (kind, id) else {
        return Err(Fault::bad("validate.resource", "A resource is missing.").at("resource"));
    };
    let stored = reach.read(kind, id)?.ok_or_else(Fault::not_found)?;
    let document = stored.document.as_ref().ok_or_else(Fault::not_found)?;
    let node = document.node().map_err(|_| Fault::internal("a stored resource"))?;
    // Whatever it is, it may be deleted.
    Ok(if mode == Some("delete") {
        Vec::new()
    } else {
        autoclave_validate::validate(&node, &profiles, context)
    })
}
