//! One server of the comparison: how it is started, reached, and looked at.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};

use super::occupied_mb;
use crate::process::{Process, listens};
use crate::wire::Connection;
use crate::{Any, Setup};

/// The clinic's direct door lies so far above the demo's first port.
const CLINIC_DIRECT: u16 = 14;
/// Ticks of the clock that the kernel counts a process's start in.
const TICKS: f64 = 100.0;

/// A server under comparison.
pub(super) struct Side {
    pub(super) name: &'static str,
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    base: &'static str,
    headers: Mutex<String>,
    data: PathBuf,
    process: Option<Process>,
    kind: Kind,
}

/// How it is started.
enum Kind {
    Ours { command: PathBuf, dir: PathBuf, port_base: u16 },
    Hfs { command: PathBuf, dir: PathBuf, parameters: PathBuf },
}

impl Side {
    /// The demo's deployment, in a folder made anew.
    pub(super) fn ours(setup: &Setup) -> Any<Self> {
        let dir = empty(&setup.work.join("records-ours"))?;
        let port_base = setup.port_base;
        let mut side = Self {
            name: "**Autoclave**",
            address: (Ipv4Addr::LOCALHOST, port_base + CLINIC_DIRECT).into(),
            tls: Some(Arc::new(tls()?)),
            base: "/fhir",
            headers: Mutex::default(),
            data: dir.join("clinic"),
            process: None,
            kind: Kind::Ours { command: setup.binaries.join("autoclave"), dir, port_base },
        };
        side.start(&setup.work)?;
        Ok(side)
    }

    /// Helios' server on `SQLite`, without audit, as its documentation starts it.
    pub(super) fn hfs(setup: &Setup, binary: &Path) -> Any<Self> {
        let dir = empty(&setup.work.join("records-hfs"))?;
        let parameters = setup.hfs_parameters.clone().ok_or("no search parameters for hfs")?;
        let mut side = Self {
            name: "Helios hfs, SQLite",
            address: (Ipv4Addr::LOCALHOST, setup.port_base + 30).into(),
            tls: None,
            base: "",
            headers: Mutex::default(),
            data: dir.clone(),
            process: None,
            kind: Kind::Hfs { command: binary.to_owned(), dir, parameters },
        };
        side.start(&setup.work)?;
        Ok(side)
    }

    fn start(&mut self, work: &Path) -> Any<()> {
        let (mut command, log) = match &self.kind {
            Kind::Ours { command, dir, port_base } => {
                let mut start = Command::new(command);
                start.arg("demo").arg("--dir").arg(dir);
                start.args(["--port-base", &port_base.to_string()]);
                (start, "records-ours.log")
            }
            Kind::Hfs { command, dir, parameters } => {
                let data = dir.join("data");
                fs::create_dir_all(&data)?;
                fs::copy(parameters, data.join("search-parameters-r4.json"))?;
                let mut start = Command::new(command);
                start.args(["--port", &self.address.port().to_string(), "--database-url"]);
                start.arg(dir.join("fhir.db"));
                start.env("HFS_UI_ENABLED", "false").env("HFS_LOG_LEVEL", "warn");
                start.env("HFS_REQUEST_TIMEOUT", "900").env("HFS_DATA_DIR", &data);
                start.current_dir(dir);
                (start, "records-hfs.log")
            }
        };
        let address = self.address;
        let mut process = Process::start(&mut command, &work.join(log))?;
        process.wait_until(|| listens(address))?;
        self.process = Some(process);
        let began = std::time::Instant::now();
        while !self.answers() {
            if began.elapsed().as_secs() > 120 {
                return Err(format!("{} does not answer", self.name).into());
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Ok(())
    }

    fn answers(&self) -> bool {
        self.renew().is_ok()
            && self
                .connection()
                .exchange(&format!("GET {}/Patient?_count=1", self.base), &self.headers(), b"")
                .is_ok_and(|answer| answer.status == 200)
    }

    /// A fresh access token, where one is asked for: they live for minutes.
    pub(super) fn renew(&self) -> Any<()> {
        let Kind::Ours { command, dir, .. } = &self.kind else { return Ok(()) };
        let mut ask = Command::new(command);
        ask.args(["fhir", "token", "--client"]).arg(dir.join("client"));
        let answer = ask.output()?;
        if !answer.status.success() {
            return Err(String::from_utf8_lossy(&answer.stderr).trim().to_owned().into());
        }
        let token = String::from_utf8(answer.stdout)?;
        *self.headers.lock().unwrap_or_else(PoisonError::into_inner) =
            format!("authorization: Bearer {}\r\n", token.trim());
        Ok(())
    }

    /// A connection of one's own.
    pub(super) fn connection(&self) -> Connection {
        Connection::over(self.address, self.tls.clone())
    }

    /// A request line for a path below the base.
    pub(super) fn line(&self, method: &str, path: &str) -> String {
        format!("{method} {}{path}", self.base)
    }

    /// What every request carries.
    pub(super) fn headers(&self) -> String {
        self.headers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first process.
    pub(super) fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::id)
    }

    /// The process that has the records open.
    pub(super) fn store_pid(&self) -> u32 {
        let named = |pid: &u32| {
            fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|it| it.trim() == "autoclave-clini")
        };
        crate::process::family(self.pid()).into_iter().find(named).unwrap_or_else(|| self.pid())
    }

    /// Resident memory of the process that has the records open, in megabytes.
    pub(super) fn resident_mb(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.store_pid()));
        let kilobytes = status.ok().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        });
        kilobytes.map_or(f64::NAN, |kilobytes| kilobytes / 1024.0)
    }

    /// What its data occupies.
    pub(super) fn disk_mb(&self) -> Any<f64> {
        occupied_mb(&self.data)
    }

    /// Ends it and starts it again; seconds from the start of the process that has the
    /// records open to its first answer.
    pub(super) fn restart(&mut self) -> Any<f64> {
        self.process = None;
        let work = self.data.parent().and_then(Path::parent).ok_or("no work folder")?.to_owned();
        self.start(&work)?;
        let uptime = fs::read_to_string("/proc/uptime")?;
        let now: f64 = uptime.split(' ').next().ok_or("no uptime")?.parse()?;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.store_pid()))?;
        let fields: Vec<&str> =
            stat.rsplit_once(')').ok_or("no stat")?.1.split_whitespace().collect();
        let started: f64 = fields.get(19).ok_or("no start")?.parse()?;
        Ok(now - started / TICKS)
    }
}

fn empty(folder: &Path) -> Any<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    Ok(folder.to_owned())
}

/// Takes the certificate as it is: what is measured is work, not trust, and verifying a token
/// once a connection costs what `bench attest` says.
#[derive(Debug)]
struct Unverified;

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn tls() -> Any<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    Ok(builder
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Unverified))
        .with_no_client_auth())
}
