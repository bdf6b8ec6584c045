//! The cache's part of its measured configuration. The operator's. No secret stands in it,
//! and no field is unknown.

use autoclave_base::ids::WorkloadName;
use serde::Deserialize;

/// `callers`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The chains of workloads that may keep values here.
    pub callers: Vec<Vec<WorkloadName>>,
}
