//! Break-glass: a release that the rules refuse, for a while, because two persons say so.
//! The institution's. A case names one key, one measured workload and a purpose; it opens
//! when a second administrator approves it, ends by itself, and stays until it was
//! reviewed. It never stands in for attestation: the caller's token is verified as always,
//! and what is revoked stays revoked.

use autoclave_attest::token::VerifiedToken;
use autoclave_base::ids::{KeyName, WorkloadName};
use autoclave_base::{Digest, UnixTime};
use autoclave_cell::Entropy;
use autoclave_cell::administrators::Administrator;
use autoclave_cell::ledger::Ledger;
use autoclave_ledger::{Event, Label};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::keep::{KeepError, Kept};
use crate::release::Action;
use crate::vault::VaultError;

/// Longest time that a case is open: a shift.
pub const OPEN_SECONDS_MAX: u64 = 8 * 3600;

/// How long a case waits for its second person.
pub const ASKED_SECONDS_MAX: u64 = 3600;

/// Cases of one institution that are kept. Those not yet reviewed block new ones.
pub const CASES_MAX: usize = 64;

/// How a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stand {
    /// One person asked.
    Asked,
    /// Another one approved; it is open until its end.
    Approved,
    /// Somebody looked at it afterwards.
    Reviewed,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its random name.
    pub case: Label,
    /// Whose.
    pub institution: Label,
    /// Which key.
    pub key: KeyName,
    /// For which role.
    pub workload: WorkloadName,
    /// For which code of that role.
    pub measurement: Digest,
    /// Why, as a code.
    pub purpose: Label,
    /// For how long, once it is approved.
    pub seconds: u64,
    /// Who asked, and the thumbprint of that person's key.
    pub asked_by: Label,
    asked_key: String,
    /// When.
    pub asked_at: UnixTime,
    /// Who approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<Label>,
    /// Until when it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixTime>,
    /// Who reviewed it, and with which outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<(Label, Label)>,
    /// How it stands.
    pub stand: Stand,
}

/// What an administrator asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Which key.
    pub key: KeyName,
    /// For which role.
    pub workload: WorkloadName,
    /// For which code of that role.
    pub measurement: Digest,
    /// Why, as a code: `emergency-care`.
    pub purpose: Label,
    /// For how long, in seconds.
    pub seconds: u64,
}

impl Case {
    /// Whether it opens this key to this caller now.
    pub(crate) fn covers(
        &self,
        action: Action,
        key: &KeyName,
        caller: &VerifiedToken,
        now: UnixTime,
    ) -> bool {
        let way = matches!(action, Action::Release | Action::Lease);
        let open = self.stand == Stand::Approved && self.until.is_some_and(|end| now < end);
        let who = self.workload == *caller.workload() && self.measurement == caller.measurement();
        way && open && who && self.key == *key
    }

    /// The line of its use.
    pub(crate) fn used(&self) -> Event {
        self.line("used", &self.purpose, &Label::code("broker"))
    }

    fn line(&self, action: &'static str, purpose: &Label, by: &Label) -> Event {
        Event::BreakGlass {
            institution: self.institution.clone(),
            case: self.case.clone(),
            action: Label::code(action),
            key: self.key.clone(),
            workload: self.workload.clone(),
            measurement: self.measurement,
            purpose: purpose.clone(),
            by: by.clone(),
            until: self.until.map_or(0, UnixTime::seconds),
        }
    }

    fn asked(wanted: Wanted, by: &Administrator, now: UnixTime) -> Self {
        let mut name = [0_u8; 8];
        Entropy.fill_bytes(&mut name);
        let case = format!("{:016x}", u64::from_be_bytes(name));
        Self {
            case: Label::of_claim(&case),
            institution: by.institution().clone(),
            key: wanted.key,
            workload: wanted.workload,
            measurement: wanted.measurement,
            purpose: wanted.purpose,
            seconds: wanted.seconds,
            asked_by: by.name().clone(),
            asked_key: by.jkt().to_string(),
            asked_at: now,
            approved_by: None,
            until: None,
            review: None,
            stand: Stand::Asked,
        }
    }

    /// The second person is another one: another name, and another key.
    fn approve(&mut self, by: &Administrator, now: UnixTime) -> Result<(), VaultError> {
        let other = self.asked_by != *by.name() && self.asked_key != by.jkt().to_string();
        let waits = self.stand == Stand::Asked && now < self.asked_at.plus(ASKED_SECONDS_MAX);
        if !other || !waits {
            return Err(VaultError::Forbidden);
        }
        self.stand = Stand::Approved;
        self.approved_by = Some(by.name().clone());
        self.until = Some(now.plus(self.seconds));
        Ok(())
    }

    /// A review ends a case that is still open.
    fn review(
        &mut self,
        by: &Administrator,
        outcome: Label,
        now: UnixTime,
    ) -> Result<(), VaultError> {
        if self.stand != Stand::Approved || self.asked_by == *by.name() {
            return Err(VaultError::Forbidden);
        }
        self.stand = Stand::Reviewed;
        self.until = self.until.map(|end| end.min(now));
        self.review = Some((by.name().clone(), outcome));
        Ok(())
    }

    /// What was never approved, or reviewed, may be forgotten.
    fn is_over(&self, now: UnixTime) -> bool {
        match self.stand {
            Stand::Asked => now >= self.asked_at.plus(ASKED_SECONDS_MAX),
            Stand::Approved => false,
            Stand::Reviewed => true,
        }
    }
}

/// The cases of all institutions.
pub struct Cabinet {
    kept: Kept,
    changing: Mutex<()>,
}

impl Cabinet {
    /// The cases in `kept`.
    pub fn new(kept: Kept) -> Self {
        Self { kept, changing: Mutex::new(()) }
    }

    /// The cases of `institution`, the latest last.
    pub async fn of(&self, institution: &Label) -> Result<Vec<Case>, KeepError> {
        Ok(self.read(institution).await?.0)
    }

    async fn read(&self, institution: &Label) -> Result<(Vec<Case>, Option<u64>), KeepError> {
        match self.kept.get(&place(institution)).await? {
            None => Ok((Vec::new(), None)),
            Some(opened) => {
                let cases =
                    serde_json::from_slice(&opened.bytes).map_err(|_| KeepError::Damaged)?;
                Ok((cases, Some(opened.version)))
            }
        }
    }

    /// One person asks.
    pub async fn ask(
        &self,
        wanted: Wanted,
        by: &Administrator,
        now: UnixTime,
        ledger: &Ledger,
    ) -> Result<Case, VaultError> {
        if wanted.seconds == 0 || wanted.seconds > OPEN_SECONDS_MAX {
            return Err(VaultError::Expiry);
        }
        self.change(by.institution(), ledger, |cases| {
            if cases.len() >= CASES_MAX {
                let over = cases.iter().position(|case| case.is_over(now));
                cases.remove(over.ok_or(VaultError::Full)?);
            }
            let case = Case::asked(wanted, by, now);
            cases.push(case.clone());
            let line = case.line("asked", &case.purpose, by.name());
            Ok((case, line))
        })
        .await
    }

    /// A second person approves; the case is open from now on.
    pub async fn approve(
        &self,
        name: &str,
        by: &Administrator,
        now: UnixTime,
        ledger: &Ledger,
    ) -> Result<Case, VaultError> {
        self.change(by.institution(), ledger, |cases| {
            let case = find(cases, name)?;
            case.approve(by, now)?;
            Ok((case.clone(), case.line("approved", &case.purpose, by.name())))
        })
        .await
    }

    /// Somebody looks at it afterwards; one that is still open ends.
    pub async fn review(
        &self,
        (name, outcome): (&str, Label),
        by: &Administrator,
        now: UnixTime,
        ledger: &Ledger,
    ) -> Result<Case, VaultError> {
        self.change(by.institution(), ledger, |cases| {
            let case = find(cases, name)?;
            case.review(by, outcome.clone(), now)?;
            Ok((case.clone(), case.line("reviewed", &outcome, by.name())))
        })
        .await
    }

    /// The line first, then the cases.
    async fn change(
        &self,
        institution: &Label,
        ledger: &Ledger,
        edit: impl FnOnce(&mut Vec<Case>) -> Result<(Case, Event), VaultError>,
    ) -> Result<Case, VaultError> {
        let _changing = self.changing.lock().await;
        let (mut cases, version) = self.read(institution).await?;
        let (case, line) = edit(&mut cases)?;
        let bytes = serde_json::to_vec(&cases).map_err(|_| VaultError::Full)?;
        ledger.append(line).await?;
        self.kept.put(&place(institution), version, &bytes).await?;
        Ok(case)
    }
}

fn find<'c>(cases: &'c mut [Case], name: &str) -> Result<&'c mut Case, VaultError> {
    cases.iter_mut().find(|case| case.case.as_str() == name).ok_or(VaultError::Unknown)
}

fn place(institution: &Label) -> String {
    format!("cases/{institution}")
}
