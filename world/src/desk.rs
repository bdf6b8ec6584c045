//! A desk in the hospital: a person with the real client, who admits patients, asks for
//! diagnoses, gives up on what takes too long and asks again. What it is told, it checks.

use std::sync::Arc;
use std::time::Duration;

use autoclave_base::ids::WorkloadName;
use autoclave_client::clock::Clock;
use autoclave_client::{
    Admission, Ask, Client, ClientError, Credentials, Diagnosis, DiagnosisError, Image, Options,
    Patient, SavedSession, Session,
};
use autoclave_wire::Network;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::deployment::Deployment;
use crate::eye::MARK;
use crate::net::View;
use crate::party::{Party, Who};
use crate::shared::Shared;
use crate::story::Story;

/// After the storm everything must succeed within this time: a request that hangs, the
/// longest pause of a renewal, and a restart that waits for another.
pub(crate) const LIVENESS: Duration = Duration::from_mins(10);
/// A person's patience, at most.
const PATIENCE_SECONDS: u64 = 100;

/// The code of an answer that a later request contradicts.
const KEY_REUSED: &str = "intake.key_reused";

/// An account, and how to sign in to it.
#[derive(Clone)]
pub(crate) struct Account {
    /// The user.
    pub(crate) user: &'static str,
    /// The role.
    pub(crate) role: &'static str,
    /// The password.
    pub(crate) password: &'static str,
    /// The one-time secret's bytes.
    pub(crate) totp: [u8; 20],
}

/// The clinic's staff.
pub(crate) const STAFF: [Account; 2] = [
    Account { user: "clerk", role: "clerk", password: "correct horse 1", totp: [1; 20] },
    Account { user: "doctor", role: "clinician", password: "correct horse 2", totp: [2; 20] },
];

/// A desk.
pub(crate) struct Desk {
    pub(crate) shared: Arc<Shared>,
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) story: Arc<Story>,
    pub(crate) number: u8,
    /// Saved sessions, as [`STAFF`].
    pub(crate) sessions: Vec<SavedSession>,
    pub(crate) asked: u64,
}

/// A patient, from the door to the diagnosis.
#[derive(Clone)]
pub(crate) struct Case {
    /// Its name in the story.
    pub(crate) name: String,
    /// The name of the intake.
    pub(crate) key: String,
    /// Who.
    pub(crate) patient: Patient,
    /// The scan.
    pub(crate) image: Image,
}

impl Case {
    /// The case of this name.
    pub(crate) fn new(name: &str, image: &Image) -> Self {
        let patient =
            Patient { family: format!("{MARK}-{name}"), given: Vec::new(), birth_date: None };
        let key = format!("key-{name}");
        Self { name: name.to_owned(), key, patient, image: image.clone() }
    }
}

/// Why something has to be tried again.
type Why = String;

impl Desk {
    /// Admits a patient, however often it takes.
    pub(crate) async fn admit(&mut self, case: &Case) -> Option<Admission> {
        let admission = loop {
            let patience = self.patience();
            let outcome = within(patience, Box::pin(self.admit_once(case))).await;
            match self.again("admit", case, outcome).await {
                Ok(admission) => break admission,
                Err(true) => {}
                Err(false) => return None,
            }
        };
        self.story.admitted(&self.shared, case, &admission);
        Some(admission)
    }

    /// Admits a patient, and tells nobody.
    pub(crate) async fn admit_unseen(&mut self, case: &Case) -> Result<Admission, Why> {
        self.admit_once(case).await
    }

    async fn admit_once(&mut self, case: &Case) -> Result<Admission, Why> {
        let session = self.session(0).await?;
        let twice = self.shared.dice.happens("twice", self.asked, 300);
        let ask = || session.intake(&case.patient, &case.image, &case.key);
        if twice {
            let (one, other) = tokio::join!(ask(), ask());
            if let (Ok(one), Ok(other)) = (&one, &other) {
                self.shared.trace.holds(one.patient == other.patient, || {
                    format!("{} was admitted as two patients", case.name)
                });
            }
            return self.client_error(one.or(other)).await;
        }
        let outcome = ask().await;
        self.client_error(outcome).await
    }

    /// Asks for a diagnosis, however often it takes.
    pub(crate) async fn diagnose(&mut self, case: &Case, admission: &Admission) -> Option<()> {
        loop {
            let patience = self.patience();
            let outcome = within(patience, Box::pin(self.diagnose_once(admission))).await;
            match self.again("diagnose", case, outcome).await {
                Ok(diagnosis) => {
                    self.story.diagnosed(&self.shared, case, &diagnosis);
                    return Some(());
                }
                Err(true) => {}
                Err(false) => return None,
            }
        }
    }

    async fn diagnose_once(&mut self, admission: &Admission) -> Result<Diagnosis, Why> {
        let session = self.session(1).await?;
        match session.diagnosis(admission.imaging_study).await {
            Ok(diagnosis) => Ok(diagnosis),
            Err(DiagnosisError::Client(error)) => self.client_error(Err(error)).await,
            Err(DiagnosisError::Receipt(error)) => {
                let code = error.code();
                self.shared.trace.broken(format!("a receipt does not hold: {code}: {error:?}"));
                Err(code.to_owned())
            }
        }
    }

    /// The work list as the clinic has it.
    pub(crate) async fn work_list(&mut self) -> Option<Vec<Value>> {
        let case = Case::new("list", &Image { media_type: "image/png", bytes: Vec::new() });
        loop {
            let patience = self.patience();
            let outcome = within(patience, self.list_once()).await;
            match self.again("list", &case, outcome).await {
                Ok(list) => return Some(list),
                Err(true) => {}
                Err(false) => return None,
            }
        }
    }

    async fn list_once(&mut self) -> Result<Vec<Value>, Why> {
        let session = self.session(0).await?;
        let ask = Ask::new(http::Method::GET, "/patients").header("purpose-of-use", "TREAT");
        let sent = session.send(ask).await;
        let answer = self.client_error(sent).await?;
        let list: Value = session.read(&answer).map_err(|error| error.code().into_owned())?;
        Ok(list["patients"].as_array().cloned().unwrap_or_default())
    }

    /// A connection whose attestor and clinic were verified.
    pub(crate) async fn connect(&self) -> Result<Arc<Client>, Why> {
        let view =
            View { shared: Arc::clone(&self.shared), who: Who::Client(self.number), life: 0 };
        let clock = self.shared.true_clock.clone();
        let trust = self.deployment.trust().map_err(|error| error.to_string())?;
        let options = Options { address: Party::Edge.url(), trust };
        let network = Network::simulated(Arc::new(view));
        let clock = Clock::simulated(move || clock.now());
        let client = Client::connect_from(&network, clock, options).await;
        let client = client.map_err(|error| error.code().into_owned())?;
        let peer = client.verify(&clinic()).await.map_err(|error| error.code().into_owned())?;
        Story::saw_token(&self.shared, &peer.token().digest().to_string());
        Ok(Arc::new(client))
    }

    async fn session(&mut self, account: usize) -> Result<Session, Why> {
        self.asked += 1;
        Ok(self.connect().await?.restore(self.sessions[account].clone()))
    }

    /// The outcome with its code; where the sessions are gone, both accounts sign in anew.
    async fn client_error<T>(&mut self, outcome: Result<T, ClientError>) -> Result<T, Why> {
        let error = match outcome {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let code = error.code().into_owned();
        self.shared.trace.holds(code != KEY_REUSED, || "an intake contradicts itself".to_owned());
        if error.is_unauthenticated() && code.starts_with("session.") {
            let client = self.connect().await?;
            for (session, account) in self.sessions.iter_mut().zip(&STAFF) {
                *session = sign_in(&client, account).await?;
                self.shared.trace.say(format!("{} signed in", account.user));
            }
        }
        Err(code)
    }

    /// Waits before the next attempt; `Err(false)` when it has taken too long.
    async fn again<T>(
        &mut self,
        what: &str,
        case: &Case,
        outcome: Result<T, Why>,
    ) -> Result<T, bool> {
        let who = format!("client-{}", self.number);
        let code = match outcome {
            Ok(value) => {
                self.shared.trace.say(format!("{who} {what} {}: done", case.name));
                return Ok(value);
            }
            Err(code) => code,
        };
        self.shared.trace.say(format!("{who} {what} {}: {code}", case.name));
        if self.story.is_overdue() {
            self.shared.trace.broken(format!("{who} cannot {what} {} after the storm", case.name));
            return Err(false);
        }
        let nth = self.asked * 10 + u64::from(self.number);
        sleep(Duration::from_millis(500 + self.shared.dice.below("again", nth, 12_000))).await;
        Err(true)
    }

    /// How long a person waits this time.
    fn patience(&self) -> Duration {
        let nth = self.asked * 10 + u64::from(self.number);
        Duration::from_secs(5 + self.shared.dice.below("patience", nth, PATIENCE_SECONDS))
    }
}

/// Gives up after a while, wherever the work stands.
async fn within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, Why>>,
) -> Result<T, Why> {
    timeout(patience, work).await.unwrap_or_else(|_| Err("patience".to_owned()))
}

/// The clinic's name.
pub(crate) fn clinic() -> WorkloadName {
    name(Party::Clinic)
}

/// A party's name.
#[expect(clippy::expect_used, reason = "the names are constants")]
pub(crate) fn name(party: Party) -> WorkloadName {
    WorkloadName::parse(party.name()).expect("a name")
}

/// Signs in, with the code of the moment.
pub(crate) async fn sign_in(client: &Arc<Client>, account: &Account) -> Result<SavedSession, Why> {
    let totp = totp_rs::Builder::new().with_secret(totp_rs::Secret::from(account.totp)).build();
    let totp = totp.map_err(|error| format!("{error:?}"))?.generate(client.now().seconds());
    let totp = totp.to_string();
    let credentials = Credentials { user: account.user, password: account.password, totp: &totp };
    let session = client.sign_in(clinic(), &credentials).await;
    session.map(|session| session.saved()).map_err(|error| error.code().into_owned())
}

/// When the storm is over, and whether that is long ago.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(pub(crate) Option<Instant>);

impl Deadline {
    /// Whether everything should have succeeded by now.
    pub(crate) fn is_past(self) -> bool {
        self.0.is_some_and(|end| Instant::now() > end + LIVENESS)
    }
}
