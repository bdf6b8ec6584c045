//! Faults of the world around a deployment of real processes: slow and half-open
//! connections, more connections than may be, a man in the middle at the edge, full disks,
//! an attestor that is gone, many large uploads under a memory limit. Each ends in success or in a clear
//! refusal, with others served meanwhile, and nothing is lost, doubled or half-written. Run
//! by `cargo xtask test faults`.
//!
//!     faults FOLDER [NAME…]      (empty; real processes on loopback; some need root)

mod absent;
#[path = "../common/mod.rs"]
mod common;
mod disk;
mod middle;
mod slow;
mod uploads;

use std::path::PathBuf;
use std::time::Instant;

use autoclave::deploy::Deployment;
use autoclave::deploy::layout::Layout;
use common::scene::{self, Scene};
use common::{Any, say, told};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

/// The fault for which every enclave's data lies on a small file system of its own.
const DISKS: &str = "disk_full";

/// Brings a fault about; says what was seen.
type Fault = for<'a> fn(&'a mut Scene) -> LocalBoxFuture<'a, Any<String>>;

/// All faults, in the order in which they are brought about.
const FAULTS: [(&str, Fault); 6] = [
    ("attestor_gone", |scene| absent::attestor(scene).boxed_local()),
    ("man_in_the_middle", |scene| middle::tampers(scene).boxed_local()),
    (DISKS, |scene| disk::full(scene).boxed_local()),
    ("too_many_connections", |scene| slow::too_many(scene).boxed_local()),
    ("slow_and_half_open", |scene| slow::slow(scene).boxed_local()),
    ("large_uploads", |scene| uploads::large(scene).boxed_local()),
];

#[tokio::main]
async fn main() -> Any<()> {
    let mut words = std::env::args().skip(1);
    let folder = PathBuf::from(words.next().ok_or("usage: faults FOLDER [NAME…]")?);
    let names: Vec<String> = words.collect();
    let chosen = |name: &str| names.is_empty() || names.iter().any(|one| one == name);
    for (name, fault) in FAULTS.into_iter().filter(|(name, _)| chosen(name)) {
        let begun = Instant::now();
        let options = scene::options(&folder.join(name))?;
        drop(Deployment::prepare(&options)?);
        let layout = Layout::new(&options.dir)?;
        let _mounted = match (name == DISKS).then(|| disk::Mounted::over(layout)) {
            Some(None) => {
                say(format!("{name}: SKIPPED, a file system of its own is for root only"));
                continue;
            }
            mounted => mounted,
        };
        let mut scene = Scene::start_prepared(&options, async |_, _| Ok(())).await?;
        let outcome = fault(&mut scene).await.map_err(|error| format!("{name}: {error}"));
        say(format!("{name}: {} ({} s)", outcome?, begun.elapsed().as_secs()));
        works(&scene).await.map_err(|error| format!("after {name}: {error}"))?;
        scene.parties.stop().await?;
    }
    Ok(())
}

/// One admission and its diagnosis.
pub(crate) async fn works(scene: &Scene) -> Any<()> {
    let (image, key) = (scene::image(scene::picture()?)?, autoclave_client::idempotency_key());
    let patient = scene::patient(&key);
    let session = &scene.session;
    let admission = session.intake(&patient, &image, &key).await.map_err(told)?;
    session.diagnosis(admission.imaging_study).await.map_err(told)?;
    Ok(())
}
