//! What the kernel offers a guest or an enclave for attestation: configfs-tsm, AMD's guest
//! device, Gramine's files, Nitro's security module, the event log of a TDX guest. It is
//! the cell's and the doctor's. Nothing here judges evidence, and no answer is read beyond
//! its bound.
//!
//! The one crate of ours with `unsafe` code: two `ioctl`s, in `ioctl.rs`.

pub mod ccel;
mod error;
pub mod files;
pub mod gramine;
mod ioctl;
pub mod nsm;
pub mod sev;
pub mod table;
pub mod tsm;

pub use error::DeviceError;
pub use files::{Files, System};
