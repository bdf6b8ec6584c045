//! The service in a real cell, and everybody who comes to it.

mod keeping;
mod scene;
mod serving;
