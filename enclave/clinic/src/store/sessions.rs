//! Sessions: by the digest of their token, bound to one client key. The store's. A time
//! step of a one-time password opens at most one session.

use autoclave_base::ids::StaffId;
use autoclave_base::{Digest, UnixTime};
use autoclave_record::Role;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Store, StoreError, id, seconds, time};

/// Sessions of one person at one time: the front desk, the ward, one forgotten.
const SESSIONS_PER_STAFF_MAX: u32 = 8;

/// A session as kept.
pub(crate) struct SessionRow {
    pub(crate) staff: StaffId,
    pub(crate) role: Role,
    pub(crate) jkt: String,
    pub(crate) expires_at: UnixTime,
    pub(crate) used_at: UnixTime,
}

impl Store {
    /// Begins a session, using up `step`; `false` where that step, or a later one, was used.
    pub(crate) fn begin_session(
        &self,
        token: &Digest,
        session: &SessionRow,
        name: &[u8; 32],
        step: u64,
    ) -> Result<bool, StoreError> {
        let step = i64::try_from(step).map_err(|_| StoreError::Malformed)?;
        let mut ended = Vec::new();
        let begun = self.change(|transaction| {
            let staff = session.staff.to_string();
            let advance = "UPDATE staff SET totp_step = ?2 WHERE id = ?1 AND totp_step < ?2";
            if transaction.execute(advance, params![staff, step])? != 1 {
                return Ok(false);
            }
            transaction.execute("DELETE FROM guess WHERE name = ?1", [name])?;
            ended = forget_old(transaction, &staff, session.used_at)?;
            let insert = "INSERT INTO session (token, staff, jkt, expires_at, used_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)";
            let (expires, used) = (seconds(session.expires_at), seconds(session.used_at));
            transaction
                .execute(insert, params![token.bytes(), staff, session.jkt, expires, used])?;
            Ok(true)
        });
        for token in &ended {
            self.generations().end(token);
        }
        begun
    }

    /// Uses up `step` of a member of staff without a session; `false` where that step, or a
    /// later one, was used.
    pub(crate) fn use_step(
        &self,
        staff: StaffId,
        name: &[u8; 32],
        step: u64,
    ) -> Result<bool, StoreError> {
        let step = i64::try_from(step).map_err(|_| StoreError::Malformed)?;
        self.change(|transaction| {
            let advance = "UPDATE staff SET totp_step = ?2 WHERE id = ?1 AND totp_step < ?2";
            if transaction.execute(advance, params![staff.to_string(), step])? != 1 {
                return Ok(false);
            }
            transaction.execute("DELETE FROM guess WHERE name = ?1", [name])?;
            Ok(true)
        })
    }

    /// The session of a token, with the role that its owner has now.
    pub(crate) fn session(&self, token: &Digest) -> Result<Option<SessionRow>, StoreError> {
        type Row = (String, String, String, i64, i64);
        let row: Option<Row> = self.read(|connection| {
            let session = "SELECT session.staff, staff.role, session.jkt, session.expires_at,
                 session.used_at FROM session JOIN staff ON staff.id = session.staff
                 WHERE session.token = ?1";
            let row = |row: &rusqlite::Row<'_>| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            };
            Ok(connection.query_row(session, [token.bytes()], row).optional()?)
        })?;
        let Some((staff, role, jkt, expires_at, used_at)) = row else { return Ok(None) };
        let role = role.parse().map_err(|_| StoreError::Malformed)?;
        let (expires_at, used_at) = (time(expires_at)?, time(used_at)?);
        Ok(Some(SessionRow { staff: id(&staff)?, role, jkt, expires_at, used_at }))
    }

    /// Notes that a session is in use.
    pub(crate) fn touch_session(&self, token: &Digest, now: UnixTime) -> Result<(), StoreError> {
        self.change_quietly(|transaction| {
            let touch = "UPDATE session SET used_at = ?2 WHERE token = ?1";
            transaction.execute(touch, params![token.bytes(), seconds(now)])?;
            Ok(())
        })
    }

    /// Ends a session; `false` where there was none.
    pub(crate) fn end_session(&self, token: &Digest) -> Result<bool, StoreError> {
        let ended = self.change(|transaction| {
            let end = "DELETE FROM session WHERE token = ?1";
            Ok(transaction.execute(end, [token.bytes()])? == 1)
        });
        // Whatever came of it: here, where no caller who hangs up can come between.
        self.generations().end(token);
        ended
    }
}

/// Forgets sessions that are over, and the longest unused above the bound; gives those that
/// ended before their time.
fn forget_old(
    transaction: &Transaction<'_>,
    staff: &str,
    now: UnixTime,
) -> Result<Vec<Digest>, StoreError> {
    transaction.execute("DELETE FROM session WHERE expires_at <= ?1", [seconds(now)])?;
    let surplus = "DELETE FROM session WHERE token IN (
         SELECT token FROM session WHERE staff = ?1 ORDER BY used_at DESC LIMIT -1 OFFSET ?2)
         RETURNING token";
    let mut surplus = transaction.prepare(surplus)?;
    let ended = surplus.query_map(params![staff, SESSIONS_PER_STAFF_MAX - 1], |row| row.get(0))?;
    let ended = ended.collect::<Result<Vec<[u8; 32]>, _>>()?;
    Ok(ended.into_iter().map(Digest::from_bytes).collect())
}
