//! The tables that `cargo xtask definitions` makes, as they stand in the program. Each says at
//! its head how it is written.

/// Types and elements; read by [`super::Definitions`].
pub const TYPES: &str = include_str!("../../definitions/types.txt");
/// Profiles and extensions.
pub const PROFILES: &str = include_str!("../../definitions/profiles.txt");
/// Code systems.
pub const CODE_SYSTEMS: &str = include_str!("../../definitions/codesystems.txt");
/// Value sets.
pub const VALUE_SETS: &str = include_str!("../../definitions/valuesets.txt");
/// Value sets to which US Core refers at the National Library of Medicine, by hand.
pub const VALUE_SETS_VSAC: &str = include_str!("../../definitions/valuesets-vsac.txt");
