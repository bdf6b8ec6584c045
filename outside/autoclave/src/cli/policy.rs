//! The words of `policy`.
//! They belong to those who administer and approve policies.
//! Nothing here does anything.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Connection;

/// `policy`
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Say which policy is in force since when and by whom, and what waits.
    List(Asking),
    /// Show a version with its text and its approvals; by default the one in force.
    Show {
        /// The version's number.
        version: Option<u32>,
        /// Who asks, and whom.
        #[command(flatten)]
        asking: Asking,
    },
    /// Check a policy's file against the schema, here, without asking anybody.
    Check {
        /// The Cedar text.
        file: PathBuf,
        /// Which schema it has to fit.
        #[arg(long, value_enum, default_value_t)]
        policy: Kind,
        /// It must only forbid.
        #[arg(long)]
        emergency: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Draft a version from a file and ask for two approvals.
    Propose {
        /// The Cedar text; with --emergency what is to be forbidden as well.
        file: PathBuf,
        /// In force at once with two approvals; it must only forbid.
        #[arg(long)]
        emergency: bool,
        /// Not in force earlier: a date, an RFC 3339 time or UNIX seconds.
        #[arg(long)]
        not_before: Option<String>,
        /// Keep it as a draft, to be tried; nobody is asked to approve it.
        #[arg(long)]
        draft: bool,
        /// Who asks, and whom.
        #[command(flatten)]
        asking: Asking,
    },
    /// Sign a version that somebody else proposed.
    Approve {
        /// The version's number.
        version: u32,
        /// Sign only if this is the version's digest.
        #[arg(long)]
        digest: Option<String>,
        /// Who signs, and whom to tell.
        #[command(flatten)]
        asking: Asking,
    },
    /// Give up a version that is not in force.
    Withdraw {
        /// The version's number.
        version: u32,
        /// Who asks, and whom.
        #[command(flatten)]
        asking: Asking,
    },
    /// Say what another policy would change, tried on all past decisions or on one token.
    DryRun {
        /// The Cedar text; with --emergency what is to be forbidden as well.
        #[arg(required_unless_present = "version", conflicts_with = "version")]
        file: Option<PathBuf>,
        /// A version instead of a file.
        #[arg(long)]
        version: Option<u32>,
        /// The file only forbids, on top of what is in force.
        #[arg(long)]
        emergency: bool,
        /// One question as JSON (`{"principal", "action", "resource", "context"}`), as `--json`
        /// shows those of the past.
        #[arg(long)]
        ask: Option<PathBuf>,
        /// Who asks, and whom.
        #[command(flatten)]
        asking: Asking,
    },
    /// Say why somebody was refused: which rule, which claim, what was expected and found.
    Why {
        /// The line of the ledger that the refused caller was told.
        line: Option<u64>,
        /// From this time on: a date, an RFC 3339 time or UNIX seconds.
        #[arg(long)]
        since: Option<String>,
        /// Up to this time.
        #[arg(long)]
        until: Option<String>,
        /// On one day (UTC): a date, or `tuesday` for the last one.
        #[arg(long, conflicts_with_all = ["since", "until"])]
        on: Option<String>,
        /// Who asks, and whom.
        #[command(flatten)]
        asking: Asking,
    },
}

/// Which policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The broker's: which code gets which key.
    #[default]
    Release,
    /// The attestor's: which evidence is affirmed.
    Appraise,
}

/// Who asks, and whom.
#[derive(Debug, Args)]
pub struct Asking {
    /// Which policy.
    #[arg(long, value_enum, default_value_t)]
    pub policy: Kind,
    /// Who asks: a name in the client's folder, `people/NAME.key`.
    #[arg(long = "as", value_name = "NAME", default_value = "site-administrator")]
    pub name: String,
    /// The key of who asks, instead of a name.
    #[arg(long)]
    pub key: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Where and whom to believe.
    #[command(flatten)]
    pub connection: Connection,
}
