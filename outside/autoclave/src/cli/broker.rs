//! The words of `broker`: what an institution's administrators do with their keys.
//! They belong to the administrators, who each hold a key of their own.
//! Nothing here does anything.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Connection;

/// `broker`
#[derive(Debug, Args)]
pub struct Broker {
    /// The administrator's key (P-256, PKCS#8 in PEM); its thumbprint stands in the broker's
    /// configuration.
    #[arg(long)]
    pub key: PathBuf,
    /// The institution that the administrator acts for.
    #[arg(long)]
    pub institution: String,
    /// Where and whom.
    #[command(flatten)]
    pub connection: Connection,
    /// What to do.
    #[command(subcommand)]
    pub command: BrokerCommand,
}

/// What an administrator does.
#[derive(Debug, Subcommand)]
pub enum BrokerCommand {
    /// Work with the institution's keys.
    #[command(subcommand)]
    Keys(Keys),
    /// Withdraw trust in code or in one token: no key of the institution's reaches it any more.
    Revoke {
        /// What kind of thing.
        kind: Revocable,
        /// A workload's name, a measurement, or a token's `jti`.
        what: String,
    },
    /// What was revoked so far.
    Revocations,
    /// Open a key outside of the rules, for a while: two persons, and a review afterwards.
    #[command(subcommand)]
    BreakGlass(BreakGlass),
    /// Make a bearer for clients of Azure Key Vault. It lasts an hour; keep it as a password.
    Bearer {
        /// The vault's address, without an institution's label.
        #[arg(long)]
        url: String,
    },
}

/// `broker keys`
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// All keys, without the keys.
    List,
    /// Make a key, or import one.
    Create {
        /// Its name.
        name: String,
        /// What it is for, as the rules know it.
        #[arg(long)]
        purpose: String,
        /// For how long it is good.
        #[arg(long)]
        days: u32,
        /// Seconds that a version is still used after the next one came.
        #[arg(long, default_value_t = 0)]
        overlap: u64,
        /// A file with the key in base64url, as `model seal` writes it.
        #[arg(long)]
        import: Option<PathBuf>,
    },
    /// Another version of a key.
    Rotate {
        /// Its name.
        name: String,
        /// For how long the new version is good.
        #[arg(long)]
        days: u32,
        /// A file with the key in base64url.
        #[arg(long)]
        import: Option<PathBuf>,
    },
    /// Enable or disable a version, or withdraw it for good.
    Set {
        /// The key's name.
        name: String,
        /// Which version.
        #[arg(long)]
        version: u32,
        /// Its new state. What is revoked or destroyed stays so.
        state: State,
    },
}

/// `broker break-glass`
#[derive(Debug, Subcommand)]
pub enum BreakGlass {
    /// All cases.
    List,
    /// Ask for a case.
    Ask {
        /// Which key.
        key_name: String,
        /// For which workload.
        #[arg(long)]
        workload: String,
        /// For which measurement of it.
        #[arg(long)]
        measurement: String,
        /// Why, as a code without spaces.
        #[arg(long)]
        purpose: String,
        /// For how long, once it is approved.
        #[arg(long, default_value_t = 60)]
        minutes: u64,
    },
    /// Approve a case that another administrator asked for.
    Approve {
        /// The case's name.
        case: String,
    },
    /// End a case, or look at it afterwards.
    Review {
        /// The case's name.
        case: String,
        /// What came of it, as a code without spaces.
        #[arg(long)]
        outcome: String,
    },
}

/// What can be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Revocable {
    /// A role, whatever its version.
    Workload,
    /// One measured code and configuration.
    Measurement,
    /// One token, by its `jti`.
    Token,
}

/// How a version can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// In use within its time.
    Enabled,
    /// Not for the moment.
    Disabled,
    /// Not any more.
    Revoked,
    /// Erased.
    Destroyed,
}
