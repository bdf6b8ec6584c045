//! The embedded engine: one `SQLite` file whose every page is encrypted and authenticated.
//! The store's. One connection changes, a few read; each keeps its prepared statements.

mod open;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Row};

pub(super) use open::{connect, create_or_find};

use super::StoreError;
use super::sql::{Cells, Dialect, Each, Sql, Table, Value};

/// Steps of the engine's machine between two looks at the budget.
const STEPS_PER_TICK: i32 = 10_000;
/// Looks at the budget after which a statement is stopped: some seconds of work.
const TICKS_MAX: u32 = 20_000;
/// Prepared statements that a connection keeps.
const STATEMENTS_MAX: usize = 256;

/// A connection to the file.
pub(super) struct Sqlite {
    connection: Connection,
    ticks: Arc<AtomicU32>,
}

/// What the budget of a connection is while it has none.
const UNBOUNDED: u32 = 1 << 31;

impl Sqlite {
    /// Takes a connection that was unlocked.
    fn new(mut connection: Connection) -> Result<Self, StoreError> {
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        let ticks = Arc::new(AtomicU32::new(0));
        let ticking = ticks.clone();
        let handler = move || {
            let ticks = ticking.fetch_add(1, Ordering::Relaxed);
            ticks > TICKS_MAX && ticks < UNBOUNDED
        };
        connection.progress_handler(STEPS_PER_TICK, Some(handler))?;
        Ok(Self { connection, ticks })
    }

    fn prepare(&self, sql: &str, values: &[Value<'_>]) -> Result<CachedStatement<'_>, StoreError> {
        if self.ticks.load(Ordering::Relaxed) < UNBOUNDED {
            self.ticks.store(0, Ordering::Relaxed);
        }
        let mut statement = self.connection.prepare_cached(sql)?;
        bind(&mut statement, values)?;
        Ok(statement)
    }

    fn many(&self, sql: &str, width: usize, values: &[Value<'_>]) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        for row in values.chunks(width) {
            bind(&mut statement, row)?;
            statement.raw_execute()?;
        }
        Ok(())
    }
}

impl Sql for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&mut self, sql: &str, values: &[Value<'_>], each: Each<'_>) -> Result<(), StoreError> {
        let mut statement = self.prepare(sql, values)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            each(row)?;
        }
        Ok(())
    }

    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let changed = self.prepare(sql, values)?.raw_execute()?;
        Ok(changed as u64)
    }

    fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch(sql)?)
    }

    fn insert(&mut self, table: Table, values: &[Value<'_>]) -> Result<(), StoreError> {
        let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        let places: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
        let (table, columns, places) = (table.name, names.join(","), places.join(","));
        let sql =
            format!("INSERT INTO {table} ({columns}) VALUES ({places}) ON CONFLICT DO NOTHING");
        self.many(&sql, names.len(), values)
    }

    fn remove(&mut self, table: Table, values: &[Value<'_>]) -> Result<(), StoreError> {
        let equal = |(at, (name, _)): (usize, &(&str, bool))| format!("{name} = ?{}", at + 1);
        let equal: Vec<String> = table.columns.iter().enumerate().map(equal).collect();
        let sql = format!("DELETE FROM {} WHERE {}", table.name, equal.join(" AND "));
        self.many(&sql, table.columns.len(), values)
    }

    fn begin_read(&mut self) -> Result<(), StoreError> {
        self.execute("BEGIN", &[]).map(drop)
    }

    fn begin_change(&mut self) -> Result<(), StoreError> {
        self.execute("BEGIN IMMEDIATE", &[]).map(drop)
    }

    fn is_open(&self) -> bool {
        !self.connection.is_autocommit()
    }

    fn is_broken(&self) -> bool {
        false
    }

    fn tidy(&mut self) -> Result<(), StoreError> {
        // Readers may hold the log; then it is cut back with the next change.
        self.query("PRAGMA wal_checkpoint(TRUNCATE)", &[], &mut |_| Ok(()))
    }

    fn stream(&mut self, sql: &str, each: Each<'_>) -> Result<(), StoreError> {
        self.query(sql, &[], each)
    }

    fn unbounded(&mut self, unbounded: bool) -> Result<(), StoreError> {
        self.ticks.store(if unbounded { UNBOUNDED } else { 0 }, Ordering::Relaxed);
        Ok(())
    }
}

fn bind(statement: &mut CachedStatement<'_>, values: &[Value<'_>]) -> Result<(), StoreError> {
    for (at, value) in (1..).zip(values) {
        match value {
            Value::Int(number) => statement.raw_bind_parameter(at, number)?,
            Value::Real(number) => statement.raw_bind_parameter(at, number)?,
            Value::Bytes(bytes) => {
                let borrowed = ToSqlOutput::Borrowed(ValueRef::Blob(bytes));
                statement.raw_bind_parameter(at, borrowed)?;
            }
            Value::Ints(numbers) => statement.raw_bind_parameter(at, json(numbers))?,
        }
    }
    Ok(())
}

/// What `json_each` reads.
fn json(numbers: &[i64]) -> String {
    let mut text = String::with_capacity(2 + numbers.len() * 21);
    text.push('[');
    for (at, number) in numbers.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(&number.to_string());
    }
    text.push(']');
    text
}

impl Cells for Row<'_> {
    fn int(&self, at: usize) -> Result<i64, StoreError> {
        self.get(at).map_err(|_| StoreError::Malformed)
    }

    fn real(&self, at: usize) -> Result<f64, StoreError> {
        self.get(at).map_err(|_| StoreError::Malformed)
    }

    fn bytes(&self, at: usize) -> Result<Vec<u8>, StoreError> {
        self.get(at).map_err(|_| StoreError::Malformed)
    }
}
