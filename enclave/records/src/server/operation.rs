//! Operations that are not interactions: `$match`, `$export`, … Each is an [`Operation`] that
//! the server is given; it has asked for permission before it calls one.

use autoclave_fhir::Kind;
use futures::future::BoxFuture;

use super::caller::{Caller, Granted};
use super::fault::Fault;
use super::message::{FhirRequest, FhirResponse};
use super::{Server, caller::Access};
use crate::visible::Touched;

/// Where an operation is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `[base]/$name`
    System,
    /// `[base]/Type/$name`
    Type(Kind),
    /// `[base]/Type/id/$name`
    Instance(Kind),
    /// `[base]/Type/$name` of every type.
    AnyType,
    /// `[base]/Type/id/$name` of every type.
    AnyInstance,
}

/// A call that is permitted.
pub struct Call<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// The request as it came.
    pub request: &'a FhirRequest,
    /// What was granted.
    pub granted: Granted,
    /// Of which type.
    pub kind: Option<Kind>,
    /// Of which resource.
    pub id: Option<&'a str>,
    /// Parts of the path behind the name.
    pub rest: &'a [String],
}

/// What came of a call.
pub struct Called {
    /// The answer.
    pub answer: FhirResponse,
    /// What was touched, for the ledger line that the server writes before the answer leaves.
    pub access: Access,
}

/// An operation.
pub trait Operation: Send + Sync {
    /// Its name without the `$`.
    fn name(&self) -> &'static str;

    /// Where it may be called.
    fn places(&self) -> Vec<Place>;

    /// Whether it changes anything: such a one is not called with GET.
    fn changes(&self) -> bool;

    /// The canonical URL of its definition, for the `CapabilityStatement`.
    fn definition(&self) -> &'static str;

    /// Learns that somebody's change is committed; before its answer leaves. Quick.
    fn committed(&self, _caller: &Caller, _touched: &Touched) {}

    /// Does it.
    fn call<'a>(
        &'a self,
        server: &'a Server,
        call: Call<'a>,
    ) -> BoxFuture<'a, Result<Called, Fault>>;
}
