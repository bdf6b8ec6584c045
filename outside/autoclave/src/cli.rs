//! The command line's words.
//! They belong to people: each has a sentence that says what it does.
//! Nothing here does anything.

mod broker;
mod evidence;
mod fhir;
mod policy;
pub mod watch;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use broker::{BreakGlass, Broker, BrokerCommand, Keys, Revocable, State};

use crate::deploy::party::CacheKind;
use crate::deploy::tee::Tee;

pub use evidence::{Collateral, Evidence, Sources};
pub use fhir::{Fhir, Get, Granted, Proxy};
pub use policy::{Asking, Kind, Policy};

/// Sealed medical data, processed only by code that you have checked.
#[derive(Debug, Parser)]
#[command(name = "autoclave", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start all parties on this machine, with their data under a folder.
    Demo(Demo),
    /// Verify the clinic, seal images, send them, and write masks and receipts.
    Diagnose(Diagnose),
    /// Show the one-time code of the moment, to sign in at the demo's page.
    Code(Code),
    /// Verify a party and show what its token says.
    #[command(subcommand)]
    Token(Token),
    /// Work with receipts.
    #[command(subcommand)]
    Receipt(Receipt),
    /// Work with ledgers.
    #[command(subcommand)]
    Ledger(Ledger),
    /// Bring records into the clinic.
    #[command(subcommand)]
    Records(Records),
    /// Work with model files.
    #[command(subcommand)]
    Model(Model),
    /// Look at policies, change them with two approvals, ask why somebody was refused.
    #[command(subcommand)]
    Policy(Policy),
    /// Verify evidence of hardware that somebody was shown.
    #[command(subcommand)]
    Evidence(Evidence),
    /// Keep what vendors say of their platforms: fetch it, and carry it to other machines.
    #[command(subcommand)]
    Collateral(Collateral),
    /// Work with what a release key says.
    #[command(subcommand)]
    Release(Release),
    /// Enrol machines whose TPM measures what they start.
    #[command(subcommand)]
    Tpm(Tpm),
    /// Watch ledgers that others run, and cosign what only grows.
    Witness(watch::Witness),
    /// Attack a deployment of your own, and say what refused each attack.
    Probe(watch::Probe),
    /// Govern an institution's keys at the broker.
    Broker(Broker),
    /// Work with the clinic's FHIR server as an ordinary client.
    #[command(subcommand)]
    Fhir(Fhir),
    /// Say what this machine offers and whether a demo on it is well.
    Doctor(Doctor),
}

/// `demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// The deployment's folder.
    #[arg(long, default_value = ".autoclave")]
    pub dir: PathBuf,
    /// Run one diagnosis end to end, print a JSON summary, and stop.
    #[arg(long)]
    pub check: bool,
    /// What stands in for the machines' TEE: a key, or a TPM in software for each party.
    #[arg(long, value_enum, default_value_t)]
    pub tee: Tee,
    /// Where the clinic keeps its copies of sessions, results and images.
    #[arg(long, value_enum, default_value_t)]
    pub cache: CacheKind,
    /// The edge's port; the parties take those after it. With --check, any free ports.
    #[arg(long)]
    pub port_base: Option<u16>,
    /// The ONNX model of the demo.
    #[arg(long, default_value = "models/brain-mri/brain-mri.onnx")]
    pub model: PathBuf,
    /// A folder with images to show.
    #[arg(long, default_value = "models/brain-mri/phantoms")]
    pub phantoms: PathBuf,
}

/// Where the client's settings are.
#[derive(Debug, Args)]
pub struct Connection {
    /// The client's folder: address, trust and account, as the demo writes it.
    #[arg(long, default_value = ".autoclave/client")]
    pub client: PathBuf,
    /// The edge's address instead of the folder's.
    #[arg(long)]
    pub address: Option<String>,
    /// The trust file instead of the folder's.
    #[arg(long)]
    pub trust: Option<PathBuf>,
}

/// `diagnose`
#[derive(Debug, Args)]
pub struct Diagnose {
    /// PNG, WebP, TIFF or DICOM images.
    #[arg(required = true)]
    pub images: Vec<PathBuf>,
    /// The folder for `NAME_mask.png` and `NAME_receipt.json`.
    #[arg(long)]
    pub out: PathBuf,
    /// The patient's family name; the demo's placeholder if there is none.
    #[arg(long, default_value = "Demo")]
    pub family: String,
    /// The patient's given name.
    #[arg(long)]
    pub given: Option<String>,
    /// Print a JSON summary.
    #[arg(long)]
    pub json: bool,
    /// Where and whom.
    #[command(flatten)]
    pub connection: Connection,
}

/// `records`
#[derive(Debug, Subcommand)]
pub enum Records {
    /// Import Bundles, NDJSON, and the blueprint's CSV; again after a stop, it goes on.
    Import(Import),
}

/// `records import`
#[derive(Debug, Args)]
pub struct Import {
    /// Files (.json, .ndjson, .csv), and folders of such.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Where to write a line for each row that was refused.
    #[arg(long, default_value = "import-report.ndjson")]
    pub report: PathBuf,
    /// Where to remember what was sent.
    #[arg(long, default_value = "import-journal.json")]
    pub journal: PathBuf,
    /// Print a JSON summary.
    #[arg(long)]
    pub json: bool,
    /// Where and whom.
    #[command(flatten)]
    pub connection: Connection,
}

/// `code`
#[derive(Debug, Args)]
pub struct Code {
    /// The account; by default the one that this folder's commands sign in with.
    pub user: Option<String>,
    /// The client's folder, as the demo writes it.
    #[arg(long, default_value = ".autoclave/client")]
    pub client: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `token`
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Verify a party with a fresh nonce and show its token's claims.
    Show {
        /// The party: attestor, broker, diagnosis, clinic; cache, where there is one.
        #[arg(default_value = "clinic")]
        workload: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Where and whom.
        #[command(flatten)]
        connection: Connection,
    },
    /// Verify the evidence in a certificate of the attestor's direct door.
    Certificate(Certificate),
}

/// `token certificate`
#[derive(Debug, Args)]
pub struct Certificate {
    /// The certificate (DER or PEM); or see `--connect`.
    #[arg(required_unless_present = "connect", conflicts_with = "connect")]
    pub file: Option<PathBuf>,
    /// Take it from the door that listens here, `HOST:PORT`, over TLS.
    #[arg(long)]
    pub connect: Option<String>,
    /// The trust file.
    #[arg(long, default_value = ".autoclave/client/trust.json")]
    pub trust: PathBuf,
    /// The release manifest (JWS) that must name the code; without it the measurement is
    /// shown, and nobody says whose it is.
    #[arg(long)]
    pub manifest: Option<PathBuf>,
    /// The workload that the manifest must name it as.
    #[arg(long, default_value = "attestor")]
    pub workload: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `release`
#[derive(Debug, Subcommand)]
pub enum Release {
    /// Write a release manifest as signed reference values (`CoRIM`) that others can read.
    Corim {
        /// The release manifest (JWS).
        manifest: PathBuf,
        /// The key that signs (P-256, PKCS#8 in PEM).
        #[arg(long)]
        key: PathBuf,
        /// Who signs, for people.
        #[arg(long)]
        signer: String,
        /// The trust file, with the release keys that the manifest must be signed by.
        #[arg(long, default_value = ".autoclave/client/trust.json")]
        trust: PathBuf,
        /// Where the document is written.
        #[arg(long)]
        out: PathBuf,
    },
}

/// `receipt`
#[derive(Debug, Subcommand)]
pub enum Receipt {
    /// Check a receipt offline: signatures, token, ledger proof, image and mask.
    Verify {
        /// The receipt's file, as `diagnose` writes it.
        file: PathBuf,
        /// The trust file.
        #[arg(long, default_value = ".autoclave/client/trust.json")]
        trust: PathBuf,
        /// The image that was sent, to compare its digest.
        #[arg(long)]
        image: Option<PathBuf>,
        /// The mask that came back, to compare its digest.
        #[arg(long)]
        mask: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `ledger`
#[derive(Debug, Subcommand)]
pub enum Ledger {
    /// Check a ledger from its files alone: signatures, tiles, consistency, inclusion.
    Verify {
        /// The folder with `checkpoint` and `tile/`.
        dir: PathBuf,
        /// The ledger's verification key or a file with it; by default the folder's `key`.
        #[arg(long)]
        key: Option<String>,
        /// A checkpoint from an earlier visit, which the ledger must extend. Repeatable.
        #[arg(long)]
        since: Vec<PathBuf>,
        /// A receipt, or a proof as JSON, whose line must be in the ledger. Repeatable.
        #[arg(long)]
        proof: Vec<PathBuf>,
        /// Print every line.
        #[arg(long)]
        lines: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Follow ledgers from one visit to the next; fails on a fork, a rollback or a gap.
    Monitor(watch::Monitor),
    /// Write a ledger, checked whole, as FHIR `AuditEvent`s or as a table.
    Export(watch::Export),
}

/// `model`
#[derive(Debug, Subcommand)]
pub enum Model {
    /// Seal a model: the file may lie anywhere, the key goes to the broker only.
    Seal {
        /// The ONNX model.
        model: PathBuf,
        /// The sealed file.
        #[arg(long)]
        out: PathBuf,
        /// The key's file.
        #[arg(long)]
        key_out: PathBuf,
        /// The model's name; by default the file's.
        #[arg(long)]
        name: Option<String>,
    },
}

/// `tpm`
#[derive(Debug, Subcommand)]
pub enum Tpm {
    /// Challenge a machine, check its answer, and certify its attestation key.
    ///
    /// On the machine: `autoclave-launcher identity --platform FILE > identity.json`, and
    /// for the challenge `autoclave-launcher activate --platform FILE --challenge
    /// challenge.json > answer.json`. Carry the files by any way; none is secret.
    Enrol(Enrol),
    /// Print the root that makes others believe the machines that a station enrolled.
    Root {
        /// A root certificate of the TPMs' makers (DER or PEM). Repeatable.
        #[arg(long, required = true)]
        ek_root: Vec<PathBuf>,
        /// The station's key; it is made if it is not there.
        #[arg(long)]
        station: PathBuf,
        /// For TPMs in software.
        #[arg(long)]
        development: bool,
        /// An accepted value of a register of the firmware's, as `autoclave-launcher
        /// registers` says it: `PCR=sha256:…`. Repeatable; a root that is not for development
        /// needs one.
        #[arg(long)]
        firmware: Vec<String>,
        /// Print it as an enclave's configuration has it, not as a trust file.
        #[arg(long)]
        toml: bool,
    },
}

/// `tpm enrol`
#[derive(Debug, Args)]
pub struct Enrol {
    /// What `autoclave-launcher identity` said.
    #[arg(long)]
    pub identity: PathBuf,
    /// A root certificate of the TPM's maker (DER or PEM). Repeatable.
    #[arg(long, required = true)]
    pub ek_root: Vec<PathBuf>,
    /// The station's key (P-256, PKCS#8 in PEM); it is made if it is not there.
    #[arg(long)]
    pub station: PathBuf,
    /// Where the challenge is written.
    #[arg(long)]
    pub challenge: PathBuf,
    /// Where the answer will be.
    #[arg(long)]
    pub answer: PathBuf,
    /// Where the certificate of the attestation key is written.
    #[arg(long)]
    pub out: PathBuf,
    /// How long the certificate is good.
    #[arg(long, default_value_t = 365)]
    pub days: u32,
    /// How long to wait for the answer.
    #[arg(long, default_value_t = 60)]
    pub wait_minutes: u32,
}

/// `doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// The demo's folder.
    #[arg(long, default_value = ".autoclave")]
    pub dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
