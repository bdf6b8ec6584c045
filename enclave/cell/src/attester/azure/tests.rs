//! An Azure VM made of a real TPM in software: its attestation key where Azure puts it, a
//! paravisor that answers what is written, a host that knows certificates. `cargo xtask test
//! tpm` runs it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::*;

#[path = "../../../../tpm/tests/support/mod.rs"]
mod machines;

use machines::{Machine, Maker};

/// A P-256 point would be an EC key; Azure's are RSA with 2048 bits and sign by RSASSA.
const AK_TEMPLATE: &[u8] = b"\x00\x01\x00\x0b\x00\x05\x00\x72\x00\x00\x00\x10\x00\x14\x00\x0b\
                             \x08\x00\x00\x00\x00\x00\x00\x00";
/// `TPM_RH_OWNER`, then the size of one authorisation by the empty password, and that.
const OWNER: &[u8] = b"\x40\x00\x00\x01";
const PASSWORD: &[u8] = b"\x00\x00\x00\x09\x40\x00\x00\x09\x00\x00\x00\x00\x00";

/// Sends one command with authorisation; its answer without the header.
fn command(machine: &Machine, code: u32, body: &[u8]) -> Vec<u8> {
    let mut socket = std::os::unix::net::UnixStream::connect(machine.socket()).unwrap();
    let size = u32::try_from(10 + body.len()).unwrap();
    let head = [&[0x80, 0x02][..], &size.to_be_bytes(), &code.to_be_bytes()].concat();
    socket.write_all(&[&head, body].concat()).unwrap();
    let mut head = [0; 10];
    socket.read_exact(&mut head).unwrap();
    assert_eq!(head[6..], [0; 4], "the TPM refuses {code:#x}");
    let size = u32::from_be_bytes(head[2..6].try_into().unwrap());
    let mut answer = vec![0; usize::try_from(size).unwrap() - 10];
    socket.read_exact(&mut answer).unwrap();
    answer
}

/// Puts an attestation key where Azure has it.
fn make_ak(machine: &Machine) {
    drop(Tpm::open(&machine.device()).unwrap());
    let template = [&[0, u8::try_from(AK_TEMPLATE.len()).unwrap()], AK_TEMPLATE].concat();
    let rest = [&b"\x00\x04\x00\x00\x00\x00"[..], &template, &[0; 6]].concat();
    let made = command(machine, 0x131, &[OWNER, PASSWORD, &rest].concat());
    let keep = [OWNER, &made[..4], PASSWORD, &AK.to_be_bytes()].concat();
    command(machine, 0x120, &keep);
}

/// What the paravisor says: a report that is over the digest of the runtime data.
fn hcl_report(tpm: &mut Tpm, kind: u32, user_data: &[u8]) -> Vec<u8> {
    let public = tpm.public(AK).unwrap().unwrap();
    let modulus = b64::encode(&public[public.len() - 256..]);
    let hex = user_data.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02X}"));
    let data = format!(
        r#"{{"keys":[{{"kid":"HCLAkPub","key_ops":["sign"],"kty":"RSA","e":"AQAB","n":"{modulus}"}}],"vm-configuration":{{"secure-boot":true}},"user-data":"{hex}"}}"#
    );
    let length = u32::try_from(data.len()).unwrap();
    let mut report = vec![0; 1216];
    for (at, number) in [(4, 2), (8, 1236 + length), (12, 2)] {
        report[at..at + 4].copy_from_slice(&u32::to_le_bytes(number));
    }
    report[..4].copy_from_slice(b"HCLA");
    report[32 + 0x50..32 + 0x70].copy_from_slice(Digest::of(&data).bytes());
    for number in [20 + length, 1, kind, 1, length] {
        report.extend(number.to_le_bytes());
    }
    report.extend(data.as_bytes());
    report
}

/// The paravisor: looks for what was written and makes a report over it, until it is told to
/// stop.
struct Paravisor {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Paravisor {
    fn on(machine: &Machine, kind: u32) -> Self {
        let (device, stop) = (machine.device(), Arc::new(AtomicBool::new(false)));
        let mut tpm = Tpm::open(&device).unwrap();
        let first = hcl_report(&mut tpm, kind, &[0; 64]);
        tpm.nv_put(REPORT_INDEX, &first).unwrap();
        drop(tpm);
        let told = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut seen = None;
            while !told.load(Ordering::SeqCst) {
                let mut tpm = Tpm::open(&device).unwrap();
                let written = tpm.nv_area(DATA_INDEX, 64).ok().flatten();
                if written != seen
                    && let Some(data) = &written
                {
                    let report = hcl_report(&mut tpm, kind, data);
                    tpm.nv_put(REPORT_INDEX, &report).unwrap();
                    seen = written;
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Paravisor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// The host's service: answers every question with `answer`, as often as it is asked.
fn host(answer: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut asked) = (stream.unwrap(), [0; 8192]);
            let _length = stream.read(&mut asked).unwrap();
            let length = answer.len();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{answer}").unwrap();
        }
    });
    address
}

fn evidence_of(azure: &Azure, over: &ReportData) -> (TeeKind, serde_json::Value) {
    let nothing = Digest::of([]);
    let measured = Measured { executable: nothing, configuration: nothing, libraries: [].into() };
    let made = azure.quote(&measured, over, UnixTime::from_seconds(0)).unwrap();
    (made.kind, serde_json::from_str(&made.body).unwrap())
}

const CHAIN: &str = "-----BEGIN CERTIFICATE-----\\nMAA=\\n-----END CERTIFICATE-----\\n";

#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn swtpm_as_an_azure_vm_quotes_over_our_bytes_twice() {
    let machine = Maker::new().machine();
    make_ak(&machine);
    let _paravisor = Paravisor::on(&machine, 2);
    let imds = host(format!(r#"{{"vcekCert":"{CHAIN}","certificateChain":"{CHAIN}{CHAIN}"}}"#));
    let azure = Azure::with(machine.device(), Imds::at(imds)).unwrap();
    for round in [7, 9] {
        let mut over = [0; 64];
        over[..32].fill(round);
        let (kind, body) = evidence_of(&azure, &over);
        assert_eq!(kind, TeeKind::AzureSnp);
        assert_eq!(
            (&body["vek"], &body["ask"], &body["ark"]),
            (&"MAA".into(), &"MAA".into(), &"MAA".into())
        );
        assert!(body.get("td_quote").is_none());
        let report = b64::decode(body["hcl_report"].as_str().unwrap()).unwrap();
        assert_eq!(Hcl::parse(report).unwrap().user_data, over);
        let message = b64::decode(body["quote"]["message"].as_str().unwrap()).unwrap();
        assert!(message.windows(32).any(|part| part == [round; 32]), "the quote's nonce");
        assert_eq!(b64::decode(body["quote"]["signature"].as_str().unwrap()).unwrap().len(), 256);
        assert_eq!(body["quote"]["pcrs"].as_array().unwrap().len(), 24);
    }
}

#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn swtpm_as_an_azure_td_has_the_host_quote_its_report() {
    let machine = Maker::new().machine();
    make_ak(&machine);
    let _paravisor = Paravisor::on(&machine, 4);
    let imds = host(r#"{"quote":"cXVvdGU"}"#.to_owned());
    let azure = Azure::with(machine.device(), Imds::at(imds)).unwrap();
    let (kind, body) = evidence_of(&azure, &[3; 64]);
    assert_eq!((kind, &body["td_quote"]), (TeeKind::AzureTdx, &"cXVvdGU".into()));
    assert!(body.get("vek").is_none());
    let workload = WorkloadName::parse("clinic").unwrap();
    let secret = || azure.sealing_secret(&workload).unwrap();
    assert!(secret().same_as(&secret()));
}

#[test]
#[ignore = "needs swtpm: cargo xtask test tpm"]
fn swtpm_that_is_no_azure_vm_says_so() {
    let machine = Maker::new().machine();
    let none = Azure::open(machine.device()).err().unwrap();
    assert_eq!(none.code(), "platform.not_azure");
}
