//! Uploads of 200 MB, many at once, while the clinic and the diagnosis enclave may have no
//! more memory than a small machine gives them: each ends in success or in a clear refusal,
//! and nobody dies of it.

use std::path::PathBuf;
use std::process::Command;

use autoclave::deploy::party::Party;
use autoclave_client::{Image, idempotency_key};
use futures::future::join_all;

use super::common::scene::{self, Scene};
use super::common::{Any, say};

/// The largest image that is taken.
const IMAGE_BYTES: usize = 200_000_000;
/// Uploads at one time.
const UPLOADS: usize = 8;
/// Memory of each enclave: 1.5 GiB.
const MEMORY_BYTES: u64 = 3 << 29;
/// Refusals that say clearly that there is no room.
const CLEAR: [&str; 4] = ["intake.busy", "store.full", "diagnosis.busy", "image.undecodable"];

/// Uploads at once, then diagnoses at once.
pub(crate) async fn large(scene: &mut Scene) -> Any<String> {
    let parties = [Party::Clinic, Party::Diagnosis];
    let ids = parties.map(|party| scene.parties.id(party).unwrap_or_default());
    let cages: Vec<Cage> = ids.into_iter().map(Cage::around).collect::<Any<_>>()?;
    let mut bytes = vec![0; IMAGE_BYTES];
    bytes[..4].copy_from_slice(b"II*\0");
    let image = Image { media_type: "image/tiff", bytes };
    let uploads = join_all((0..UPLOADS).map(|_| async {
        let key = idempotency_key();
        scene.session.intake(&scene::patient(&key), &image, &key).await
    }));
    let (mut studies, mut refused) = (Vec::new(), Vec::new());
    for outcome in uploads.await {
        match outcome {
            Ok(admission) => studies.push(admission.imaging_study),
            Err(error) => refused.push(error.code().into_owned()),
        }
    }
    let taken = studies.len();
    let session = &scene.session;
    let asked = studies.iter().take(2).map(|study| session.diagnosis(*study));
    let answers = join_all(asked).await;
    refused.extend(answers.into_iter().filter_map(|one| Some(one.err()?.code().into_owned())));
    if let Some(code) = refused.iter().find(|code| !CLEAR.contains(&code.as_str())) {
        return Err(format!("refused with {code}").into());
    }
    let alive = parties.map(|party| scene.parties.id(party).unwrap_or_default()) == ids
        && parties.iter().all(|party| !scene.parties.is_dead(*party));
    if !alive {
        return Err("an enclave has died".into());
    }
    let peaks: Vec<_> =
        ids.iter().zip(parties).map(|(id, party)| format!("{party} {} MB", peak_mb(*id))).collect();
    let how = cages.first().map_or("no limit", Cage::kind);
    Ok(format!(
        "{taken} of {UPLOADS} uploads taken, refused: {refused:?}; peak memory {} (limit by {how})",
        peaks.join(", ")
    ))
}

/// The largest resident memory that a process has had (`proc_pid_status(5)`).
fn peak_mb(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1000
}

/// A limit around a process: a control group where there may be one, else a resource limit.
enum Cage {
    Group(PathBuf),
    Limit,
}

impl Cage {
    fn around(id: u32) -> Any<Self> {
        for (root, file) in
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]
        {
            let group = PathBuf::from(root).join(format!("autoclave-faults-{id}"));
            if std::fs::create_dir(&group).is_err() {
                continue;
            }
            let limited = std::fs::write(group.join(file), MEMORY_BYTES.to_string()).is_ok()
                && std::fs::write(group.join("cgroup.procs"), id.to_string()).is_ok();
            if limited {
                return Ok(Self::Group(group));
            }
            let _ = std::fs::remove_dir(&group);
        }
        say("no control group can be made here; the limit is on data, not on all memory");
        let limit = format!("--data={MEMORY_BYTES}");
        let limited = Command::new("prlimit").args(["--pid", &id.to_string(), &limit]).status()?;
        if limited.success() { Ok(Self::Limit) } else { Err("prlimit failed".into()) }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Group(_) => "control group",
            Self::Limit => "RLIMIT_DATA",
        }
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        let Self::Group(group) = self else { return };
        // The process goes back to where it came from; then the group can go.
        let parent = group.parent().map(|parent| parent.join("cgroup.procs"));
        let members = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        for id in members.lines() {
            let _ = parent.as_ref().map(|parent| std::fs::write(parent, id));
        }
        let _ = std::fs::remove_dir(group);
    }
}
