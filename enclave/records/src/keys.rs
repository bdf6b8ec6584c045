//! The keys of the records: one for the database's pages, one for terms of the index, and
//! below a root that is kept elsewhere one for each patient. The hospital's, lent by its
//! broker to attested code. Whoever destroys a patient's key destroys the patient's records,
//! in every copy of the database that there ever was.

mod root;
mod sealing;

pub use root::{MemoryRoots, RootError, RootKeeper};
pub(crate) use root::{Root, Roots};
pub use sealing::SealBroken;
pub(crate) use sealing::{DataKey, Place, RecordsKeys};
