//! The service in a real cell, and everybody who comes to it.

mod asking;
mod azure;
mod genuine;
mod governing;
mod keeping;
mod references;
mod scene;
mod serving;
mod trustee;
mod veraison;
