//! Two keys: the endorsement key, which the TPM's maker certified and which only decrypts,
//! and the attestation key, which only signs what the TPM itself says. Both are derived
//! from the endorsement seed: made again they are the same.

use autoclave_base::Secret;

use crate::command::Command;
use crate::pcr::{self, PCRS, PCRS_ALL};
use crate::wire::Writer;
use crate::{Tpm, TpmError, code};

/// Where the attestation key lies.
pub const AK_HANDLE: u32 = 0x8101_0002;
/// Where the endorsement key lies, if its maker left it there.
const EK_HANDLE: u32 = 0x8101_0001;

/// `PolicySecret(TPM_RH_ENDORSEMENT)`, the policy of endorsement keys (TCG EK Credential
/// Profile, B.3.3).
const EK_POLICY: [u8; 32] = [
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
    0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
];
/// fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, restricted, decrypt.
const EK_ATTRIBUTES: u32 = 0x0003_00b2;
/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA (it has no password that
/// could be guessed, and a machine that lost power often must not be locked out of it),
/// restricted, sign.
const AK_ATTRIBUTES: u32 = 0x0005_0472;

/// The attestation key's public area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AkPublic(pub Vec<u8>);

/// What the TPM says of its registers, signed by the attestation key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// `TPMS_ATTEST`, the bytes that are signed.
    pub attest: Vec<u8>,
    /// `TPMT_SIGNATURE`
    pub signature: Vec<u8>,
}

impl Tpm {
    /// The attestation key's `TPMT_PUBLIC`, if the key was made.
    pub fn ak(&mut self) -> Result<Option<AkPublic>, TpmError> {
        Ok(self.public(AK_HANDLE)?.map(AkPublic))
    }

    /// The attestation key's `TPMT_PUBLIC`; the key is made if it is not there.
    pub fn ensure_ak(&mut self) -> Result<AkPublic, TpmError> {
        if let Some(public) = self.ak()? {
            return Ok(public);
        }
        let key = self.create_primary(code::ENDORSEMENT, &ak_template())?;
        self.using(key, |tpm| {
            let keep = Command::new(code::EVICT_CONTROL).owned(code::OWNER).handle(key);
            tpm.run(keep.u32(AK_HANDLE)).map(drop)
        })?;
        self.read_public(AK_HANDLE).map(AkPublic)
    }

    /// Proves that attestation key and endorsement key are of one TPM: opens what was
    /// sealed to both (Part 1, section 24). `credential` is a `TPM2B_ID_OBJECT`, `secret` a
    /// `TPM2B_ENCRYPTED_SECRET`, each with its size in front.
    pub fn activate(
        &mut self,
        credential: &[u8],
        secret: &[u8],
    ) -> Result<Secret<[u8; 32]>, TpmError> {
        if self.read_public(EK_HANDLE).is_ok() {
            return self.activate_by(EK_HANDLE, credential, secret);
        }
        let ek = self.create_primary(code::ENDORSEMENT, &ek_template())?;
        self.using(ek, |tpm| tpm.activate_by(ek, credential, secret))
    }

    fn activate_by(
        &mut self,
        ek: u32,
        credential: &[u8],
        secret: &[u8],
    ) -> Result<Secret<[u8; 32]>, TpmError> {
        self.in_policy(|tpm, session| {
            tpm.policy_secret(session)?;
            let open = Command::new(code::ACTIVATE_CREDENTIAL).owned(AK_HANDLE);
            let open = open.by_policy(ek, session).with(|rest| rest.raw(credential).raw(secret));
            let opened = tpm.run(open)?.parameters().sized()?.try_into();
            opened.map(Secret::new).map_err(|_| TpmError::Malformed)
        })
    }

    /// The registers 0 to 15 and `extra` (at most 32 bytes), signed by the attestation key.
    pub fn quote(&mut self, extra: &[u8; 32]) -> Result<Quote, TpmError> {
        self.quote_by(AK_HANDLE, extra, 0..PCRS)
    }

    /// The registers 0 to 23 and `extra`, signed by the key at `handle` in its own scheme.
    pub fn quote_all(&mut self, handle: u32, extra: &[u8; 32]) -> Result<Quote, TpmError> {
        self.quote_by(handle, extra, 0..PCRS_ALL)
    }

    fn quote_by(
        &mut self,
        key: u32,
        extra: &[u8],
        pcrs: std::ops::Range<usize>,
    ) -> Result<Quote, TpmError> {
        let ask = Command::new(code::QUOTE).owned(key).sized(extra).u16(code::ALG_NULL);
        let answer = self.run(ask.with(|rest| rest.raw(pcr::selection(pcrs).bytes())))?;
        let mut answer = answer.parameters();
        let attest = answer.sized()?.to_vec();
        Ok(Quote { attest, signature: answer.rest().to_vec() })
    }

    /// The `TPMT_PUBLIC` of the key at `handle`, if there is one.
    pub fn public(&mut self, handle: u32) -> Result<Option<Vec<u8>>, TpmError> {
        match self.read_public(handle) {
            Ok(public) => Ok(Some(public)),
            Err(error) if error.is(code::RC_HANDLE_1) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read_public(&mut self, handle: u32) -> Result<Vec<u8>, TpmError> {
        let answer = self.run(Command::new(code::READ_PUBLIC).handle(handle))?;
        Ok(answer.parameters().sized()?.to_vec())
    }

    /// Makes the key that `template` (a `TPMT_PUBLIC`) and the hierarchy's seed yield; the
    /// handle of its slot.
    pub(crate) fn create_primary(
        &mut self,
        hierarchy: u32,
        template: &Writer,
    ) -> Result<u32, TpmError> {
        let no_secrets = Writer::default().sized(&[]).sized(&[]);
        let make = Command::new(code::CREATE_PRIMARY)
            .owned(hierarchy)
            .sized(no_secrets.bytes())
            .sized(template.bytes())
            .sized(&[])
            .u32(0);
        Ok(self.run(make.answering_handle())?.handle())
    }
}

/// The template L-1 of the TCG EK Credential Profile.
fn ek_template() -> Writer {
    const BITS: u16 = 2048;
    const UNIQUE: [u8; 256] = [0; 256];
    Writer::default()
        .u16(code::ALG_RSA)
        .u16(code::ALG_SHA256)
        .u32(EK_ATTRIBUTES)
        .sized(&EK_POLICY)
        .u16(code::ALG_AES)
        .u16(128)
        .u16(code::ALG_CFB)
        .u16(code::ALG_NULL)
        .u16(BITS)
        .u32(0)
        .sized(&UNIQUE)
}

/// ECDSA with SHA-256 on P-256.
fn ak_template() -> Writer {
    Writer::default()
        .u16(code::ALG_ECC)
        .u16(code::ALG_SHA256)
        .u32(AK_ATTRIBUTES)
        .sized(&[])
        .u16(code::ALG_NULL)
        .u16(code::ALG_ECDSA)
        .u16(code::ALG_SHA256)
        .u16(code::ECC_P256)
        .u16(code::ALG_NULL)
        .sized(&[])
        .sized(&[])
}
