//! The server over a real store.
