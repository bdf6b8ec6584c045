//! Full disks: each enclave's data lies on a small file system of its own (tmpfs), which is
//! filled. Requests fail with a clear code, nothing is half-written, and all goes on as soon
//! as there is room.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use autoclave::deploy::layout::Layout;
use autoclave::deploy::party::Party;
use autoclave_client::{Image, idempotency_key};
use autoclave_ledger::audit::Expected;

use super::common::scene::{self, Scene};
use super::common::{Any, ledgers, told};
use super::works;

/// Room for each enclave's data.
const ROOM: &str = "size=8m";
/// What takes the room away.
const FILLER: &str = "filler";
/// Requests until a disk that is full to the last page is noticed: lines fit into the page
/// that the journal has already.
const REQUESTS_MAX: usize = 40;
/// Codes that say clearly what is the matter.
const CLEAR: [&str; 3] = ["ledger.full", "store.full", "release.not_recorded"];
/// What a clinic says of an enclave behind it that cannot answer.
const BEHIND: [&str; 2] = ["diagnosis.failed", "peer.failed"];

/// Every enclave's data on a file system of its own, until this is dropped.
pub(crate) struct Mounted(Layout);

impl Mounted {
    /// Mounts them; nothing where that is not allowed.
    pub(crate) fn over(layout: Layout) -> Option<Self> {
        let mounted = Self(layout);
        let mount = |party| {
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", ROOM, "autoclave-faults"])
                .arg(mounted.0.data(party))
                .status()
        };
        let all =
            Party::ENCLAVES.into_iter().all(|party| mount(party).is_ok_and(|it| it.success()));
        all.then_some(mounted)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
        for party in Party::ENCLAVES {
            let data = self.0.data(party);
            if mounts.contains(&*data.to_string_lossy()) {
                let _ = Command::new("umount").arg("--lazy").arg(data).status();
            }
        }
    }
}

/// Fills one disk after another.
pub(crate) async fn full(scene: &mut Scene) -> Any<String> {
    let image = scene::image(scene::picture()?)?;
    let mut told = Vec::new();
    for party in [Party::Attestor, Party::Diagnosis, Party::Clinic] {
        let data = scene.layout.data(party);
        fill(&data)?;
        let code =
            refused(scene, party, &image).await.map_err(|error| format!("{party}: {error}"))?;
        std::fs::remove_file(data.join(FILLER))?;
        works(scene).await.map_err(|error| format!("{party} with room again: {error}"))?;
        ledgers::read(&scene.layout, party, &Expected::default())?;
        told.push(format!("{party} {code}"));
    }
    broker(scene).await?;
    Ok(format!("refused and resumed: {}; broker gave no key out", told.join(", ")))
}

/// Fills a file system to its last byte.
fn fill(folder: &Path) -> Any<()> {
    let mut filler = OpenOptions::new().create(true).append(true).open(folder.join(FILLER))?;
    let mut piece = vec![0; 1 << 16];
    while !piece.is_empty() {
        while filler.write_all(&piece).is_ok() {}
        piece.truncate(piece.len() / 2);
    }
    Ok(())
}

/// Asks until it is refused; the code.
async fn refused(scene: &Scene, party: Party, image: &Image) -> Any<String> {
    for _ in 0..REQUESTS_MAX {
        let code = if party == Party::Attestor {
            let verified = scene.client.verify(&scene::workload(Party::Clinic)?).await;
            verified.err().map(|error| error.code().into_owned())
        } else {
            let key = idempotency_key();
            let intake = scene.session.intake(&scene::patient(&key), image, &key).await;
            match intake {
                Err(error) => Some(error.code().into_owned()),
                Ok(admission) => {
                    let diagnosis = scene.session.diagnosis(admission.imaging_study).await;
                    diagnosis.err().map(|error| error.code().into_owned())
                }
            }
        };
        let Some(code) = code else { continue };
        let behind = party == Party::Diagnosis && BEHIND.contains(&code.as_str());
        return if behind || CLEAR.contains(&code.as_str()) {
            Ok(code)
        } else {
            Err(format!("refused with {code}").into())
        };
    }
    Err("never refused".into())
}

/// Without room for its line no key leaves: diagnosis starts without its model, and gets it
/// as soon as there is room.
async fn broker(scene: &mut Scene) -> Any<()> {
    let data = scene.layout.data(Party::Broker);
    fill(&data)?;
    let mut refused = false;
    for _ in 0..REQUESTS_MAX {
        scene.parties.kill(Party::Diagnosis).await?;
        scene.parties.spawn(Party::Diagnosis)?;
        let limit = std::time::Duration::from_secs(3);
        if !scene.parties.key_arrives(&scene.client, limit).await {
            refused = true;
            break;
        }
    }
    std::fs::remove_file(data.join(FILLER))?;
    scene.parties.kill(Party::Diagnosis).await?;
    scene.parties.restart(Party::Diagnosis).await?;
    ledgers::read(&scene.layout, Party::Broker, &Expected::default()).map_err(told)?;
    if refused { Ok(()) } else { Err("the broker gave keys out on a full disk".into()) }
}
