//! The numbers of the TPM 2.0 Library, Part 2, that are used here.

use crate::command::Code;

pub(crate) const STARTUP: Code = Code(0x144, "Startup");
pub(crate) const GET_CAPABILITY: Code = Code(0x17a, "GetCapability");
pub(crate) const FLUSH_CONTEXT: Code = Code(0x165, "FlushContext");
pub(crate) const START_AUTH_SESSION: Code = Code(0x176, "StartAuthSession");
pub(crate) const POLICY_SECRET: Code = Code(0x151, "PolicySecret");
pub(crate) const POLICY_PCR: Code = Code(0x17f, "PolicyPCR");
pub(crate) const CREATE_PRIMARY: Code = Code(0x131, "CreatePrimary");
pub(crate) const EVICT_CONTROL: Code = Code(0x120, "EvictControl");
pub(crate) const READ_PUBLIC: Code = Code(0x173, "ReadPublic");
pub(crate) const ACTIVATE_CREDENTIAL: Code = Code(0x147, "ActivateCredential");
pub(crate) const PCR_EXTEND: Code = Code(0x182, "PCR_Extend");
pub(crate) const PCR_READ: Code = Code(0x17e, "PCR_Read");
pub(crate) const QUOTE: Code = Code(0x158, "Quote");
pub(crate) const HMAC: Code = Code(0x155, "HMAC");
pub(crate) const NV_READ_PUBLIC: Code = Code(0x169, "NV_ReadPublic");
pub(crate) const NV_READ: Code = Code(0x14e, "NV_Read");
pub(crate) const NV_WRITE: Code = Code(0x137, "NV_Write");
pub(crate) const NV_DEFINE_SPACE: Code = Code(0x12a, "NV_DefineSpace");

/// `TPM_SU_CLEAR`: PCRs at their first values.
pub(crate) const SU_CLEAR: u16 = 0;
/// `TPM_CAP_HANDLES`
pub(crate) const CAP_HANDLES: u32 = 1;
/// `TPM_CAP_TPM_PROPERTIES`
pub(crate) const CAP_PROPERTIES: u32 = 6;
/// `TPM_PT_MANUFACTURER`
pub(crate) const PT_MANUFACTURER: u32 = 0x105;
/// Handles asked for at once: more than any TPM has slots.
pub(crate) const HANDLES_MAX: u32 = 64;
/// `TRANSIENT_FIRST`
pub(crate) const TRANSIENT_FIRST: u32 = 0x8000_0000;
/// `LOADED_SESSION_FIRST`
pub(crate) const LOADED_SESSION_FIRST: u32 = 0x0200_0000;
/// `TPM_RH_OWNER`
pub(crate) const OWNER: u32 = 0x4000_0001;
/// `TPM_RH_NULL`
pub(crate) const NULL: u32 = 0x4000_0007;
/// `TPM_RS_PW`: the authorisation that is a password, here always the empty one.
pub(crate) const PASSWORD: u32 = 0x4000_0009;
/// `TPM_RH_ENDORSEMENT`
pub(crate) const ENDORSEMENT: u32 = 0x4000_000b;

/// `TPM_ALG_RSA`
pub(crate) const ALG_RSA: u16 = 0x0001;
/// `TPM_ALG_HMAC`
pub(crate) const ALG_HMAC: u16 = 0x0005;
/// `TPM_ALG_AES`
pub(crate) const ALG_AES: u16 = 0x0006;
/// `TPM_ALG_KEYEDHASH`
pub(crate) const ALG_KEYEDHASH: u16 = 0x0008;
/// `TPM_ALG_SHA256`
pub(crate) const ALG_SHA256: u16 = 0x000b;
/// `TPM_ALG_NULL`
pub(crate) const ALG_NULL: u16 = 0x0010;
/// `TPM_ALG_ECDSA`
pub(crate) const ALG_ECDSA: u16 = 0x0018;
/// `TPM_ALG_ECC`
pub(crate) const ALG_ECC: u16 = 0x0023;
/// `TPM_ALG_CFB`
pub(crate) const ALG_CFB: u16 = 0x0043;
/// `TPM_ECC_NIST_P256`
pub(crate) const ECC_P256: u16 = 0x0003;

/// `TPM_RC_INITIALIZE`: started already, or not yet.
pub(crate) const RC_INITIALIZE: u32 = 0x100;
/// `TPM_RC_HANDLE` for the first handle: nothing is there.
pub(crate) const RC_HANDLE_1: u32 = 0x18b;
/// `TPM_RC_AUTH_FAIL`, `TPM_RC_BAD_AUTH`, `TPM_RC_POLICY_FAIL` and `TPM_RC_INTEGRITY`, without
/// the parts that say to which handle, session or parameter they belong.
pub(crate) const RC_AUTH_FAIL: u32 = 0x08e;
pub(crate) const RC_BAD_AUTH: u32 = 0x0a2;
pub(crate) const RC_POLICY_FAIL: u32 = 0x09d;
pub(crate) const RC_INTEGRITY: u32 = 0x09f;
/// `TPM_RC_RETRY`: the command was not begun; it is to be sent again. A TPM says so when it
/// must first note that a key with a password is used.
pub(crate) const RC_RETRY: u32 = 0x922;
/// `TPM_RC_LOCKOUT`
pub(crate) const RC_LOCKOUT: u32 = 0x921;
