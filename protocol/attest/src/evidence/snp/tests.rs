//! Reports of genuine processors where the folder with them lies beside the repository, and
//! of made-up ones for everything that AMD's never say.

mod cases;
mod corpus;
pub(in crate::evidence) mod der;
pub(in crate::evidence) mod machine;
mod roots;
mod sweep;
