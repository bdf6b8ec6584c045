//! The parties of a deployment, in the order in which they start.
//! The list belongs to the deployment.
//! The edge is the only one of them that is not measured.

use std::fmt;
use std::path::{Path, PathBuf};

/// A party that runs as a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// Verifies evidence and signs tokens.
    Attestor,
    /// Holds keys.
    Broker,
    /// Relays.
    Edge,
    /// Runs the model.
    Diagnosis,
    /// Keeps the records.
    Clinic,
}

impl Party {
    /// In the order of their start: each needs those before it.
    pub const STARTS: [Self; 5] =
        [Self::Attestor, Self::Broker, Self::Edge, Self::Diagnosis, Self::Clinic];

    /// In the order of their end: the front door closes first.
    pub const STOPS: [Self; 5] =
        [Self::Edge, Self::Clinic, Self::Diagnosis, Self::Broker, Self::Attestor];

    /// Those that run measured.
    pub const ENCLAVES: [Self; 4] = [Self::Attestor, Self::Broker, Self::Diagnosis, Self::Clinic];

    /// The name: of the workload, the folder and the edge's route.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attestor => "attestor",
            Self::Broker => "broker",
            Self::Edge => "edge",
            Self::Diagnosis => "diagnosis",
            Self::Clinic => "clinic",
        }
    }

    /// Whether it runs measured.
    pub fn is_enclave(self) -> bool {
        self != Self::Edge
    }

    /// Its binary in `folder`.
    pub fn binary(self, folder: &Path) -> PathBuf {
        folder.join(format!("autoclave-{}", self.name()))
    }
}

impl fmt::Display for Party {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
