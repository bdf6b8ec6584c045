//! `demo --check`: one diagnosis end to end through the edge, and a summary as JSON.
//! It belongs to whoever has to know that all of it works: newcomers and CI.
//! It succeeds only if everything verified, and leaves nothing running.

use std::path::{Path, PathBuf};
use std::time::Instant;

use autoclave_base::ids::WorkloadName;
use autoclave_client::{Patient, idempotency_key, receipt};
use serde_json::{Value, json};

use super::{sample, start};
use crate::cli::Demo;
use crate::commands::connect::sign_in;
use crate::commands::diagnose::{Diagnosed, diagnose, load_one, refused, whole_millis, write};
use crate::commands::receipt::{DIAGNOSIS, SavedReceipt, summary};
use crate::deploy::Running;
use crate::deploy::ports::Ports;
use crate::deploy::seed::failure;
use crate::failure::{Failure, Outcome};
use crate::terminal::{self, Step};

/// The folder that a demo takes unless another is given; a check does not touch it.
const USUAL_DIR: &str = ".autoclave";

/// Runs the check.
pub(super) async fn run(command: Demo) -> Outcome {
    let ports = match command.port_base {
        Some(base) => Ports::from_base(base)?,
        None => Ports::free()?,
    };
    let image = sample(&command.phantoms).ok_or_else(|| {
        let what = format!("no image in {}", command.phantoms.display());
        Failure::new("demo.no_image", what).advise("Give a folder with --phantoms.")
    })?;
    let mut folder = Folder::choose(&command.dir)?;
    let outcome = run_in(&command, folder.path(), ports, &image).await;
    if outcome.is_err() {
        folder.keep();
    }
    terminal::out(format_args!("{:#}", outcome?));
    Ok(())
}

async fn run_in(command: &Demo, folder: &Path, ports: Ports, image: &Path) -> Outcome<Value> {
    let begun = Instant::now();
    let running = start(command, folder, ports).await?;
    let started = whole_millis(begun.elapsed());
    let outcome = walk(&running, image).await;
    let stopped = running.stop().await;
    let mut summary = outcome?;
    stopped?;
    summary["timings_ms"]["start"] = json!(started);
    summary["timings_ms"]["total"] = json!(whole_millis(begun.elapsed()));
    Ok(summary)
}

/// The clerk's way, through the edge.
async fn walk(running: &Running, image: &Path) -> Outcome<Value> {
    let account = running.accounts().first();
    let account = account.ok_or_else(|| Failure::new("demo.no_account", "there is no account"))?;
    let client = running.client();
    let step = Step::begin("clinic verified, signed in");
    let begun = Instant::now();
    let clinic =
        WorkloadName::parse("clinic").map_err(|error| Failure::new("demo.party", error))?;
    let peer = client.verify(&clinic).await.map_err(failure)?;
    let verified = begun.elapsed();
    let session = sign_in(client, account).await?;
    let signed_in = begun.elapsed().saturating_sub(verified);
    step.done();
    let step = Step::begin("image sealed, diagnosed, receipt checked");
    let patient = Patient { family: "Check".into(), given: Vec::new(), birth_date: None };
    let diagnosed = diagnose(&session, &patient, &load_one(image)?, &idempotency_key()).await;
    let diagnosed = diagnosed.map_err(|error| refused(&error))?;
    step.done();
    let again = check_again(running, &diagnosed)?;
    Ok(json!({
        "verified": true,
        "token": peer.token().claims(),
        "receipt": again,
        "ledger_proof": diagnosed.diagnosis.bundle.ledger,
        "findings": diagnosed.diagnosis.findings,
        "patient": diagnosed.admission.patient,
        "imaging_study": diagnosed.admission.imaging_study,
        "timings_ms": {
            "verify": whole_millis(verified),
            "sign_in": whole_millis(signed_in),
            "intake": diagnosed.millis.0,
            "diagnosis": diagnosed.millis.1,
        },
    }))
}

/// Writes the results as `diagnose` does, and checks the receipt again offline from its file.
fn check_again(running: &Running, diagnosed: &Diagnosed) -> Outcome<Value> {
    let step = Step::begin("receipt checked again, offline");
    let out = running.layout().root().join("check");
    crate::files::folder(&out)?;
    let written = write(&out, "check", &diagnosed.diagnosis)?;
    let saved = SavedReceipt::read(&written.receipt)?;
    let trust = autoclave_client::trust::read(&running.layout().client().join("trust.json"));
    let trust = trust.map_err(|error| Failure::new(error.code(), error))?;
    let workload =
        WorkloadName::parse(DIAGNOSIS).map_err(|error| Failure::new("demo.party", error))?;
    let checked = receipt::verify(&saved.bundle, &trust, &workload);
    let checked = checked.map_err(|error| Failure::new(error.code(), error))?;
    step.done();
    Ok(summary(&checked))
}

/// The check's folder: the one that was given, or one of its own that goes with it.
enum Folder {
    Given(PathBuf),
    Own(PathBuf),
}

impl Folder {
    fn choose(dir: &Path) -> Outcome<Self> {
        if dir != Path::new(USUAL_DIR) {
            return Ok(Self::Given(dir.to_owned()));
        }
        let name = format!("autoclave-check-{}-{}", std::process::id(), idempotency_key());
        let path = std::env::temp_dir().join(name);
        crate::files::private_folder(&path)?;
        Ok(Self::Own(path))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given(path) | Self::Own(path) => path,
        }
    }

    /// Leaves the folder for whoever looks into what failed.
    fn keep(&mut self) {
        terminal::note(format_args!("  logs are kept in {}", self.path().join("logs").display()));
        let kept = Self::Given(self.path().to_owned());
        std::mem::forget(std::mem::replace(self, kept));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Self::Own(path) = self {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_has_a_folder_of_its_own_unless_one_is_given() {
        let own = Folder::choose(Path::new(USUAL_DIR)).unwrap();
        let path = own.path().to_owned();
        assert!(path.is_dir());
        drop(own);
        assert!(!path.exists());
        let given = Folder::choose(Path::new("/given")).unwrap();
        assert_eq!(given.path(), Path::new("/given"));
    }
}
