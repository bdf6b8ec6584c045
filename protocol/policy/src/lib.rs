//! Permission by Cedar policy, for code and for people: a book of named rules, checked
//! against a schema when it is loaded, that answers each ask with the rules that granted it
//! or with the claims that stood in the way. It belongs to whoever administers the enclave. Nothing is permitted here that no rule
//! permits, and no refusal goes unexplained.
//!
//! ```
//! use autoclave_policy::{Ask, Decision, PolicyBook, Thing};
//!
//! let schema = "entity Staff = { role: String };
//!     entity Record;
//!     action read appliesTo { principal: Staff, resource: Record, context: { purpose: String } };";
//! let rules = r#"@id("clinicians-treat") permit(principal, action == Action::"read", resource)
//!     when { principal.role == "clinician" && context.purpose == "TREAT" };"#;
//! let book = PolicyBook::load(rules, schema)?;
//! let clerk = Thing::new("Staff", "17").with("role", "clerk");
//! let ask = Ask::new(clerk, "read", Thing::new("Record", "9")).in_context("purpose", "TREAT");
//! let Decision::Refused(why) = book.decide(&ask) else { panic!("clerks treat nobody") };
//! assert_eq!(why[0].rule, "clinicians-treat");
//! assert_eq!(why[0].claim, "principal.role");
//! assert_eq!((why[0].expected.as_str(), why[0].found.as_str()), ("clinician", "clerk"));
//! # Ok::<(), autoclave_policy::PolicyError>(())
//! ```

mod ask;
mod book;
mod check;
mod decision;
mod dry;
mod error;
mod evidence;
pub mod govern;
mod past;
mod path;
mod rule;
mod subject;
mod words;

#[cfg(test)]
mod tests;

pub use ask::{Ask, Thing};
pub use book::PolicyBook;
pub use decision::{Decision, Explanation, Granted};
pub use dry::{Change, DryRun, Summary, Verdict};
pub use error::PolicyError;
pub use evidence::{APPRAISE_RULES, appraise_ask, appraise_schema};
pub use past::{CLAIMS_KEPT_MAX, Decider, Decisions, LINES_KEPT_MAX, Past, Reason, Reference};
pub use subject::{PERSON_SCHEMA, WORKLOAD_SCHEMA, person, release_schema, workload};
