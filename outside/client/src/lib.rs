//! The client for integrators: verify which code will read the data, seal to it, send, open
//! the answer, check the receipt. It belongs to whoever holds the data, and trusts nobody
//! between. It never sends anything to a party that it has not verified.
//!
//! What a client starts from is a *trust file*: the roots of the TEEs that it accepts, the
//! keys of those who release code, and the name of the attestor. Everything else follows
//! from evidence: the attestor's keys, the parties' tokens, the keys that requests are
//! sealed to. All rules are `autoclave-attest`'s and `autoclave-seal`'s; this crate brings
//! sockets, a clock and randomness.
//!
//! ```no_run
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use autoclave_base::ids::WorkloadName;
//! use autoclave_client::{Client, Credentials, Image, Options, Patient, trust};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let trust = trust::read(Path::new(".autoclave/client/trust.json"))?;
//! let address = "http://127.0.0.1:7400".to_owned();
//!
//! // Verifies the attestor: its evidence, the release manifest, its published keys.
//! let client = Arc::new(Client::connect(Options { address, trust }).await?);
//!
//! // Verifies the clinic: a fresh nonce, a fresh token, the measurement on the manifest.
//! let clinic = WorkloadName::parse("clinic")?;
//! let peer = client.verify(&clinic).await?;
//! println!("{} measures {}", peer.token().workload(), peer.token().measurement());
//!
//! // From here on everything is sealed to the clinic's key.
//! let credentials = Credentials { user: "clerk", password: "…", totp: "123456" };
//! let session = client.sign_in(clinic, &credentials).await?;
//! let patient = Patient { family: "Doe".into(), given: vec!["Jo".into()], birth_date: None };
//! let image = Image::of(std::fs::read("scan.png")?).ok_or("not an image that we know")?;
//! let key = autoclave_client::idempotency_key();
//! let admission = session.intake(&patient, &image, &key).await?;
//!
//! // The receipt was checked before the diagnosis is given out.
//! let diagnosis = session.diagnosis(admission.imaging_study).await?;
//! std::fs::write("scan_mask.png", &diagnosis.mask)?;
//! std::fs::write("scan_receipt.json", serde_json::to_vec_pretty(&diagnosis.bundle)?)?;
//! # Ok(())
//! # }
//! ```
//!
//! Errors carry a stable code ([`ClientError::code`]) such as `token.measurement` or
//! `edge.upstream_unreachable`: the refusing party's own where it gave one. When a party has
//! changed its keys, [`Client::send`] verifies it again and seals the request anew, once,
//! and the answer says so.
//!
//! A one-time code opens one session only. A program that runs for one task at a time keeps
//! its session with [`Session::saved`] and takes it up with [`Client::restore`]; where the party
//! no longer takes it ([`ClientError::is_unauthenticated`]), it signs in anew.

mod client;
mod clinic;
pub mod clock;
mod error;
pub mod http;
pub mod receipt;
mod saved;
mod staff;
pub mod trust;

pub use client::{Answer, Client, Options};
pub use clinic::{Admission, Diagnosis, DiagnosisError, Image, Patient, idempotency_key};
pub use error::ClientError;
pub use hyper::body::Bytes;
pub use saved::{ExposedSession, SavedSession};
pub use staff::{Ask, Credentials, Prover, Session};
