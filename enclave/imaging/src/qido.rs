//! QIDO-RS: what a search asks for, which attributes match, and what is answered (PS3.18,
//! 8.3.4 and 10.6; matching as PS3.4, C.2.2.2). The hospital's. Matching is on opened
//! metadata; the sealed index only narrows down whose is opened.

mod answer;
mod matching;
mod query;

pub use answer::{Around, Entry, answer, attribute};
pub(crate) use matching::is_meant;
pub use matching::matches;
pub use query::{Key, Query, QueryRefusal};

#[cfg(test)]
mod tests;
