//! Validation of resources against R4 and the profiles that are loaded, and terminology:
//! expand, look up, validate codes. It belongs to no party. A finding names the place and the
//! rule, never the value that breaks it.

mod check;
mod finding;
pub mod terminology;

pub use check::{FINDINGS_MAX, check, is_id};
pub use finding::{CODE_SYSTEM, Finding, IssueType, Severity, operation_outcome};
pub use terminology::Terminology;
