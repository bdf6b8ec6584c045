//! The ports of a deployment on loopback.
//! They belong to the deployment.
//! Nothing here listens for longer than it takes to find a port.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::party::Party;
use crate::failure::{Failure, Outcome};

/// The edge's port unless somebody says otherwise.
pub const PORT_BASE: u16 = 7400;
/// The direct doors lie so many ports above the sealed ones.
const DIRECT_OFFSET: u16 = 10;
const PARTIES: usize = Party::ALL.len();

/// One port for each door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    sealed: [u16; PARTIES],
    direct: [u16; PARTIES],
}

impl Ports {
    /// Ports from `base` on: edge, attestor, broker, diagnosis, clinic, cache, Redis.
    pub fn from_base(base: u16) -> Outcome<Self> {
        let last = DIRECT_OFFSET + 6;
        if base == 0 || base.checked_add(last).is_none() {
            return Err(Failure::new("ports.range", format!("{base} leaves no room for ports")));
        }
        let at = |offset: u16| std::array::from_fn(|index| base + offset + offset_of(index));
        Ok(Self { sealed: at(0), direct: at(DIRECT_OFFSET) })
    }

    /// Ports that are free now, chosen by the system.
    pub fn free() -> Outcome<Self> {
        let mut held = Vec::new();
        let mut next = || {
            let listener =
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| none_free(&error))?;
            let port = listener.local_addr().map_err(|error| none_free(&error))?.port();
            held.push(listener);
            Ok::<_, Failure>(port)
        };
        let (mut sealed, mut direct) = ([0; PARTIES], [0; PARTIES]);
        for port in sealed.iter_mut().chain(&mut direct) {
            *port = next()?;
        }
        Ok(Self { sealed, direct })
    }

    /// The sealed door of a party, or where the edge listens.
    pub fn sealed(&self, party: Party) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.sealed[index_of(party)]).into()
    }

    /// The direct door of a party.
    pub fn direct(&self, party: Party) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.direct[index_of(party)]).into()
    }

    /// The ports of these parties that somebody else holds.
    pub fn taken(&self, parties: &[Party]) -> Vec<u16> {
        let both = |party: &Party| [self.sealed(*party).port(), self.direct(*party).port()];
        let all = parties.iter().flat_map(both);
        all.filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_err()).collect()
    }

    /// The lowest port: the edge's.
    pub fn base(&self) -> u16 {
        self.sealed[index_of(Party::Edge)]
    }
}

fn none_free(error: &std::io::Error) -> Failure {
    Failure::new("ports.none_free", format!("no free port on loopback: {error}"))
}

/// The edge has the base; the others follow in the order of the plan.
fn offset_of(index: usize) -> u16 {
    match Party::ALL[index] {
        Party::Edge => 0,
        Party::Attestor => 1,
        Party::Broker => 2,
        Party::Diagnosis => 3,
        Party::Clinic => 4,
        Party::Cache => 5,
        Party::Redis => 6,
    }
}

fn index_of(party: Party) -> usize {
    Party::ALL.iter().position(|one| *one == party).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_base_is_the_edges() {
        let ports = Ports::from_base(PORT_BASE).unwrap();
        let port = |party| ports.sealed(party).port();
        assert_eq!(Party::ALL.map(port), [7401, 7402, 7400, 7403, 7404, 7405, 7406]);
        assert_eq!(ports.direct(Party::Clinic).port(), 7414);
        assert_eq!(ports.base(), 7400);
    }

    #[test]
    fn a_base_without_room_is_refused() {
        for base in [0, u16::MAX, u16::MAX - 15] {
            assert_eq!(Ports::from_base(base).unwrap_err().code(), "ports.range");
        }
        assert!(Ports::from_base(u16::MAX - 16).is_ok());
    }

    #[test]
    fn free_ports_are_all_different() {
        let ports = Ports::free().unwrap();
        let all: BTreeSet<_> = ports.sealed.iter().chain(&ports.direct).collect();
        assert_eq!(all.len(), 2 * PARTIES);
    }

    #[test]
    fn a_taken_port_is_seen() {
        let ports = Ports::free().unwrap();
        let _held = TcpListener::bind(ports.sealed(Party::Clinic)).unwrap();
        let taken = ports.taken(&[Party::Edge, Party::Clinic]);
        assert!(taken.contains(&ports.sealed(Party::Clinic).port()));
        assert!(!ports.taken(&[Party::Edge]).contains(&ports.sealed(Party::Clinic).port()));
    }
}
