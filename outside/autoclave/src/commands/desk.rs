//! A member of staff at the clinic, across commands: a one-time code opens one session only,
//! so the session is kept in the client's folder and taken up by the next command.
//! It belongs to the person at the terminal; only their account may read the file.
//! It is never kept for another address or user, nor after the clinic refused it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use autoclave_base::UnixTime;
use autoclave_client::clock::now;
use autoclave_client::{Client, ExposedSession, SavedSession, Session};
use serde::{Deserialize, Serialize};

use super::connect::{account, address, clinic, connect, sign_in};
use crate::cli::Connection;
use crate::deploy::accounts::Account;
use crate::deploy::seed::failure;
use crate::failure::Outcome;
use crate::terminal::Step;
use crate::{files, terminal};

/// Where the session is kept, in the client's folder.
const SESSION_FILE: &str = "session.json";
/// Held by the command that signs in, so that others wait for its session.
const LOCK_FILE: &str = "session.lock";
/// A session that ends sooner is not taken up: it should last for the command.
const LEFT_SECONDS_MIN: u64 = 10 * 60;

/// A member of staff who is signed in.
pub(crate) struct Desk {
    client: Arc<Client>,
    account: Account,
    keeper: Keeper,
    session: Session,
}

impl Desk {
    /// Verifies the clinic, and takes up the session that was kept or signs in.
    pub(crate) async fn open(connection: &Connection) -> Outcome<Self> {
        let account = account(connection)?;
        let keeper = Keeper::new(&connection.client, &address(connection)?, &account.user);
        let kept = keeper.kept(now());
        let how = if kept.is_some() { "session taken up" } else { "signed in" };
        let step = Step::begin(format!("clinic verified, {how}"));
        let client = connect(connection).await?;
        client.verify(&clinic().map_err(failure)?).await.map_err(failure)?;
        let session = match kept {
            Some(saved) => client.restore(saved),
            None => keeper.renew(&client, &account, None).await?,
        };
        step.done();
        Ok(Self { client, account, keeper, session })
    }

    /// The session.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Forgets the session, which the clinic no longer takes, and signs in unless another command
    /// has done so.
    pub(crate) async fn sign_in_again(&mut self) -> Outcome {
        terminal::note("  the session is over; signing in again");
        let refused = self.session.saved();
        self.session = self.keeper.renew(&self.client, &self.account, Some(&refused)).await?;
        Ok(())
    }
}

/// The file that keeps the session of one user at one address.
struct Keeper {
    path: PathBuf,
    address: String,
    user: String,
}

#[derive(Serialize)]
struct Written<'a> {
    address: &'a str,
    user: &'a str,
    session: ExposedSession<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    address: String,
    user: String,
    session: SavedSession,
}

impl Keeper {
    fn new(folder: &Path, address: &str, user: &str) -> Self {
        let path = folder.join(SESSION_FILE);
        Self { path, address: address.to_owned(), user: user.to_owned() }
    }

    /// The session that was kept, if it is ours and lasts; a file that is none does not matter.
    fn kept(&self, now: UnixTime) -> Option<SavedSession> {
        let Read { address, user, session } = files::read_json(&self.path).ok()?;
        let ours = address == self.address && user == self.user;
        let lasts = session.expires_at() >= now.plus(LEFT_SECONDS_MIN);
        (ours && lasts).then_some(session)
    }

    /// Takes up what another command kept meanwhile, or signs in and keeps the session. If that
    /// cannot be kept, it is good for this command.
    async fn renew(
        &self,
        client: &Arc<Client>,
        account: &Account,
        refused: Option<&SavedSession>,
    ) -> Outcome<Session> {
        let _alone = self.alone();
        if let Some(saved) = self.kept_but(refused, now()) {
            return Ok(client.restore(saved));
        }
        let session = sign_in(client, account).await?;
        if let Err(failure) = self.keep(&session.saved()) {
            terminal::note(format_args!("  the session is not kept: {failure}"));
        }
        Ok(session)
    }

    /// The session that was kept, unless it is the one that was refused: that is forgotten.
    fn kept_but(&self, refused: Option<&SavedSession>, now: UnixTime) -> Option<SavedSession> {
        let saved = self.kept(now)?;
        if refused.is_some_and(|refused| refused.same_as(&saved)) {
            self.forget();
            return None;
        }
        Some(saved)
    }

    /// Waits until no other command signs in; without a lock where none can be had.
    fn alone(&self) -> Option<File> {
        let file = File::create(self.path.with_file_name(LOCK_FILE)).ok()?;
        file.lock().ok()?;
        Some(file)
    }

    fn keep(&self, saved: &SavedSession) -> Outcome {
        let (address, user) = (&self.address, &self.user);
        let written = Written { address, user, session: saved.exposed() };
        files::write_private_json(&self.path, &written)
    }

    /// What cannot be removed is refused again, or written over.
    fn forget(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use autoclave_base::b64;
    use serde_json::json;

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);
    const EDGE: &str = "http://127.0.0.1:7400";

    fn session(expires_at: UnixTime) -> SavedSession {
        named("c2Vzc2lvbg", expires_at)
    }

    fn named(session: &str, expires_at: UnixTime) -> SavedSession {
        serde_json::from_value(json!({
            "party": "clinic",
            "session": session,
            "key": b64::encode([7; 32]),
            "role": "clerk",
            "expires_at": expires_at,
        }))
        .unwrap()
    }

    #[test]
    fn a_session_is_kept_privately_for_its_address_and_user() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::new(folder.path(), EDGE, "clerk");
        assert!(keeper.kept(NOW).is_none());
        let saved = session(NOW.plus(3600));
        keeper.keep(&saved).unwrap();
        let mode = std::fs::metadata(&keeper.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = |saved: &SavedSession| serde_json::to_string(&saved.exposed()).unwrap();
        assert_eq!(text(&keeper.kept(NOW).unwrap()), text(&saved));
        let other = |address, user| Keeper::new(folder.path(), address, user).kept(NOW);
        assert!(other(EDGE, "clinician").is_none());
        assert!(other("http://127.0.0.1:7500", "clerk").is_none());
    }

    #[test]
    fn a_session_about_to_end_is_not_taken_up() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::new(folder.path(), EDGE, "clerk");
        let end = NOW.plus(LEFT_SECONDS_MIN);
        keeper.keep(&session(end)).unwrap();
        assert!(keeper.kept(NOW).is_some());
        assert!(keeper.kept(NOW.plus(1)).is_none());
    }

    #[test]
    fn a_refused_session_is_forgotten_and_that_of_another_command_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::new(folder.path(), EDGE, "clerk");
        let (refused, other) = (session(NOW.plus(3600)), named("b3RoZXI", NOW.plus(3600)));
        keeper.keep(&other).unwrap();
        assert!(keeper.kept_but(Some(&refused), NOW).unwrap().same_as(&other));
        keeper.keep(&refused).unwrap();
        assert!(keeper.kept_but(Some(&refused), NOW).is_none());
        assert!(!keeper.path.exists());
    }

    #[test]
    fn commands_sign_in_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::new(folder.path(), EDGE, "clerk");
        let held = keeper.alone().unwrap();
        let other = File::open(folder.path().join(LOCK_FILE)).unwrap();
        assert!(other.try_lock().is_err());
        drop(held);
        assert!(other.try_lock().is_ok());
        assert!(Keeper::new(Path::new("/nowhere"), EDGE, "clerk").alone().is_none());
    }

    #[test]
    fn a_forgotten_or_malformed_file_is_no_session() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::new(folder.path(), EDGE, "clerk");
        keeper.keep(&session(NOW.plus(3600))).unwrap();
        keeper.forget();
        keeper.forget();
        assert!(keeper.kept(NOW).is_none());
        files::write_private(&keeper.path, "{\"address\":").unwrap();
        assert!(keeper.kept(NOW).is_none());
    }
}
