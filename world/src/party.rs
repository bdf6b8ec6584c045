//! Who takes part, and where they are reached on the made-up network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A party that has a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    /// Appraises evidence.
    Attestor,
    /// Keeps keys.
    Broker,
    /// Runs the model.
    Diagnosis,
    /// Keeps records.
    Clinic,
    /// Relays, and is trusted by nobody.
    Edge,
}

impl Party {
    /// All of them, in the order in which they start.
    pub(crate) const ALL: [Self; 5] =
        [Self::Attestor, Self::Broker, Self::Diagnosis, Self::Clinic, Self::Edge];
    /// Those with a ledger.
    pub(crate) const ENCLAVES: [Self; 4] =
        [Self::Attestor, Self::Broker, Self::Diagnosis, Self::Clinic];

    /// Its name, in routes and on manifests.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Attestor => "attestor",
            Self::Broker => "broker",
            Self::Diagnosis => "diagnosis",
            Self::Clinic => "clinic",
            Self::Edge => "edge",
        }
    }

    /// Its place among all.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// Where it listens.
    pub(crate) fn address(self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, self as u8 + 1)), 7000)
    }

    /// Where it is asked.
    pub(crate) fn url(self) -> String {
        format!("http://{}", self.address())
    }
}

/// Who holds one end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// A party.
    Party(Party),
    /// A client.
    Client(u8),
    /// Somebody who stands between, with bytes that he saw.
    Attacker,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Party(party) => f.write_str(party.name()),
            Self::Client(number) => write!(f, "client-{number}"),
            Self::Attacker => f.write_str("attacker"),
        }
    }
}
