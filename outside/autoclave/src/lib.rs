//! The command line and what it is made of: deploying all parties on one machine, and the
//! commands of journeys such as the clerk's, the provider's and the auditor's. It belongs to
//! whoever runs it and is trusted by nobody else. It never sees a patient's data in another
//! way than its user's own.

pub mod certificate;
pub mod cli;
pub mod commands;
pub mod deploy;
pub mod failure;
pub mod files;
pub mod terminal;

pub use failure::{Failure, Outcome};
