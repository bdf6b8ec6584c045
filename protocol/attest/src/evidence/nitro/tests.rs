//! Genuine documents where the folder with them lies beside the repository, and made-up ones
//! under a root of these tests.

mod cases;
mod corpus;
mod enclave;
