//! Whose records: one institution of those that a store holds.

/// An institution, by its number in this store. Every table, key and paging link has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(pub u16);
