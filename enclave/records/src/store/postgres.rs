//! The engine for scale: a `PostgreSQL` server, whose administrator sees keyed terms and
//! sealed bodies. The store's. Its client is asynchronous; here it is waited for, on threads
//! of its own, so that the store above is one for both engines.

mod connect;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, Statement};

pub(super) use connect::{connect, runtime};

use super::StoreError;
use super::sql::{Cells, Dialect, Each, Sql, Table, Value};

/// Longest time for one statement and its answer, where it is bounded by the server already:
/// only a network that fell silent takes longer.
const ANSWER_SECONDS_MAX: Duration = Duration::from_mins(2);
/// Rows that go into a table at once.
const ROWS_MAX: usize = 20_000;
/// Prepared statements that a connection keeps.
const STATEMENTS_MAX: usize = 512;

/// A connection to the server.
pub(super) struct Postgres {
    runtime: Arc<Runtime>,
    client: Client,
    statements: HashMap<String, Statement>,
    is_open: bool,
    is_broken: bool,
}

/// A value as the client takes it.
type Boxed<'a> = Box<dyn ToSql + Sync + Send + 'a>;

impl Postgres {
    fn new(runtime: Arc<Runtime>, client: Client) -> Self {
        Self { runtime, client, statements: HashMap::new(), is_open: false, is_broken: false }
    }

    /// Waits for an answer. What does not come may have happened all the same.
    fn wait<T>(
        runtime: &Runtime,
        is_broken: &mut bool,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        let answer =
            runtime.block_on(async { tokio::time::timeout(ANSWER_SECONDS_MAX, answer).await });
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let refusal = refusal(&error);
                *is_broken |= refusal == StoreError::Unavailable;
                Err(refusal)
            }
            Err(_) => {
                *is_broken = true;
                Err(StoreError::Unavailable)
            }
        }
    }

    fn prepared(&mut self, sql: &str, types: &[Type]) -> Result<Statement, StoreError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let text = sql.replace('?', "$");
        let prepare = self.client.prepare_typed(&text, types);
        let statement = Self::wait(&self.runtime, &mut self.is_broken, prepare)?;
        if self.statements.len() >= STATEMENTS_MAX {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn change(
        &mut self,
        sql: &str,
        types: &[Type],
        values: &[Boxed<'_>],
    ) -> Result<u64, StoreError> {
        let statement = self.prepared(sql, types)?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as _).collect();
        let execute = self.client.execute(&statement, &values);
        Self::wait(&self.runtime, &mut self.is_broken, execute)
    }

    /// Many rows as one list for each column.
    fn many(&mut self, sql: &str, table: Table, values: &[Value<'_>]) -> Result<(), StoreError> {
        let width = table.columns.len();
        let types: Vec<Type> = table
            .columns
            .iter()
            .map(|(_, is_real)| if *is_real { Type::FLOAT8_ARRAY } else { Type::INT8_ARRAY })
            .collect();
        for rows in values.chunks(width * ROWS_MAX) {
            let column = |(at, (_, is_real)): (usize, &(&str, bool))| -> Boxed<'_> {
                let cells = rows.iter().skip(at).step_by(width);
                if *is_real {
                    Box::new(cells.map(real).collect::<Vec<f64>>())
                } else {
                    Box::new(cells.map(whole).collect::<Vec<i64>>())
                }
            };
            let columns: Vec<Boxed<'_>> = table.columns.iter().enumerate().map(column).collect();
            self.change(sql, &types, &columns)?;
        }
        Ok(())
    }
}

impl Sql for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn query(&mut self, sql: &str, values: &[Value<'_>], each: Each<'_>) -> Result<(), StoreError> {
        let (types, boxed) = boxed(values);
        let statement = self.prepared(sql, &types)?;
        let values: Vec<&(dyn ToSql + Sync)> = boxed.iter().map(|value| &**value as _).collect();
        let query = self.client.query(&statement, &values);
        let rows = Self::wait(&self.runtime, &mut self.is_broken, query)?;
        rows.iter().try_for_each(|row| each(row))
    }

    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        if values.is_empty() {
            self.run(sql)?;
            self.is_open &= !matches!(sql, "COMMIT" | "ROLLBACK");
            return Ok(0);
        }
        let (types, boxed) = boxed(values);
        self.change(sql, &types, &boxed)
    }

    fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        let run = self.client.batch_execute(sql);
        Self::wait(&self.runtime, &mut self.is_broken, run)
    }

    fn insert(&mut self, table: Table, values: &[Value<'_>]) -> Result<(), StoreError> {
        let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        let sql = format!(
            "INSERT INTO {} ({}) SELECT * FROM unnest({}) ON CONFLICT DO NOTHING",
            table.name,
            names.join(","),
            lists(table)
        );
        self.many(&sql, table, values)
    }

    fn remove(&mut self, table: Table, values: &[Value<'_>]) -> Result<(), StoreError> {
        let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        let equal = |name: &&str| format!("{}.{name} = gone.{name}", table.name);
        let equal: Vec<String> = names.iter().map(equal).collect();
        let sql = format!(
            "DELETE FROM {} USING unnest({}) AS gone ({}) WHERE {}",
            table.name,
            lists(table),
            names.join(","),
            equal.join(" AND ")
        );
        self.many(&sql, table, values)
    }

    fn begin_read(&mut self) -> Result<(), StoreError> {
        self.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        self.is_open = true;
        Ok(())
    }

    fn begin_change(&mut self) -> Result<(), StoreError> {
        self.run("BEGIN")?;
        self.is_open = true;
        Ok(())
    }

    fn is_open(&self) -> bool {
        self.is_open && !self.is_broken()
    }

    fn is_broken(&self) -> bool {
        self.is_broken || self.client.is_closed()
    }

    fn tidy(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn stream(&mut self, sql: &str, each: Each<'_>) -> Result<(), StoreError> {
        self.run(&format!("DECLARE streamed NO SCROLL CURSOR FOR {sql}"))?;
        loop {
            let mut rows = 0;
            self.query("FETCH 2000 FROM streamed", &[], &mut |row| {
                rows += 1;
                each(row)
            })?;
            // Its plan belongs to this cursor.
            self.statements.remove("FETCH 2000 FROM streamed");
            if rows == 0 {
                return self.run("CLOSE streamed");
            }
        }
    }

    fn unbounded(&mut self, unbounded: bool) -> Result<(), StoreError> {
        let bound = if unbounded { "0" } else { connect::STATEMENT_BOUND };
        self.run(&format!("SET statement_timeout = '{bound}'"))
    }
}

/// Values with their types, so that the server never has to guess one.
fn boxed<'a>(values: &[Value<'a>]) -> (Vec<Type>, Vec<Boxed<'a>>) {
    let each = |value: &Value<'a>| -> (Type, Boxed<'a>) {
        match value {
            Value::Int(number) => (Type::INT8, Box::new(*number)),
            Value::Real(number) => (Type::FLOAT8, Box::new(*number)),
            Value::Bytes(bytes) => (Type::BYTEA, Box::new(*bytes)),
            Value::Ints(numbers) => (Type::INT8_ARRAY, Box::new(numbers.clone())),
        }
    };
    values.iter().map(each).unzip()
}

fn lists(table: Table) -> String {
    let list = |(at, (_, is_real)): (usize, &(&str, bool))| {
        format!("?{}::{}[]", at + 1, if *is_real { "float8" } else { "bigint" })
    };
    table.columns.iter().enumerate().map(list).collect::<Vec<_>>().join(",")
}

const fn whole(value: &Value<'_>) -> i64 {
    match value {
        Value::Int(number) => *number,
        _ => 0,
    }
}

const fn real(value: &Value<'_>) -> f64 {
    match value {
        Value::Real(number) => *number,
        _ => 0.0,
    }
}

/// What the server's words mean; the words themselves stay inside.
fn refusal(error: &Error) -> StoreError {
    let Some(code) = error.code() else { return StoreError::Unavailable };
    match code {
        &SqlState::QUERY_CANCELED => StoreError::TooCostly,
        &SqlState::DISK_FULL => StoreError::Full,
        &SqlState::ADMIN_SHUTDOWN
        | &SqlState::CRASH_SHUTDOWN
        | &SqlState::CANNOT_CONNECT_NOW
        | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => StoreError::Unavailable,
        _ => StoreError::Engine,
    }
}

impl Cells for Row {
    fn int(&self, at: usize) -> Result<i64, StoreError> {
        self.try_get::<_, i64>(at)
            .or_else(|_| self.try_get::<_, i32>(at).map(i64::from))
            .map_err(|_| StoreError::Malformed)
    }

    fn real(&self, at: usize) -> Result<f64, StoreError> {
        self.try_get(at).map_err(|_| StoreError::Malformed)
    }

    fn bytes(&self, at: usize) -> Result<Vec<u8>, StoreError> {
        self.try_get(at).map_err(|_| StoreError::Malformed)
    }
}
