//! Roots and verifiers: who is trusted to say what a TEE runs. It belongs to whoever relies
//! on evidence, by configuration. No root is here unless somebody named it.

use autoclave_base::UnixTime;
use serde::{Deserialize, Serialize};

use super::{
    AzureSnpVerifier, AzureTdxVerifier, DcapPolicy, DcapTee, DcapVerifier, EVIDENCE_BYTES_MAX,
    Endorsements, Evidence, EvidenceRefusal, NitroVerifier, RootRefusal, SnpPolicy, SnpVerifier,
    SoftwareVerifier, TeeKind, TpmRoot, TpmVerifier, Unbound, Verified,
};
use crate::jwk::Jwk;
use crate::runtime::ReportData;

/// Verifies one kind of evidence under one root. Pure: time is an argument.
pub trait Verifier: Send + Sync {
    /// The kind that it understands.
    fn kind(&self) -> TeeKind;

    /// Whether its root is for development: what it verifies is never backed by hardware.
    fn development(&self) -> bool;

    /// Checks that `evidence` was made under the root and holds at `now`, with what vendors
    /// say in the evidence itself or in `endorsements`. Whom it vouches for is not judged.
    fn verify_unbound(
        &self,
        evidence: &Evidence,
        endorsements: &Endorsements,
        now: UnixTime,
    ) -> Result<Unbound, EvidenceRefusal>;

    /// The same, and that it vouches for `report_data`.
    fn verify(
        &self,
        evidence: &Evidence,
        report_data: &ReportData,
        endorsements: &Endorsements,
        now: UnixTime,
    ) -> Result<Verified, EvidenceRefusal> {
        self.verify_unbound(evidence, endorsements, now)?.bind(report_data)
    }
}

/// A root that somebody trusts, as it stands in a configuration: an object whose `kind`
/// says which kind of TEE it vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Root {
    /// A development root.
    Software {
        /// Its public key.
        jwk: Jwk,
    },
    /// A root of TPMs.
    Tpm(TpmRoot),
    /// AMD, for SEV-SNP guests. Its root keys are pinned in the verifier.
    Snp {
        /// What is asked for beyond AMD's word.
        #[serde(default)]
        policy: SnpPolicy,
    },
    /// AMD, for the vTPMs of Azure VMs on SEV-SNP.
    #[serde(rename = "az-snp-vtpm")]
    AzureSnp {
        /// What is asked for beyond AMD's word.
        #[serde(default)]
        policy: SnpPolicy,
    },
    /// AWS, for Nitro enclaves. Its root key is pinned in the verifier.
    Nitro {},
    /// Intel, for the vTPMs of Azure VMs on TDX.
    #[serde(rename = "az-tdx-vtpm")]
    AzureTdx {
        /// Which platforms are good enough.
        #[serde(default)]
        policy: DcapPolicy,
    },
    /// Intel, for SGX enclaves.
    Sgx {
        /// Which platforms are good enough.
        #[serde(default)]
        policy: DcapPolicy,
    },
    /// Intel, for TDX domains.
    Tdx {
        /// Which platforms are good enough.
        #[serde(default)]
        policy: DcapPolicy,
    },
}

impl Root {
    /// The kind of TEE that it vouches for.
    pub const fn kind(&self) -> TeeKind {
        match self {
            Self::Software { .. } => TeeKind::Software,
            Self::Tpm(_) => TeeKind::Tpm,
            Self::Snp { .. } => TeeKind::Snp,
            Self::AzureSnp { .. } => TeeKind::AzureSnp,
            Self::Nitro {} => TeeKind::Nitro,
            Self::AzureTdx { .. } => TeeKind::AzureTdx,
            Self::Sgx { .. } => TeeKind::Sgx,
            Self::Tdx { .. } => TeeKind::Tdx,
        }
    }

    /// Whether it is for development: nothing under it is ever backed by hardware.
    pub const fn is_development(&self) -> bool {
        match self {
            Self::Software { .. } => true,
            Self::Tpm(root) => root.development,
            Self::Snp { .. }
            | Self::AzureSnp { .. }
            | Self::AzureTdx { .. }
            | Self::Nitro {}
            | Self::Sgx { .. }
            | Self::Tdx { .. } => false,
        }
    }
}

/// All verifiers that a party trusts.
#[derive(Default)]
pub struct Verifiers(Vec<Box<dyn Verifier>>);

impl Verifiers {
    /// Trusts nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts what `verifier` accepts as well.
    #[must_use]
    pub fn with(mut self, verifier: impl Verifier + 'static) -> Self {
        self.0.push(Box::new(verifier));
        self
    }

    /// One verifier for each root.
    pub fn from_roots(roots: &[Root]) -> Result<Self, RootRefusal> {
        roots.iter().try_fold(Self::new(), |all, root| match root {
            Root::Software { jwk } => Ok(all.with(SoftwareVerifier::new(jwk)?)),
            Root::Tpm(root) => Ok(all.with(TpmVerifier::new(root)?)),
            Root::Snp { policy } => Ok(all.with(SnpVerifier::new(policy))),
            Root::AzureSnp { policy } => Ok(all.with(AzureSnpVerifier::new(policy))),
            Root::Nitro {} => Ok(all.with(NitroVerifier::new())),
            Root::AzureTdx { policy } => Ok(all.with(AzureTdxVerifier::new(policy.clone()))),
            Root::Sgx { policy } => Ok(all.with(DcapVerifier::intel(DcapTee::Sgx, policy.clone()))),
            Root::Tdx { policy } => Ok(all.with(DcapVerifier::intel(DcapTee::Tdx, policy.clone()))),
        })
    }

    /// Whether only hardware is trusted: no root is for development.
    pub fn hardware_only(&self) -> bool {
        !self.0.iter().any(|verifier| verifier.development())
    }

    /// Verifies evidence by the first verifier that knows its root, and that it vouches
    /// for `report_data`.
    pub fn verify(
        &self,
        evidence: &Evidence,
        report_data: &ReportData,
        endorsements: &Endorsements,
        now: UnixTime,
    ) -> Result<Verified, EvidenceRefusal> {
        self.verify_unbound(evidence, endorsements, now)?.bind(report_data)
    }

    /// Verifies evidence by the first verifier that knows its root.
    pub fn verify_unbound(
        &self,
        evidence: &Evidence,
        endorsements: &Endorsements,
        now: UnixTime,
    ) -> Result<Unbound, EvidenceRefusal> {
        if evidence.body.len() > EVIDENCE_BYTES_MAX {
            return Err(EvidenceRefusal::TooLarge);
        }
        let mut refusal = EvidenceRefusal::Kind;
        for verifier in self.0.iter().filter(|verifier| verifier.kind() == evidence.kind) {
            match verifier.verify_unbound(evidence, endorsements, now) {
                Err(EvidenceRefusal::Root) => refusal = EvidenceRefusal::Root,
                outcome => return outcome,
            }
        }
        Err(refusal)
    }
}
