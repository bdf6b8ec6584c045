//! Validation of resources against R4 and the profiles that are loaded, and terminology:
//! expand, look up, validate codes. It belongs to no party. A finding names the place and the
//! rule, never the value that breaks it.

mod check;
mod finding;
pub mod profile;
pub mod terminology;
mod validate;

pub use check::{check, is_id};
pub use finding::{CODE_SYSTEM, FINDINGS_MAX, Finding, IssueType, Severity, operation_outcome};
pub use profile::{Profile, ProfileRefusal, Profiles};
pub use terminology::Terminology;
pub use validate::{Context, validate};
