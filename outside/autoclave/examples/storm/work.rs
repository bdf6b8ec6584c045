//! The clients of a storm: each admits a patient and asks for the diagnosis, insisting as a
//! hospital's software does: the same idempotency key, again, until there is an answer.
//! What must not happen whatever dies ends the storm at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use autoclave::deploy::party::Party;
use autoclave_attest::receipt::Receipt;
use autoclave_client::{
    Admission, Client, ClientError, Diagnosis, DiagnosisError, Image, Patient, Session,
    idempotency_key,
};
use autoclave_ledger::LedgerProof;
use futures::future::try_join_all;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;
use tokio::time::sleep;

use super::common::{Any, pictures, scene, told};

/// Clients at one time.
const CLIENTS: usize = 4;
/// Longest that one client insists on one answer.
const INSIST_MAX: Duration = Duration::from_secs(90);
/// First pause before a repetition, doubled up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(40);
const PAUSE_MAX: Duration = Duration::from_millis(640);
/// How often a client looks at all ledgers' checkpoints.
const WATCH_PAUSE: Duration = Duration::from_millis(700);

/// What a client sends, so that it can send it again.
pub(crate) struct Job {
    pub(crate) key: String,
    pub(crate) patient: Patient,
    pub(crate) image: Image,
}

/// What a client was answered.
pub(crate) struct Done {
    pub(crate) job: Job,
    pub(crate) admission: Admission,
    pub(crate) report: String,
    pub(crate) bundle_receipt: String,
    pub(crate) receipt: Receipt,
    pub(crate) proof: LedgerProof,
}

/// All that was answered, and how often clients had to repeat, by code.
pub(crate) struct Work {
    pub(crate) done: Vec<Done>,
    repeated: BTreeMap<String, u32>,
}

type Repeated = Mutex<BTreeMap<String, u32>>;

impl Work {
    /// Why clients repeated.
    pub(crate) fn told(&self) -> String {
        let all: u32 = self.repeated.values().sum();
        let each: Vec<_> =
            self.repeated.iter().map(|(code, times)| format!("{code} {times}")).collect();
        format!("{all} repetitions ({})", each.join(", "))
    }
}

/// Works until `count` diagnoses are there; tells how many are.
pub(crate) async fn all(
    session: &Session,
    count: usize,
    seed: u64,
    tell: watch::Sender<usize>,
) -> Any<Work> {
    let (picture, repeated) = (scene::picture()?, Repeated::default());
    let client = async |number: usize| {
        let mut rng = StdRng::seed_from_u64(seed ^ (number as u64) << 32);
        let mut done = Vec::new();
        for job in (number..count).step_by(CLIENTS) {
            let job = job_of(&picture, seed, job)?;
            done.push(one(session, job, &repeated, &mut rng).await?);
            tell.send_modify(|all| *all += 1);
        }
        Any::Ok(done)
    };
    let done = try_join_all((0..CLIENTS).map(client)).await?;
    let repeated = repeated.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Work { done: done.into_iter().flatten().collect(), repeated })
}

fn job_of(picture: &[u8], seed: u64, number: usize) -> Any<Job> {
    let name = format!("Storm-{seed}-{number}");
    let image = scene::image(pictures::png_with_text(picture, "Comment", &name))?;
    let patient = Patient { family: name, given: Vec::new(), birth_date: None };
    Ok(Job { key: idempotency_key(), patient, image })
}

async fn one(session: &Session, job: Job, repeated: &Repeated, rng: &mut StdRng) -> Any<Done> {
    let intake = async || session.intake(&job.patient, &job.image, &job.key).await;
    // Now and then somebody clicks twice.
    let (admission, again) = if rng.random_range(0..3) == 0 {
        let both = tokio::join!(insist(repeated, intake), insist(repeated, intake));
        (both.0?, Some(both.1?))
    } else {
        (insist(repeated, intake).await?, None)
    };
    if again.is_some_and(|again| again.patient != admission.patient) {
        return Err("two clicks made two patients".into());
    }
    let study = admission.imaging_study;
    let diagnosis =
        insist(repeated, async || session.diagnosis(study).await.map_err(inner)).await?;
    let report = report_of(&diagnosis).ok_or("an answer without a report")?;
    let receipt = diagnosis.checked.receipt().receipt().clone();
    let proof = diagnosis.checked.proof().clone();
    Ok(Done { job, admission, report, bundle_receipt: diagnosis.bundle.receipt, receipt, proof })
}

/// The report's id in an answer.
pub(crate) fn report_of(diagnosis: &Diagnosis) -> Option<String> {
    Some(diagnosis.answer["report"]["id"].as_str()?.to_owned())
}

/// Why an attempt failed: to be repeated, or never to happen.
pub(crate) enum Failed {
    Client(ClientError),
    Never(String),
}

impl From<ClientError> for Failed {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

fn inner(error: DiagnosisError) -> Failed {
    match error {
        DiagnosisError::Client(error) => Failed::Client(error),
        DiagnosisError::Receipt(error) => Failed::Never(told(error)),
    }
}

/// Repeats until there is an answer.
pub(crate) async fn insist<T, E: Into<Failed>>(
    repeated: &Repeated,
    attempt: impl AsyncFn() -> Result<T, E>,
) -> Any<T> {
    let (begun, mut pause) = (Instant::now(), PAUSE_MIN);
    loop {
        let error = match attempt().await.map_err(Into::into) {
            Ok(answer) => return Ok(answer),
            Err(Failed::Never(what)) => return Err(what.into()),
            Err(Failed::Client(error)) => error,
        };
        if !may_repeat(&error) || begun.elapsed() > INSIST_MAX {
            return Err(format!("{} [{}]", told(&error), error.code()).into());
        }
        count(repeated, &error);
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

fn count(repeated: &Repeated, error: &ClientError) {
    let mut all = repeated.lock().unwrap_or_else(PoisonError::into_inner);
    *all.entry(error.code().into_owned()).or_default() += 1;
}

/// What a death may cause: silence, a broken answer, "not now", a nonce that nobody knows
/// any more. A refusal of what was accepted before is none of these.
fn may_repeat(error: &ClientError) -> bool {
    const REQUEST_TIMEOUT: u16 = 408;
    const TOO_MANY: u16 = 429;
    match error {
        ClientError::Http { .. } | ClientError::Open(_) => true,
        ClientError::Status { status, .. } => *status >= 500,
        ClientError::Refused { problem, .. } => {
            problem.status >= 500
                || [REQUEST_TIMEOUT, TOO_MANY].contains(&problem.status)
                || ["nonce.unknown", "seal.truncated"].contains(&&*problem.code)
        }
        _ => false,
    }
}

/// Checkpoints that a client sees meanwhile, the earliest first.
pub(crate) async fn watch_ledgers(
    client: &Client,
    progress: watch::Receiver<usize>,
) -> Any<BTreeMap<Party, Vec<String>>> {
    let mut seen: BTreeMap<Party, Vec<String>> = BTreeMap::new();
    while progress.has_changed().is_ok() {
        for party in Party::ENCLAVES {
            let path = format!("/parties/{party}/ledger/checkpoint");
            let Ok(answer) = client.http().get(&path).await else { continue };
            if answer.status.is_success() {
                let note = String::from_utf8(answer.body.to_vec())?;
                seen.entry(party).or_default().push(note);
            }
        }
        sleep(WATCH_PAUSE).await;
    }
    Ok(seen)
}
