//! What the evidence of one kind of hardware says beyond what all kinds say, field by
//! field, as it was signed. It belongs to verifiers, who alone fill it in; policies and
//! foreign claim names read it. Nothing here is judged.

use autoclave_base::{Digest, HexBytes};
use serde::{Deserialize, Serialize};

/// The fields, under the name of the hardware.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fields {
    /// Of an SGX enclave.
    Sgx(Box<SgxFields>),
    /// Of a TDX domain.
    Tdx(Box<TdxFields>),
    /// Of an SEV-SNP guest.
    Snp(Box<SnpFields>),
    /// Of a vTPM in an Azure confidential VM.
    Azure(Box<AzureFields>),
    /// Of an AWS Nitro enclave.
    Nitro(Box<NitroFields>),
}

/// What a DCAP quote says about the platform under enclave or domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DcapFields {
    /// Version of the quote: 3, 4 or 5.
    pub quote_version: u16,
    /// Family, model, stepping, platform type (6 bytes).
    pub fmspc: HexBytes,
    /// Security version of the quoting enclave.
    pub qe_svn: u16,
    /// Security version of the provisioning certification enclave.
    pub pce_svn: u16,
    /// SHA-256 of the quote.
    pub quote: Digest,
    /// SHA-256 of the TCB info, as signed.
    pub tcb_info: Digest,
    /// SHA-256 of the certificates that signed the TCB info (PEM).
    pub tcb_info_chain: Digest,
    /// SHA-256 of the quoting enclave's identity, as signed.
    pub qe_identity: Digest,
    /// SHA-256 of the certificates that signed that identity (PEM).
    pub qe_identity_chain: Digest,
    /// SHA-256 of the root's list of revoked certificates (DER).
    pub root_crl: Digest,
    /// SHA-256 of the platform authority's list of revoked certificates (DER).
    pub pck_crl: Digest,
}

/// The report of an SGX enclave (Intel SDM volume 3D, REPORTBODY).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgxFields {
    /// Digest of the enclave's pages.
    pub mr_enclave: HexBytes,
    /// Digest of the key that signed the enclave.
    pub mr_signer: HexBytes,
    /// Product number that the signer chose.
    pub isv_prod_id: u16,
    /// Security version that the signer chose.
    pub isv_svn: u16,
    /// What the enclave was started with (key separation and sharing).
    pub config_id: HexBytes,
    /// Security version of that.
    pub config_svn: u16,
    /// Extended product number.
    pub isv_ext_prod_id: HexBytes,
    /// Family number.
    pub isv_family_id: HexBytes,
    /// ATTRIBUTES: flags and XFRM.
    pub attributes: HexBytes,
    /// MISCSELECT.
    pub misc_select: u32,
    /// Security version of the processor.
    pub cpu_svn: HexBytes,
    /// The enclave's own 64 bytes.
    pub report_data: HexBytes,
    /// The platform.
    pub platform: DcapFields,
}

/// The report of a TDX domain (Intel TDX DCAP quoting library API, TD quote body).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TdxFields {
    /// Security versions of the TDX module and its parts.
    pub tee_tcb_svn: HexBytes,
    /// Those in force after an update without restart (version 5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tee_tcb_svn2: Option<HexBytes>,
    /// Measurement of the TDX module.
    pub mr_seam: HexBytes,
    /// Its signer; zero is Intel.
    pub mr_signer_seam: HexBytes,
    /// Its attributes.
    pub seam_attributes: HexBytes,
    /// The domain's attributes.
    pub td_attributes: HexBytes,
    /// Features of the processor that it may use.
    pub xfam: HexBytes,
    /// Measurement of what it was built of.
    pub mr_td: HexBytes,
    /// What its owner told the host to start it with.
    pub mr_config_id: HexBytes,
    /// Its owner, as the host was told.
    pub mr_owner: HexBytes,
    /// The owner's settings, as the host was told.
    pub mr_owner_config: HexBytes,
    /// Measurements extended while it ran.
    pub rtmrs: [HexBytes; 4],
    /// A domain that is bound to it and may look inside (version 5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mr_service_td: Option<HexBytes>,
    /// The domain's own 64 bytes.
    pub report_data: HexBytes,
    /// The platform.
    pub platform: DcapFields,
}

/// The report of an SEV-SNP guest (AMD 56860, `ATTESTATION_REPORT`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnpFields {
    /// Version of the report.
    pub version: u32,
    /// The processor: `Milan`, `Genoa`, `Turin`.
    pub product: String,
    /// Security version that the owner of the guest chose.
    pub guest_svn: u32,
    /// The guest's policy, bit by bit.
    pub policy: u64,
    /// Family that the owner chose.
    pub family_id: HexBytes,
    /// Image that the owner chose.
    pub image_id: HexBytes,
    /// The privilege level that asked for the report.
    pub vmpl: u32,
    /// What the platform has switched on, bit by bit.
    pub platform_info: u64,
    /// The guest's own 64 bytes.
    pub report_data: HexBytes,
    /// Measurement of the guest's first memory.
    pub measurement: HexBytes,
    /// What the host was told to start it with.
    pub host_data: HexBytes,
    /// Digest of the key that signed the guest's identity.
    pub id_key_digest: HexBytes,
    /// Digest of the key that signed that one.
    pub author_key_digest: HexBytes,
    /// This guest's number until it ends.
    pub report_id: HexBytes,
    /// Its migration agent's number; all ones: none.
    pub report_id_ma: HexBytes,
    /// Whether a neighbour on the same core may run.
    pub smt_allowed: bool,
    /// Whether the guest may be migrated.
    pub migration_allowed: bool,
    /// `vcek` or `vlek`.
    pub signed_by: String,
    /// Security version of the boot loader.
    pub bootloader_svn: u8,
    /// Security version of the secure processor's system.
    pub tee_svn: u8,
    /// Security version of the SNP firmware.
    pub snpfw_svn: u8,
    /// Security version of the microcode.
    pub microcode_svn: u8,
    /// Security version of the mesh controller (Turin).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fmc_svn: Option<u8>,
}

/// What an Azure vTPM's quote and the HCL report say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureFields {
    /// Version of the HCL report.
    pub hcl_version: u32,
    /// SHA-256 of the runtime data, which the hardware's report vouches for.
    pub runtime_data: Digest,
    /// The VM's own 64 bytes in the runtime data.
    pub user_data: HexBytes,
    /// The VM's configuration as the paravisor tells it (JSON).
    pub vm_configuration: String,
}

/// An AWS Nitro attestation document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NitroFields {
    /// Name of the enclave's security module.
    pub module_id: String,
    /// When it was signed (milliseconds since 1970).
    pub timestamp_ms: u64,
    /// The key that the enclave handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<HexBytes>,
    /// The bytes that the enclave handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<HexBytes>,
    /// The nonce that the enclave handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<HexBytes>,
}
