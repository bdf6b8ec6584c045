//! What applications hold for longer than the process lives: refresh tokens, each good once,
//! and the names of assertions that were used. The store's. A refresh token that comes a
//! second time ends its whole line.

use autoclave_base::ids::StaffId;
use autoclave_base::{Digest, UnixTime};
use autoclave_record::{Role, Scopes};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{Store, StoreError, id, seconds, time};
use crate::smart::{Grant, Holder};

/// Refresh tokens of one member of staff at one time.
const REFRESH_PER_STAFF_MAX: u32 = 64;

/// A refresh token as kept.
#[derive(Debug)]
pub(crate) struct Refresh {
    pub(crate) grant: Grant,
    pub(crate) family: Digest,
    pub(crate) jkt: Option<String>,
    pub(crate) expires_at: UnixTime,
}

impl Store {
    /// Notes an assertion; `false` where it was used before.
    pub(crate) fn count_assertion(
        &self,
        name: &Digest,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        self.change(|transaction| {
            let over = "DELETE FROM smart_assertion WHERE until <= ?1";
            transaction.execute(over, [seconds(now)])?;
            let insert = "INSERT INTO smart_assertion (name, until) VALUES (?1, ?2)
                 ON CONFLICT (name) DO NOTHING";
            Ok(transaction.execute(insert, params![name.bytes(), seconds(until)])? == 1)
        })
    }

    /// Keeps a new refresh token, in place of the one that was just used if there is one.
    pub(crate) fn keep_refresh(&self, token: &Digest, refresh: &Refresh) -> Result<(), StoreError> {
        let Holder::Staff { id, .. } = refresh.grant.holder else {
            return Err(StoreError::Malformed);
        };
        let staff = id.to_string();
        self.change(|transaction| {
            let insert = "INSERT INTO smart_refresh (token, family, client, staff, scopes, patient,
                 purpose, jkt, used, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9)";
            let grant = &refresh.grant;
            let (scopes, purpose) = (grant.scopes.to_string(), grant.purpose.code());
            transaction.execute(
                insert,
                params![
                    token.bytes(),
                    refresh.family.bytes(),
                    grant.client,
                    staff,
                    scopes,
                    grant.patient,
                    purpose,
                    refresh.jkt,
                    seconds(refresh.expires_at)
                ],
            )?;
            let surplus =
                "DELETE FROM smart_refresh WHERE token IN (SELECT token FROM smart_refresh
                 WHERE staff = ?1 AND used = 0 ORDER BY expires_at DESC LIMIT -1 OFFSET ?2)";
            transaction.execute(surplus, params![staff, REFRESH_PER_STAFF_MAX])?;
            Ok(())
        })
    }

    /// Uses a refresh token up. Where it was used before, its line ends; what it holds is then
    /// nothing, and the family is given so that access tokens of it end as well.
    pub(crate) fn use_refresh(
        &self,
        token: &Digest,
        now: UnixTime,
    ) -> Result<Result<Refresh, Option<Digest>>, StoreError> {
        self.change(|transaction| {
            let over = "DELETE FROM smart_refresh WHERE expires_at <= ?1";
            transaction.execute(over, [seconds(now)])?;
            let Some((kept, used)) = kept(transaction, token)? else { return Ok(Err(None)) };
            if used {
                end_family(transaction, &kept.family)?;
                return Ok(Err(Some(kept.family)));
            }
            let spend = "UPDATE smart_refresh SET used = 1 WHERE token = ?1";
            transaction.execute(spend, [token.bytes()])?;
            Ok(Ok(kept))
        })
    }

    /// Whose line of tokens a refresh token belongs to, of that application.
    pub(crate) fn refresh_family(
        &self,
        token: &Digest,
        client: &str,
    ) -> Result<Option<Digest>, StoreError> {
        self.read(|connection| {
            let family = "SELECT family FROM smart_refresh WHERE token = ?1 AND client = ?2";
            let row: Option<[u8; 32]> = connection
                .query_row(family, params![token.bytes(), client], |row| row.get(0))
                .optional()?;
            Ok(row.map(Digest::from_bytes))
        })
    }

    /// Looks at a refresh token that was not used yet.
    pub(crate) fn refresh(
        &self,
        token: &Digest,
        now: UnixTime,
    ) -> Result<Option<Refresh>, StoreError> {
        let found = self.change_quietly(|transaction| kept(transaction, token))?;
        let counts = |(kept, used): &(Refresh, bool)| !used && now < kept.expires_at;
        Ok(found.filter(counts).map(|(kept, _)| kept))
    }

    /// Ends a line of refresh tokens.
    pub(crate) fn end_refresh(&self, family: &Digest) -> Result<(), StoreError> {
        self.change(|transaction| end_family(transaction, family))
    }
}

fn end_family(transaction: &Transaction<'_>, family: &Digest) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM smart_refresh WHERE family = ?1", [family.bytes()])?;
    Ok(())
}

/// A refresh token with the role that its owner has now, and whether it was used.
fn kept(
    transaction: &Transaction<'_>,
    token: &Digest,
) -> Result<Option<(Refresh, bool)>, StoreError> {
    let refresh = "SELECT smart_refresh.client, smart_refresh.staff, staff.role,
         smart_refresh.scopes, smart_refresh.patient, smart_refresh.purpose, smart_refresh.family,
         smart_refresh.jkt, smart_refresh.expires_at, smart_refresh.used
         FROM smart_refresh JOIN staff ON staff.id = smart_refresh.staff
         WHERE smart_refresh.token = ?1";
    let row = transaction.query_row(refresh, [token.bytes()], columns).optional()?;
    let Some((client, [staff, role, scopes, purpose], patient, family, jkt, end, used)) = row
    else {
        return Ok(None);
    };
    let holder = Holder::Staff {
        id: id::<StaffId>(&staff)?,
        role: role.parse::<Role>().map_err(|_| StoreError::Malformed)?,
    };
    let scopes = Scopes::parse(&scopes).map_err(|_| StoreError::Malformed)?;
    let purpose = purpose.parse().map_err(|_| StoreError::Malformed)?;
    let grant = Grant { client, holder, scopes, patient, purpose };
    let family = Digest::from_bytes(family);
    Ok(Some((Refresh { grant, family, jkt, expires_at: time(end)? }, used)))
}

type Columns = (String, [String; 4], Option<String>, [u8; 32], Option<String>, i64, bool);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    let texts = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(5)?];
    Ok((row.get(0)?, texts, row.get(4)?, row.get(6)?, row.get(7)?, row.get(8)?, row.get(9)?))
}
