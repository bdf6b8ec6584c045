//! SEV-SNP evidence of Trustee's attesters: the report as the fields of a struct, put back
//! into the bytes that the processor signed (AMD 56860, table `ATTESTATION_REPORT`). Whoever
//! asks brings it. A field that is put back wrongly breaks the signature, and nothing else.

use autoclave_base::b64;
use autoclave_cell::Refusal;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::evidence::{Bytes, MALFORMED, pem};

/// Bytes of a report.
const REPORT_BYTES: usize = 1184;

/// Trustee's evidence: a struct, or as an extension of ours the report's own bytes.
#[derive(Deserialize)]
struct Evidence {
    attestation_report: Report,
    cert_chain: Option<Vec<Certificate>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Report {
    Bytes(Bytes),
    Fields(Box<Fields>),
}

/// An entry of the certificate table (the crate `sev`).
#[derive(Deserialize)]
struct Certificate {
    cert_type: Value,
    data: Bytes,
}

/// The report as the crate `sev` writes it, old and new names.
#[derive(Deserialize)]
struct Fields {
    version: u32,
    guest_svn: u32,
    policy: u64,
    family_id: Vec<u8>,
    image_id: Vec<u8>,
    vmpl: u32,
    sig_algo: u32,
    current_tcb: Tcb,
    plat_info: u64,
    #[serde(alias = "_author_key_en", alias = "author_key_en")]
    key_info: u32,
    report_data: Vec<u8>,
    measurement: Vec<u8>,
    host_data: Vec<u8>,
    id_key_digest: Vec<u8>,
    author_key_digest: Vec<u8>,
    report_id: Vec<u8>,
    report_id_ma: Vec<u8>,
    reported_tcb: Tcb,
    cpuid_fam_id: Option<u8>,
    cpuid_mod_id: Option<u8>,
    cpuid_step: Option<u8>,
    chip_id: Vec<u8>,
    committed_tcb: Tcb,
    current: Option<Firmware>,
    current_build: Option<u8>,
    current_minor: Option<u8>,
    current_major: Option<u8>,
    committed: Option<Firmware>,
    committed_build: Option<u8>,
    committed_minor: Option<u8>,
    committed_major: Option<u8>,
    launch_tcb: Tcb,
    launch_mit_vector: Option<u64>,
    current_mit_vector: Option<u64>,
    signature: Signature,
}

#[derive(Deserialize)]
struct Tcb {
    /// Turin and later only; they order the bytes differently.
    fmc: Option<u8>,
    bootloader: u8,
    tee: u8,
    snp: u8,
    microcode: u8,
}

#[derive(Deserialize, Clone, Copy)]
struct Firmware {
    major: u8,
    minor: u8,
    build: u8,
}

#[derive(Deserialize)]
struct Signature {
    r: Vec<u8>,
    s: Vec<u8>,
}

/// The evidence as the body of ours.
pub(super) fn body(evidence: Value) -> Result<Value, Refusal> {
    let evidence: Evidence = serde_json::from_value(evidence).map_err(|_| MALFORMED)?;
    let report = match &evidence.attestation_report {
        Report::Bytes(bytes) => bytes.of_base64()?,
        Report::Fields(fields) => fields.report().ok_or(MALFORMED)?,
    };
    let mut body = Map::new();
    body.insert("report".to_owned(), json!(b64::encode(report)));
    for certificate in evidence.cert_chain.unwrap_or_default() {
        let name = match certificate.cert_type.as_str() {
            Some("VCEK" | "VLEK") => "vek",
            Some("ASK") => "ask",
            Some("ARK") => "ark",
            _ => continue,
        };
        let data = certificate.data.of_base64()?;
        let der = std::str::from_utf8(&data).ok().and_then(|text| pem(text).into_iter().next());
        body.insert(name.to_owned(), json!(b64::encode(der.unwrap_or(data))));
    }
    Ok(Value::Object(body))
}

impl Fields {
    fn report(&self) -> Option<Vec<u8>> {
        let mut report = Writer(vec![0; REPORT_BYTES]);
        report.put(0x000, &self.version.to_le_bytes());
        report.put(0x004, &self.guest_svn.to_le_bytes());
        report.put(0x008, &self.policy.to_le_bytes());
        report.bytes(0x010, &self.family_id, 16)?;
        report.bytes(0x020, &self.image_id, 16)?;
        report.put(0x030, &self.vmpl.to_le_bytes());
        report.put(0x034, &self.sig_algo.to_le_bytes());
        report.put(0x038, &self.current_tcb.bytes());
        report.put(0x040, &self.plat_info.to_le_bytes());
        report.put(0x048, &self.key_info.to_le_bytes());
        report.bytes(0x050, &self.report_data, 64)?;
        report.bytes(0x090, &self.measurement, 48)?;
        report.bytes(0x0c0, &self.host_data, 32)?;
        report.bytes(0x0e0, &self.id_key_digest, 48)?;
        report.bytes(0x110, &self.author_key_digest, 48)?;
        report.bytes(0x140, &self.report_id, 32)?;
        report.bytes(0x160, &self.report_id_ma, 32)?;
        report.put(0x180, &self.reported_tcb.bytes());
        let cpu = [self.cpuid_fam_id, self.cpuid_mod_id, self.cpuid_step];
        report.put(0x188, &cpu.map(Option::unwrap_or_default));
        report.bytes(0x1a0, &self.chip_id, 64)?;
        report.put(0x1e0, &self.committed_tcb.bytes());
        report.put(0x1e8, &self.current());
        report.put(0x1ec, &self.committed());
        report.put(0x1f0, &self.launch_tcb.bytes());
        report.put(0x1f8, &self.launch_mit_vector.unwrap_or_default().to_le_bytes());
        report.put(0x200, &self.current_mit_vector.unwrap_or_default().to_le_bytes());
        report.bytes(0x2a0, &self.signature.r, 72)?;
        report.bytes(0x2e8, &self.signature.s, 72)?;
        Some(report.0)
    }

    fn current(&self) -> [u8; 3] {
        let old = (self.current_build, self.current_minor, self.current_major);
        firmware(self.current, old)
    }

    fn committed(&self) -> [u8; 3] {
        let old = (self.committed_build, self.committed_minor, self.committed_major);
        firmware(self.committed, old)
    }
}

/// Build, minor, major, as they stand in the report.
fn firmware(new: Option<Firmware>, old: (Option<u8>, Option<u8>, Option<u8>)) -> [u8; 3] {
    match new {
        Some(new) => [new.build, new.minor, new.major],
        None => [old.0, old.1, old.2].map(Option::unwrap_or_default),
    }
}

impl Tcb {
    const fn bytes(&self) -> [u8; 8] {
        let Self { bootloader, tee, snp, microcode, .. } = *self;
        match self.fmc {
            None => [bootloader, tee, 0, 0, 0, 0, snp, microcode],
            Some(fmc) => [fmc, bootloader, tee, snp, 0, 0, 0, microcode],
        }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    /// Offsets are constants within a report.
    fn put(&mut self, offset: usize, bytes: &[u8]) {
        self.0[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    /// A field of the caller's must have its length.
    fn bytes(&mut self, offset: usize, bytes: &[u8], length: usize) -> Option<()> {
        (bytes.len() == length).then(|| self.put(offset, bytes))
    }
}
