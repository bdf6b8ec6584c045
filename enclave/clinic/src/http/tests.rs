//! The routes as clients see them.

mod access;
mod cached;
mod diagnosis;
mod intake;
mod sign_in;
