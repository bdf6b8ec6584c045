//! The way of a resource, step by step: `Asked → Decided → Recorded → Wrapped`, as that of a
//! key. Each is made by exactly one function, from the one before: nothing is encrypted for
//! a guest before the line that says so is durable.

use autoclave_base::UnixTime;
use autoclave_cell::ledger::{AppendError, Ledger};
use autoclave_cell::policy::{Ask, Decision, Explanation, Granted, Thing};
use autoclave_ledger::{Event, Label, RULES_MAX};
use autoclave_seal::jwe::{self, Jwe, Recipient};
use rand::CryptoRng;

use super::guest::Guest;
use super::path::ResourcePath;
use super::store::{Found, Resources};
use super::{Institution, OPERATION};
use crate::release::NOT_REVOKED;
use crate::revoke::{Entry, Revoked};

/// The one code for every refusal by rules.
pub(crate) const REFUSED: &str = "kbs.refused";

/// The rule that every broker has: there are the kept versions of configured repositories.
const KEPT_RESOURCES: &str = "kept-resources";

/// An attested guest asks for a resource.
pub(crate) struct Asked {
    guest: Guest,
    path: ResourcePath,
    version: Option<u32>,
    now: UnixTime,
}

/// The rules have spoken.
pub(crate) enum Decided {
    Granted(GrantedResource),
    Refused(RefusedResource),
}

/// The resource may leave. Only [`decide`] makes it.
pub(crate) struct GrantedResource {
    guest: Guest,
    institution: Label,
    path: ResourcePath,
    found: Found,
    granted: Granted,
}

/// It stays. Only [`decide`] makes it.
pub(crate) struct RefusedResource {
    asked: Asked,
    why: Vec<Explanation>,
}

/// The decision is in the ledger, durably.
pub(crate) enum Recorded {
    Release(RecordedResource),
    Refusal(RecordedRefusal),
}

/// A granted resource whose line is durable. Only [`record`] makes it.
pub(crate) struct RecordedResource(GrantedResource);

/// A refusal whose line is durable. Only [`record`] makes it.
pub(crate) struct RecordedRefusal {
    refusal: RefusedResource,
    line: u64,
}

/// Why a recorded resource could not be wrapped. Its line stays; nothing left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrapError {
    #[error("the version is not kept any more")]
    Gone,
    #[error(transparent)]
    Keep(#[from] crate::keep::KeepError),
    #[error(transparent)]
    Jwe(#[from] jwe::JweRefusal),
}

impl WrapError {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Gone => "kbs.version_gone",
            Self::Keep(error) => error.code(),
            Self::Jwe(refusal) => refusal.code(),
        }
    }
}

impl Asked {
    pub(crate) const fn new(
        guest: Guest,
        path: ResourcePath,
        version: Option<u32>,
        now: UnixTime,
    ) -> Self {
        Self { guest, path, version, now }
    }
}

/// Decides by the rules of the resource's institution. Pure: it changes nothing. What is
/// not there is refused like what may not leave, so that nobody learns which it was.
pub(crate) fn decide(
    asked: Asked,
    institution: Option<&Institution>,
    found: Option<Found>,
    revoked: &Revoked,
) -> Decided {
    let (Some(institution), Some(found)) = (institution, found) else {
        let why = vec![no_such_resource(&asked)];
        return Decided::Refused(RefusedResource { asked, why });
    };
    if let Some(entry) = asked.guest.revoked_by(revoked) {
        let why = vec![not_trusted(entry)];
        return Decided::Refused(RefusedResource { asked, why });
    }
    let resource = Thing::new("Resource", &asked.path)
        .with("institution", institution.name.as_str())
        .with("repository", asked.path.repository())
        .with("class", asked.path.class())
        .with("tag", asked.path.tag())
        .with("version", found.version());
    let ask = Ask::new(asked.guest.thing(), "get", resource).in_context("now", asked.now.rfc3339());
    match institution.book.decide(&ask) {
        Decision::Granted(granted) => {
            let institution = institution.name.clone();
            let Asked { guest, path, .. } = asked;
            Decided::Granted(GrantedResource { guest, institution, path, found, granted })
        }
        Decision::Refused(why) => Decided::Refused(RefusedResource { asked, why }),
    }
}

/// Writes the decision into the ledger. When this returns `Ok`, the line is durable.
pub(crate) async fn record(decided: Decided, ledger: &Ledger) -> Result<Recorded, AppendError> {
    match decided {
        Decided::Granted(release) => {
            ledger.append(release.event()).await?;
            Ok(Recorded::Release(RecordedResource(release)))
        }
        Decided::Refused(refusal) => {
            let line = ledger.append(refusal.event()).await?.index;
            Ok(Recorded::Refusal(RecordedRefusal { refusal, line }))
        }
    }
}

/// Encrypts the resource to the key that the guest's evidence vouched for.
pub(crate) async fn wrap(
    recorded: RecordedResource,
    resources: &Resources,
    rng: &mut impl CryptoRng,
) -> Result<Jwe, WrapError> {
    let GrantedResource { guest, institution, path, found, .. } = recorded.0;
    let to = Recipient::try_from(&guest.key)?;
    let content = resources.content(&institution, &path, found).await?;
    let content = content.ok_or(WrapError::Gone)?;
    Ok(jwe::encrypt(&to, content.expose(), rng)?)
}

impl GrantedResource {
    fn event(&self) -> Event {
        let rules = self.granted.rules().iter().take(RULES_MAX);
        Event::ResourceRelease {
            institution: self.institution.clone(),
            resource: Label::of(&self.path),
            version: self.found.version(),
            workload: self.guest.workload.clone(),
            kind: Label::of_claim(&self.guest.kind),
            measurement: self.guest.measurement,
            token: self.guest.token,
            policy: self.granted.policy(),
            rules: rules.map(|rule| Label::of_claim(rule)).collect(),
        }
    }
}

impl RefusedResource {
    /// As with keys: what a rule wants and what was found are for the administrator.
    fn event(&self) -> Event {
        let first = self.why.first();
        Event::Refusal {
            operation: Label::code(OPERATION),
            code: Label::code(REFUSED),
            rule: first.map(|why| Label::of_claim(&why.rule)),
            claim: first.map(|why| Label::of_claim(&why.claim)),
            expected: None,
            found: None,
            workload: Some(self.asked.guest.workload.clone()),
            token: Some(self.asked.guest.token),
        }
    }
}

impl RecordedRefusal {
    pub(crate) const fn line(&self) -> u64 {
        self.line
    }

    pub(crate) const fn path(&self) -> &ResourcePath {
        &self.refusal.asked.path
    }

    pub(crate) const fn time(&self) -> UnixTime {
        self.refusal.asked.now
    }

    pub(crate) const fn guest(&self) -> &Guest {
        &self.refusal.asked.guest
    }

    /// Why, for the administrator only.
    pub(crate) fn why(&self) -> &[Explanation] {
        &self.refusal.why
    }
}

fn not_trusted(entry: &Entry) -> Explanation {
    let claim = format!("principal.{}", entry.kind.as_str());
    let (rule, expected) = (NOT_REVOKED.to_owned(), "not revoked".to_owned());
    Explanation { rule, claim, expected, found: entry.what.to_string() }
}

fn no_such_resource(asked: &Asked) -> Explanation {
    let found = match asked.version {
        Some(version) => format!("{}, version {version}", asked.path),
        None => asked.path.to_string(),
    };
    let expected = "a version that is kept, in a configured repository".to_owned();
    let (rule, claim) = (KEPT_RESOURCES.to_owned(), "resource".to_owned());
    Explanation { rule, claim, expected, found }
}
