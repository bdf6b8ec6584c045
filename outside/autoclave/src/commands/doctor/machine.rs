//! What the machine has: TEEs, TPM, ports, disk, versions.
//! It belongs to the doctor.
//! Devices are only looked for, never opened.

use std::path::Path;

use super::{Finding, State};
use crate::deploy::party::Party;
use crate::deploy::ports::{PORT_BASE, Ports};

/// Below this a demo's ledgers and records may run out of room.
const DISK_BYTES_MIN: u64 = 1024 * 1024 * 1024;
const MEBIBYTE: u64 = 1024 * 1024;

/// Where each kind of TEE or TPM shows itself.
const DEVICES: [(&str, &str); 7] = [
    ("AMD SEV-SNP guest", "/dev/sev-guest"),
    ("Intel TDX guest", "/dev/tdx_guest"),
    ("Intel SGX", "/dev/sgx_enclave"),
    ("Gramine", "/dev/attestation"),
    ("configfs-tsm", "/sys/kernel/config/tsm/report"),
    ("TPM 2.0", "/dev/tpmrm0"),
    ("NVIDIA GPU", "/dev/nvidia0"),
];

/// Looks at the machine.
pub(super) fn look(dir: &Path) -> Vec<Finding> {
    let mut findings = vec![version(), kernel()];
    findings.extend(DEVICES.iter().map(|(name, path)| device(name, Path::new(path))));
    findings.push(tee_summary());
    findings.push(disk(dir));
    findings.push(ports(dir));
    findings
}

fn version() -> Finding {
    Finding::new("autoclave", State::Good, env!("CARGO_PKG_VERSION"))
}

fn kernel() -> Finding {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    let text = text.map(|text| text.trim().to_owned());
    Finding::new("Linux kernel", State::Good, text.unwrap_or_else(|_| "unknown".to_owned()))
}

fn device(name: &str, path: &Path) -> Finding {
    let there = path.exists();
    let state = if there { State::Good } else { State::Absent };
    let word = if there { "found" } else { "not here" };
    Finding::new(name, state, format!("{} {word}", path.display()))
}

fn tee_summary() -> Finding {
    let tee = DEVICES[..5].iter().any(|(_, path)| Path::new(path).exists());
    let detail = if tee {
        "hardware is here; this version does not use it yet, only TPMs"
    } else {
        "none: enclaves run on software evidence, which keeps nothing confidential"
    };
    Finding::new("confidential computing", State::Absent, detail)
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
    fn a_device_is_found_or_not_here() {
        assert_eq!(device("null", Path::new("/dev/null")).state, State::Good);
        assert_eq!(device("none", Path::new("/dev/none")).state, State::Absent);
    }

    #[test]
    fn the_machine_is_described_without_a_deployment() {
        let findings = look(Path::new("no/such/folder"));
        assert!(findings.iter().any(|finding| finding.what == "disk"));
        assert!(findings.iter().any(|finding| finding.what == "TPM 2.0"));
    }
}
