//! The health records that we speak: FHIR R4 as JSON under rules, what a clerk types at
//! intake, roles and purposes of use. It belongs to no party: the clinic files these
//! resources, portals and the command line read them. Nothing here stores, decides or
//! prints a record: what identifies a person stays in `Phi`.

pub mod build;
mod coding;
pub mod consent;
mod intake;
pub mod label;
pub mod matching;
mod moment;
mod purpose;
mod resource;
mod role;
mod rules;
mod scopes;
mod text;

pub use coding::{
    ENGINE_SYSTEM, IMAGE_DIGEST_EXTENSION, MODEL_SYSTEM, RECEIPT_EXTENSION, STAFF_SYSTEM,
    WORKLOAD_SYSTEM,
};
pub use intake::{Gender, INTAKE_BYTES_MAX, IntakeRefusal, PatientIdentifier, PatientIntake};
pub use purpose::{Purpose, PurposeUnknown};
pub use resource::{Resource, ResourceKind, ResourceKindUnknown};
pub use role::{Role, RoleUnknown};
pub use rules::ResourceRefusal;
pub use scopes::{Behalf, Interaction, Scope, ScopeRefusal, Scopes, Word};
