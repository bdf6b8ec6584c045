//! The sessions that are open: bounded in number and in time. The attestor's. A session goes
//! from waiting to complete or failed, once, and its nonce is given out for that step alone.

use std::collections::{HashMap, VecDeque};

use autoclave_base::UnixTime;
use autoclave_cell::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use super::evidence::MEDIA_TYPES;

/// How long a session lasts (seconds).
pub(super) const SESSION_SECONDS: u64 = 300;
/// Sessions at the same time; each holds a nonce, and a result of some kilobytes.
pub(super) const SESSIONS_MAX: usize = 4096;

const BUSY: Refusal = Refusal::unavailable("session.busy", "Too many sessions are open.");
const UNKNOWN: Refusal =
    Refusal::not_found("session.unknown", "There is no such session, or it has ended.");
const SPENT: Refusal =
    Refusal::new(StatusCode::CONFLICT, "session.spent", "This session has taken evidence already.");

/// A session as its client sees it.
#[derive(Clone, Debug)]
pub(super) struct Session {
    nonce: Vec<u8>,
    expires: UnixTime,
    state: Step,
}

#[derive(Clone, Debug)]
enum Step {
    Waiting,
    /// Evidence is being looked at.
    Processing,
    Complete(String),
    Failed,
}

impl Session {
    pub(super) fn to_json(&self, evidence: Option<Value>) -> Value {
        let status = match &self.state {
            Step::Waiting => "waiting",
            Step::Processing => "processing",
            Step::Complete(_) => "complete",
            Step::Failed => "failed",
        };
        let mut session = json!({
            "nonce": STANDARD.encode(&self.nonce),
            "expiry": self.expires.rfc3339(),
            "accept": MEDIA_TYPES,
            "status": status,
        });
        if let Some(members) = session.as_object_mut() {
            if let Step::Complete(result) = &self.state {
                members.insert("result".to_owned(), json!(result));
            }
            members.extend(evidence.map(|evidence| ("evidence".to_owned(), evidence)));
        }
        session
    }
}

/// All sessions.
#[derive(Default)]
pub(crate) struct Sessions {
    open: HashMap<String, Session>,
    oldest_first: VecDeque<(UnixTime, String)>,
}

impl Sessions {
    pub(super) fn begin(
        &mut self,
        id: String,
        nonce: Vec<u8>,
        now: UnixTime,
    ) -> Result<Session, Refusal> {
        self.forget(now);
        if self.open.len() >= SESSIONS_MAX {
            return Err(BUSY);
        }
        let session = Session { nonce, expires: now.plus(SESSION_SECONDS), state: Step::Waiting };
        self.oldest_first.push_back((session.expires, id.clone()));
        self.open.insert(id, session.clone());
        Ok(session)
    }

    pub(super) fn read(&mut self, id: &str, now: UnixTime) -> Result<Session, Refusal> {
        self.of(id, now).cloned()
    }

    /// Takes the nonce of a session that waits.
    pub(super) fn take(&mut self, id: &str, now: UnixTime) -> Result<Vec<u8>, Refusal> {
        let session = self.of(id, now)?;
        if !matches!(session.state, Step::Waiting) {
            return Err(SPENT);
        }
        session.state = Step::Processing;
        Ok(session.nonce.clone())
    }

    /// Keeps the result; without one the session has failed.
    pub(super) fn finish(
        &mut self,
        id: &str,
        result: Option<String>,
        now: UnixTime,
    ) -> Result<(), Refusal> {
        self.of(id, now)?.state = result.map_or(Step::Failed, Step::Complete);
        Ok(())
    }

    pub(super) fn end(&mut self, id: &str, now: UnixTime) -> Result<(), Refusal> {
        self.of(id, now)?;
        self.open.remove(id);
        self.oldest_first.retain(|(_, known)| known != id);
        Ok(())
    }

    fn of(&mut self, id: &str, now: UnixTime) -> Result<&mut Session, Refusal> {
        self.forget(now);
        self.open.get_mut(id).ok_or(UNKNOWN)
    }

    fn forget(&mut self, now: UnixTime) {
        while self.oldest_first.front().is_some_and(|(expires, _)| *expires <= now) {
            if let Some((_, id)) = self.oldest_first.pop_front() {
                self.open.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    #[test]
    fn a_session_takes_evidence_once_and_ends_in_time() {
        let mut sessions = Sessions::default();
        sessions.begin("a".to_owned(), vec![1; 8], NOW).unwrap();
        assert_eq!(sessions.take("a", NOW).unwrap(), vec![1; 8]);
        assert_eq!(sessions.take("a", NOW).unwrap_err(), SPENT);
        sessions.finish("a", None, NOW).unwrap();
        assert_eq!(sessions.take("a", NOW).unwrap_err(), SPENT, "a failure is an end as well");
        assert_eq!(sessions.read("a", NOW).unwrap().to_json(None)["status"], "failed");
        let late = NOW.plus(SESSION_SECONDS);
        assert_eq!(sessions.read("a", late).unwrap_err(), UNKNOWN);
        assert!(sessions.oldest_first.is_empty());
    }

    #[test]
    fn sessions_are_bounded_and_expired_ones_make_room() {
        let mut sessions = Sessions::default();
        for at in 0..SESSIONS_MAX {
            sessions.begin(at.to_string(), Vec::new(), NOW).unwrap();
        }
        assert_eq!(sessions.begin("more".to_owned(), Vec::new(), NOW).unwrap_err(), BUSY);
        sessions.end("0", NOW).unwrap();
        assert!(sessions.begin("more".to_owned(), Vec::new(), NOW).is_ok());
        let late = NOW.plus(SESSION_SECONDS);
        assert!(sessions.begin("later".to_owned(), Vec::new(), late).is_ok());
        assert_eq!(sessions.open.len(), 1);
    }
}
