//! Why somebody touches a record: the codes of HL7 v3 `PurposeOfUse` (`v3-ActReason`)
//! that a hospital needs. They belong to HL7. A purpose is stated by whoever asks and
//! checked by policy; nothing here infers one.

use std::fmt;
use std::str::FromStr;

use autoclave_base::LogSafe;

/// The text is not the code of a purpose that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a known purpose of use")]
pub struct PurposeUnknown;

macro_rules! purposes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $display:literal;)*) => {
        /// A purpose of use.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Purpose { $($(#[$doc])* $name,)* }

        impl Purpose {
            /// Every purpose, in the order of the list above.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The HL7 code, as in the header `purpose-of-use`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// HL7's name of the code.
            pub const fn display(self) -> &'static str {
                match self { $(Self::$name => $display,)* }
            }
        }
    };
}

purposes! {
    /// Treatment of this patient.
    Treatment = "TREAT", "treatment";
    /// Treatment in an emergency.
    EmergencyTreatment = "ETREAT", "Emergency Treatment";
    /// Access beyond one's rights to avert harm; always reviewed.
    BreakTheGlass = "BTG", "break the glass";
    /// Coordination of care.
    CareManagement = "CAREMGT", "care management";
    /// Running the hospital.
    Operations = "HOPERAT", "healthcare operations";
    /// Billing.
    Payment = "HPAYMT", "healthcare payment";
    /// Research.
    Research = "HRESCH", "healthcare research";
    /// At the patient's own request.
    PatientRequest = "PATRQT", "patient requested";
    /// Public health.
    PublicHealth = "PUBHLTH", "public health";
    /// Administration of the system itself, never of records.
    SystemAdministration = "HSYSADMIN", "health system administration";
}

impl FromStr for Purpose {
    type Err = PurposeUnknown;

    fn from_str(text: &str) -> Result<Self, PurposeUnknown> {
        Self::ALL.iter().copied().find(|purpose| purpose.code() == text).ok_or(PurposeUnknown)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl LogSafe for Purpose {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_back_and_no_other() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose.code().parse(), Ok(*purpose));
        }
        for text in ["", "treat", "TREAT ", "TREATMENT", "SNOOP"] {
            assert_eq!(text.parse::<Purpose>(), Err(PurposeUnknown), "{text:?}");
        }
    }
}
