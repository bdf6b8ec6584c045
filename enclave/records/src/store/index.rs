//! Rows of the index on their way: gathered over a change, sorted, and written together, so
//! that neighbours in a tree are written once. The store's.

use autoclave_search::{Parameter, Row};

use super::schema::{COMPARTMENT, LINK, SPAN, TERM};
use super::sql::{Sql, Table, Value};
use super::{Indexer, StoreError};
use crate::Tenant;

/// Rows that are gathered at most: about 20 MiB.
const GATHERED_MAX: usize = 200_000;

/// Everything that one resource is found by.
#[derive(Default)]
pub(super) struct Found {
    pub(super) rows: Vec<Row>,
    /// Keys of the patients in whose compartments it is.
    pub(super) patients: Vec<i64>,
}

/// Rows that are to be written.
#[derive(Default)]
pub(super) struct Pending {
    terms: Vec<[i64; 4]>,
    links: Vec<[i64; 3]>,
    compartments: Vec<[i64; 2]>,
    spans: Vec<([i64; 3], f64, f64)>,
}

impl Pending {
    /// Gathers what a resource is found by.
    pub(super) fn add(&mut self, row: i64, found: &Found, indexer: &dyn Indexer) {
        for entry in &found.rows {
            match *entry {
                Row::Term { parameter, term, system } => {
                    self.terms.push([number(parameter), term, row, system]);
                    if indexer.is_reference(parameter) {
                        self.links.push([row, number(parameter), term]);
                    }
                }
                Row::Span { parameter, unit, low, high } => {
                    self.spans.push(([row, number(parameter), unit], low, high));
                }
            }
        }
        self.compartments.extend(found.patients.iter().map(|patient| [*patient, row]));
    }

    /// Whether it is time to write.
    pub(super) const fn is_full(&self) -> bool {
        self.terms.len() + self.spans.len() > GATHERED_MAX
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.spans.is_empty() && self.compartments.is_empty()
    }

    /// Writes what was gathered.
    pub(super) fn write(&mut self, sql: &mut dyn Sql, tenant: Tenant) -> Result<(), StoreError> {
        self.each(tenant, |table, values| sql.insert(table, values))
    }

    /// Takes what was gathered out of the index.
    pub(super) fn erase(&mut self, sql: &mut dyn Sql, tenant: Tenant) -> Result<(), StoreError> {
        self.each(tenant, |table, values| sql.remove(table, values))
    }

    fn each(
        &mut self,
        tenant: Tenant,
        mut done: impl FnMut(Table, &[Value<'_>]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let tenant = i64::from(tenant.0);
        self.terms.sort_unstable();
        self.links.sort_unstable();
        self.compartments.sort_unstable();
        self.spans.sort_unstable_by_key(|(key, _, _)| *key);
        done_with(TERM, tenant, &mut self.terms, &mut done)?;
        done_with(LINK, tenant, &mut self.links, &mut done)?;
        done_with(COMPARTMENT, tenant, &mut self.compartments, &mut done)?;
        let mut values = Vec::with_capacity(self.spans.len() * SPAN.columns.len());
        for (key, low, high) in self.spans.drain(..) {
            values.push(Value::Int(tenant));
            values.extend(key.map(Value::Int));
            values.extend([Value::Real(low), Value::Real(high)]);
        }
        if values.is_empty() { Ok(()) } else { done(SPAN, &values) }
    }
}

fn done_with<const N: usize>(
    table: Table,
    tenant: i64,
    rows: &mut Vec<[i64; N]>,
    done: &mut impl FnMut(Table, &[Value<'_>]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut values = Vec::with_capacity(rows.len() * table.columns.len());
    for row in rows.drain(..) {
        values.push(Value::Int(tenant));
        values.extend(row.map(Value::Int));
    }
    done(table, &values)
}

/// A parameter as a column has it.
pub(super) fn number(parameter: Parameter) -> i64 {
    i64::from(parameter.0)
}
