//! Who asks, as rules see them: attested code with its verified claims, and people with
//! their role. The schema fragments here are what a role's own schema builds upon. No
//! claim gets in that was not verified, and no person's name.

use autoclave_attest::token::{DebugStatus, VerifiedToken};
use autoclave_base::ids::StaffId;

use super::ask::Thing;

/// The entity type `Workload`, as [`workload`] fills it.
pub const WORKLOAD_SCHEMA: &str = include_str!("schemas/workload.cedarschema");

/// The entity type `Staff`, as [`person`] fills it, and the type `Personal` for the context
/// of what people do.
pub const PERSON_SCHEMA: &str = include_str!("schemas/person.cedarschema");

/// The entity type `Key` and the action `release` of a broker.
const RELEASE_SCHEMA: &str = include_str!("schemas/release.cedarschema");

/// The whole schema of release rules. It is part of the program, since it says what the
/// program hands to the rules; the rules' digest covers it.
pub fn release_schema() -> String {
    [WORKLOAD_SCHEMA, RELEASE_SCHEMA].concat()
}

/// Attested code with the claims of its verified token.
pub fn workload(token: &VerifiedToken) -> Thing {
    let claims = token.claims();
    Thing::new("Workload", token.thumbprint())
        .with("workload", token.workload().as_str())
        .with("kind", claims.attestation_type.as_str())
        .with("hw_backed", claims.hw_backed)
        .with("debug", claims.dbgstat == DebugStatus::Enabled)
        .with("measurement", token.measurement().to_string())
        .with("svn", claims.submods.cpu0.evidence.claims().svn)
        .with("appraisal", token.policy().to_string())
}

/// A member of staff in a role (`clerk`, `clinician`, …). Who the person is stays outside
/// of policy: rules speak of roles, and of the purpose in the context.
pub fn person(id: StaffId, role: &str) -> Thing {
    Thing::new("Staff", id).with("role", role)
}
