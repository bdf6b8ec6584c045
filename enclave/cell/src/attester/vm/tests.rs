use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

use autoclave_attest::evidence::{Endorsements, Root, Verifiers};
use autoclave_base::Digest;
use zeroize::Zeroizing;

use super::*;

/// A kernel with configfs-tsm whose TEE gives the same report whatever it is asked, as a
/// recording does, and an event log.
struct Recorded {
    provider: &'static str,
    output: Vec<u8>,
    table: Vec<u8>,
    writes: Mutex<BTreeMap<PathBuf, u32>>,
    asked: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Recorded {
    fn new(provider: &'static str, output: &[u8], table: &[u8]) -> Self {
        let (output, table) = (output.to_vec(), table.to_vec());
        Self { provider, output, table, writes: Mutex::default(), asked: Arc::default() }
    }

    fn entries(self) -> Entries {
        Entries { files: Arc::new(self), base: tsm::BASE.into() }
    }
}

impl Files for Recorded {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.writes.lock().unwrap().insert(path.to_owned(), 0);
        Ok(())
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.writes.lock().unwrap().remove(path);
        Ok(())
    }

    fn read(&self, path: &Path, _bytes_max: usize) -> io::Result<Vec<u8>> {
        let writes = self.writes.lock().unwrap();
        let written = writes.get(path.parent().unwrap());
        match (path.file_name().unwrap().to_str().unwrap(), written) {
            ("CCEL", None) => Ok(b"log".to_vec()),
            ("provider", Some(_)) => Ok(self.provider.as_bytes().to_vec()),
            ("generation", Some(count)) => Ok(count.to_string().into_bytes()),
            ("outblob", Some(_)) => Ok(self.output.clone()),
            ("auxblob", Some(_)) if !self.table.is_empty() => Ok(self.table.clone()),
            _ => Err(io::Error::from_raw_os_error(2)),
        }
    }

    fn write_at_once(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        *self.writes.lock().unwrap().get_mut(path.parent().unwrap()).unwrap() += 1;
        self.asked.lock().unwrap().push(bytes.to_vec());
        Ok(())
    }
}

/// A guest device that answers with a recorded report, and a key.
struct Device(Vec<u8>);

impl Guest for Device {
    fn report(&self, _ask: &[u8; 96]) -> Result<(Vec<u8>, Vec<u8>), DeviceError> {
        let size = u32::try_from(self.0.len()).unwrap();
        let head = [&[0; 4][..], &size.to_le_bytes(), &[0; 24]].concat();
        Ok(([head, self.0.clone()].concat(), Vec::new()))
    }

    fn key(&self, _ask: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, DeviceError> {
        Ok(Zeroizing::new([vec![0; 32], vec![5; 32]].concat()))
    }
}

fn snp(files: impl Files + 'static, device: Vec<u8>) -> Snp {
    let entries = Entries { files: Arc::new(files), base: tsm::BASE.into() };
    Snp { entries, guest: Box::new(Device(device)) }
}

fn tdx(output: &[u8]) -> Tdx {
    Tdx { entries: Recorded::new("tdx_guest", output, &[]).entries(), log: ccel::PATH.into() }
}

fn measured() -> Measured {
    let nothing = Digest::of([]);
    Measured { executable: nothing, configuration: nothing, libraries: BTreeMap::new() }
}

fn body(attester: &dyn Attester, over: &ReportData) -> Result<serde_json::Value, AttesterError> {
    let made = attester.quote(&measured(), over, UnixTime::from_seconds(0))?;
    assert_eq!(made.kind, attester.kind());
    Ok(serde_json::from_str(&made.body).unwrap())
}

/// A report over `data` that no hardware signed.
fn report(data: u8) -> Vec<u8> {
    let mut report = vec![0; sev::REPORT_BYTES];
    report[0x50..0x90].fill(data);
    report
}

const VCEK: &[u8] = b"\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd";
const ASK: &[u8] = b"\x4a\xb7\xb3\x79\xbb\xac\x4f\xe4\xa0\x2f\x05\xae\xf3\x27\xc7\x82";
const ARK: &[u8] = b"\xc0\xb4\x06\xa4\xa8\x03\x49\x52\x97\x43\x3f\xb6\x01\x4c\xd0\xae";

/// A host's table of certificates.
fn table(certificates: &[(&[u8], &[u8])]) -> Vec<u8> {
    let (mut heads, mut bodies) = (Vec::new(), Vec::new());
    for (name, der) in certificates {
        let at = (certificates.len() + 1) * 24 + bodies.len();
        heads.extend(*name);
        heads.extend(u32::try_from(at).unwrap().to_le_bytes());
        heads.extend(u32::try_from(der.len()).unwrap().to_le_bytes());
        bodies.extend(*der);
    }
    [heads, vec![0; 24], bodies].concat()
}

/// Genuine reports by way of the kernel's files: what comes out verifies under AMD's keys.
#[test]
fn genuine_snp_reports_come_out_verifying() {
    const VERIFIED_AT: UnixTime = UnixTime::from_seconds(1_790_000_000);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/evidence/snp");
    let names = [
        "snp_v2_trustee_test_report_bin",
        "snp_v3_dstack_sev_snp_attestation_json",
        "snp_v5_oak_genoa_oc_evidence_binarypb",
    ];
    let root: Root = serde_json::from_str(r#"{"kind":"snp"}"#).unwrap();
    let verifiers = Verifiers::from_roots(&[root]).unwrap();
    for name in names {
        let read = |file: &str| std::fs::read(format!("{folder}/{name}/{file}"));
        let Ok(report) = read("report.bin") else {
            eprintln!("skipped: no genuine reports beside this working tree");
            return;
        };
        let [vek, ask, ark] =
            ["vek", "ask", "ark"].map(|part| read(&format!("{part}.der")).unwrap());
        let over: ReportData = report[0x50..0x90].try_into().unwrap();
        let table = table(&[(VCEK, &vek), (ASK, &ask), (ARK, &ark)]);
        let guest = snp(Recorded::new("sev_guest", &report, &table), Vec::new());
        let made = guest.quote(&measured(), &over, VERIFIED_AT).unwrap();
        let verified = verifiers.verify(&made, &over, &Endorsements::new(), VERIFIED_AT);
        assert!(verified.unwrap().claims().hw_backed, "{name}");
    }
}

#[test]
fn a_tdx_guest_s_evidence_is_quote_and_event_log() {
    for (version, at) in TDX_DATA_AT {
        let mut quote = vec![0; 1000];
        quote[0] = version;
        quote[at..at + 64].fill(7);
        let made = body(&tdx(&quote), &[7; 64]).unwrap();
        assert_eq!(made["quote"], b64::encode(&quote));
        assert_eq!((&made["event_log"], made.as_object().unwrap().len()), (&"bG9n".into(), 2));
    }
}

/// The kernel, or whoever plays it, answered another question.
#[test]
fn a_report_over_other_bytes_never_becomes_evidence() {
    let mut quote = vec![0; 1000];
    quote[0] = 4;
    assert_eq!(body(&tdx(&quote), &[7; 64]).unwrap_err().code(), "platform.report_data");
    quote[0] = 3;
    assert_eq!(body(&tdx(&quote), &[7; 64]).unwrap_err().code(), "platform.answer");
    assert_eq!(body(&tdx(&[4; 80]), &[4; 64]).unwrap_err().code(), "platform.answer");
    let other = snp(Recorded::new("sev_guest", &report(8), &[]), Vec::new());
    assert_eq!(body(&other, &[7; 64]).unwrap_err().code(), "platform.report_data");
}

#[test]
fn an_snp_guest_s_evidence_has_the_host_s_certificates() {
    let guest = snp(Recorded::new("sev_guest", &report(7), &table(&[(VCEK, b"vcek")])), Vec::new());
    let made = body(&guest, &[7; 64]).unwrap();
    assert_eq!(made["report"], b64::encode(report(7)));
    assert_eq!((&made["vek"], made.as_object().unwrap().len()), (&"dmNlaw".into(), 2));
}

/// Linux before 6.7.
#[test]
fn without_configfs_tsm_the_guest_device_is_asked() {
    let none = snp(autoclave_device::System, report(7));
    let none = Snp { entries: Entries { base: "/nowhere".into(), ..none.entries }, ..none };
    assert_eq!(body(&none, &[7; 64]).unwrap()["report"], b64::encode(report(7)));
    assert_eq!(body(&none, &[8; 64]).unwrap_err().code(), "platform.report_data");
    let neither = Snp::at(Some(Path::new("/nowhere")));
    assert_eq!(body(&neither, &[7; 64]).unwrap_err().code(), "platform.absent");
}

#[test]
fn the_secret_of_a_guest_is_each_workload_s_own() {
    let guest = snp(autoclave_device::System, Vec::new());
    let secret = |name| guest.sealing_secret(&WorkloadName::parse(name).unwrap()).unwrap();
    assert!(secret("clinic").same_as(&secret("clinic")));
    assert!(!secret("clinic").same_as(&secret("broker")));
}

/// A TEE that is named but not there is told at boot, in words.
#[test]
fn a_tee_that_does_not_answer_is_noticed_at_boot() {
    let name = WorkloadName::parse("clinic").unwrap();
    let absent = Tdx::at(Some(Path::new("/nowhere"))).check(&measured(), &name).unwrap_err();
    assert_eq!(absent.code(), "platform.absent");
    assert!(absent.to_string().contains("Linux 6.7"), "{absent}");
    let wrong = tdx(&[]);
    let wrong = Snp { entries: wrong.entries, guest: Box::new(Device(Vec::new())) };
    assert_eq!(wrong.check(&measured(), &name).unwrap_err().code(), "platform.provider");
}
