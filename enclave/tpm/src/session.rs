//! Policy sessions: what proves to the TPM that an object may be used now (Part 1,
//! section 19.7). They carry no secret; the local TPM's bus or socket is trusted.

use crate::command::Command;
use crate::{Tpm, TpmError, code};

/// `TPM_SE_POLICY`
const POLICY: u8 = 1;
/// Sessions without secrets have no use for a fresh nonce, but a TPM wants 16 bytes.
const NONCE: [u8; 16] = [0; 16];

impl Tpm {
    /// Begins a policy session, uses it and ends it.
    pub(crate) fn in_policy<T>(
        &mut self,
        work: impl FnOnce(&mut Self, u32) -> Result<T, TpmError>,
    ) -> Result<T, TpmError> {
        let begin = Command::new(code::START_AUTH_SESSION)
            .handle(code::NULL)
            .handle(code::NULL)
            .sized(&NONCE)
            .sized(&[])
            .with(|parameters| parameters.u8(POLICY).u16(code::ALG_NULL).u16(code::ALG_SHA256));
        let session = self.run(begin.answering_handle())?.handle();
        self.using(session, |tpm| work(tpm, session))
    }

    /// Shows in `session` that we have the endorsement hierarchy's (empty) password.
    pub(crate) fn policy_secret(&mut self, session: u32) -> Result<(), TpmError> {
        let show = Command::new(code::POLICY_SECRET).owned(code::ENDORSEMENT).handle(session);
        // No nonce, no parameters' hash, no reference, no expiry.
        self.run(show.sized(&[]).sized(&[]).sized(&[]).u32(0)).map(drop)
    }
}
