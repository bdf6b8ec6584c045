//! The clinic's cache outside its process: in Debian's Redis, and in an enclave. Both are
//! used, killed in the middle of work, and searched.

use super::{Ran, debian, emptied, example, skipped};
use crate::demo;
use crate::shell::has;

/// In a real Redis server.
pub(super) fn redis() -> Result<Ran, String> {
    if !has("redis-server", "--version") && !debian("redis-server") {
        return skipped("Redis is not installed and could not be (apt-get install redis-server)");
    }
    cached("redis")
}

/// In a cache enclave.
pub(super) fn attested() -> Result<Ran, String> {
    cached("attested")
}

fn cached(kind: &str) -> Result<Ran, String> {
    demo::build_for_suites()?;
    let folder = emptied(&format!("target/cached-{kind}"))?;
    example("cached", &[kind, &folder])
}
