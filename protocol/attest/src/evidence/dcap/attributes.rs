//! What an enclave or a domain allows those around it: debugging, profiling, migration,
//! service domains. Judged on signed attributes only (Intel SDM volume 3D, ATTRIBUTES; TDX
//! module ABI 348551, `TD_ATTRIBUTES`). A policy may let debugging verify; nothing affirms it.

use dcap_qvl::quote::{Report, TDReport10};

use super::{DcapPolicy, DcapRefusal};

/// SGX: the enclave can be read by a debugger.
const SGX_DEBUG: u8 = 1 << 1;

/// TDX: bit 0 is debugging, 4 to 6 are profiling; all of the first byte is the host's view.
const TD_DEBUG: u64 = 1;
const TD_PROFILING: u64 = 0x70;
const TD_UNDER_DEBUG: u64 = 0xff;

/// TDX: a service domain is part of it.
const TD_SERVTD_EXT: u64 = 1 << 17;

/// TDX: the host cannot make it fault on its own pages.
const TD_SEPT_VE_DISABLE: u64 = 1 << 28;

/// TDX: it may be migrated.
const TD_MIGRATABLE: u64 = 1 << 29;

/// What is open.
pub(super) struct Closed {
    pub(super) debug: bool,
}

/// Judges the attributes of a verified report.
pub(super) fn judge(report: &Report, policy: &DcapPolicy) -> Result<Closed, DcapRefusal> {
    let debug = match report {
        Report::SgxEnclave(report) => report.attributes[0] & SGX_DEBUG != 0,
        Report::TD10(report) => domain(report, policy)?,
        Report::TD15(report) => {
            bound(&report.mr_service_td, policy)?;
            domain(&report.base, policy)?
        }
        Report::TD15Ex(report) => {
            bound(&report.base.mr_service_td, policy)?;
            bound(&report.cur_service_td_hash, policy)?;
            domain(&report.base.base, policy)?
        }
    };
    if debug && !policy.allow_debug { Err(DcapRefusal::Debug) } else { Ok(Closed { debug }) }
}

fn domain(report: &TDReport10, policy: &DcapPolicy) -> Result<bool, DcapRefusal> {
    let attributes = u64::from_le_bytes(report.td_attributes);
    let set = |bits: u64| attributes & bits != 0;
    if set(TD_MIGRATABLE) {
        return Err(DcapRefusal::Migratable);
    }
    if set(TD_SERVTD_EXT) && !policy.allow_service_td {
        return Err(DcapRefusal::ServiceTd);
    }
    if !set(TD_SEPT_VE_DISABLE) {
        return Err(DcapRefusal::SeptVeDisable);
    }
    if set(TD_PROFILING) && !set(TD_DEBUG) && !policy.allow_debug {
        return Err(DcapRefusal::Profiling);
    }
    Ok(set(TD_UNDER_DEBUG))
}

fn bound(service: &[u8; 48], policy: &DcapPolicy) -> Result<(), DcapRefusal> {
    let none = service.iter().all(|byte| *byte == 0);
    if none || policy.allow_service_td { Ok(()) } else { Err(DcapRefusal::ServiceTd) }
}
