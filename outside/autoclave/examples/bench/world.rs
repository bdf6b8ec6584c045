//! A deployment for measuring: attestor, broker and edge, and a diagnosis enclave for each
//! engine, all of them the real binaries with real evidence, keys and ledgers. It belongs
//! to the benchmark alone, in a folder that is made anew each time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use autoclave_attest::evidence::{Measured, TeeKind};
use autoclave_attest::handshake::Trust;
use autoclave_attest::jwk::Jwk;
use autoclave_attest::release::{self, Manifest, Release};
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, Secret, b64};
use autoclave_client::clock::{now, random};
use autoclave_client::{Ask, Client, Options, trust};
use autoclave_seal::file;
use http::Method;
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use rand::RngExt as _;
use serde_json::json;

use crate::process::Process;
use crate::wire::Connection;
use crate::{Any, Setup, say};

/// The workload that asks: this program.
pub(crate) const CALLER: &str = "load";
/// The large model in every route.
pub(crate) const UNET: &str = "unet";
/// The one that costs nothing.
pub(crate) const TRIVIAL: &str = "trivial";

const ISSUER: &str = "https://attestor.bench";
const RULES: &str = r#"@id("models") permit(principal is Workload, action == Action::"release",
resource) when { (principal.workload == "diagnosis" || principal.workload == "load") && !principal.debug };"#;
/// Longer than any run.
const MANIFEST_SECONDS: u64 = 86_400;

/// A running deployment; its processes end with it.
pub(crate) struct World {
    folder: PathBuf,
    binaries: PathBuf,
    port_base: u16,
    pub(crate) platform: SigningKey,
    release: SigningKey,
    provider: SigningKey,
    releases: Vec<Release>,
    processes: Vec<Process>,
}

/// How an enclave runs its models.
#[derive(Clone, Copy)]
pub(crate) struct Mode {
    /// `rten` or `ort`.
    pub(crate) engine: &'static str,
    /// Threads of one run.
    pub(crate) threads: u8,
    /// Runs at once.
    pub(crate) runs: u8,
    /// The party's name, folder and log.
    name: &'static str,
}

/// One run at a time with all threads: the least time and memory for each.
pub(crate) const WIDE: [Mode; 2] = [
    Mode { engine: "rten", threads: 2, runs: 1, name: "rten" },
    Mode { engine: "ort", threads: 2, runs: 1, name: "ort" },
];
/// Two runs at once with a thread each: the most requests where many wait.
pub(crate) const NARROW: Mode = Mode { engine: "ort", threads: 1, runs: 2, name: "ort-narrow" };

/// A diagnosis enclave with one engine.
pub(crate) struct Enclave {
    /// How it runs its models.
    pub(crate) mode: Mode,
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
}

/// A process of the deployment, before it runs.
struct Party {
    binary: &'static str,
    name: &'static str,
    port: u16,
    config: String,
    libraries: BTreeMap<String, Digest>,
}

impl World {
    /// Starts everything, with an enclave for each mode whose engine there is.
    pub(crate) fn start(setup: &Setup, modes: &[Mode]) -> Any<(Self, Vec<Enclave>)> {
        let mut world = Self::new(setup)?;
        let secret = Secret::new(random().random());
        let sealed = [(UNET, &setup.unet, "brain-mri"), (TRIVIAL, &setup.trivial, "none")]
            .map(|(name, path, how)| world.model(name, path, how, &secret));
        let sealed = sealed.into_iter().collect::<Any<Vec<_>>>()?.concat();
        let mut parties = vec![world.attestor(), world.broker(), world.edge()];
        for (port, mode) in (3..).zip(modes) {
            parties.extend(world.diagnosis(setup, port, *mode, &sealed)?);
        }
        let enclaves = world.run(&parties, modes, &secret)?;
        Ok((world, enclaves))
    }

    fn new(setup: &Setup) -> Any<Self> {
        let folder = setup.work.join("world");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let key = || SigningKey::generate_from_rng(&mut random());
        let (platform, release, provider) = (key(), key(), key());
        let pem = platform.to_pkcs8_pem(LineEnding::LF)?;
        fs::write(folder.join("platform.key"), pem.as_bytes())?;
        Ok(Self {
            folder: folder.canonicalize()?,
            binaries: setup.binaries.canonicalize()?,
            port_base: setup.port_base,
            platform,
            release,
            provider,
            releases: Vec::new(),
            processes: Vec::new(),
        })
    }

    /// Seals a model; its part of the configuration.
    fn model(&self, name: &str, path: &Path, how: &str, secret: &Secret<[u8; 32]>) -> Any<String> {
        let clear = fs::read(path)?;
        let sealed = file::seal_bytes(&mut random(), secret, &format!("model:{name}"), &clear)
            .map_err(|refusal| refusal.code())?;
        fs::write(self.folder.join(format!("{name}.sealed")), sealed)?;
        let digest = Digest::of(clear);
        Ok(format!(
            "[[models]]\nname = \"{name}\"\nversion = \"1\"\nfile = \"{name}.sealed\"\n\
             digest = \"{digest}\"\nkey = \"model/{name}\"\npreprocessing = \"{how}\"\n"
        ))
    }

    fn attestor(&self) -> Party {
        let config =
            self.cell("attestor", "attestor", 0) + "[attestor]\nmanifest = \"manifest.jws\"\n";
        Party {
            binary: "autoclave-attestor",
            name: "attestor",
            port: 0,
            config,
            libraries: BTreeMap::new(),
        }
    }

    fn broker(&self) -> Party {
        let key = |name| {
            format!(
                "[[keys]]\nname = \"model/{name}\"\nowner = \"provider\"\npurpose = \"model\"\n"
            )
        };
        let jkt = Jwk::signing(self.provider.verifying_key()).thumbprint();
        let config = self.cell("broker", "broker", 1)
            + &format!("[policy]\nrules = '''{RULES}'''\n")
            + &key(UNET)
            + &key(TRIVIAL)
            + &format!(
                "[[administrators]]\nname = \"owner\"\ninstitution = \"provider\"\njkt = \"{jkt}\"\n"
            );
        Party {
            binary: "autoclave-broker",
            name: "broker",
            port: 1,
            config,
            libraries: BTreeMap::new(),
        }
    }

    fn edge(&self) -> Party {
        let config = format!(
            "listen = \"{}\"\n[parties]\nattestor = \"http://{}\"\nbroker = \"http://{}\"\n",
            self.address(2),
            self.address(0),
            self.address(1)
        );
        Party {
            binary: "autoclave-edge",
            name: "edge",
            port: 2,
            config,
            libraries: BTreeMap::new(),
        }
    }

    /// None where the engine's library is missing.
    fn diagnosis(&self, setup: &Setup, port: u16, mode: Mode, models: &str) -> Any<Option<Party>> {
        let Mode { engine, threads, runs, name } = mode;
        let broker = self.address(1);
        let cell = self.cell("diagnosis", name, port);
        let mut libraries = BTreeMap::new();
        let (mut used, mut table) = (String::new(), String::new());
        if engine == "ort" {
            let Some(library) = &setup.library else { return Ok(None) };
            let digest = Digest::of(fs::read(library)?);
            let path = library.display();
            used = format!("library = {{ path = \"{path}\", digest = \"{digest}\" }}\n");
            table = format!("[cell.libraries]\nonnxruntime = \"{path}\"\n");
            libraries.insert("onnxruntime".to_owned(), digest);
        }
        let config = format!(
            "callers = [[\"{CALLER}\"]]\n{cell}[engine]\nkind = \"{engine}\"\nthreads = {threads}\n\
             runs = {runs}\n{used}[broker]\nurl = \"http://{broker}\"\n{models}{table}"
        );
        Ok(Some(Party { binary: "autoclave-diagnosis", name, port, config, libraries }))
    }

    /// The tables that all enclaves share.
    fn cell(&self, workload: &str, name: &str, port: u16) -> String {
        let jwk = |key: &SigningKey| {
            let json = serde_json::to_value(Jwk::signing(key.verifying_key())).unwrap_or_default();
            let members = json.as_object().into_iter().flatten();
            members.map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
        };
        let attestor = match workload {
            "attestor" => String::new(),
            _ => format!("attestor = \"http://{}\"\n", self.address(0)),
        };
        format!(
            "profile = \"development\"\n[cell]\nworkload = \"{workload}\"\nlisten_sealed = \"{}\"\n\
             data_dir = \"{name}\"\n{attestor}[trust]\nissuer = \"{ISSUER}\"\n\
             release_keys = [{{ {} }}]\n[development]\nsoftware_root = {{ {} }}\n",
            self.address(port),
            jwk(&self.release),
            jwk(&self.platform),
        )
    }

    pub(crate) fn address(&self, port: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port_base + port).into()
    }

    /// What this program and every client of the deployment start from.
    pub(crate) fn trust(&self) -> Any<Trust> {
        let jwk = |key: &SigningKey| Jwk::signing(key.verifying_key());
        let json = json!({
            "roots": [{ "kind": "software", "jwk": jwk(&self.platform) }],
            "release_keys": [jwk(&self.release)],
            "issuer": ISSUER,
        });
        Ok(trust::parse(&serde_json::to_vec(&json)?)?)
    }

    /// Lists all on a manifest and starts one after the other. The models' keys are in the
    /// broker before diagnosis asks for them.
    fn run(
        &mut self,
        parties: &[Party],
        modes: &[Mode],
        secret: &Secret<[u8; 32]>,
    ) -> Any<Vec<Enclave>> {
        for party in parties {
            fs::create_dir_all(self.folder.join(party.name))?;
            fs::write(self.folder.join(format!("{}.toml", party.name)), &party.config)?;
            if party.binary != "autoclave-edge" {
                self.list(party)?;
            }
        }
        let own = caller_measured()?;
        self.releases.push(released(CALLER, &own)?);
        self.sign()?;
        let mut enclaves = Vec::new();
        for party in parties {
            let pid = self.spawn(party)?;
            if party.name == "edge" {
                self.import(secret)?;
            }
            if let Some(mode) = modes.iter().find(|mode| mode.name == party.name) {
                enclaves.push(Enclave { mode: *mode, address: self.address(party.port), pid });
            }
        }
        Ok(enclaves)
    }

    fn list(&mut self, party: &Party) -> Any<()> {
        let measured = Measured {
            executable: Digest::of(fs::read(self.binaries.join(party.binary))?),
            configuration: Digest::of(&party.config),
            libraries: party.libraries.clone(),
        };
        let workload = party.binary.trim_start_matches("autoclave-");
        self.releases.push(released(workload, &measured)?);
        Ok(())
    }

    fn sign(&self) -> Any<()> {
        let manifest = Manifest {
            iss: "autoclave benchmark".to_owned(),
            serial: 1,
            iat: now(),
            exp: now().plus(MANIFEST_SECONDS),
            workloads: self.releases.clone(),
        };
        fs::write(self.folder.join("manifest.jws"), release::sign(&manifest, &self.release))?;
        Ok(())
    }

    fn spawn(&mut self, party: &Party) -> Any<u32> {
        let mut command = Command::new(self.binaries.join(party.binary));
        command.current_dir(&self.folder).arg(format!("{}.toml", party.name));
        let mut path = "/healthz";
        if party.binary != "autoclave-edge" {
            command.args(["--platform", "software:platform.key"]);
            path = "/readyz";
        }
        let log = self.folder.join(format!("{}.log", party.name));
        let mut process = Process::start(&mut command, &log)?;
        let line = format!("GET {path}");
        let address = self.address(party.port);
        process.wait_until(|| {
            Connection::to(address)
                .exchange(&line, "", b"")
                .is_ok_and(|answer| answer.status == 200)
        })?;
        say(&format!("{} is ready", party.name));
        let pid = process.id();
        // Ended in the reverse order of their start.
        self.processes.insert(0, process);
        Ok(pid)
    }

    /// The models' keys, by their owner's administrator.
    fn import(&self, secret: &Secret<[u8; 32]>) -> Any<()> {
        let options =
            Options { address: format!("http://{}", self.address(2)), trust: self.trust()? };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = Arc::new(Client::connect(options).await?);
            let prover = client.prover(WorkloadName::parse("broker")?, self.provider.clone());
            let body = json!({ "secret": b64::encode(secret.expose()) });
            for name in [UNET, TRIVIAL] {
                prover
                    .send(Ask::new(Method::PUT, format!("/keys/model/{name}")).json(&body))
                    .await?;
            }
            Ok(())
        })
    }
}

/// What this program measures.
pub(crate) fn caller_measured() -> Any<Measured> {
    let executable = Digest::of(fs::read(std::env::current_exe()?)?);
    Ok(Measured { executable, configuration: Digest::of(""), libraries: BTreeMap::new() })
}

fn released(name: &str, measured: &Measured) -> Any<Release> {
    Ok(Release {
        name: WorkloadName::parse(name)?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        measurement: measured.measurement(),
        executable: Some(measured.executable),
        configuration: Some(measured.configuration),
        svn: 1,
        kinds: BTreeSet::from([TeeKind::Software]),
    })
}
