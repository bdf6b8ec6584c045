//! The TPM of the machine, asked directly: the few commands of TPM 2.0 that measured boot
//! needs, written by hand over a device file or a socket. It is the launcher's and the
//! cell's. No key leaves the TPM, nothing is judged here, and no answer is read beyond its
//! bound.

mod code;
mod command;
mod device;
mod error;
mod key;
mod nv;
mod pcr;
pub mod platform;
mod secret;
mod session;
mod wire;

#[cfg(test)]
mod tests;

use command::{Command, Response};
use device::Link;
pub use device::{Device, DeviceRefusal};
pub use error::TpmError;
pub use key::{AK_HANDLE, AkPublic, Quote};
pub use pcr::{FIRST_OURS, PCRS, PCRS_ALL, Pcrs};
pub use platform::{Platform, PlatformError};

/// How often a command is sent that the TPM asks to have again. The kernel does the same.
const ATTEMPTS_MAX: usize = 5;

/// One conversation with a TPM. It ends when dropped; nothing of it stays in the TPM's few
/// slots for objects and sessions.
pub struct Tpm {
    link: Link,
}

impl Tpm {
    /// Begins a conversation. Where no resource manager stands between (a socket), the
    /// slots that somebody left filled are emptied first: there is one client at a time.
    pub fn open(device: &Device) -> Result<Self, TpmError> {
        let mut tpm = Self { link: Link::open(device)? };
        if !device.is_managed() {
            tpm.link.set_patience(device::BUSY_SECONDS_MAX)?;
            tpm.startup()?;
            tpm.clear_slots()?;
            tpm.link.set_patience(device::ANSWER_SECONDS_MAX)?;
        }
        Ok(tpm)
    }

    /// Starts a TPM that its machine has not started yet; the kernel starts a real one.
    fn startup(&mut self) -> Result<(), TpmError> {
        match self.run(Command::new(code::STARTUP).u16(code::SU_CLEAR)) {
            Ok(_) => Ok(()),
            Err(error) if error.is(code::RC_INITIALIZE) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn clear_slots(&mut self) -> Result<(), TpmError> {
        for first in [code::TRANSIENT_FIRST, code::LOADED_SESSION_FIRST] {
            for handle in self.handles(first)? {
                self.flush(handle)?;
            }
        }
        Ok(())
    }

    /// The handles of one kind that are in use now.
    fn handles(&mut self, first: u32) -> Result<Vec<u32>, TpmError> {
        let ask = Command::new(code::GET_CAPABILITY).u32(code::CAP_HANDLES).u32(first);
        let answer = self.run(ask.u32(code::HANDLES_MAX))?;
        let mut answer = answer.parameters();
        let (_more, _kind, count) = (answer.u8()?, answer.u32()?, answer.u32()?);
        (0..count.min(code::HANDLES_MAX)).map(|_| answer.u32()).collect()
    }

    /// Who made the TPM: four letters (`IFX`, `AMD`, `MSFT`, `IBM` for one in software…).
    pub fn maker(&mut self) -> Result<String, TpmError> {
        let ask = Command::new(code::GET_CAPABILITY).u32(code::CAP_PROPERTIES);
        let answer = self.run(ask.u32(code::PT_MANUFACTURER).u32(1))?;
        let mut answer = answer.parameters();
        let (_more, _kind, _count) = (answer.u8()?, answer.u32()?, answer.u32()?);
        let (_property, letters) = (answer.u32()?, answer.u32()?.to_be_bytes());
        Ok(letters
            .iter()
            .filter(|byte| byte.is_ascii_graphic())
            .map(|byte| char::from(*byte))
            .collect())
    }

    /// Empties a slot.
    fn flush(&mut self, handle: u32) -> Result<(), TpmError> {
        self.run(Command::new(code::FLUSH_CONTEXT).u32(handle)).map(drop)
    }

    /// Uses what lies in a slot, and empties the slot whatever came of it.
    fn using<T>(
        &mut self,
        handle: u32,
        work: impl FnOnce(&mut Self) -> Result<T, TpmError>,
    ) -> Result<T, TpmError> {
        let outcome = work(self);
        let flushed = self.flush(handle);
        let value = outcome?;
        flushed.map(|()| value)
    }

    fn run(&mut self, command: Command) -> Result<Response, TpmError> {
        let (form, bytes) = (command.form(), command.into_bytes());
        for _ in 1..ATTEMPTS_MAX {
            match Response::parse(self.link.exchange(&bytes)?, form) {
                Err(error) if error.is(code::RC_RETRY) => {}
                outcome => return outcome,
            }
        }
        Response::parse(self.link.exchange(&bytes)?, form)
    }
}
