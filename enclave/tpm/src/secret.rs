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
/// What the key signs.
const TEXT: &[u8] = b"autoclave workload secret v1";
/// fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, noDA, sign: no password
/// opens it.
const ATTRIBUTES: u32 = 0x0004_04b2;

impl Tpm {
    /// The secret of the workload that this machine was started for.
    pub fn workload_secret(&mut self) -> Result<Secret<[u8; 32]>, TpmError> {
        let pcrs = self.pcrs()?;
        let template = template(&policy(&BOUND_TO.map(|pcr| pcrs[pcr])));
        let key = self.create_primary(code::OWNER, &template)?;
        self.using(key, |tpm| tpm.in_policy(|tpm, session| tpm.hmac(key, session)))
    }

    fn hmac(&mut self, key: u32, session: u32) -> Result<Secret<[u8; 32]>, TpmError> {
        let show = Command::new(code::POLICY_PCR).handle(session).sized(&[]);
        self.run(show.with(|rest| rest.raw(pcr::selection(BOUND_TO).bytes())))?;
        let sign = Command::new(code::HMAC).by_policy(key, session);
        let answer = self.run(sign.sized(TEXT).u16(code::ALG_NULL))?;
        let secret = answer.parameters().sized()?.try_into().map_err(|_| TpmError::Malformed)?;
        Ok(Secret::new(secret))
    }
}

/// The policy digest after `PolicyPCR` (Part 3, section 23.7).
fn policy(values: &[[u8; 32]]) -> Digest {
    let digest = Digest::of(values.concat());
    let selection = pcr::selection(BOUND_TO);
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
