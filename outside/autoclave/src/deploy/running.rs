//! What runs now, written down for `doctor`.
//! It belongs to the deployment and goes when the deployment ends.
//! No secret stands in it.

use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

/// A running deployment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunningState {
    /// The process that started it.
    pub pid: u32,
    /// The edge's address.
    pub address: String,
    /// Its parties.
    pub parties: Vec<RunningParty>,
}

/// A running party.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunningParty {
    /// Its name.
    pub name: String,
    /// Its process.
    pub pid: u32,
    /// Where its plain routes are.
    pub address: String,
    /// Where it says whether it is ready.
    pub ready_path: String,
}

impl RunningState {
    /// Whether the process that started it still runs.
    pub fn is_alive(&self) -> bool {
        is_alive(self.pid)
    }

    /// The parties whose processes still run.
    pub fn alive(&self) -> impl Iterator<Item = &RunningParty> {
        self.parties.iter().filter(|party| is_alive(party.pid))
    }
}

fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(pid: u32) -> RunningState {
        RunningState { pid, address: String::new(), parties: Vec::new() }
    }

    #[test]
    fn this_process_lives_and_nonsense_does_not() {
        assert!(state(std::process::id()).is_alive());
        assert!(!state(0).is_alive());
        assert!(!state(u32::MAX).is_alive());
    }
}
