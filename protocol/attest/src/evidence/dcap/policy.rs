//! Which platforms are good enough. The relying party's, in its configuration; what it does
//! not say is strict. Signatures, revocation and times are never a matter of policy.

use std::collections::BTreeSet;

use autoclave_base::UnixTime;
use dcap_qvl::policy::{PckCertFlag, QuoteClaims};
use serde::{Deserialize, Serialize};

use super::{DcapRefusal, times};
use crate::evidence::TcbStatus;

/// A policy on Intel platforms. The default is the strict one: every update is installed;
/// what software or settings should still mitigate is named in the claims, not refused,
/// since Intel marks most machines in use so. No debug, no service domain, no grace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "a policy of switches")]
pub struct DcapPolicy {
    /// The accepted statuses. `Revoked` is never accepted.
    pub statuses: BTreeSet<TcbStatus>,
    /// How long after its level's date an out-of-date platform that `statuses` accepts is
    /// still accepted (seconds).
    pub grace_seconds: u64,
    /// The lowest number of Intel's evaluation.
    pub evaluation_min: u32,
    /// Advisories (`INTEL-SA-…`) that refuse a platform that they concern.
    pub advisories_refused: BTreeSet<String>,
    /// Whether code that its host can look into verifies. It is never affirmed.
    pub allow_debug: bool,
    /// Whether a domain with a service domain verifies.
    pub allow_service_td: bool,
    /// Whether hyper-threading refuses a platform.
    pub refuse_smt: bool,
    /// Whether a platform that can get more packages is refused.
    pub refuse_dynamic_platform: bool,
    /// Whether a platform whose keys Intel keeps is refused.
    pub refuse_cached_keys: bool,
}

impl Default for DcapPolicy {
    fn default() -> Self {
        Self {
            statuses: [
                TcbStatus::UpToDate,
                TcbStatus::SwHardeningNeeded,
                TcbStatus::ConfigurationNeeded,
                TcbStatus::ConfigurationAndSwHardeningNeeded,
            ]
            .into(),
            grace_seconds: 0,
            evaluation_min: 0,
            advisories_refused: BTreeSet::new(),
            allow_debug: false,
            allow_service_td: false,
            refuse_smt: false,
            refuse_dynamic_platform: false,
            refuse_cached_keys: false,
        }
    }
}

/// Intel's status in our words.
pub(super) const fn status(theirs: dcap_qvl::TcbStatus) -> TcbStatus {
    use dcap_qvl::TcbStatus as Theirs;
    match theirs {
        Theirs::UpToDate => TcbStatus::UpToDate,
        Theirs::SWHardeningNeeded => TcbStatus::SwHardeningNeeded,
        Theirs::ConfigurationNeeded => TcbStatus::ConfigurationNeeded,
        Theirs::ConfigurationAndSWHardeningNeeded => TcbStatus::ConfigurationAndSwHardeningNeeded,
        Theirs::OutOfDate => TcbStatus::OutOfDate,
        Theirs::OutOfDateConfigurationNeeded => TcbStatus::OutOfDateConfigurationNeeded,
        Theirs::Revoked => TcbStatus::Revoked,
        Theirs::TDRelaunchAdvised => TcbStatus::TdRelaunchAdvised,
        Theirs::TDRelaunchAdvisedConfigurationNeeded => {
            TcbStatus::TdRelaunchAdvisedConfigurationNeeded
        }
    }
}

impl DcapPolicy {
    /// Judges a platform that was verified.
    pub(super) fn judge(&self, judged: &QuoteClaims, now: UnixTime) -> Result<(), DcapRefusal> {
        let levels = [
            (status(judged.tcb.status), &judged.platform.tcb_level.tcb_date),
            (status(judged.qe.tcb_level.tcb_status), &judged.qe.tcb_level.tcb_date),
        ];
        for (status, date) in levels {
            self.status(status, times::rfc3339(date)?, now)?;
        }
        if judged.tcb.eval_data_number < self.evaluation_min {
            return Err(DcapRefusal::TcbEvaluation);
        }
        self.advisories(judged)?;
        let pck = &judged.platform.pck;
        let refused = [
            (self.refuse_smt, pck.smt_enabled),
            (self.refuse_dynamic_platform, pck.dynamic_platform),
            (self.refuse_cached_keys, pck.cached_keys),
        ];
        if refused.iter().any(|(refuse, flag)| *refuse && *flag == PckCertFlag::True) {
            return Err(DcapRefusal::Platform);
        }
        Ok(())
    }

    fn status(&self, status: TcbStatus, date: UnixTime, now: UnixTime) -> Result<(), DcapRefusal> {
        let refused = Err(DcapRefusal::TcbStatus(status));
        if status == TcbStatus::Revoked || !self.statuses.contains(&status) {
            return refused;
        }
        let late = matches!(
            status,
            TcbStatus::OutOfDate
                | TcbStatus::OutOfDateConfigurationNeeded
                | TcbStatus::TdRelaunchAdvised
                | TcbStatus::TdRelaunchAdvisedConfigurationNeeded
        );
        if late && now > date.plus(self.grace_seconds) { refused } else { Ok(()) }
    }

    fn advisories(&self, judged: &QuoteClaims) -> Result<(), DcapRefusal> {
        let current = judged.platform.current_tcb_level.iter().flat_map(|one| &one.advisory_ids);
        let mut all = judged.tcb.advisory_ids.iter().chain(current);
        let named =
            |one: &String| self.advisories_refused.iter().any(|no| no.eq_ignore_ascii_case(one));
        if all.any(named) { Err(DcapRefusal::Advisory) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: UnixTime = UnixTime::from_seconds(1_700_000_000);

    #[test]
    fn out_of_date_platforms_are_accepted_only_by_name_and_within_the_grace() {
        let strict = DcapPolicy::default();
        let refused = Err(DcapRefusal::TcbStatus(TcbStatus::OutOfDate));
        assert_eq!(strict.status(TcbStatus::OutOfDate, DATE, DATE), refused);
        let mut lenient = DcapPolicy { grace_seconds: 60, ..strict };
        assert_eq!(lenient.status(TcbStatus::OutOfDate, DATE, DATE), refused);
        lenient.statuses.insert(TcbStatus::OutOfDate);
        assert_eq!(lenient.status(TcbStatus::OutOfDate, DATE, DATE.plus(60)), Ok(()));
        assert_eq!(lenient.status(TcbStatus::OutOfDate, DATE, DATE.plus(61)), refused);
    }

    #[test]
    fn no_policy_accepts_a_revoked_platform() {
        let mut policy = DcapPolicy::default();
        policy.statuses.insert(TcbStatus::Revoked);
        let refused = Err(DcapRefusal::TcbStatus(TcbStatus::Revoked));
        assert_eq!(policy.status(TcbStatus::Revoked, DATE, DATE), refused);
    }

    #[test]
    fn a_policy_s_unknown_members_are_refused_and_missing_ones_are_strict() {
        let empty: DcapPolicy = serde_json::from_str("{}").unwrap();
        assert_eq!(empty, DcapPolicy::default());
        assert!(serde_json::from_str::<DcapPolicy>(r#"{"allow":true}"#).is_err());
    }
}
