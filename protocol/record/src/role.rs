//! Who works in a hospital, as far as permission depends on it. The list belongs to the
//! hospital's matrix of rights; a person has exactly one role. Nothing here grants
//! anything: policy does, with the role as one attribute.

use std::fmt;
use std::str::FromStr;

use autoclave_base::LogSafe;

/// The text is not the name of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a known role")]
pub struct RoleUnknown;

macro_rules! roles {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// A role of a member of staff.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Role { $($(#[$doc])* $name,)* }

        impl Role {
            /// Every role.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name on the wire and in policy.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

roles! {
    /// Admits patients and sends images.
    Clerk = "clerk";
    /// Reads records and asks for diagnoses.
    Clinician = "clinician";
    /// Watches over a line of care.
    CareLineManager = "care_line_manager";
    /// Chief medical information officer.
    Cmio = "cmio";
    /// Works on de-identified data.
    DataScientist = "data_scientist";
    /// Queries for the hospital's operation.
    DatabaseAnalyst = "database_analyst";
    /// Makes staff accounts; never reads records.
    SiteAdministrator = "site_administrator";
    /// Reads the ledger; never reads records.
    Auditor = "auditor";
}

impl FromStr for Role {
    type Err = RoleUnknown;

    fn from_str(text: &str) -> Result<Self, RoleUnknown> {
        Self::ALL.iter().copied().find(|role| role.code() == text).ok_or(RoleUnknown)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl LogSafe for Role {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_read_back_and_no_other() {
        for role in Role::ALL {
            assert_eq!(role.code().parse(), Ok(*role));
        }
        for text in ["", "Clerk", "root", "clerk,clinician"] {
            assert_eq!(text.parse::<Role>(), Err(RoleUnknown), "{text:?}");
        }
    }
}
