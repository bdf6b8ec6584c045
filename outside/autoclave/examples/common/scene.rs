//! A deployment of five real processes with a member of staff at work.
//! It belongs to the tests; its model is a tiny one, so that faults are what takes time.
//! Its ports lie below those that the system gives to outgoing connections: a party that is
//! down for a moment finds its port free again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use autoclave::deploy::keys::Keys;
use autoclave::deploy::layout::Layout;
use autoclave::deploy::party::{CacheKind, Party};
use autoclave::deploy::ports::Ports;
use autoclave::deploy::{Deployment, Options, accounts, configs, seed};
use autoclave_base::ids::WorkloadName;
use autoclave_client::{
    Client, Credentials, Image, Options as ClientOptions, Patient, Session, clock, trust,
};

use super::parties::Parties;
use super::{Any, told};

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// A model of one mean and one threshold, with the shape of the real one.
const TINY_MODEL: &str = "enclave/diagnosis/tests/fixtures/threshold.onnx";
/// Where ports are looked for.
const PORTS: std::ops::Range<u16> = 27_000..27_400;
/// Ports of one deployment.
const PORTS_EACH: u16 = 20;

/// Requests in a second, far beyond what these programs make.
const RATE: u32 = 10_000;

/// A deployment that runs.
pub(crate) struct Scene {
    pub(crate) layout: Layout,
    pub(crate) keys: Keys,
    pub(crate) ports: Ports,
    pub(crate) parties: Parties,
    pub(crate) client: Arc<Client>,
    pub(crate) session: Arc<Session>,
}

/// The workspace's folder.
pub(crate) fn workspace() -> Any<PathBuf> {
    Ok(Path::new(WORKSPACE).canonicalize()?)
}

/// A new deployment in `folder`, with the tiny model.
pub(crate) fn options(folder: &Path) -> Any<Options> {
    let workspace = workspace()?;
    Ok(Options {
        dir: folder.to_owned(),
        binaries: workspace.join("target/debug"),
        model: workspace.join(TINY_MODEL),
        ports: ports()?,
        cache: CacheKind::InProcess,
    })
}

/// A picture that the model takes.
pub(crate) fn picture() -> Any<Vec<u8>> {
    Ok(std::fs::read(workspace()?.join("models/brain-mri/phantoms/phantom-1.png"))?)
}

/// The picture as the client takes it.
pub(crate) fn image(bytes: Vec<u8>) -> Any<Image> {
    Ok(Image::of(bytes).ok_or("not an image")?)
}

/// A patient of that name.
pub(crate) fn patient(family: &str) -> Patient {
    Patient { family: family.to_owned(), given: Vec::new(), birth_date: None }
}

/// A party as a workload.
pub(crate) fn workload(party: Party) -> Any<WorkloadName> {
    Ok(WorkloadName::parse(party.name())?)
}

fn ports() -> Any<Ports> {
    let step = usize::from(PORTS_EACH);
    let bases: Vec<u16> = PORTS.step_by(step).collect();
    let first = usize::try_from(std::process::id())? % bases.len();
    for base in bases.iter().cycle().skip(first).take(bases.len()) {
        let ports = Ports::from_base(*base)?;
        if ports.taken(&Party::STARTS).is_empty() {
            return Ok(ports);
        }
    }
    Err("no free ports".into())
}

impl Scene {
    /// Makes a deployment in `folder`, starts it, and signs its first account in.
    pub(crate) async fn start(folder: &Path) -> Any<Self> {
        let options = options(folder)?;
        drop(Deployment::prepare(&options)?);
        Self::start_prepared(&options, async |_, _| Ok(())).await
    }

    /// Starts a deployment that is prepared; `prepare` comes before the enclaves that ask the
    /// broker for keys.
    pub(crate) async fn start_prepared(
        options: &Options,
        prepare: impl AsyncFnOnce(&Arc<Client>, &Keys) -> Any<()>,
    ) -> Any<Self> {
        let layout = Layout::new(&options.dir)?;
        let keys = Keys::open(&layout)?;
        lift_rate(&layout)?;
        let mut parties = Parties::new(layout.clone(), options);
        for party in [Party::Attestor, Party::Broker, Party::Edge] {
            parties.restart(party).await?;
        }
        let client = connect(&layout, &options.ports).await?;
        seed::model_key(&client, &keys.provider, &layout).await?;
        prepare(&client, &keys).await?;
        for party in [Party::Diagnosis, Party::Clinic] {
            parties.restart(party).await?;
        }
        let staff = accounts::open(&layout)?;
        seed::staff(&client, &keys.administrator, &staff).await?;
        autoclave::deploy::write_settings(&layout, &options.ports, &staff)?;
        let account = staff.first().ok_or("no account")?;
        let session = Arc::new(sign_in(&client, account).await?);
        Ok(Self { layout, keys, ports: options.ports, parties, client, session })
    }
}

/// All requests come from one address here, which stands for many: the edge lets so many in.
fn lift_rate(layout: &Layout) -> Any<()> {
    let path = layout.config(Party::Edge);
    let text = std::fs::read_to_string(&path)?;
    let limits = format!("[limits]\nrequests_per_second = {RATE}\nburst_requests = {RATE}\n");
    Ok(std::fs::write(&path, format!("{text}\n{limits}"))?)
}

/// A client that verifies anew.
pub(crate) async fn connect(layout: &Layout, ports: &Ports) -> Any<Arc<Client>> {
    let trust = trust::read(&layout.client().join("trust.json"))?;
    let address = configs::address(ports);
    Ok(Arc::new(Client::connect(ClientOptions { address, trust }).await?))
}

/// Signs a member of staff in.
pub(crate) async fn sign_in(client: &Arc<Client>, account: &accounts::Account) -> Any<Session> {
    let totp = account.code(clock::now())?;
    let credentials = Credentials { user: &account.user, password: &account.password, totp: &totp };
    let session = client.sign_in(workload(Party::Clinic)?, &credentials).await;
    Ok(session.map_err(told)?)
}
