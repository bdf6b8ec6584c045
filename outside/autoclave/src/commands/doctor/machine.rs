//! What the machine has: versions, disk, ports.
//! It belongs to the doctor.
//! Nothing is opened.

use std::path::Path;

use super::{Finding, State};
use crate::deploy::party::Party;
use crate::deploy::ports::{PORT_BASE, Ports};

/// Below this a demo's ledgers and records may run out of room.
const DISK_BYTES_MIN: u64 = 1024 * 1024 * 1024;
const MEBIBYTE: u64 = 1024 * 1024;

/// Looks at the machine.
pub(super) fn look(dir: &Path) -> Vec<Finding> {
    vec![version(), kernel(), disk(dir), ports(dir)]
}

fn version() -> Finding {
    Finding::new("autoclave", State::Good, env!("CARGO_PKG_VERSION"))
}

fn kernel() -> Finding {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    let text = text.map(|text| text.trim().to_owned());
    Finding::new("Linux kernel", State::Good, text.unwrap_or_else(|_| "unknown".to_owned()))
}

fn disk(dir: &Path) -> Finding {
    let there = dir.ancestors().find(|path| path.exists() && !path.as_os_str().is_empty());
    let at = there.unwrap_or(Path::new("."));
    let Ok(stat) = rustix::fs::statvfs(at) else {
        return Finding::new("disk", State::Absent, "cannot be asked");
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let detail = format!("{} MiB free at {}", free / MEBIBYTE, at.display());
    if free < DISK_BYTES_MIN {
        return Finding::new("disk", State::Bad, detail).advise("Make room: 1 GiB at least.");
    }
    Finding::new("disk", State::Good, detail)
}

fn ports(dir: &Path) -> Finding {
    if dir.join("running.json").exists() {
        return Finding::new("ports", State::Good, "in use by the demo, see below");
    }
    let taken =
        Ports::from_base(PORT_BASE).map(|ports| ports.taken(&Party::STARTS)).unwrap_or_default();
    if taken.is_empty() {
        return Finding::new(
            "ports",
            State::Good,
            format!("{PORT_BASE} and those after it are free"),
        );
    }
    let detail = format!("somebody else listens on {taken:?}");
    Finding::new("ports", State::Absent, detail).advise("autoclave demo --port-base N")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described_without_a_deployment() {
        let findings = look(Path::new("no/such/folder"));
        assert!(findings.iter().any(|finding| finding.what == "disk"));
        assert!(findings.iter().any(|finding| finding.what == "Linux kernel"));
    }
}
