//! The one way to a database that both engines have: a statement with numbered values, and
//! rows of numbers and bytes. The store's. No value is ever part of a statement's text.

use super::StoreError;

/// A value in a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// A whole number.
    Int(i64),
    /// A number.
    Real(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A list of whole numbers, for [`Dialect::list`].
    Ints(Vec<i64>),
}

/// One row of an answer.
pub(super) trait Cells {
    /// A whole number.
    fn int(&self, at: usize) -> Result<i64, StoreError>;
    /// A number.
    fn real(&self, at: usize) -> Result<f64, StoreError>;
    /// Bytes.
    fn bytes(&self, at: usize) -> Result<Vec<u8>, StoreError>;
}

/// What is done with each row.
pub(super) type Each<'a> = &'a mut dyn FnMut(&dyn Cells) -> Result<(), StoreError>;

/// Where the engines' languages differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// The members of the list that is value number `at`, as a table of this name with the
    /// column `value`: for what is to be looked up one by one.
    pub(super) fn table(self, at: usize, name: &str) -> String {
        match self {
            Self::Sqlite => format!("json_each(?{at}) {name}"),
            Self::Postgres => format!("unnest(?{at}::bigint[]) AS {name} (value)"),
        }
    }

    /// The members of the list that is value number `at`, as a subquery.
    pub(super) fn list(self, at: usize) -> String {
        match self {
            Self::Sqlite => format!("SELECT value FROM json_each(?{at})"),
            Self::Postgres => format!("SELECT unnest(?{at}::bigint[])"),
        }
    }
}

/// A table that many rows go into, or out of, at once.
#[derive(Clone, Copy)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Its columns, each with whether it holds numbers that are not whole.
    pub(super) columns: &'static [(&'static str, bool)],
}

/// A connection.
pub(super) trait Sql: Send {
    /// Which language it speaks.
    fn dialect(&self) -> Dialect;

    /// Asks.
    fn query(&mut self, sql: &str, values: &[Value<'_>], each: Each<'_>) -> Result<(), StoreError>;

    /// Changes rows; says how many.
    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError>;

    /// Statements without values.
    fn run(&mut self, sql: &str) -> Result<(), StoreError>;

    /// Puts rows into a table, the values row by row; those that are there already stay.
    fn insert(&mut self, table: Table, values: &[Value<'_>]) -> Result<(), StoreError>;

    /// Takes rows out of a table, the values row by row.
    fn remove(&mut self, table: Table, values: &[Value<'_>]) -> Result<(), StoreError>;

    /// Begins to read one snapshot.
    fn begin_read(&mut self) -> Result<(), StoreError>;

    /// Begins to change: alone.
    fn begin_change(&mut self) -> Result<(), StoreError>;

    /// Whether a transaction is open. An engine may have ended one by itself.
    fn is_open(&self) -> bool;

    /// Whether the connection is of no use any more.
    fn is_broken(&self) -> bool;

    /// Overwrites what was deleted where the engine keeps it for a while.
    fn tidy(&mut self) -> Result<(), StoreError>;

    /// Asks for many rows, without ever holding all of them; inside a transaction.
    fn stream(&mut self, sql: &str, each: Each<'_>) -> Result<(), StoreError>;

    /// Lets statements take as long as they need, or not.
    fn unbounded(&mut self, unbounded: bool) -> Result<(), StoreError>;
}

/// The first row, where there is one.
pub(super) fn first<T>(
    sql: &mut dyn Sql,
    statement: &str,
    values: &[Value<'_>],
    read: impl Fn(&dyn Cells) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut found = None;
    sql.query(statement, values, &mut |row| {
        if found.is_none() {
            found = Some(read(row)?);
        }
        Ok(())
    })?;
    Ok(found)
}

/// All rows.
pub(super) fn all<T>(
    sql: &mut dyn Sql,
    statement: &str,
    values: &[Value<'_>],
    read: impl Fn(&dyn Cells) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    sql.query(statement, values, &mut |row| {
        found.push(read(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// The one number that the statement answers.
pub(super) fn number(
    sql: &mut dyn Sql,
    statement: &str,
    values: &[Value<'_>],
) -> Result<i64, StoreError> {
    first(sql, statement, values, |row| row.int(0))?.ok_or(StoreError::Malformed)
}
