//! The append-only log that every enclave keeps: entries without health data, the Merkle
//! tree of RFC 6962 over them, C2SP tiles, signed checkpoints, proofs, and the check of a
//! whole log. It belongs to whoever reads a ledger, auditors and patients included.
//! Nothing here reads a clock or a file; a host hands bytes in and takes bytes out.

pub mod audit;
pub mod audit_event;
mod checkpoint;
pub mod cosign;
mod entry;
mod event;
pub mod follow;
mod frontier;
mod hash;
mod label;
pub mod note;
mod proof;
mod receipt;
mod tile;
mod tree;
pub mod witness;

pub use checkpoint::{Checkpoint, CheckpointRefusal, LogSigner};
pub use cosign::{WitnessKey, WitnessSigner};
pub use entry::{ENTRY_BYTES_MAX, Entry, EntryError};
pub use event::{Decision, Event};
pub use frontier::Frontier;
pub use hash::{Hash, HashError};
pub use label::{Label, LabelError, Pseudonym, RULES_MAX};
pub use note::{KeyRefusal, LogKey};
pub use proof::{MerkleRefusal, verify_consistency, verify_inclusion};
pub use receipt::{LedgerProof, ProofRefusal};
pub use tile::{
    BUNDLE_BYTES_MAX, BundleError, TILE_WIDTH, Tile, TileKind, TilePathError, bundle,
    tiles_between, tiles_of, unbundle,
};
pub use tree::Tree;
