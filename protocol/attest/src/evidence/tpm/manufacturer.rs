//! The manufacturer of a TPM, as endorsement certificates name it: `id:` and the eight
//! hexadecimal digits of the TCG vendor id (EK credential profile 2.5, section 3.1.2).

use std::fmt;
use std::str::FromStr;

use autoclave_base::LogSafe;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Vendors of TPMs in software, which no hardware stands behind by itself: libtpms (swtpm
/// writes IBM's PCI id), the IBM and Microsoft simulators (Hyper-V's too), `VMware`, Amazon.
/// Cloud vTPMs are as good as the VM below them, which has evidence of its own.
const SOFTWARE: [u32; 5] = [0x0000_1014, 0x4942_4d20, 0x4d53_4654, 0x564d_5700, 0x414d_5a4e];

/// A TCG vendor id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub struct Manufacturer(u32);

/// The text is not `id:` and eight upper-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a TPM manufacturer of the form id:0123ABCD")]
pub struct ManufacturerError;

impl Manufacturer {
    /// Whether its TPMs are programs.
    pub fn is_software(self) -> bool {
        SOFTWARE.contains(&self.0)
    }
}

impl fmt::Display for Manufacturer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id:{:08X}", self.0)
    }
}

impl LogSafe for Manufacturer {}

impl FromStr for Manufacturer {
    type Err = ManufacturerError;

    fn from_str(text: &str) -> Result<Self, ManufacturerError> {
        let digits = text.strip_prefix("id:").ok_or(ManufacturerError)?;
        let id = u32::from_str_radix(digits, 16).map_err(|_| ManufacturerError)?;
        // Vendors write lower case as well; signs and other lengths are no ids.
        let plain = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if plain { Ok(Self(id)) } else { Err(ManufacturerError) }
    }
}

impl Serialize for Manufacturer {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Manufacturer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}
