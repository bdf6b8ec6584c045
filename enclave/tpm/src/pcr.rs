//! Platform configuration registers of the SHA-256 bank: read and extended. A register
//! never forgets what it was extended with until the machine starts anew.

use autoclave_base::Digest;

use crate::command::Command;
use crate::wire::Writer;
use crate::{Tpm, TpmError, code};

/// The registers that evidence is about: 0 to 15.
pub const PCRS: usize = 16;
/// All registers of a bank: what a confidential VM's evidence is about.
pub const PCRS_ALL: usize = 24;
/// The first register that is the launcher's; those below are the firmware's.
pub const FIRST_OURS: usize = 8;

/// Registers in one `TPM2_PCR_Read`: a list of digests holds eight.
const AT_ONCE: usize = 8;
/// Bytes of a selection's bitmap: 24 registers.
const BITMAP_BYTES: u8 = 3;

/// The values of registers 0 to 15.
pub type Pcrs = [[u8; 32]; PCRS];

/// `TPML_PCR_SELECTION` of one bank.
pub(crate) fn selection(pcrs: impl IntoIterator<Item = usize>) -> Writer {
    let mut bitmap = [0; BITMAP_BYTES as usize];
    for pcr in pcrs {
        bitmap[pcr / 8] |= 1 << (pcr % 8);
    }
    Writer::default().u32(1).u16(code::ALG_SHA256).u8(BITMAP_BYTES).raw(&bitmap)
}

impl Tpm {
    /// Extends a register by a digest.
    pub fn extend(&mut self, pcr: usize, digest: &Digest) -> Result<(), TpmError> {
        let pcr = u32::try_from(pcr).map_err(|_| TpmError::Malformed)?;
        let extend = Command::new(code::PCR_EXTEND).owned(pcr);
        self.run(extend.u32(1).u16(code::ALG_SHA256).with(|rest| rest.raw(digest.bytes())))
            .map(drop)
    }

    /// The values of registers 0 to 15.
    pub fn pcrs(&mut self) -> Result<Pcrs, TpmError> {
        self.registers()
    }

    /// The values of registers 0 to 23.
    pub fn all_pcrs(&mut self) -> Result<[[u8; 32]; PCRS_ALL], TpmError> {
        self.registers()
    }

    /// The values of the first registers: a multiple of eight.
    fn registers<const N: usize>(&mut self) -> Result<[[u8; 32]; N], TpmError> {
        let mut values = [[0; 32]; N];
        for first in (0..N).step_by(AT_ONCE) {
            self.read_pcrs(first, &mut values[first..first + AT_ONCE])?;
        }
        Ok(values)
    }

    fn read_pcrs(&mut self, first: usize, values: &mut [[u8; 32]]) -> Result<(), TpmError> {
        let asked = selection(first..first + values.len());
        let read = Command::new(code::PCR_READ).with(|rest| rest.raw(asked.bytes()));
        let answer = self.run(read)?;
        let mut answer = answer.parameters();
        let (_counter, selected) = (answer.u32()?, answer.take(asked.bytes().len())?);
        let count = answer.u32()?;
        // Other selected registers: the bank is not active.
        if selected != asked.bytes() || usize::try_from(count) != Ok(values.len()) {
            return Err(TpmError::NoBank);
        }
        for value in values {
            *value = answer.sized()?.try_into().map_err(|_| TpmError::Malformed)?;
        }
        Ok(())
    }
}
