//! What a token says, in the words of EAR (draft-ietf-rats-ear), EAT (RFC 9711) and Azure
//! Attestation.

use autoclave_base::{Digest, UnixTime};
use serde::{Deserialize, Serialize};

use crate::appraise::{Status, TrustVector};
use crate::evidence::{Claims, TeeKind};
use crate::jwk::Jwk;
use crate::nonce::Nonce;
use crate::runtime::Runtime;

/// The payload of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenClaims {
    /// The attestor.
    pub iss: String,
    /// The workload, or [`super::UNKNOWN_WORKLOAD`].
    pub sub: String,
    /// Who asked for the token.
    pub aud: String,
    /// When it was signed.
    pub iat: UnixTime,
    /// From when it is accepted.
    pub nbf: UnixTime,
    /// From when it is not accepted any more.
    pub exp: UnixTime,
    /// Its own random name.
    pub jti: String,
    /// The nonce that the evidence was made over.
    pub eat_nonce: Nonce,
    /// [`super::PROFILE`].
    pub eat_profile: String,
    /// The attestor's build.
    #[serde(rename = "ear.verifier-id")]
    pub verifier_id: VerifierId,
    /// The verdict.
    pub submods: Submodules,
    /// The key that the token is bound to.
    pub cnf: Confirmation,
    /// Whether the host can look inside.
    pub dbgstat: DebugStatus,
    /// Whether hardware vouches for it.
    pub hw_backed: bool,
    /// The measurement.
    pub measurement: Digest,
    /// Version of the claims named as Azure Attestation names them.
    #[serde(rename = "x-ms-ver")]
    pub ms_version: String,
    /// The kind of TEE.
    #[serde(rename = "x-ms-attestation-type")]
    pub attestation_type: TeeKind,
    /// Digest of the appraisal policy, base64url.
    #[serde(rename = "x-ms-policy-hash")]
    pub policy_hash: String,
    /// The runtime object that the evidence vouches for, with all keys.
    #[serde(rename = "x-ms-runtime")]
    pub runtime: Runtime,
}

/// Who verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifierId {
    /// Who wrote the verifier.
    pub developer: String,
    /// Which build it is.
    pub build: String,
}

/// The parts of the attested machine: the processor's TEE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submodules {
    /// The TEE that runs the workload.
    pub cpu0: Submodule,
}

/// The verdict on one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submodule {
    /// The verdict.
    #[serde(rename = "ear.status")]
    pub status: Status,
    /// Its parts.
    #[serde(rename = "ear.trustworthiness-vector")]
    pub vector: TrustVector,
    /// The policy's name.
    #[serde(rename = "ear.appraisal-policy-id")]
    pub policy_id: String,
    /// What the evidence said.
    #[serde(rename = "ear.veraison.annotated-evidence")]
    pub evidence: AnnotatedEvidence,
}

/// Claims of the evidence, under the name of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnnotatedEvidence {
    /// Of software evidence.
    Software(Box<Claims>),
    /// Of a TPM's.
    Tpm(Box<Claims>),
    /// Of an SGX enclave's.
    Sgx(Box<Claims>),
    /// Of a TDX domain's.
    Tdx(Box<Claims>),
    /// Of an SEV-SNP guest's.
    Snp(Box<Claims>),
    /// Of an Azure confidential VM's on SEV-SNP.
    #[serde(rename = "az-snp-vtpm")]
    AzureSnp(Box<Claims>),
    /// Of an Azure confidential VM's on TDX.
    #[serde(rename = "az-tdx-vtpm")]
    AzureTdx(Box<Claims>),
    /// Of an AWS Nitro enclave's.
    Nitro(Box<Claims>),
}

impl AnnotatedEvidence {
    /// The claims, whatever the kind.
    pub fn claims(&self) -> &Claims {
        match self {
            Self::Software(claims)
            | Self::Tpm(claims)
            | Self::Sgx(claims)
            | Self::Tdx(claims)
            | Self::Snp(claims)
            | Self::AzureSnp(claims)
            | Self::AzureTdx(claims)
            | Self::Nitro(claims) => claims,
        }
    }

    /// The kind under whose name they stand.
    pub const fn kind(&self) -> TeeKind {
        match self {
            Self::Software(_) => TeeKind::Software,
            Self::Tpm(_) => TeeKind::Tpm,
            Self::Sgx(_) => TeeKind::Sgx,
            Self::Tdx(_) => TeeKind::Tdx,
            Self::Snp(_) => TeeKind::Snp,
            Self::AzureSnp(_) => TeeKind::AzureSnp,
            Self::AzureTdx(_) => TeeKind::AzureTdx,
            Self::Nitro(_) => TeeKind::Nitro,
        }
    }
}

impl From<Claims> for AnnotatedEvidence {
    fn from(claims: Claims) -> Self {
        let under = match claims.kind {
            TeeKind::Software => Self::Software,
            TeeKind::Tpm => Self::Tpm,
            TeeKind::Sgx => Self::Sgx,
            TeeKind::Tdx => Self::Tdx,
            TeeKind::Snp => Self::Snp,
            TeeKind::AzureSnp => Self::AzureSnp,
            TeeKind::AzureTdx => Self::AzureTdx,
            TeeKind::Nitro => Self::Nitro,
        };
        under(Box::new(claims))
    }
}

/// The key that the token's holder proves (RFC 7800).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The key.
    pub jwk: Jwk,
}

/// `dbgstat` (RFC 9711, section 4.2.9), as far as we tell states apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DebugStatus {
    /// The host cannot look inside.
    Disabled,
    /// It can.
    Enabled,
}

impl From<bool> for DebugStatus {
    fn from(debug: bool) -> Self {
        if debug { Self::Enabled } else { Self::Disabled }
    }
}
