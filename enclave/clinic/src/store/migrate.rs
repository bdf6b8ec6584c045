//! Versions of the schema, applied in order, each in one transaction. The store's. A file
//! of a newer version is refused, never guessed at.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Each step leads from its index to the next version; none is ever edited.
const STEPS: &[&str] = &[
    include_str!("0001.sql"),
    include_str!("0002.sql"),
    include_str!("0003.sql"),
    include_str!("0004.sql"),
];

/// Brings the file to the newest version.
pub(super) fn up(connection: &mut Connection) -> Result<(), StoreError> {
    let version = version(connection)?;
    if version > STEPS.len() {
        return Err(StoreError::Newer);
    }
    STEPS
        .iter()
        .enumerate()
        .skip(version)
        .try_for_each(|(from, step)| apply(connection, from, step))
}

fn version(connection: &Connection) -> Result<usize, StoreError> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    usize::try_from(version).map_err(|_| StoreError::Malformed)
}

fn apply(connection: &mut Connection, from: usize, step: &str) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    transaction.execute_batch(step)?;
    let to = i64::try_from(from + 1).map_err(|_| StoreError::Malformed)?;
    transaction.pragma_update(None, "user_version", to)?;
    transaction.commit()?;
    Ok(())
}
