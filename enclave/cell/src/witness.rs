//! The witnesses of the enclave's ledger (C2SP tlog-witness). Before its first line of a life
//! the enclave asks them whether they have seen more of its ledger than its disk shows, and
//! does not start on an older one; afterwards they cosign what it publishes, in the
//! background. The cell's; the witnesses are others', and believed by their signatures only.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use autoclave_base::{Digest, UnixTime};
use autoclave_ledger::cosign::with_lines;
use autoclave_ledger::witness::AddCheckpoint;
use autoclave_ledger::{Checkpoint, WitnessKey};
use axum::body::Body;
use http::{Method, StatusCode};
use tokio::time::{Instant, sleep, timeout};

use crate::carrier::{Answer, BaseUrl, Carrier, Parcel};
use crate::clock::Clock;
use crate::config::CellConfig;
use crate::ledger::{Ledger, LedgerError};
use crate::{BootError, event};

/// Longest exchange with one witness.
const EXCHANGE_SECONDS_MAX: Duration = Duration::from_secs(5);
/// How long a start waits for enough witnesses.
const START_SECONDS_MAX: Duration = Duration::from_secs(20);
/// Pause between two attempts at a start.
const START_PAUSE: Duration = Duration::from_millis(500);
/// Rest between two rounds under load: the proof of a line follows this much later.
const ROUND_PAUSE: Duration = Duration::from_secs(1);
/// Questions to one witness in one attempt: learn the log, learn its size, cosign.
const QUESTIONS_MAX: usize = 4;
/// Longest answer that is looked at: a cosigned checkpoint.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// A cosignature is fresh if the witness's clock is behind ours by no more.
const CLOCK_SKEW_SECONDS: u64 = 300;

/// The witnesses of one ledger.
pub(crate) struct Witnesses {
    all: Vec<One>,
    required: usize,
    carrier: Carrier,
}

struct One {
    url: BaseUrl,
    key: WitnessKey,
    /// The size that it cosigned last, as far as we know.
    size: Mutex<u64>,
}

/// What a witness answered.
enum Said {
    /// The cosignature's line.
    Cosigned(String),
    /// It has seen this much more, under our own signature.
    Ahead(Checkpoint),
    /// Nothing that counts; the code says why.
    Nothing(&'static str),
}

impl Witnesses {
    /// As configured; none where none are.
    pub(crate) fn new(config: &CellConfig, carrier: &Carrier) -> Result<Option<Self>, BootError> {
        if config.witnesses.is_empty() {
            return Ok(None);
        }
        let mut all = Vec::new();
        for witness in &config.witnesses {
            let key = witness.key.parse::<WitnessKey>();
            let key = key.map_err(|refusal| BootError::setup("config.witness", refusal))?;
            all.push(One { url: BaseUrl::parse(&witness.url)?, key, size: Mutex::new(0) });
        }
        let required = config.witnesses_required.unwrap_or(all.len() / 2 + 1);
        Ok(Some(Self { all, required, carrier: carrier.clone() }))
    }

    /// Asks until enough witnesses have cosigned the ledger as the disk shows it, or one of
    /// them shows that it had more lines.
    pub(crate) async fn confirm(&self, ledger: &Ledger, clock: &Clock) -> Result<(), LedgerError> {
        let began = Instant::now();
        loop {
            let found = self.round(ledger, clock).await?;
            if found >= self.required {
                return Ok(());
            }
            if began.elapsed() > START_SECONDS_MAX {
                return Err(LedgerError::Unwitnessed { found, required: self.required });
            }
            sleep(START_PAUSE).await;
        }
    }

    /// Has every new checkpoint cosigned, for ever.
    pub(crate) async fn keep(self, ledger: Ledger, clock: Clock) {
        let mut grown = ledger.grown();
        loop {
            match self.round(&ledger, &clock).await {
                Ok(found) if found >= self.required => {}
                Ok(_) => event!(WARN, "ledger.unwitnessed"),
                Err(error) => event!(ERROR, "ledger.witness", reason = error.code()),
            }
            sleep(ROUND_PAUSE).await;
            // The sender lives as long as the ledger, which this task holds.
            let _grown = grown.changed().await;
        }
    }

    /// Asks each witness once; how many cosigned. What they cosigned is shown if they are
    /// enough.
    async fn round(&self, ledger: &Ledger, clock: &Clock) -> Result<usize, LedgerError> {
        let (size, head) = ledger.head();
        let mut note = head.clone();
        let asking = self.all.iter().map(|one| self.ask(one, ledger, (size, &head), clock.now()));
        let mut found = 0;
        for said in futures::future::join_all(asking).await {
            match said {
                Said::Cosigned(line) => {
                    note = with_lines(&note, &line).unwrap_or(note);
                    found += 1;
                }
                Said::Ahead(signed) if signed.size() == size => {
                    return Err(LedgerError::Rewritten(size));
                }
                Said::Ahead(signed) => {
                    return Err(LedgerError::RolledBack { size, signed: signed.size() });
                }
                Said::Nothing(code) => event!(WARN, "ledger.witness_silent", reason = code),
            }
        }
        if found >= self.required {
            ledger.set_cosigned(&note);
        }
        Ok(found)
    }

    async fn ask(&self, one: &One, ledger: &Ledger, head: (u64, &str), now: UnixTime) -> Said {
        let (size, note) = head;
        for _ in 0..QUESTIONS_MAX {
            let old = (*one.known()).min(size);
            let Some(proof) = ledger.consistency(old, size) else {
                return Said::Nothing("witness.size");
            };
            let asked = AddCheckpoint { old, proof, checkpoint: note.to_owned() };
            let Some(answer) = self.post(one, "/add-checkpoint", asked.to_text()).await else {
                return Said::Nothing("witness.unreachable");
            };
            match answer.status {
                StatusCode::OK => return one.cosigned(&answer, size, note, now),
                StatusCode::NOT_FOUND => {
                    let key = ledger.key().to_string();
                    let learned = self.post(one, "/add-log", key).await;
                    if !learned.is_some_and(|answer| answer.status.is_success()) {
                        return Said::Nothing("witness.unknown_log");
                    }
                }
                StatusCode::CONFLICT => match size_of(&answer).filter(|has| *has != old) {
                    Some(has) if has <= size => *one.known() = has,
                    _ => return self.ahead(one, ledger, size, note).await,
                },
                _ => return Said::Nothing("witness.refused"),
            }
        }
        Said::Nothing("witness.conflict")
    }

    /// What the witness has of this ledger, if our own signature shows that it is more, or
    /// something else.
    async fn ahead(&self, one: &One, ledger: &Ledger, size: u64, note: &str) -> Said {
        let name = Digest::of(ledger.key().name()).hex();
        let latest = self.get(one, &format!("/{name}/checkpoint")).await;
        let latest = latest.and_then(|answer| String::from_utf8(answer.body.to_vec()).ok());
        let latest = latest.and_then(|note| Checkpoint::open(&note, ledger.key()).ok());
        let own = Checkpoint::open(note, ledger.key()).ok();
        match (latest, own) {
            (Some(latest), _) if latest.size() > size => Said::Ahead(latest),
            (Some(latest), Some(own)) if latest.size() == size && latest != own => {
                Said::Ahead(latest)
            }
            _ => Said::Nothing("witness.conflict"),
        }
    }

    async fn post(&self, one: &One, path: &str, body: String) -> Option<Answer> {
        let content_type = Some("text/plain; charset=utf-8");
        let (method, body) = (Method::POST, Body::from(body));
        self.exchange(one, Parcel { method, path, content_type, body }).await
    }

    async fn get(&self, one: &One, path: &str) -> Option<Answer> {
        let (method, body) = (Method::GET, Body::empty());
        self.exchange(one, Parcel { method, path, content_type: None, body }).await
    }

    async fn exchange(&self, one: &One, parcel: Parcel<'_>) -> Option<Answer> {
        let exchange = self.carrier.exchange(&one.url, parcel);
        let answer = timeout(EXCHANGE_SECONDS_MAX, exchange).await.ok()?.ok()?;
        (answer.body.len() <= ANSWER_BYTES_MAX).then_some(answer)
    }
}

impl One {
    /// A cosignature counts if it is this witness's, over our checkpoint, and new: an old one
    /// would say nothing of what the witness has seen since.
    fn cosigned(&self, answer: &Answer, size: u64, note: &str, now: UnixTime) -> Said {
        let Ok(line) = std::str::from_utf8(&answer.body) else {
            return Said::Nothing("witness.malformed");
        };
        let cosigned =
            with_lines(note, line).ok().and_then(|note| self.key.cosigned(&note).ok()?);
        match cosigned {
            Some(time) if time >= now.minus(CLOCK_SKEW_SECONDS) => {
                *self.known() = size;
                Said::Cosigned(line.to_owned())
            }
            Some(_) => Said::Nothing("witness.stale"),
            None => Said::Nothing("witness.signature"),
        }
    }

    fn known(&self) -> MutexGuard<'_, u64> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The size that a witness says in a conflict.
fn size_of(answer: &Answer) -> Option<u64> {
    std::str::from_utf8(&answer.body).ok()?.strip_suffix('\n')?.parse().ok()
}
