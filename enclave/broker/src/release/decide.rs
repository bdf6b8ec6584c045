//! Deciding: is there such a version, is the caller still trusted, is the version usable,
//! do the rules permit it. The broker's, and pure: it changes nothing, and nobody learns of
//! it.

use autoclave_base::ids::KeyName;
use std::sync::Arc;

use autoclave_cell::governance::InForce;
use autoclave_cell::policy::{Ask, Decision, Explanation, Thing, workload};
use autoclave_ledger::Label;

use super::past::Judged;
use super::{
    Asked, BREAK_GLASS, CONFIGURED_KEYS, Caller, Decided, GrantedRelease, NOT_REVOKED,
    RELEASE_POLICY, RefusedRelease, USABLE_VERSIONS, Which,
};
use crate::akv::{AuthorityToken, policy::ReleasePolicy};
use crate::glass::Case;
use crate::revoke::Revoked;
use crate::vault::{KeyRecord, Origin, Version};

/// What a decision rests on, as it was read for it.
pub(crate) struct Facts<'a> {
    /// The rules of the institution that owns the key.
    pub(crate) policy: Option<Arc<InForce>>,
    pub(crate) record: Option<&'a KeyRecord>,
    pub(crate) revoked: &'a Revoked,
    pub(crate) cases: &'a [Case],
}

/// Decides what was asked.
pub(crate) fn decide(asked: Asked, facts: &Facts<'_>) -> Decided {
    match granted(&asked, facts) {
        Ok(granted) => Decided::Granted(Box::new(granted)),
        Err(Denied { why, judged }) => {
            Decided::Refused(Box::new(RefusedRelease { asked, why, judged }))
        }
    }
}

type Grounds = (autoclave_base::Digest, Vec<String>, Option<Case>, Option<Box<Judged>>);

/// Why not, and by which policy, where one was asked.
struct Denied {
    why: Vec<Explanation>,
    judged: Option<Box<Judged>>,
}

impl From<Vec<Explanation>> for Denied {
    fn from(why: Vec<Explanation>) -> Self {
        Self { why, judged: None }
    }
}

fn granted(asked: &Asked, facts: &Facts<'_>) -> Result<GrantedRelease, Denied> {
    let (key, institution, record, version) =
        find(asked, facts).ok_or_else(|| vec![no_such_key(asked)])?;
    trusted(&asked.caller, facts.revoked)?;
    record
        .usable(version, asked.now)
        .map_err(|why| vec![explained(USABLE_VERSIONS, "resource.state", "usable", why.word())])?;
    let (policy, rules, case, judged) = match &asked.caller {
        Caller::Workload(_) => by_rules(asked, (institution, key), record, version, facts)?,
        Caller::Authority(token, ..) => by_policy(token, version)?,
    };
    Ok(GrantedRelease {
        caller: asked.caller.clone(),
        action: asked.action,
        institution: institution.clone(),
        named: record.origin != Origin::Configured,
        key: key.clone(),
        version: version.number,
        policy,
        rules,
        case,
        judged,
        now: asked.now,
    })
}

/// The version that is asked for. A key of Azure Key Vault is none for whoever asks by the
/// rules, and the other way round.
fn find<'a>(
    asked: &'a Asked,
    facts: &Facts<'a>,
) -> Option<(&'a KeyName, &'a Label, &'a KeyRecord, &'a Version)> {
    let (key, institution) = (asked.key.as_ref()?, asked.institution.as_ref()?);
    let record = facts.record?;
    let by_policy = matches!(asked.caller, Caller::Authority(..));
    if by_policy != (record.origin == Origin::KeyVault) {
        return None;
    }
    let version = match &asked.version {
        Which::Current => record.current(),
        Which::Number(number) => record.find(Some(*number)),
        Which::Id(id) => record.find_id(id),
    };
    Some((key, institution, record, version?))
}

fn trusted(caller: &Caller, revoked: &Revoked) -> Result<(), Vec<Explanation>> {
    let Some(hit) = revoked.hit(caller) else { return Ok(()) };
    let claim = format!("principal.{}", hit.kind.as_str());
    Err(vec![explained(NOT_REVOKED, &claim, "not revoked", hit.what.as_str())])
}

fn by_rules(
    asked: &Asked,
    (institution, key): (&Label, &KeyName),
    record: &KeyRecord,
    version: &Version,
    facts: &Facts<'_>,
) -> Result<Grounds, Denied> {
    let unknown = || Denied::from(vec![no_such_key(asked)]);
    let Caller::Workload(token) = &asked.caller else { return Err(unknown()) };
    let policy = facts.policy.clone().ok_or_else(unknown)?;
    // A colon stands in no key's name: no institution's key passes for a configured one.
    let id = match record.origin {
        Origin::Configured => key.to_string(),
        _ => format!("{institution}:{key}"),
    };
    let resource = Thing::new("Key", id)
        .with("owner", institution.as_str())
        .with("purpose", record.purpose.as_str())
        .with("version", version.number);
    let ask = Ask::new(workload(token), asked.action.as_str(), resource)
        .in_context("now", asked.now.rfc3339());
    let (decision, digest) = (policy.book().decide(&ask), policy.book().digest());
    let judged = Some(Box::new(Judged { owner: institution.clone(), policy, ask }));
    match decision {
        Decision::Granted(granted) => {
            Ok((granted.policy(), granted.rules().to_vec(), None, judged))
        }
        Decision::Refused(why) => {
            let open = |case: &&Case| case.covers(asked.action, key, token, asked.now);
            match facts.cases.iter().find(open) {
                Some(case) => {
                    Ok((digest, vec![BREAK_GLASS.to_owned()], Some(case.clone()), judged))
                }
                None => Err(Denied { why, judged }),
            }
        }
    }
}

fn by_policy(token: &AuthorityToken, version: &Version) -> Result<Grounds, Vec<Explanation>> {
    if !version.exportable {
        return Err(vec![explained(RELEASE_POLICY, "resource.exportable", "true", "false")]);
    }
    let text = version.policy.as_ref().map_or("", |policy| policy.text.as_str());
    let policy = ReleasePolicy::parse(text).map_err(|_| {
        vec![explained(RELEASE_POLICY, "resource.policy", "a release policy", "none")]
    })?;
    match policy.judge(token.issuer(), token.claims()) {
        Ok(()) => Ok((policy.digest(), vec![RELEASE_POLICY.to_owned()], None, None)),
        Err(miss) => Err(vec![explained(RELEASE_POLICY, &miss.claim, &miss.expected, &miss.found)]),
    }
}

fn explained(rule: &str, claim: &str, expected: &str, found: &str) -> Explanation {
    let [rule, claim, expected, found] = [rule, claim, expected, found].map(str::to_owned);
    Explanation { rule, claim, expected, found }
}

fn no_such_key(asked: &Asked) -> Explanation {
    let name = asked.key.as_ref().map_or("no key name", KeyName::as_str);
    let found = match &asked.version {
        Which::Number(version) => format!("{name}, version {version}"),
        Which::Id(id) if !id.is_empty() => format!("{name}, version {id}"),
        _ => name.to_owned(),
    };
    let expected = "a version that is kept, of a configured key that was imported";
    explained(CONFIGURED_KEYS, "resource", expected, &found)
}
