//! What this machine offers an enclave: TEEs by each of the kernel's interfaces, and TPMs.
//! It belongs to the doctor.
//! Each is asked who it is; no report and no quote is made.

#[cfg(test)]
mod tests;

use std::path::Path;

use autoclave_base::Digest;
use autoclave_device::gramine::{self, Gramine};
use autoclave_device::tsm::{self, Tsm};
use autoclave_device::{DeviceError, Files, System, nsm, sev};
use autoclave_tpm::{Device, Tpm, TpmError};

use super::{Finding, State};

/// Where an Azure VM's paravisor leaves its report, and the key that vouches for it.
const AZURE_REPORT: u32 = 0x0140_0001;
const AZURE_AK: u32 = 0x8100_0003;
const AZURE_REPORT_BYTES_MAX: u16 = 8192;

/// The kernel's TPM, with its resource manager.
const TPM: &str = "/dev/tpmrm0";
/// What else shows that a TEE is here, though we do not ask it.
const TDX_GUEST: &str = "/dev/tdx_guest";
const SGX_ENCLAVE: &str = "/dev/sgx_enclave";
const NVIDIA: &str = "/dev/nvidia0";

/// What was found, and how it is named to an enclave.
struct Look {
    finding: Finding,
    platform: Option<&'static str>,
}

impl Look {
    const fn of(finding: Finding) -> Self {
        Self { finding, platform: None }
    }

    const fn named(finding: Finding, platform: &'static str) -> Self {
        Self { finding, platform: Some(platform) }
    }
}

/// Looks at the machine.
pub(super) fn look() -> Vec<Finding> {
    let mut looks = vec![tsm(&System, Path::new(tsm::BASE))];
    looks.push(sev_guest(Path::new(sev::PATH)));
    looks.push(present("TDX guest device", TDX_GUEST, "asked through configfs-tsm"));
    looks.push(gramine(&System, Path::new(gramine::BASE)));
    looks.push(nitro(Path::new(nsm::PATH)));
    looks.push(present("SGX on this processor", SGX_ENCLAVE, "an enclave under Gramine can run"));
    looks.push(present("NVIDIA GPU", NVIDIA, "its evidence is not made or verified here"));
    looks.extend(kernel_tpm());
    let summary = summary(&looks);
    looks.into_iter().map(|look| look.finding).chain([summary]).collect()
}

/// How this machine is named to an enclave, or that it cannot be.
fn summary(looks: &[Look]) -> Finding {
    const WHAT: &str = "confidential computing";
    let names: Vec<_> = looks.iter().filter_map(|look| look.platform).collect();
    if names.is_empty() {
        let detail = "none: enclaves run on software evidence, which keeps nothing confidential";
        return Finding::new(WHAT, State::Absent, detail)
            .advise("Take a confidential VM (TDX, SEV-SNP), or a machine with a TPM.");
    }
    Finding::new(WHAT, State::Good, format!("--platform {}", names.join(" or --platform ")))
}

/// Who answers behind configfs-tsm.
fn tsm(files: &dyn Files, base: &Path) -> Look {
    const WHAT: &str = "configfs-tsm";
    let name = Digest::of(format!("doctor {}", std::process::id()));
    let name = name.bytes().first_chunk::<16>().copied().unwrap_or_default();
    match Tsm::new(files, base).provider(name) {
        Ok(provider) if provider == tsm::Provider::Tdx.as_str() => {
            let detail = "an Intel TDX guest: quotes with the event log";
            Look::named(Finding::new(WHAT, State::Good, detail), "tdx:").advise(TDX_STATE)
        }
        Ok(provider) if provider == tsm::Provider::Snp.as_str() => {
            let detail =
                "an AMD SEV-SNP guest: reports, with the host's certificates if it has any";
            Look::named(Finding::new(WHAT, State::Good, detail), "snp:")
        }
        Ok(provider) => {
            let detail = format!("`{provider}` answers, which this version does not know");
            Look::of(Finding::new(WHAT, State::Absent, detail))
        }
        Err(error) => failed(WHAT, &base.display().to_string(), &error),
    }
}

const TDX_STATE: &str = "A TDX guest derives no secret for its state: add +tpm:/dev/tpmrm0 where \
                         the TPM is inside the guest's protection, or +once.";

impl Look {
    fn advise(mut self, advice: &str) -> Self {
        self.finding = self.finding.advise(advice);
        self
    }
}

/// The device that derives keys, and makes reports where configfs-tsm is missing.
fn sev_guest(path: &Path) -> Look {
    const WHAT: &str = "SEV-SNP guest device";
    match std::fs::OpenOptions::new().read(true).write(true).open(path) {
        Ok(_) => {
            let detail = format!("{} opens: the state's secret is derived by it", path.display());
            Look::named(Finding::new(WHAT, State::Good, detail), "snp:")
        }
        Err(error) => could_not_open(WHAT, path, &error),
    }
}

fn gramine(files: &dyn Files, base: &Path) -> Look {
    const WHAT: &str = "Gramine (SGX)";
    match Gramine::new(files, base).must_be_dcap() {
        Ok(()) => {
            let detail = "inside an SGX enclave that attests by DCAP";
            Look::named(Finding::new(WHAT, State::Good, detail), "sgx:")
        }
        Err(error) => failed(WHAT, &base.display().to_string(), &error),
    }
}

fn nitro(path: &Path) -> Look {
    const WHAT: &str = "Nitro's security module";
    match std::fs::OpenOptions::new().read(true).write(true).open(path) {
        Ok(_) => {
            let detail = format!("{} opens", path.display());
            let finding = Finding::new(WHAT, State::Good, detail);
            Look::named(finding, "nitro:+once")
                .advise("It keeps no secret: state ends with the process.")
        }
        Err(error) => could_not_open(WHAT, path, &error),
    }
}

fn present(what: &str, path: &str, meaning: &str) -> Look {
    Look::of(if Path::new(path).exists() {
        Finding::new(what, State::Good, format!("{path} is here; {meaning}"))
    } else {
        absent(what, path)
    })
}

fn absent(what: &str, path: &str) -> Finding {
    Finding::new(what, State::Absent, format!("{path} is not here"))
}

/// What is not there may be well; what is there and does not answer is not.
fn failed(what: &str, path: &str, error: &DeviceError) -> Look {
    Look::of(match error {
        DeviceError::Absent { .. } => absent(what, path),
        error => {
            Finding::new(what, State::Bad, format!("[{}]", error.code())).advise(error.to_string())
        }
    })
}

fn could_not_open(what: &str, path: &Path, error: &std::io::Error) -> Look {
    let shown = path.display().to_string();
    Look::of(match error.kind() {
        std::io::ErrorKind::NotFound => absent(what, &shown),
        _ => Finding::new(what, State::Bad, format!("{shown} is here, but: {error}"))
            .advise("Run as root, or let this user open it."),
    })
}

/// The TPM that the kernel shows, and whether it is an Azure VM's.
fn kernel_tpm() -> Vec<Look> {
    if !Path::new(TPM).exists() {
        return vec![Look::of(absent("TPM 2.0", TPM))];
    }
    tpm(&Device::File(TPM.into()))
}

fn tpm(device: &Device) -> Vec<Look> {
    match ask_tpm(device) {
        Ok(looks) => looks,
        Err(error) => {
            let finding = Finding::new("TPM 2.0", State::Bad, format!("[{}]", error.code()));
            vec![Look::of(finding.advise(error.to_string()))]
        }
    }
}

fn ask_tpm(device: &Device) -> Result<Vec<Look>, TpmError> {
    let mut tpm = Tpm::open(device)?;
    let maker = tpm.maker()?;
    tpm.pcrs()?;
    let is_software = ["IBM", "SW"].contains(&maker.as_str());
    let kind =
        if is_software { "in software: it vouches for nothing" } else { "its registers answer" };
    let mut looks =
        vec![Look::of(Finding::new("TPM 2.0", State::Good, format!("made by {maker}, {kind}")))];
    looks.push(Look::of(endorsement(&mut tpm)?));
    looks.push(azure(&mut tpm)?);
    Ok(looks)
}

fn endorsement(tpm: &mut Tpm) -> Result<Finding, TpmError> {
    const WHAT: &str = "TPM's endorsement";
    match tpm.ek_certificate() {
        Ok(_) => Ok(Finding::new(WHAT, State::Good, "it holds its maker's certificate")
            .advise("For --platform tpm:FILE enrol it: autoclave tpm enrol.")),
        Err(TpmError::NoCertificate) => Ok(Finding::new(
            WHAT,
            State::Absent,
            "no certificate of its maker: it cannot be enrolled",
        )),
        Err(error) => Err(error),
    }
}

fn azure(tpm: &mut Tpm) -> Result<Look, TpmError> {
    const WHAT: &str = "Azure confidential VM";
    let report = tpm.nv_area(AZURE_REPORT, AZURE_REPORT_BYTES_MAX)?;
    let key = tpm.public(AZURE_AK)?;
    Ok(match (report.is_some_and(|report| report.starts_with(b"HCLA")), key.is_some()) {
        (true, true) => {
            let detail = "its paravisor's report and its attestation key are here";
            Look::named(Finding::new(WHAT, State::Good, detail), "azure:")
        }
        (true, false) => {
            Look::of(Finding::new(WHAT, State::Bad, "a report, but no attestation key"))
                .advise("The key lies at 0x81000003; somebody removed it. Recreate the VM.")
        }
        (false, _) => {
            Look::of(Finding::new(WHAT, State::Absent, "no paravisor's report in the TPM"))
        }
    })
}
