//! The parties of a deployment, in the order in which they start.
//! The list belongs to the deployment.
//! The edge is the only one of them that is not measured.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where Debian's package puts it.
const REDIS: &str = "/usr/bin/redis-server";

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
    /// Keeps copies for the clinic, measured; where the deployment has one.
    Cache,
    /// Keeps copies for the clinic, and is Debian's; where the deployment has one.
    Redis,
}

/// Where the clinic keeps its copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum CacheKind {
    /// In the clinic's own process.
    #[default]
    InProcess,
    /// In a Redis server of Debian's.
    Redis,
    /// In a cache enclave.
    Attested,
}

impl CacheKind {
    /// The party that a deployment has for it.
    pub const fn party(self) -> Option<Party> {
        match self {
            Self::InProcess => None,
            Self::Redis => Some(Party::Redis),
            Self::Attested => Some(Party::Cache),
        }
    }
}

impl Party {
    /// All that there can be; their places among the ports.
    pub const ALL: [Self; 7] = [
        Self::Attestor,
        Self::Broker,
        Self::Edge,
        Self::Diagnosis,
        Self::Clinic,
        Self::Cache,
        Self::Redis,
    ];

    /// Those of every deployment, in the order of their start: each needs those before it.
    pub const STARTS: [Self; 5] =
        [Self::Attestor, Self::Broker, Self::Edge, Self::Diagnosis, Self::Clinic];

    /// In the order of their end: the front door closes first.
    pub const STOPS: [Self; 7] = [
        Self::Edge,
        Self::Clinic,
        Self::Cache,
        Self::Redis,
        Self::Diagnosis,
        Self::Broker,
        Self::Attestor,
    ];

    /// Those of every deployment that run measured.
    pub const ENCLAVES: [Self; 4] = [Self::Attestor, Self::Broker, Self::Diagnosis, Self::Clinic];

    /// Those of a deployment with such a cache, in the order of their start: the cache before
    /// whoever uses it.
    pub fn starts(cache: CacheKind) -> Vec<Self> {
        let before = |party: &Self| *party == Self::Clinic;
        let with = |party| cache.party().filter(|_| before(&party)).into_iter().chain([party]);
        Self::STARTS.into_iter().flat_map(with).collect()
    }

    /// Those of them that run measured.
    pub fn enclaves(cache: CacheKind) -> Vec<Self> {
        Self::starts(cache).into_iter().filter(|party| party.is_enclave()).collect()
    }

    /// The name: of the workload, the folder and the edge's route.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attestor => "attestor",
            Self::Broker => "broker",
            Self::Edge => "edge",
            Self::Diagnosis => "diagnosis",
            Self::Clinic => "clinic",
            Self::Cache => "cache",
            Self::Redis => "redis",
        }
    }

    /// Whether it runs measured.
    pub fn is_enclave(self) -> bool {
        !matches!(self, Self::Edge | Self::Redis)
    }

    /// Its binary: in `folder`, or the system's.
    pub fn binary(self, folder: &Path) -> PathBuf {
        if self == Self::Redis {
            return REDIS.into();
        }
        folder.join(format!("autoclave-{}", self.name()))
    }
}

impl fmt::Display for Party {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_starts_before_the_clinic_and_only_one_kind_is_measured() {
        assert_eq!(Party::starts(CacheKind::InProcess), Party::STARTS);
        assert_eq!(Party::enclaves(CacheKind::InProcess), Party::ENCLAVES);
        for (kind, party) in [(CacheKind::Redis, Party::Redis), (CacheKind::Attested, Party::Cache)]
        {
            let starts = Party::starts(kind);
            assert_eq!((starts.len(), &starts[4..]), (6, &[party, Party::Clinic][..]));
            assert_eq!(Party::enclaves(kind).contains(&party), kind == CacheKind::Attested);
        }
    }
}
