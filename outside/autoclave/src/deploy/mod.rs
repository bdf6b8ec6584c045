//! A deployment of all parties on one machine: its folder, its processes, its first steps.
//! It belongs to whoever runs the demo, and is what tests of the whole start from.
//! Data that is there is kept; what is missing beside it is an error, never invented anew.

pub mod accounts;
pub mod configs;
pub mod keys;
pub mod layout;
pub mod manifest;
pub mod model_state;
pub mod party;
pub mod ports;
mod process;
pub mod redis;
pub mod running;
pub mod seed;
pub mod smart;
pub mod tee;
mod tpm;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use autoclave_attest::evidence::Root;
use autoclave_base::Digest;
use autoclave_base::ids::ModelName;
use autoclave_client::clock::now;
use autoclave_client::{Client, Options as ClientOptions, trust};
use futures::future::select_all;
use serde::{Deserialize, Serialize};

use self::accounts::Account;
use self::configs::Facts;
use self::keys::Keys;
use self::layout::Layout;
use self::party::{CacheKind, Party};
use self::ports::Ports;
use self::process::{Process, died};
use self::running::{RunningParty, RunningState};
use self::seed::failure;
use self::tee::Tee;
use crate::commands::model;
use crate::failure::{Failure, Outcome};
use crate::files;
use crate::terminal::{Step, note};

/// What a party says of a key that is not released to it.
const REFUSED: &str = "release.refused";

/// What a deployment is made from.
pub struct Options {
    /// Its folder.
    pub dir: PathBuf,
    /// Where the parties' binaries are.
    pub binaries: PathBuf,
    /// The clear ONNX model, needed the first time and whenever it changes.
    pub model: PathBuf,
    /// Its ports.
    pub ports: Ports,
    /// Where the clinic keeps its copies.
    pub cache: CacheKind,
}

/// The client's settings as `diagnose` and `token show` read them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSettings {
    /// The edge.
    pub address: String,
    /// The account to sign in with.
    pub user: String,
}

/// Where the clinic's FHIR server is, and as which application the command line comes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FhirSettings {
    /// The direct door: `https://host:port`.
    pub base: String,
    /// The application's id.
    pub client_id: String,
}

/// A deployment that is ready to start.
pub struct Deployment {
    layout: Layout,
    ports: Ports,
    binaries: PathBuf,
    keys: Keys,
    accounts: Vec<Account>,
    tee: Tee,
    cache: CacheKind,
    lock: File,
}

/// A deployment that runs.
pub struct Running {
    deployment: Deployment,
    processes: Vec<Process>,
    client: Arc<Client>,
}

/// The folder of the running executable: where the parties' binaries are.
pub fn beside_this_executable() -> Outcome<PathBuf> {
    let own = std::env::current_exe().map_err(|error| Failure::new("deploy.executable", error))?;
    Ok(own.parent().map_or_else(PathBuf::new, Path::to_owned))
}

impl Deployment {
    /// Makes the folder or takes the one that is there, on software evidence.
    pub fn prepare(options: &Options) -> Outcome<Self> {
        Self::prepare_on(Tee::Software, options)
    }

    /// Makes the folder or takes the one that is there: machines, keys, sealed model,
    /// configurations, manifest, accounts.
    pub fn prepare_on(tee: Tee, options: &Options) -> Outcome<Self> {
        let layout = Layout::new(&options.dir)?;
        let lock = lock(&layout)?;
        let cache = options.cache;
        check_binaries(&options.binaries, cache)?;
        tee.keep(&layout)?;
        layout.make()?;
        if let Some(party) = cache.party() {
            files::private_folder(&layout.data(party))?;
        }
        let keys = Keys::open(&layout)?;
        keys.lay_out_people(&layout)?;
        let enclaves = Party::enclaves(cache);
        let root = match tee {
            Tee::Software => Root::Software { jwk: Keys::public(&keys.platform) },
            Tee::Tpm => tpm::ensure(&layout, &options.binaries, &keys, &enclaves)?,
        };
        let model = ensure_model(&layout, &options.model)?;
        let facts = Facts { ports: &options.ports, keys: &keys, model, root: &root, cache };
        configs::write(&layout, &facts)?;
        manifest::ensure(&layout, &options.binaries, &keys, root.kind(), &enclaves, now())?;
        let accounts = accounts::open(&layout)?;
        write_settings(&layout, &options.ports, &accounts)?;
        let (ports, binaries) = (options.ports, options.binaries.clone());
        Ok(Self { layout, ports, binaries, keys, accounts, tee, cache, lock })
    }

    /// Starts all parties, each when those that it needs are ready, and does an
    /// administrator's first steps. If one does not start, those before it are ended.
    pub async fn start(self) -> Outcome<Running> {
        let taken = self.ports.taken(&Party::starts(self.cache));
        if !taken.is_empty() {
            let what = format!("somebody else listens on {taken:?}");
            let advice = "Choose others with --port-base N; `autoclave doctor` tells whether an \
                          earlier demo was left over.";
            return Err(Failure::new("ports.taken", what).advise(advice));
        }
        let mut processes = Vec::new();
        match self.start_all(&mut processes).await {
            Ok(client) => {
                let running = Running { deployment: self, processes, client };
                running.write_down()?;
                Ok(running)
            }
            Err(failure) => {
                stop_all(processes).await;
                Err(failure)
            }
        }
    }

    async fn start_all(&self, processes: &mut Vec<Process>) -> Outcome<Arc<Client>> {
        let mut client = None;
        for party in Party::starts(self.cache) {
            self.start_one(party, processes).await?;
            if party == Party::Edge {
                let connected = self.connect().await?;
                self.import_model_key(&connected).await?;
                client = Some(connected);
            }
        }
        let client = client.ok_or_else(|| Failure::new("deploy.no_edge", "no edge was started"))?;
        let step = Step::begin("staff accounts");
        seed::staff(&client, &self.keys.administrator, &self.accounts).await?;
        step.done();
        let step = Step::begin("model loaded");
        match model_state::wait(&client).await {
            Ok(()) => step.done(),
            // Its owner's decision: the rest works, and who governs must be able to look.
            Err(failure) if failure.code() == REFUSED => {
                step.failed();
                note("  the policy of the model's owner refuses its key; ask: policy why");
            }
            Err(failure) => {
                return Err(failure.advise(process::tail(&self.layout, Party::Diagnosis)));
            }
        }
        Ok(client)
    }

    async fn start_one(&self, party: Party, processes: &mut Vec<Process>) -> Outcome {
        let step = Step::begin(party.name());
        let mut process =
            Process::start(self.tee, party, &self.binaries, &self.layout, &self.ports)?;
        let ready = process.ready(&self.ports, &self.layout, &step).await;
        processes.push(process);
        match ready {
            Ok(()) => step.done(),
            Err(_) => step.failed(),
        }
        ready
    }

    async fn connect(&self) -> Outcome<Arc<Client>> {
        let step = Step::begin("attestation verified");
        let trust = trust::read(&self.layout.client().join("trust.json"));
        let trust = trust.map_err(|error| Failure::new(error.code(), error))?;
        let address = configs::address(&self.ports);
        let client = Client::connect(ClientOptions { address, trust }).await.map_err(failure)?;
        step.done();
        Ok(Arc::new(client))
    }

    async fn import_model_key(&self, client: &Arc<Client>) -> Outcome {
        let step = Step::begin("model key in the broker");
        seed::model_key(client, &self.keys.provider, &self.layout).await?;
        step.done();
        Ok(())
    }

    /// Where everything lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

impl Running {
    /// The base of the clinic's FHIR server.
    pub fn fhir(&self) -> String {
        format!("{}/fhir", smart::base(&self.deployment.ports))
    }

    /// The edge's address.
    pub fn address(&self) -> String {
        configs::address(&self.deployment.ports)
    }

    /// The staff accounts.
    pub fn accounts(&self) -> &[Account] {
        &self.deployment.accounts
    }

    /// A connection through the edge.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Where everything lies.
    pub fn layout(&self) -> &Layout {
        &self.deployment.layout
    }

    /// Waits until `stop`; a party that ends before is a failure.
    pub async fn until(&mut self, stop: impl Future<Output = ()>) -> Outcome {
        let ends = self.processes.iter_mut().map(|process| Box::pin(process.ended()));
        let first = select_all(ends);
        tokio::select! {
            () = stop => Ok(()),
            ((party, status), _, _) = first => Err(died(party, status, &self.deployment.layout)),
        }
    }

    /// Ends all parties gracefully, the front door first.
    pub async fn stop(self) -> Outcome {
        let stubborn = stop_all(self.processes).await;
        let _ = std::fs::remove_file(self.deployment.layout.running());
        let _ = self.deployment.lock.unlock();
        if stubborn.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = stubborn.iter().map(|party| party.name()).collect();
        let what = format!("{} did not end gracefully", names.join(", "));
        Err(Failure::new("deploy.not_graceful", what))
    }

    fn write_down(&self) -> Outcome {
        let parties = self.processes.iter().map(|process| {
            let party = process.party();
            RunningParty {
                name: party.name().to_owned(),
                pid: process.id().unwrap_or_default(),
                address: format!("http://{}", self.deployment.ports.sealed(party)),
                ready_path: process::ready_path(party).to_owned(),
            }
        });
        let (pid, parties) = (std::process::id(), parties.collect());
        let state = RunningState { pid, address: self.address(), parties };
        files::write_json(&self.deployment.layout.running(), &state)
    }
}

/// Ends processes in the order of [`Party::STOPS`]; those that did not end gracefully.
async fn stop_all(mut processes: Vec<Process>) -> Vec<Party> {
    let mut stubborn = Vec::new();
    for party in Party::STOPS {
        let Some(at) = processes.iter().position(|process| process.party() == party) else {
            continue;
        };
        if !processes.swap_remove(at).stop().await {
            stubborn.push(party);
        }
    }
    stubborn
}

fn lock(layout: &Layout) -> Outcome<File> {
    let path = layout.lock();
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| Failure::file(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let what = format!("a demo runs already in {}", layout.root().display());
            Err(Failure::new("deploy.running_already", what))
        }
        Err(TryLockError::Error(error)) => Err(Failure::file(&path, &error)),
    }
}

fn check_binaries(folder: &Path, cache: CacheKind) -> Outcome {
    let is_missing = |party: &Party| !party.binary(folder).is_file();
    let Some(party) = Party::starts(cache).into_iter().find(is_missing) else { return Ok(()) };
    let what = format!("{} is missing", party.binary(folder).display());
    Err(Failure::new("deploy.no_binary", what).advise(match party {
        Party::Redis => "Install Debian's package: apt-get install redis-server",
        _ => "Build all parties: cargo build --workspace --bins, or use cargo xtask demo.",
    }))
}

/// Seals the model unless the sealed one is of the same bytes; the digest of the clear model.
///
/// A model that is no longer there is no obstacle where a sealed one is; one that changed is
/// sealed anew under its key.
fn ensure_model(layout: &Layout, model: &Path) -> Outcome<Digest> {
    let stored = files::read_text(&layout.model_digest()).ok();
    let stored = stored.and_then(|text| text.trim().parse::<Digest>().ok());
    let stored = stored.filter(|_| layout.sealed_model().is_file());
    let digest = match (model.is_file(), stored) {
        (false, Some(digest)) => return Ok(digest),
        (false, None) => {
            let what = format!("{} is missing", model.display());
            let advice = "Give the ONNX model with --model.";
            return Err(Failure::new("deploy.no_model", what).advise(advice));
        }
        (true, Some(digest)) if Digest::of(files::read(model)?) == digest => return Ok(digest),
        (true, _) => seal_model(layout, model)?,
    };
    files::write(&layout.model_digest(), format!("{digest}\n"))?;
    Ok(digest)
}

fn seal_model(layout: &Layout, model: &Path) -> Outcome<Digest> {
    let name = ModelName::parse(configs::MODEL);
    let name = name.map_err(|error| Failure::new("deploy.model_name", error))?;
    let (out, key) = (layout.sealed_model(), layout.model_key());
    if key.is_file() {
        model::seal_again(model, &name, &out, &key)
    } else {
        model::seal(model, &name, &out, &key)
    }
}

/// Writes what the client's folder says of where the parties are and who asks.
pub fn write_settings(layout: &Layout, ports: &Ports, accounts: &[Account]) -> Outcome {
    let user = accounts.first().map(|account| account.user.clone()).unwrap_or_default();
    let settings = ClientSettings { address: configs::address(ports), user };
    let base = smart::base(ports);
    let fhir = FhirSettings { base, client_id: smart::APPLICATION.to_owned() };
    files::write_json(&layout.client().join("fhir.json"), &fhir)?;
    files::write_json(&layout.client().join("client.json"), &settings)
}

#[cfg(test)]
mod tests;
