//! A secret that the TPM yields to one workload only: the HMAC of a fixed text under a key
//! that may be used only while the registers of the workload and of the machine's secure
//! boot state are what they are now. It survives a new release of the workload's code, and
//! ends with the TPM's owner seed.

use autoclave_base::{Digest, Secret};

use crate::command::Command;
use crate::pcr;
use crate::wire::Writer;
use crate::{Tpm, TpmError, code};

/// Register 7 holds the state of secure boot (TCG PC Client Platform Firmware Profile),
/// register 11 the workload's name and who released it.
const BOUND_TO: [usize; 2] = [7, 11];
/// What a boot chain that is not ours leaves in the registers: boot loader and kernel (4),
/// secure boot (7), the boot loader's commands and files (8, 9), a unified kernel image and
/// what was appended to its command line (11, 12).
const BOOTED: [usize; 6] = [4, 7, 8, 9, 11, 12];
/// What the key of a workload signs, and that of a machine that booted the same.
const TEXT: &[u8] = b"autoclave workload secret v1";
const TEXT_BOOTED: &[u8] = b"autoclave booted secret v1";
/// fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, noDA, sign: no password
/// opens it.
const ATTRIBUTES: u32 = 0x0004_04b2;

impl Tpm {
    /// The secret of the workload that this machine was started for.
    pub fn workload_secret(&mut self) -> Result<Secret<[u8; 32]>, TpmError> {
        self.secret_under(&BOUND_TO, TEXT)
    }

    /// The secret of exactly what this machine booted: another kernel, initial file system or
    /// command line gets another. For machines without our launcher.
    pub fn booted_secret(&mut self) -> Result<Secret<[u8; 32]>, TpmError> {
        self.secret_under(&BOOTED, TEXT_BOOTED)
    }

    fn secret_under(&mut self, bound: &[usize], text: &[u8]) -> Result<Secret<[u8; 32]>, TpmError> {
        let pcrs = self.pcrs()?;
        let values: Vec<[u8; 32]> = bound.iter().map(|pcr| pcrs[*pcr]).collect();
        let template = template(&policy(bound, &values));
        let key = self.create_primary(code::OWNER, &template)?;
        self.using(key, |tpm| tpm.in_policy(|tpm, session| tpm.hmac(key, session, bound, text)))
    }

    fn hmac(
        &mut self,
        key: u32,
        session: u32,
        bound: &[usize],
        text: &[u8],
    ) -> Result<Secret<[u8; 32]>, TpmError> {
        let show = Command::new(code::POLICY_PCR).handle(session).sized(&[]);
        let selection = pcr::selection(bound.iter().copied());
        self.run(show.with(|rest| rest.raw(selection.bytes())))?;
        let sign = Command::new(code::HMAC).by_policy(key, session);
        let answer = self.run(sign.sized(text).u16(code::ALG_NULL))?;
        let secret = answer.parameters().sized()?.try_into().map_err(|_| TpmError::Malformed)?;
        Ok(Secret::new(secret))
    }
}

/// The policy digest after `PolicyPCR` (Part 3, section 23.7).
fn policy(bound: &[usize], values: &[[u8; 32]]) -> Digest {
    let digest = Digest::of(values.concat());
    let selection = pcr::selection(bound.iter().copied());
    let said = Writer::default().raw(&[0; 32]).u32(code::POLICY_PCR.0).raw(selection.bytes());
    Digest::of(said.raw(digest.bytes()).bytes())
}

fn template(policy: &Digest) -> Writer {
    Writer::default()
        .u16(code::ALG_KEYEDHASH)
        .u16(code::ALG_SHA256)
        .u32(ATTRIBUTES)
        .sized(policy.bytes())
        .u16(code::ALG_HMAC)
        .u16(code::ALG_SHA256)
        .sized(&[])
}
