//! `Patient/id/$erase`: destroys a patient's key. What was sealed under it, here and in every
//! backup, does not open any more. It is asked for twice in one call (`confirm` repeats the
//! id), has its own action for the rules, and reports what went.

use autoclave_fhir::Kind;
use autoclave_record::consent::Act;
use futures::future::BoxFuture;
use http::StatusCode;

use super::asked::Asked;
use super::reach::Reach;
use super::reply::{self, number, parameter, parameters, word};
use super::run::{blocking, fault};
use crate::server::{Access, Action, Call, Called, Fault, Operation, Place, Server};
use crate::visible::Touched;

/// The operation.
pub(super) struct Erase;

impl Operation for Erase {
    fn name(&self) -> &'static str {
        "erase"
    }

    fn places(&self) -> Vec<Place> {
        vec![Place::Instance(Kind::known("Patient"))]
    }

    fn changes(&self) -> bool {
        true
    }

    fn definition(&self) -> &'static str {
        "https://autoclave.health/fhir/OperationDefinition/Patient-erase"
    }

    fn call<'a>(
        &'a self,
        server: &'a Server,
        call: Call<'a>,
    ) -> BoxFuture<'a, Result<Called, Fault>> {
        Box::pin(async move {
            let id = call.id.ok_or_else(Fault::not_found)?.to_owned();
            if call.caller.patient.is_some() {
                return Err(Fault::bad(
                    "erase.confined",
                    "Who is confined to a patient's record does not erase it.",
                ));
            }
            if Asked::of(call.request)?.text("confirm") != Some(&id) {
                return Err(Fault::unprocessable(
                    "erase.unconfirmed",
                    "Erasing is for ever: repeat the patient's id as `confirm`.",
                )
                .at("confirm"));
            }
            let (server, caller, granted) = (server.clone(), call.caller.clone(), call.granted);
            blocking(move || {
                let reach = Reach::new(&server, &caller, granted, Act::Access)?;
                erase(&reach, &id)
            })
            .await
        })
    }
}

fn erase(reach: &Reach, id: &str) -> Result<Called, Fault> {
    let (kind, store) = (Kind::known("Patient"), reach.server.store());
    let key = store.blind().reference(kind, id);
    // Whom the caller may not meet, the caller may still erase: the rules decided that.
    let known = store.read(reach.caller.tenant, |view| view.get(kind, id)).map_err(fault)?;
    known.ok_or_else(Fault::not_found)?;
    let erased = store.erase(reach.caller.tenant, id).map_err(fault)?;
    let mut touched = Touched::default();
    touched.note_patient(key);
    reach.server.consents().refresh(reach.caller.tenant, &touched).map_err(fault)?;
    let report = parameters(vec![
        parameter("erased", "valueBoolean", autoclave_fhir::json::Node::Bool(true)),
        parameter("resources", "valueInteger", number(&erased)),
        parameter(
            "scope",
            "valueString",
            word("record, history, index, exports in progress, and every backup"),
        ),
    ]);
    let access = Access {
        action: Action::Operation("erase"),
        kind: Some(kind),
        subjects: vec![key],
        count: erased,
        granted: true,
        glass: false,
        rules: reach.granted.rules.clone(),
    };
    Ok(Called { answer: reply::resource(StatusCode::OK, &report), access })
}
