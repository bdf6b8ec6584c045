//! What verified evidence says, in the same words for every kind of TEE. Only verifiers
//! make claims that count; what stands in a token is checked for consistency again. The
//! JSON of software and TPM claims is older than the other kinds, and never changes.

use std::collections::BTreeMap;

use autoclave_base::{Digest, HexBytes, UnixTime, jcs};
use serde::{Deserialize, Serialize};

use super::{EvidenceRefusal, Fields, Measured, TeeKind, TpmClaims};
use crate::runtime::ReportData;

/// What verified evidence says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The kind of TEE.
    pub kind: TeeKind,
    /// Whether hardware vouches for it.
    pub hw_backed: bool,
    /// Whether the TEE lets its host look inside.
    pub debug: bool,
    /// Whether somebody may move it to another machine, and so see inside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub migratable: bool,
    /// One digest over everything measured.
    pub measurement: Digest,
    /// Its parts, where our own launcher or a software TEE measured (software, TPM).
    #[serde(flatten)]
    pub measured: Option<Measured>,
    /// Its parts, where hardware measured: by the name of the register.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measurements: BTreeMap<String, HexBytes>,
    /// Whoever signed the code: MRSIGNER, digest of the author's or identity key, PCR 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<HexBytes>,
    /// The security version of the code.
    pub svn: u32,
    /// Which machine: a digest, so that nobody learns its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware_id: Option<Digest>,
    /// How recent the platform under it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcb: Option<Tcb>,
    /// Everything else that was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Fields>,
    /// What it stands on: an Azure vTPM on SNP or TDX.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Claims>,
    /// What only a TPM's evidence says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpm: Option<TpmClaims>,
}

/// How recent a platform's microcode and firmware are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tcb {
    /// The verdict.
    pub status: TcbStatus,
    /// The vendor's advisories that still concern it.
    #[serde(default)]
    pub advisories: Vec<String>,
    /// The number of the vendor's evaluation that it was judged by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<u32>,
    /// The date of its level (RFC 3339), as the vendor gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Its version numbers as the platform reports them.
    pub raw: HexBytes,
    /// When the first of the vendor's statements ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collateral_expires: Option<UnixTime>,
}

/// The status of a platform, in Intel's words; AMD and AWS publish no list of levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TcbStatus {
    /// Nothing is missing.
    UpToDate,
    /// Software inside must mitigate something.
    #[serde(rename = "SWHardeningNeeded")]
    SwHardeningNeeded,
    /// The machine's settings leave something open.
    ConfigurationNeeded,
    /// Both.
    #[serde(rename = "ConfigurationAndSWHardeningNeeded")]
    ConfigurationAndSwHardeningNeeded,
    /// An update is missing.
    OutOfDate,
    /// An update is missing, and the settings leave something open.
    OutOfDateConfigurationNeeded,
    /// The domain should start again to come under an update that is installed.
    #[serde(rename = "TDRelaunchAdvised")]
    TdRelaunchAdvised,
    /// That, and the settings leave something open.
    #[serde(rename = "TDRelaunchAdvisedConfigurationNeeded")]
    TdRelaunchAdvisedConfigurationNeeded,
    /// Its keys are known to have leaked.
    Revoked,
    /// The vendor publishes no list; it is at least what the policy asks for.
    MinimumMet,
}

impl TcbStatus {
    /// The status as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UpToDate => "UpToDate",
            Self::SwHardeningNeeded => "SWHardeningNeeded",
            Self::ConfigurationNeeded => "ConfigurationNeeded",
            Self::ConfigurationAndSwHardeningNeeded => "ConfigurationAndSWHardeningNeeded",
            Self::OutOfDate => "OutOfDate",
            Self::OutOfDateConfigurationNeeded => "OutOfDateConfigurationNeeded",
            Self::TdRelaunchAdvised => "TDRelaunchAdvised",
            Self::TdRelaunchAdvisedConfigurationNeeded => "TDRelaunchAdvisedConfigurationNeeded",
            Self::Revoked => "Revoked",
            Self::MinimumMet => "MinimumMet",
        }
    }
}

impl std::fmt::Display for TcbStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Serialize)]
struct Registers<'a> {
    kind: TeeKind,
    measurements: &'a BTreeMap<String, HexBytes>,
}

impl Claims {
    /// Claims of what was measured by our own launcher or by software: not backed by
    /// hardware, closed. A verifier fills in the rest.
    pub(crate) fn of_measured(kind: TeeKind, measured: Measured) -> Self {
        Self {
            hw_backed: false,
            measurement: measured.measurement(),
            measured: Some(measured),
            ..Self::of_hardware(kind, BTreeMap::new())
        }
    }

    /// Claims of a hardware kind, of which only the registers are known yet: backed by
    /// hardware, closed. A verifier fills in the rest.
    pub(crate) fn of_hardware(kind: TeeKind, measurements: BTreeMap<String, HexBytes>) -> Self {
        Self {
            kind,
            hw_backed: true,
            debug: false,
            migratable: false,
            measurement: Self::measurement_of(kind, &measurements),
            measured: None,
            measurements,
            signer: None,
            svn: 0,
            hardware_id: None,
            tcb: None,
            fields: None,
            layers: Vec::new(),
            tpm: None,
        }
    }

    /// The one digest over the registers of a hardware kind: SHA-256 of the canonical JSON
    /// `{"kind", "measurements"}`.
    #[expect(clippy::expect_used, reason = "an object of texts always has a canonical form")]
    pub fn measurement_of(kind: TeeKind, measurements: &BTreeMap<String, HexBytes>) -> Digest {
        jcs::digest(&Registers { kind, measurements }).expect("texts have a canonical form")
    }

    /// Whether the claims go together: software is never backed by hardware, nor is a TPM
    /// whose maker makes programs; each kind has the parts that its evidence has, and
    /// nothing is backed better than what it stands on.
    pub fn are_consistent(&self) -> bool {
        let ours = |measured: &Measured| {
            self.measurement == measured.measurement()
                && self.measurements.is_empty()
                && self.fields.is_none()
                && self.layers.is_empty()
        };
        match (self.kind, &self.measured, &self.tpm) {
            (TeeKind::Software, Some(measured), None) => !self.hw_backed && ours(measured),
            (TeeKind::Tpm, Some(measured), Some(tpm)) => {
                (!tpm.manufacturer.is_software() || !self.hw_backed) && ours(measured)
            }
            (TeeKind::Software | TeeKind::Tpm, _, _) => false,
            (_, None, None) => {
                self.measurement == Self::measurement_of(self.kind, &self.measurements)
                    && self.fields_fit()
                    && self.layers_fit()
            }
            _ => false,
        }
    }

    const fn fields_fit(&self) -> bool {
        matches!(
            (self.kind, &self.fields),
            (TeeKind::Sgx, Some(Fields::Sgx(_)))
                | (TeeKind::Tdx, Some(Fields::Tdx(_)))
                | (TeeKind::Snp, Some(Fields::Snp(_)))
                | (TeeKind::AzureSnp | TeeKind::AzureTdx, Some(Fields::Azure(_)))
                | (TeeKind::Nitro, Some(Fields::Nitro(_)))
        )
    }

    fn layers_fit(&self) -> bool {
        let below = match self.kind {
            TeeKind::AzureSnp => TeeKind::Snp,
            TeeKind::AzureTdx => TeeKind::Tdx,
            _ => return self.layers.is_empty(),
        };
        let [layer] = self.layers.as_slice() else { return false };
        layer.kind == below
            && layer.are_consistent()
            && (layer.hw_backed || !self.hw_backed)
            && (self.debug || !layer.debug)
            && (self.migratable || !layer.migratable)
    }
}

/// Claims whose evidence verified under a root, but that nobody has compared with keys of
/// theirs yet. Only verifiers make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbound {
    claims: Claims,
    report_data: ReportData,
}

impl Unbound {
    pub(crate) const fn new(claims: Claims, report_data: ReportData) -> Self {
        Self { claims, report_data }
    }

    /// The claims.
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The bytes that the TEE was handed by the code inside.
    pub const fn report_data(&self) -> &ReportData {
        &self.report_data
    }

    /// Refused unless the code inside handed in `report_data`.
    pub fn bind(self, report_data: &ReportData) -> Result<Verified, EvidenceRefusal> {
        if self.report_data == *report_data {
            Ok(Verified { claims: self.claims })
        } else {
            Err(EvidenceRefusal::ReportData)
        }
    }
}

/// Claims whose evidence verified, and that vouch for our nonce and keys. Only
/// [`Unbound::bind`] makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    claims: Claims,
}

impl Verified {
    /// The claims.
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }
}
