//! Measures a sealed and attested deployment beside its engines and beside the servers that
//! people use instead: real processes, a real attestor, receipts and durable ledger lines.
//! Driven by `cargo xtask bench`; prints Markdown, and tells its progress to standard error.
//! Everything that is compared runs in turn in the same run; no test looks at these figures.

mod caller;
mod engines;
mod infer;
mod load;
mod peers;
mod process;
mod records;
mod release;
mod sealed;
mod servers;
mod table;
mod wire;
mod world;

use std::error::Error;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

type Any<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What to measure.
#[derive(Clone, Copy, ValueEnum)]
enum Bench {
    /// A sealed and attested request against the same engine in process.
    Seal,
    /// The engines against Python's ONNX Runtime.
    Infer,
    /// Our server against others.
    Servers,
    /// Tokens and evidence on one core.
    Attest,
    /// Attestation and key release.
    Release,
    /// The records against Helios' server.
    Records,
}

/// Where everything lies; `cargo xtask bench` knows.
#[derive(Parser)]
struct Setup {
    /// What to measure.
    bench: Bench,
    /// The parties' binaries.
    #[arg(long)]
    binaries: PathBuf,
    /// A folder that may be emptied.
    #[arg(long)]
    work: PathBuf,
    /// The large model.
    #[arg(long)]
    unet: PathBuf,
    /// A model that costs nothing.
    #[arg(long)]
    trivial: PathBuf,
    /// The image that is sent.
    #[arg(long)]
    image: PathBuf,
    /// ONNX Runtime's native library; without it there is no such engine.
    #[arg(long)]
    library: Option<PathBuf>,
    /// A Python that has the peers; without it there are none.
    #[arg(long)]
    python: Option<PathBuf>,
    /// The Python programs of the peers.
    #[arg(long)]
    peers: PathBuf,
    /// Transaction bundles to post.
    #[arg(long)]
    bundles: Option<PathBuf>,
    /// Helios' server; without it there is none to compare with.
    #[arg(long)]
    hfs: Option<PathBuf>,
    /// The search parameters that it wants.
    #[arg(long)]
    hfs_parameters: Option<PathBuf>,
    /// First of some forty ports on loopback.
    #[arg(long, default_value_t = 26000)]
    port_base: u16,
    /// Seconds for each point of a series.
    #[arg(long, default_value_t = 3.5)]
    seconds: f64,
    /// How often each series is measured, in turn with the others.
    #[arg(long, default_value_t = 2)]
    rounds: u32,
}

fn main() -> Any<()> {
    let setup = Setup::parse();
    let text = match setup.bench {
        Bench::Seal => sealed::run(&setup)?,
        Bench::Infer => infer::run(&setup)?,
        Bench::Servers => servers::run(&setup)?,
        Bench::Attest => release::attest(&setup)?,
        Bench::Release => release::release(&setup)?,
        Bench::Records => records::run(&setup)?,
    };
    show(&text);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "tables for people")]
fn show(text: &str) {
    println!("{text}");
}

/// Progress.
#[expect(clippy::print_stderr, reason = "progress for people")]
fn say(line: &str) {
    eprintln!("{line}");
}
