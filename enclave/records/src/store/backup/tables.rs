//! The tables of a backup, and how their rows are written down. The store's.

use crate::store::StoreError;
use crate::store::sql::{Cells, Value};

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    Int,
    Real,
    Bytes,
}

/// A table, with the columns in the order that a backup has.
#[derive(Clone, Copy)]
pub(super) struct TableOf {
    pub(super) name: &'static str,
    pub(super) ints: &'static [&'static str],
    pub(super) reals: &'static [&'static str],
    pub(super) bytes: &'static [&'static str],
}

/// What is a record, resources first. The first columns of each say what a restore needs:
/// the institution, and the row or the blob.
pub(super) const RECORDS: [TableOf; 9] = [
    TableOf {
        name: "resource",
        ints: &["tenant", "row", "key", "owner", "kind", "version", "updated", "how"],
        reals: &[],
        bytes: &[],
    },
    TableOf { name: "body", ints: &["tenant", "row", "owner"], reals: &[], bytes: &["body"] },
    TableOf {
        name: "version",
        ints: &["tenant", "row", "owner", "version", "kind", "key", "updated", "ended", "how"],
        reals: &[],
        bytes: &["body"],
    },
    TableOf {
        name: "term",
        ints: &["tenant", "row", "parameter", "term", "system"],
        reals: &[],
        bytes: &[],
    },
    TableOf {
        name: "span",
        ints: &["tenant", "row", "parameter", "unit"],
        reals: &["low", "high"],
        bytes: &[],
    },
    TableOf {
        name: "link",
        ints: &["tenant", "row", "parameter", "target"],
        reals: &[],
        bytes: &[],
    },
    TableOf { name: "compartment", ints: &["tenant", "row", "patient"], reals: &[], bytes: &[] },
    TableOf {
        name: "blob",
        ints: &["tenant", "blob", "owner", "bytes", "parts", "uses"],
        reals: &[],
        bytes: &["digest"],
    },
    TableOf {
        name: "part",
        ints: &["tenant", "blob", "owner", "part"],
        reals: &[],
        bytes: &["body"],
    },
];

/// The key table.
pub(super) const KEYS: [TableOf; 2] = [
    TableOf { name: "bucket", ints: &["tenant", "bucket"], reals: &[], bytes: &["wrapped"] },
    TableOf {
        name: "patient_key",
        ints: &["tenant", "patient", "bucket"],
        reals: &[],
        bytes: &["wrapped"],
    },
];

/// A row that was read again.
pub(super) struct RowOf {
    pub(super) ints: Vec<i64>,
    pub(super) reals: Vec<f64>,
    pub(super) bytes: Vec<Vec<u8>>,
}

impl TableOf {
    fn columns(&self) -> Vec<&'static str> {
        [self.ints, self.reals, self.bytes].concat()
    }

    pub(super) fn select(&self) -> String {
        format!("SELECT {} FROM {}", self.columns().join(", "), self.name)
    }

    pub(super) fn insert(&self) -> String {
        let columns = self.columns();
        let places: Vec<String> = (1..=columns.len()).map(|at| format!("?{at}")).collect();
        let (names, places) = (columns.join(", "), places.join(", "));
        format!("INSERT INTO {} ({names}) VALUES ({places})", self.name)
    }

    fn cells(&self) -> impl Iterator<Item = Cell> {
        let of = |cell: Cell, count: usize| std::iter::repeat_n(cell, count);
        of(Cell::Int, self.ints.len())
            .chain(of(Cell::Real, self.reals.len()))
            .chain(of(Cell::Bytes, self.bytes.len()))
    }

    pub(super) fn encode(&self, row: &dyn Cells, into: &mut Vec<u8>) -> Result<(), StoreError> {
        for (at, cell) in self.cells().enumerate() {
            match cell {
                Cell::Int => into.extend_from_slice(&row.int(at)?.to_be_bytes()),
                Cell::Real => into.extend_from_slice(&row.real(at)?.to_be_bytes()),
                Cell::Bytes => {
                    let bytes = row.bytes(at)?;
                    let length = u32::try_from(bytes.len()).map_err(|_| StoreError::TooLarge)?;
                    into.extend_from_slice(&length.to_be_bytes());
                    into.extend_from_slice(&bytes);
                }
            }
        }
        Ok(())
    }

    pub(super) fn decode(&self, from: &mut &[u8]) -> Result<RowOf, StoreError> {
        let mut row = RowOf { ints: Vec::new(), reals: Vec::new(), bytes: Vec::new() };
        for cell in self.cells() {
            match cell {
                Cell::Int => row.ints.push(i64::from_be_bytes(take(from)?)),
                Cell::Real => row.reals.push(f64::from_be_bytes(take(from)?)),
                Cell::Bytes => {
                    let length = u32::from_be_bytes(take(from)?) as usize;
                    let (bytes, rest) =
                        from.split_at_checked(length).ok_or(StoreError::Malformed)?;
                    row.bytes.push(bytes.to_vec());
                    *from = rest;
                }
            }
        }
        Ok(row)
    }
}

impl RowOf {
    pub(super) fn values(&self) -> Vec<Value<'_>> {
        let ints = self.ints.iter().map(|int| Value::Int(*int));
        let reals = self.reals.iter().map(|real| Value::Real(*real));
        ints.chain(reals).chain(self.bytes.iter().map(|bytes| Value::Bytes(bytes))).collect()
    }
}

fn take<const N: usize>(from: &mut &[u8]) -> Result<[u8; N], StoreError> {
    let (taken, rest) = from.split_first_chunk::<N>().ok_or(StoreError::Malformed)?;
    *from = rest;
    Ok(*taken)
}
