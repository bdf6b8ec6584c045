//! When collateral holds: the narrowest window of its statements and lists. Read before any
//! signature is checked, so that stale collateral is told apart from forged; certificates'
//! own dates are judged with their chains.

use autoclave_base::UnixTime;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode as _;

use super::DcapRefusal;
use crate::evidence::DcapCollateral;

/// From when to when collateral holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The latest beginning of its parts.
    pub begins: UnixTime,
    /// The earliest end of its parts.
    pub ends: UnixTime,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dates {
    issue_date: String,
    next_update: String,
}

impl Window {
    /// The window of a platform's collateral, as it says itself.
    pub fn of(collateral: &DcapCollateral) -> Result<Self, DcapRefusal> {
        let parts = [
            dated(&collateral.tcb_info)?,
            dated(&collateral.qe_identity)?,
            listed(&collateral.root_ca_crl)?,
            listed(&collateral.pck_crl)?,
        ];
        let all = |all: Self, one: &Self| Self {
            begins: all.begins.max(one.begins),
            ends: all.ends.min(one.ends),
        };
        let [first, rest @ ..] = &parts;
        Ok(rest.iter().fold(*first, all))
    }

    pub(super) fn contains(&self, now: UnixTime) -> Result<(), DcapRefusal> {
        if now < self.begins {
            return Err(DcapRefusal::CollateralNotYetValid);
        }
        // Of lists, the time of their next update is the first that they do not hold at.
        if now >= self.ends { Err(DcapRefusal::CollateralExpired) } else { Ok(()) }
    }
}

fn dated(json: &str) -> Result<Window, DcapRefusal> {
    let dates: Dates = serde_json::from_str(json).map_err(|_| DcapRefusal::CollateralMalformed)?;
    Ok(Window { begins: rfc3339(&dates.issue_date)?, ends: rfc3339(&dates.next_update)? })
}

fn listed(der: &[u8]) -> Result<Window, DcapRefusal> {
    let list: CertificateList =
        CertificateList::from_der(der).map_err(|_| DcapRefusal::CollateralMalformed)?;
    let seconds =
        |time: x509_cert::time::Time| UnixTime::from_seconds(time.to_unix_duration().as_secs());
    // A list without an end would never be asked for again.
    let ends = list.tbs_cert_list.next_update.ok_or(DcapRefusal::CollateralMalformed)?;
    Ok(Window { begins: seconds(list.tbs_cert_list.this_update), ends: seconds(ends) })
}

/// A time as Intel writes it.
pub(super) fn rfc3339(text: &str) -> Result<UnixTime, DcapRefusal> {
    let time = OffsetDateTime::parse(text, &Rfc3339);
    let seconds = time.ok().and_then(|time| u64::try_from(time.unix_timestamp()).ok());
    seconds.map(UnixTime::from_seconds).ok_or(DcapRefusal::CollateralMalformed)
}
