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

#[cfg(test)]
mod governed;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use autoclave_attest::jwk::{Jwk, Key};
use autoclave_attest::token::VerifiedToken;
use autoclave_base::UnixTime;
use autoclave_base::ids::KeyName;
use autoclave_cell::governance::{InForce, Policies};
use autoclave_cell::ledger::{AppendError, Ledger};
use autoclave_cell::policy::{
    Ask, Decision, Explanation, Granted, Past, Reason, Reference, Thing, workload,
};
use autoclave_cell::release::{INFO, REFUSED, ReleasedKey, binding};
use autoclave_ledger::{Event, Label, RULES_MAX};
use autoclave_seal::{Kem, PublicSealingKey, wrap as hpke};
use rand::CryptoRng;

use crate::vault::Vault;

/// What the ledger calls the operation.
pub const OPERATION: &str = "release";

/// The rule that every broker has: there are the configured keys and no others.
pub const CONFIGURED_KEYS: &str = "configured-keys";

/// Attested code asks for a key.
#[derive(Debug, Clone)]
pub struct Asked {
    caller: VerifiedToken,
    key: Option<KeyName>,
    version: Option<u32>,
    now: UnixTime,
}

/// The policy has spoken.
#[derive(Debug)]
pub enum Decided {
    /// The key may leave.
    Granted(GrantedRelease),
    /// It stays.
    Refused(RefusedRelease),
}

/// By which policy a question was judged.
#[derive(Clone)]
struct Judged {
    owner: Label,
    policy: Arc<InForce>,
    ask: Ask,
}

impl fmt::Debug for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judged").field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// A release that the policy grants. Only [`decide`] makes it.
#[derive(Debug)]
pub struct GrantedRelease {
    caller: VerifiedToken,
    key: KeyName,
    version: u32,
    granted: Granted,
    judged: Judged,
    now: UnixTime,
}

/// A refusal with its reasons. Only [`decide`] makes it.
#[derive(Debug)]
pub struct RefusedRelease {
    asked: Asked,
    why: Vec<Explanation>,
    judged: Option<Judged>,
}

/// The decision is in the ledger, durably.
#[derive(Debug)]
pub enum Recorded {
    /// The key may be wrapped now.
    Release(RecordedRelease),
    /// The caller may be told now.
    Refusal(RecordedRefusal),
}

/// A granted release whose line is durable. Only [`record`] makes it.
#[derive(Debug)]
pub struct RecordedRelease {
    release: GrantedRelease,
    line: u64,
}

/// A refusal whose line is durable. Only [`record`] makes it.
#[derive(Debug)]
pub struct RecordedRefusal {
    refusal: RefusedRelease,
    line: u64,
}

/// Why a recorded release could not be wrapped. Its line stays; no key left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// The version was replaced twice since it was granted.
    #[error("the version is not kept any more")]
    Gone,
    /// The caller's token names no key that can be sealed to.
    #[error("the token names no key to wrap to")]
    NoSealingKey,
}

impl WrapError {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Gone => "release.version_gone",
            Self::NoSealingKey => "release.no_sealing_key",
        }
    }
}

impl Asked {
    /// `caller` asks for a version of a key, or for the current one. A name that is none is
    /// asked for like any other, and refused like any other.
    pub fn new(caller: &VerifiedToken, name: &str, version: Option<u32>, now: UnixTime) -> Self {
        Self { caller: caller.clone(), key: KeyName::parse(name).ok(), version, now }
    }
}

/// Decides by the rules of the institution that owns the key. Pure: it changes nothing, and nobody learns of it.
pub fn decide(asked: Asked, policies: &impl Policies, vault: &Vault) -> Decided {
    let found = asked.key.clone().and_then(|key| {
        let described = vault.describe(&key, asked.version)?;
        Some((key, described))
    });
    let Some((key, described)) = found else {
        let why = vec![no_such_key(&asked)];
        return Decided::Refused(RefusedRelease { asked, why, judged: None });
    };
    let owner = described.settings.owner.clone();
    let Some(policy) = policies.policy_for(&owner) else {
        let why = vec![no_such_key(&asked)];
        return Decided::Refused(RefusedRelease { asked, why, judged: None });
    };
    let resource = Thing::new("Key", &key)
        .with("owner", described.settings.owner.as_str())
        .with("purpose", described.settings.purpose.as_str())
        .with("version", described.version);
    let ask = Ask::new(workload(&asked.caller), "release", resource)
        .in_context("now", asked.now.rfc3339());
    let version = described.version;
    let decision = policy.book().decide(&ask);
    let judged = Judged { owner, policy, ask };
    match decision {
        Decision::Granted(granted) => {
            let Asked { caller, now, .. } = asked;
            Decided::Granted(GrantedRelease { caller, key, version, granted, judged, now })
        }
        Decision::Refused(why) => {
            Decided::Refused(RefusedRelease { asked, why, judged: Some(judged) })
        }
    }
}

/// Writes the decision into the ledger. When this returns `Ok`, the line is durable.
pub async fn record(decided: Decided, ledger: &Ledger) -> Result<Recorded, AppendError> {
    match decided {
        Decided::Granted(release) => {
            let line = ledger.append(release.event()).await?.index;
            Ok(Recorded::Release(RecordedRelease { release, line }))
        }
        Decided::Refused(refusal) => {
            let line = ledger.append(refusal.event()).await?.index;
            Ok(Recorded::Refusal(RecordedRefusal { refusal, line }))
        }
    }
}

/// Wraps the key to the sealing key that the caller's token binds.
pub fn wrap(
    recorded: RecordedRelease,
    vault: &Vault,
    rng: &mut impl CryptoRng,
) -> Result<ReleasedKey, WrapError> {
    let GrantedRelease { caller, key, version, .. } = recorded.release;
    let to = sealing_key(&caller).ok_or(WrapError::NoSealingKey)?;
    let token = caller.digest();
    let aad = binding(&key, version, token);
    let seal =
        |found: &crate::versions::Version| hpke::wrap(rng, &to, INFO, &aad, found.secret.expose());
    let wrapped = vault.lend(&key, version, seal).ok_or(WrapError::Gone)?;
    let wrapped = wrapped.map_err(|_| WrapError::NoSealingKey)?;
    Ok(ReleasedKey { key, version, token, wrapped })
}

impl GrantedRelease {
    fn event(&self) -> Event {
        let rules = self.granted.rules().iter().take(RULES_MAX);
        Event::Release {
            key: self.key.clone(),
            version: self.version,
            workload: self.caller.workload().clone(),
            measurement: self.caller.measurement(),
            token: self.caller.digest(),
            policy: self.granted.policy(),
            rules: rules.map(|rule| Label::of_claim(rule)).collect(),
        }
    }
}

impl RefusedRelease {
    /// The ledger is public, and the caller reads it too: rule and claim stand in it, what
    /// the rule wants and what was found are for the administrator.
    fn event(&self) -> Event {
        let first = self.why.first();
        Event::Refusal {
            operation: Label::of_claim(OPERATION),
            code: Label::of_claim(REFUSED),
            rule: first.map(|why| Label::of_claim(&why.rule)),
            claim: first.map(|why| Label::of_claim(&why.claim)),
            expected: None,
            found: None,
            workload: Some(self.asked.caller.workload().clone()),
            token: Some(self.asked.caller.digest()),
        }
    }
}

impl Recorded {
    /// What is remembered of the decision, to explain it and to try other policies on it.
    pub fn past(&self) -> Past {
        match self {
            Self::Release(recorded) => {
                let release = &recorded.release;
                let mut past = past(&release.caller, Some(&release.judged), release.now);
                past.granted = true;
                past.rules = release.granted.rules().to_vec();
                past.lines.push_back(recorded.line);
                past
            }
            Self::Refusal(recorded) => {
                let refusal = &recorded.refusal;
                let judged = refusal.judged.as_ref();
                let mut past = past(&refusal.asked.caller, judged, refusal.asked.now);
                let reference = judged.map_or_else(keys_reference, |it| it.policy.reference());
                let reason = |why: &Explanation| Reason::new(why.clone(), reference.clone());
                past.code = Some(Label::of_claim(REFUSED));
                past.why = refusal.why.iter().map(reason).collect();
                past.lines.push_back(recorded.line);
                past
            }
        }
    }
}

fn past(caller: &VerifiedToken, judged: Option<&Judged>, now: UnixTime) -> Past {
    let principal = workload(caller);
    Past {
        operation: Label::of_claim(OPERATION),
        owner: judged.map(|it| it.owner.clone()),
        policy: judged.map(|it| it.policy.decider().clone()),
        caller: Label::of(caller.workload()),
        claims: principal.digest(),
        ask: judged.map(|it| it.ask.clone()),
        granted: false,
        code: None,
        rules: Vec::new(),
        why: Vec::new(),
        first: now,
        last: now,
        count: 1,
        lines: VecDeque::new(),
    }
}

/// What the rule about configured keys rests on.
fn keys_reference() -> Reference {
    let (source, value) = ("the broker's keys".to_owned(), CONFIGURED_KEYS.to_owned());
    Reference { source, value, signers: vec!["configuration".to_owned()] }
}

impl RecordedRelease {
    /// The line of the release.
    pub const fn line(&self) -> u64 {
        self.line
    }
}

impl RecordedRefusal {
    /// The line of the refusal.
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// Who was refused.
    pub const fn caller(&self) -> &VerifiedToken {
        &self.refusal.asked.caller
    }

    /// What was asked for, where that was the name of a key.
    pub const fn key(&self) -> Option<&KeyName> {
        self.refusal.asked.key.as_ref()
    }

    /// When.
    pub const fn time(&self) -> UnixTime {
        self.refusal.asked.now
    }

    /// Why, for the administrator only.
    pub fn why(&self) -> &[Explanation] {
        &self.refusal.why
    }
}

fn no_such_key(asked: &Asked) -> Explanation {
    let name = asked.key.as_ref().map_or("no key name", KeyName::as_str);
    let found = match asked.version {
        Some(version) => format!("{name}, version {version}"),
        None => name.to_owned(),
    };
    let expected = "a version that is kept, of a configured key that was imported".to_owned();
    let (rule, claim) = (CONFIGURED_KEYS.to_owned(), "resource".to_owned());
    Explanation { rule, claim, expected, found }
}

/// The best key that the token names.
fn sealing_key(token: &VerifiedToken) -> Option<PublicSealingKey> {
    let read = |(id, jwk): (u8, &Jwk)| match jwk.key() {
        Key::XWing(bytes) => PublicSealingKey::from_parts(id, Kem::XWing, bytes).ok(),
        Key::X25519(bytes) => PublicSealingKey::from_parts(id, Kem::X25519, bytes).ok(),
        Key::EcP256(_) | Key::Ed25519(_) => None,
    };
    let keys: Vec<_> = token.sealing_keys().filter_map(read).collect();
    PublicSealingKey::best(&keys).cloned()
}
