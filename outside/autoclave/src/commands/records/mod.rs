//! `autoclave records`: bringing what a hospital has into its clinic. It belongs to the
//! command line. Nothing is sent twice under two ids, and no report quotes a record.

mod blueprint;
mod journal;
mod parcel;
mod report;
mod send;
mod source;

pub use send::import;
