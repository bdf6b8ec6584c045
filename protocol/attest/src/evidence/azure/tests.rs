//! Evidence of genuine Azure VMs where the folder with it lies beside the repository, and
//! of made-up ones under root keys of these tests.

mod cases;
mod corpus;
mod machine;
mod tdx;
