//! A key release, step by step: `Asked → Decided → Recorded → Wrapped`. Each is made by
//! exactly one function, from the one before. It is the broker's heart: a key cannot be
//! wrapped without the line in the ledger that says so, because the line is what
//! [`RecordedRelease`] is made of.
//!
//! ```compile_fail,E0451
//! # fn forge(release: autoclave_broker::release::GrantedRelease, line: u64) {
//! let _unrecorded = autoclave_broker::release::RecordedRelease { release, line };
//! # }
//! ```

mod decide;
mod past;
mod record;
mod wrap;

#[cfg(test)]
mod governed;
#[cfg(test)]
mod tests;

use autoclave_attest::token::VerifiedToken;
use autoclave_base::ids::{KeyName, WorkloadName};
use autoclave_base::{Digest, UnixTime};
use autoclave_cell::policy::Explanation;
use autoclave_ledger::Label;

use crate::akv::AuthorityToken;
use crate::akv::rsa::Wrapping;

pub(crate) use decide::{Facts, decide};
pub(crate) use record::record;
pub use record::{Recorded, RecordedRefusal, RecordedRelease, RecordedUse};
pub use wrap::WrapError;
pub(crate) use wrap::{wrap, wrap_to_rsa};

/// What the ledger calls the operation.
pub const OPERATION: &str = "release";

/// The rule that every broker has: there are the configured keys and no others.
pub const CONFIGURED_KEYS: &str = "configured-keys";

/// The rule that a version is enabled and within its time.
pub const USABLE_VERSIONS: &str = "usable-versions";

/// The rule that the key's institution has not withdrawn its trust in the caller.
pub const NOT_REVOKED: &str = "not-revoked";

/// The rule that a key's own release policy permits.
pub const RELEASE_POLICY: &str = "release-policy";

/// The rule that two persons opened a case.
pub const BREAK_GLASS: &str = "break-glass";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The key itself.
    Release,
    /// Whether a key that was released may still be used. It gives nothing away, so that
    /// its refusal alone has a line.
    Lease,
    /// To wrap something under it.
    Wrap,
    /// To unwrap something.
    Unwrap,
}

impl Action {
    /// As rules and the ledger call it. A lease is judged as a release.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release | Self::Lease => "release",
            Self::Wrap => "wrap",
            Self::Unwrap => "unwrap",
        }
    }
}

/// Who asks: code whose token was verified.
#[derive(Debug, Clone)]
pub enum Caller {
    /// With a token of our attestor and a proof of possession.
    Workload(Box<VerifiedToken>),
    /// With a token of an authority, for an answer that its key alone opens.
    Authority(Box<AuthorityToken>, Wrapping, Label),
}

impl Caller {
    /// The token's digest.
    pub fn token(&self) -> Digest {
        match self {
            Self::Workload(token) => token.digest(),
            Self::Authority(token, ..) => token.digest(),
        }
    }

    /// Which workload, where the release manifest says it.
    pub fn workload(&self) -> Option<&WorkloadName> {
        match self {
            Self::Workload(token) => Some(token.workload()),
            Self::Authority(..) => None,
        }
    }

    /// What runs there, where the release manifest lists it.
    pub fn measurement(&self) -> Option<Digest> {
        match self {
            Self::Workload(token) => Some(token.measurement()),
            Self::Authority(..) => None,
        }
    }
}

/// Which version is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The newest one.
    Current,
    /// By number.
    Number(u32),
    /// By the name that the API of Azure Key Vault gives it.
    Id(String),
}

impl From<Option<u32>> for Which {
    fn from(number: Option<u32>) -> Self {
        number.map_or(Self::Current, Self::Number)
    }
}

/// Code asks for a key.
#[derive(Debug, Clone)]
pub struct Asked {
    caller: Caller,
    action: Action,
    institution: Option<Label>,
    key: Option<KeyName>,
    version: Which,
    now: UnixTime,
}

impl Asked {
    /// `caller` asks for a version of a key of `institution`, if there is one of that name.
    /// A name that is none is asked for like any other, and refused like any other.
    pub fn new(
        caller: Caller,
        action: Action,
        (institution, name): (Option<&Label>, &str),
        version: Which,
        now: UnixTime,
    ) -> Self {
        let key = KeyName::parse(name).ok();
        Self { caller, action, institution: institution.cloned(), key, version, now }
    }
}

/// The policy has spoken.
#[derive(Debug)]
pub enum Decided {
    /// It may be done.
    Granted(Box<GrantedRelease>),
    /// It may not.
    Refused(Box<RefusedRelease>),
}

/// What is granted, and on which grounds. Only [`decide`] makes it.
#[derive(Debug)]
pub struct GrantedRelease {
    caller: Caller,
    action: Action,
    institution: Label,
    /// Whether the ledger names the institution: not for a configured key.
    named: bool,
    key: KeyName,
    version: u32,
    policy: Digest,
    rules: Vec<String>,
    /// The case that was used, where the rules alone would have refused.
    case: Option<crate::glass::Case>,
    judged: Option<Box<past::Judged>>,
    now: UnixTime,
}

/// A refusal with its reasons. Only [`decide`] makes it.
#[derive(Debug)]
pub struct RefusedRelease {
    asked: Asked,
    why: Vec<Explanation>,
    judged: Option<Box<past::Judged>>,
}
