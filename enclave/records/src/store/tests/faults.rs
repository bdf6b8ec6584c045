//! What altered, lost and misplaced data does: it is noticed.

use super::scene::*;
use crate::store::sql::Sql;
use crate::store::{Engine, Options};
use crate::store::{Presence, Store, StoreError};

/// Runs a statement behind the store's back.
fn tamper(store: &Store, statement: &str) {
    store.0.writer.alone(|sql: &mut dyn Sql| sql.run(statement)).unwrap();
}

pub(super) fn a_body_that_was_altered_or_moved_does_not_open(place: &Place) {
    let store = place.open();
    let rows: Vec<i64> =
        ["a", "b"].map(|id| put(&store, "Organization", id, "\"x\":1").row).to_vec();
    let open = |row: i64| store.read(OURS, |view| view.open(&[row])).map(|found| found.len());
    assert_eq!(open(rows[0]), Ok(1));
    let (one, other) = (rows[0], rows[1]);
    tamper(
        &store,
        &format!(
            "UPDATE body SET body = (SELECT body FROM body WHERE row = {other}) WHERE row = {one}"
        ),
    );
    assert_eq!(open(one), Err(StoreError::Sealed));
    assert_eq!(open(other), Ok(1));
    tamper(&store, &format!("UPDATE resource SET version = 2 WHERE row = {other}"));
    assert_eq!(open(other), Err(StoreError::Sealed));
    tamper(&store, &format!("UPDATE resource SET version = 1, kind = 3 WHERE row = {other}"));
    assert_eq!(open(other), Err(StoreError::Sealed));
}

fn refusal(options: Options) -> &'static str {
    Store::open(options).err().map_or("opened", StoreError::code)
}

#[test]
fn a_plain_missing_or_foreign_file_is_refused() {
    let place = sqlite();
    let path = place.folder.path().join("records.db");
    let with = |key: u8, presence| Options {
        records: autoclave_base::Secret::new([key; 32]),
        engine: Engine::Sqlite { path: path.clone(), presence },
        ..place.options()
    };
    assert_eq!(refusal(with(7, Presence::Expected)), "store.missing");
    drop(place.open());
    assert_eq!(refusal(with(8, Presence::Unknown)), "store.wrong_key");
    assert_eq!(refusal(with(7, Presence::Expected)), "opened");
    std::fs::write(&path, b"SQLite format 3\0 and more").unwrap();
    assert_eq!(refusal(with(7, Presence::Expected)), "store.plain");
}
