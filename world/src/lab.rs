//! A laboratory: a deployment that is set up once, and then lives through one seed after
//! the other, each from the same beginning.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime, b64};
use autoclave_client::{Ask, Client, ClientError, Image, SavedSession};
use http::Method;
use image::{DynamicImage, ImageFormat, Luma};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::deployment::Deployment;
use crate::desk::{self, Desk, STAFF};
use crate::disk::{Content, Medium};
use crate::files;
use crate::party::Party;
use crate::shared::{Mischief, Shared, Weather};
use crate::storm::{self, Cast};
use crate::story::Story;

/// When the simulation begins.
const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
/// Setting up has no storm, and takes this long by its own clock at most.
const SET_UP_MAX: Duration = Duration::from_mins(5);
/// Pixels of the scan's sides.
const SIDE: u32 = 64;

/// How a seed went.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The rules that were broken.
    pub broken: Vec<String>,
    /// One digest over all that happened.
    pub digest: Digest,
    /// The last events.
    pub tail: String,
    /// Seconds by the simulation's clock.
    pub seconds: u64,
}

/// A deployment that was set up.
pub struct Lab {
    root: PathBuf,
    cast: Cast,
    media: [Content; 5],
    now: UnixTime,
}

impl Lab {
    /// Sets a deployment up below `root`, which must be empty. To be called, as
    /// [`Lab::run`], in a runtime of one thread whose time stands still.
    pub async fn set_up(root: &Path) -> io::Result<Self> {
        let deployment = Arc::new(Deployment::make(root, NOW)?);
        let weather = Weather { trouble: 0, deaths: 0, deaths_max: 0 };
        let (shared, notices) = Shared::new(0, root, weather, None, NOW, Default::default());
        let keepers = storm::start(&shared, &deployment, notices);
        let ticking = tokio::spawn(storm::tick(Arc::clone(&shared)));
        let sessions = tokio::time::timeout(SET_UP_MAX, provision(&shared, &deployment)).await;
        let sessions = sessions.map_err(io::Error::other).and_then(|all| all);
        storm::stop(&shared, keepers).await;
        ticking.abort();
        if sessions.is_err() || !shared.trace.all_broken().is_empty() {
            let (why, tail) = (sessions.err(), shared.trace.tail(60));
            return Err(io::Error::other(format!("setting up failed: {why:?}\n{tail}")));
        }
        for party in Party::ALL {
            files::replace(&files::folder(root, party), &root.join("set-up").join(party.name()))?;
        }
        let media = std::array::from_fn(|at| shared.media[at].content());
        let cast = Cast { deployment, image: scan()?, sessions: sessions? };
        Ok(Self { root: root.to_owned(), cast, media, now: shared.true_clock.now() })
    }

    /// Lives through one seed.
    pub async fn run(&self, seed: u64, mischief: Option<Mischief>) -> io::Result<Outcome> {
        for party in Party::ALL {
            let set_up = self.root.join("set-up").join(party.name());
            files::replace(&set_up, &files::folder(&self.root, party))?;
        }
        self.cast.deployment.publish(1, NOW)?;
        let media = self.media.clone().map(Medium::with);
        let weather = weather(seed, mischief);
        let (shared, notices) = Shared::new(seed, &self.root, weather, mischief, self.now, media);
        let began = Instant::now();
        Box::pin(storm::run(&shared, notices, &self.cast)).await;
        Ok(Outcome {
            seed,
            broken: shared.trace.all_broken(),
            digest: shared.trace.digest(),
            tail: shared.trace.tail(usize::MAX),
            seconds: began.elapsed().as_secs(),
        })
    }
}

/// Each seed has its own roughness; one in ten has none of one kind.
fn weather(seed: u64, mischief: Option<Mischief>) -> Weather {
    let dice = crate::dice::Dice::new(seed);
    let deaths_max = if mischief.is_some() { 8 } else { dice.below("deaths_max", 0, 7) };
    Weather {
        trouble: dice.below("trouble", 0, 11) * 15,
        deaths: 1 + dice.below("deaths", 0, 6),
        deaths_max,
    }
}

/// What an administrator does once: the model's key, the staff; and the staff sign in.
async fn provision(
    shared: &Arc<Shared>,
    deployment: &Arc<Deployment>,
) -> io::Result<Vec<SavedSession>> {
    let desk = Desk {
        shared: Arc::clone(shared),
        deployment: Arc::clone(deployment),
        story: Arc::new(Story::default()),
        number: 99,
        sessions: Vec::new(),
        asked: 0,
    };
    let broker = desk::name(Party::Broker);
    let secret = json!({ "secret": b64::encode(deployment.model_key.expose()) });
    let import = || Ask::new(Method::PUT, "/keys/model/brain-mri").json(&secret);
    insist(&desk, &broker, deployment, import).await;
    for account in &STAFF {
        let body = json!({
            "user": account.user, "role": account.role, "password": account.password,
            "totp_secret": totp_rs::Secret::from(account.totp).to_base32(),
        });
        let ask = || Ask::new(Method::POST, "/staff").json(&body);
        insist(&desk, &desk::clinic(), deployment, ask).await;
    }
    let client = desk.connect().await.map_err(io::Error::other)?;
    let mut sessions = Vec::new();
    for account in &STAFF {
        sessions.push(desk::sign_in(&client, account).await.map_err(io::Error::other)?);
    }
    wait_for_model(&client).await;
    Ok(sessions)
}

async fn insist(desk: &Desk, party: &WorkloadName, deployment: &Deployment, ask: impl Fn() -> Ask) {
    loop {
        let outcome = match desk.connect().await {
            Ok(client) => {
                let prover = client.prover(party.clone(), deployment.administrator.clone());
                prover.send(ask()).await.map(drop).map_err(|error: ClientError| error.to_string())
            }
            Err(why) => Err(why),
        };
        match outcome {
            Ok(()) => return,
            Err(why) => desk.shared.trace.say(format!("set-up {party}: {why}")),
        }
        sleep(Duration::from_secs(1)).await;
    }
}

async fn wait_for_model(client: &Client) {
    let ready = || http::Request::get("/v2/models/brain-mri/ready").body(Vec::new().into());
    while let Ok(request) = ready() {
        let answer = client.send(&desk::name(Party::Diagnosis), request).await;
        if answer.is_ok_and(|answer| answer.response.status().is_success()) {
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// A small scan with one bright spot.
fn scan() -> io::Result<Image> {
    let image = image::ImageBuffer::from_fn(SIDE, SIDE, |x: u32, y: u32| {
        Luma([if x.abs_diff(30).pow(2) + y.abs_diff(20).pow(2) < 50 { 250_u8 } else { 20 }])
    });
    let mut png = io::Cursor::new(Vec::new());
    DynamicImage::ImageLuma8(image)
        .write_to(&mut png, ImageFormat::Png)
        .map_err(io::Error::other)?;
    Image::of(png.into_inner()).ok_or_else(|| io::Error::other("no image"))
}

/// A folder in memory, where there is one: nothing of a simulation has to last.
pub fn scratch() -> io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    if fs::metadata(memory).is_ok_and(|it| it.is_dir()) {
        tempfile::Builder::new().prefix("world").tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
}
