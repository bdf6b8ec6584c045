//! Operations and consents, over a store and a server as the clinic has them.

mod bulk;
mod consent;
mod single;
mod told;
pub(crate) mod world;
