//! Staff accounts and the count of guesses against each name. The store's. Names are found
//! by keyed tokens and secrets are sealed, so that who holds the file learns neither.

use autoclave_base::ids::StaffId;
use autoclave_base::{Secret, UnixTime};
use autoclave_cell::Entropy;
use autoclave_record::Role;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Store, StoreError, id, seconds, time};
use crate::auth::guesses::{Guesses, Verdict};

/// Most names with guesses against them at one time: strangers can make up names.
const GUESSED_NAMES_MAX: i64 = 10_000;

/// An account to make.
pub(crate) struct NewStaff {
    pub(crate) id: StaffId,
    pub(crate) name: [u8; 32],
    pub(crate) role: Role,
    pub(crate) secrets: Secret<Vec<u8>>,
}

/// An account.
pub(crate) struct StaffRow {
    pub(crate) id: StaffId,
    pub(crate) role: Role,
    pub(crate) secrets: Secret<Vec<u8>>,
}

impl Store {
    /// Makes an account; `false` where the name is taken.
    pub(crate) fn add_staff(&self, new: &NewStaff) -> Result<bool, StoreError> {
        let secrets = self.keys().seal_staff(new.id, new.secrets.expose().clone(), &mut Entropy);
        self.change(|transaction| {
            let insert = "INSERT INTO staff (id, name, role, secrets, totp_step)
                 VALUES (?1, ?2, ?3, ?4, 0) ON CONFLICT (name) DO NOTHING";
            let (id, role) = (new.id.to_string(), new.role.code());
            Ok(transaction.execute(insert, params![id, new.name, role, secrets])? == 1)
        })
    }

    /// The account of that name.
    pub(crate) fn staff(&self, name: &[u8; 32]) -> Result<Option<StaffRow>, StoreError> {
        let row: Option<(String, String, Vec<u8>)> = self.read(|connection| {
            let staff = "SELECT id, role, secrets FROM staff WHERE name = ?1";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            Ok(connection.query_row(staff, [name], row).optional()?)
        })?;
        let Some((of, role, secrets)) = row else { return Ok(None) };
        let of = id(&of)?;
        let secrets = Secret::new(self.keys().open_staff(of, secrets)?);
        let role = role.parse().map_err(|_| StoreError::Malformed)?;
        Ok(Some(StaffRow { id: of, role, secrets }))
    }

    /// Counts a guess at `name` before it is checked, so that no crash and no crowd of
    /// simultaneous guesses gets more than the rule allows.
    pub(crate) fn count_guess(
        &self,
        name: &[u8; 32],
        now: UnixTime,
    ) -> Result<Verdict, StoreError> {
        self.change(|transaction| {
            let before = guesses(transaction, name)?;
            if before.is_none() {
                make_room(transaction, now)?;
            }
            let (verdict, after) = before.unwrap_or_default().another(now);
            let upsert = "INSERT INTO guess (name, attempts, until) VALUES (?1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET attempts = ?2, until = ?3";
            transaction.execute(upsert, params![name, after.attempts, seconds(after.until)])?;
            Ok(verdict)
        })
    }
}

fn guesses(transaction: &Transaction<'_>, name: &[u8; 32]) -> Result<Option<Guesses>, StoreError> {
    let guess = "SELECT attempts, until FROM guess WHERE name = ?1";
    let row: Option<(u32, i64)> =
        transaction.query_row(guess, [name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((attempts, until)) = row else { return Ok(None) };
    Ok(Some(Guesses { attempts, until: time(until)? }))
}

/// Forgets names whose time is over, and above the bound the ones guessed at least: who
/// makes up names to push one out must guess as often at each of ten thousand others.
fn make_room(transaction: &Transaction<'_>, now: UnixTime) -> Result<(), StoreError> {
    let over = seconds(now.minus(Guesses::FORGET_SECONDS));
    transaction.execute("DELETE FROM guess WHERE until < ?1", [over])?;
    let surplus = "DELETE FROM guess WHERE name IN (
         SELECT name FROM guess ORDER BY attempts DESC, until DESC LIMIT -1 OFFSET ?1)";
    transaction.execute(surplus, [GUESSED_NAMES_MAX - 1])?;
    Ok(())
}
