//! The words of `autoclave evidence` and `autoclave collateral`. They belong to people who
//! judge what somebody's hardware said. Nothing here does anything.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `evidence`
#[derive(Debug, Subcommand)]
pub enum Evidence {
    /// Verify the evidence in a folder under the vendors' roots and the strict policy. Exit
    /// 0: verified; 1: refused; 2: not readable.
    Verify {
        /// The folder: `quote.bin` and `collateral.json`, `report.bin` and certificates, …
        folder: PathBuf,
        /// The time to verify at, instead of now (seconds since 1970).
        #[arg(long)]
        at: Option<u64>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// A bundle of vendors' statements, for evidence that brings none along.
        #[arg(long)]
        endorsements: Option<PathBuf>,
        /// The roots of a trust file instead of the vendors' own.
        #[arg(long)]
        trust: Option<PathBuf>,
    },
}

/// `collateral`
#[derive(Debug, Subcommand)]
pub enum Collateral {
    /// Fetch what the bundle keeps, and what quotes need.
    Fetch {
        /// The bundle.
        #[arg(long, default_value = ".autoclave/collateral.json")]
        bundle: PathBuf,
        /// Where from.
        #[command(flatten)]
        sources: Sources,
        /// Quotes of Intel's and reports of AMD's whose platforms are kept from now on.
        quotes: Vec<PathBuf>,
    },
    /// Fetch again and again, until stopped.
    Keep {
        /// The bundle.
        #[arg(long, default_value = ".autoclave/collateral.json")]
        bundle: PathBuf,
        /// Where from.
        #[command(flatten)]
        sources: Sources,
        /// Hours from one time to the next.
        #[arg(long, default_value_t = 24)]
        every_hours: u32,
    },
    /// List a bundle, and warn of what ends soon.
    Show {
        /// The bundle.
        #[arg(long, default_value = ".autoclave/collateral.json")]
        bundle: PathBuf,
        /// The time to verify at, instead of now (seconds since 1970).
        #[arg(long)]
        at: Option<u64>,
    },
    /// Write what of a bundle verifies to a file, for a machine without a network.
    Export {
        /// The bundle.
        #[arg(long, default_value = ".autoclave/collateral.json")]
        bundle: PathBuf,
        /// The file.
        out: PathBuf,
        /// The time to verify at, instead of now (seconds since 1970).
        #[arg(long)]
        at: Option<u64>,
    },
    /// Take what verifies of such a file into a bundle.
    Import {
        /// The bundle.
        #[arg(long, default_value = ".autoclave/collateral.json")]
        bundle: PathBuf,
        /// The file.
        file: PathBuf,
        /// The time to verify at, instead of now (seconds since 1970).
        #[arg(long)]
        at: Option<u64>,
    },
}

/// Where collateral comes from.
#[derive(Debug, Clone, Args)]
pub struct Sources {
    /// Intel's service, or a cache of it (PCCS).
    #[arg(long, default_value = "https://api.trustedservices.intel.com")]
    pub pcs: String,
    /// The root's list of revoked certificates; of a PCCS `…/sgx/certification/v4/rootcacrl`.
    #[arg(
        long,
        default_value = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
    )]
    pub root_crl: String,
    /// AMD's service, or a copy of it.
    #[arg(long, default_value = "https://kdsintf.amd.com")]
    pub kds: String,
    /// The time to verify at, instead of now (seconds since 1970).
    #[arg(long)]
    pub at: Option<u64>,
}
