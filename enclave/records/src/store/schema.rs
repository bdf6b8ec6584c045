//! The tables, as steps that are applied in order. The store's. One text serves both engines;
//! every table of records leads with the institution, and says whose patient's it is where a
//! shard has to know.

use super::StoreError;
use super::sql::{Dialect, Sql, Table, Value, first};

/// Each step leads from its index to the next version; none is ever edited.
const STEPS: &[&str] = &[include_str!("0001.sql")];

/// Terms: what is equal or not.
pub(super) const TERM: Table = Table {
    name: "term",
    columns: &[
        ("tenant", false),
        ("parameter", false),
        ("term", false),
        ("row", false),
        ("system", false),
    ],
};

/// Spans: what has an order.
pub(super) const SPAN: Table = Table {
    name: "span",
    columns: &[
        ("tenant", false),
        ("row", false),
        ("parameter", false),
        ("unit", false),
        ("low", true),
        ("high", true),
    ],
};

/// Links: terms that are keys of what is referred to, by who refers.
pub(super) const LINK: Table = Table {
    name: "link",
    columns: &[("tenant", false), ("row", false), ("parameter", false), ("target", false)],
};

/// Compartments.
pub(super) const COMPARTMENT: Table = Table {
    name: "compartment",
    columns: &[("tenant", false), ("patient", false), ("row", false)],
};

/// How many steps were applied; 0 in a new database.
pub(super) fn version(sql: &mut dyn Sql) -> Result<usize, StoreError> {
    let there = match sql.dialect() {
        Dialect::Sqlite => "SELECT count(*) FROM sqlite_master WHERE name = 'migration'",
        Dialect::Postgres => {
            "SELECT count(*) FROM information_schema.tables
             WHERE table_name = 'migration' AND table_schema = current_schema()"
        }
    };
    if first(sql, there, &[], |row| row.int(0))? != Some(1) {
        return Ok(0);
    }
    let done = first(sql, "SELECT coalesce(max(number), 0) FROM migration", &[], |row| row.int(0))?;
    usize::try_from(done.unwrap_or(0)).map_err(|_| StoreError::Malformed)
}

/// The steps that are still to be applied, by number.
pub(super) fn due(sql: &mut dyn Sql) -> Result<Vec<usize>, StoreError> {
    let version = version(sql)?;
    if version > STEPS.len() {
        return Err(StoreError::Newer);
    }
    Ok((version + 1..=STEPS.len()).collect())
}

/// Brings the tables to the newest version, each step in one transaction.
pub(super) fn up(sql: &mut dyn Sql) -> Result<(), StoreError> {
    for number in due(sql)? {
        sql.begin_change()?;
        apply(sql, number)?;
        sql.run("COMMIT")?;
    }
    Ok(())
}

/// Applies one step inside the transaction that is open.
pub(super) fn apply(sql: &mut dyn Sql, number: usize) -> Result<(), StoreError> {
    let step = STEPS.get(number.wrapping_sub(1)).ok_or(StoreError::Newer)?;
    sql.run(&in_dialect(step, sql.dialect()))?;
    let number = i64::try_from(number).map_err(|_| StoreError::Malformed)?;
    sql.execute("INSERT INTO migration (number) VALUES (?1)", &[Value::Int(number)])?;
    Ok(())
}

/// A step's text, as the engine understands it.
fn in_dialect(step: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite => step.replace("CLUSTERED", "WITHOUT ROWID").replace(
            "row INTEGER, PRIMARY KEY (tenant, row)",
            // The row's own number: no second tree.
            "row INTEGER PRIMARY KEY",
        ),
        Dialect::Postgres => step
            .replace("INTEGER", "bigint")
            .replace("REAL", "double precision")
            .replace("BLOB", "bytea")
            .replace("CLUSTERED", ""),
    }
}
