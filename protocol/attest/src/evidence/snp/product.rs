//! The processors that make SEV-SNP reports, and how each of them writes down its security
//! versions. AMD's (56860, `TCB_VERSION`; 57230, certificate fields). A processor that is not
//! named here is refused, never read as its predecessor.

use std::fmt;

use autoclave_base::LogSafe;
use serde::{Deserialize, Serialize};

/// A line of processors that has a root key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Product {
    /// EPYC 7003.
    Milan,
    /// EPYC 9004, and its siblings Bergamo and Siena.
    Genoa,
    /// EPYC 9005.
    Turin,
}

impl Product {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Milan, Self::Genoa, Self::Turin];

    /// Its name, as certificates write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
        }
    }

    /// The line of a processor by its CPUID family and model.
    pub const fn of_processor(family: u8, model: u8) -> Option<Self> {
        match (family, model) {
            (0x19, 0x00..=0x0f) => Some(Self::Milan),
            (0x19, 0x10..=0x1f | 0xa0..=0xaf) => Some(Self::Genoa),
            (0x1a, 0x00..=0x11) => Some(Self::Turin),
            _ => None,
        }
    }

    /// Whether a certificate's product name (`Milan-B0`, `Genoa`) is one of the line's.
    pub(super) fn is_named(self, name: &str) -> bool {
        let line = name.split_once('-').map_or(name, |(line, _stepping)| line);
        line == self.as_str() || (self == Self::Genoa && matches!(line, "Bergamo" | "Siena"))
    }

    /// Bytes of a chip's identity. The rest of the report's field is zero.
    pub(super) const fn chip_id_bytes(self) -> usize {
        match self {
            Self::Milan | Self::Genoa => 64,
            Self::Turin => 8,
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl LogSafe for Product {}

/// The security versions of a platform's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcbParts {
    /// Of the mesh controller; Turin's only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fmc: Option<u8>,
    /// Of the boot loader.
    pub bootloader: u8,
    /// Of the secure processor's system.
    pub tee: u8,
    /// Of the SNP firmware.
    pub snp: u8,
    /// Of the microcode.
    pub microcode: u8,
}

impl TcbParts {
    /// Reads a `TCB_VERSION`. None if a reserved byte is not zero: a part that is not
    /// known here cannot be compared.
    pub fn read(product: Product, raw: [u8; 8]) -> Option<Self> {
        let (parts, reserved) = match (product, raw) {
            (Product::Milan | Product::Genoa, [bootloader, tee, a, b, c, d, snp, microcode]) => {
                (Self { fmc: None, bootloader, tee, snp, microcode }, a | b | c | d)
            }
            (Product::Turin, [fmc, bootloader, tee, snp, a, b, c, microcode]) => {
                (Self { fmc: Some(fmc), bootloader, tee, snp, microcode }, a | b | c)
            }
        };
        (reserved == 0).then_some(parts)
    }

    /// Whether no part is older than in `minimum`.
    pub fn is_at_least(&self, minimum: &Self) -> bool {
        self.fmc.unwrap_or(0) >= minimum.fmc.unwrap_or(0)
            && self.bootloader >= minimum.bootloader
            && self.tee >= minimum.tee
            && self.snp >= minimum.snp
            && self.microcode >= minimum.microcode
    }
}
