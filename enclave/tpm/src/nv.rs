//! Non-volatile memory: where a TPM's maker put the certificate of its endorsement key, and
//! where a confidential VM's firmware leaves its report. What is read is bounded, and only
//! what the caller names is written.

use crate::command::Command;
use crate::wire::Writer;
use crate::{Tpm, TpmError, code};

/// The certificate of the RSA-2048 endorsement key (TCG EK Credential Profile, 2.2.1.4).
const EK_CERTIFICATE: u32 = 0x01c0_0002;
/// Bytes of one read: every TPM's buffer holds so many.
const AT_ONCE: u16 = 512;
/// Longest certificate that is read.
const CERTIFICATE_BYTES_MAX: u16 = 8192;

/// ownerWrite, authWrite, ownerRead, authRead, noDA.
const ATTRIBUTES: u32 = 0x0206_0006;

impl Tpm {
    /// The certificate (DER) of the RSA-2048 endorsement key.
    pub fn ek_certificate(&mut self) -> Result<Vec<u8>, TpmError> {
        let size = self.nv_bytes(EK_CERTIFICATE)?;
        if size > CERTIFICATE_BYTES_MAX {
            return Err(TpmError::NoCertificate);
        }
        let mut area = self.nv_parts(EK_CERTIFICATE, EK_CERTIFICATE, size)?;
        let length = der_bytes(&area).filter(|length| *length <= area.len());
        area.truncate(length.ok_or(TpmError::NoCertificate)?);
        Ok(area)
    }

    /// What lies at `index`, as the owner reads it; none where nothing is defined there. What
    /// is longer than `bytes_max` is malformed.
    pub fn nv_area(&mut self, index: u32, bytes_max: u16) -> Result<Option<Vec<u8>>, TpmError> {
        match self.nv_bytes(index) {
            Err(TpmError::NoCertificate) => Ok(None),
            Ok(size) if size > bytes_max => Err(TpmError::Malformed),
            Ok(size) => self.nv_parts(code::OWNER, index, size).map(Some),
            Err(error) => Err(error),
        }
    }

    /// Writes `bytes` at `index` as the owner; the index is defined where it is not there.
    pub fn nv_put(&mut self, index: u32, bytes: &[u8]) -> Result<(), TpmError> {
        let size = u16::try_from(bytes.len()).map_err(|_| TpmError::Malformed)?;
        if matches!(self.nv_bytes(index), Err(TpmError::NoCertificate)) {
            let area = Writer::default().u32(index).u16(code::ALG_SHA256).u32(ATTRIBUTES);
            let area = area.sized(&[]).u16(size);
            let define = Command::new(code::NV_DEFINE_SPACE).owned(code::OWNER).sized(&[]);
            self.run(define.sized(area.bytes()))?;
        }
        let mut offset = 0;
        for part in bytes.chunks(AT_ONCE.into()) {
            let write = Command::new(code::NV_WRITE).owned(code::OWNER).handle(index);
            self.run(write.sized(part).u16(offset))?;
            offset = offset.saturating_add(AT_ONCE);
        }
        Ok(())
    }

    fn nv_parts(&mut self, by: u32, index: u32, size: u16) -> Result<Vec<u8>, TpmError> {
        let mut area = Vec::with_capacity(size.into());
        let mut offset = 0;
        while offset < size {
            let length = AT_ONCE.min(size - offset);
            area.extend(self.nv_read(by, index, offset, length)?);
            offset += length;
        }
        Ok(area)
    }

    fn nv_bytes(&mut self, index: u32) -> Result<u16, TpmError> {
        let public = match self.run(Command::new(code::NV_READ_PUBLIC).handle(index)) {
            Err(error) if error.is(code::RC_HANDLE_1) => return Err(TpmError::NoCertificate),
            outcome => outcome?,
        };
        let mut answer = public.parameters();
        let mut public = crate::wire::Reader::new(answer.sized()?);
        let (_index, _hash, _attributes) = (public.u32()?, public.u16()?, public.u32()?);
        let _policy = public.sized()?;
        public.u16()
    }

    /// `by` is who reads: the index's own (empty) password, or the owner's.
    fn nv_read(
        &mut self,
        by: u32,
        index: u32,
        offset: u16,
        length: u16,
    ) -> Result<Vec<u8>, TpmError> {
        let read = Command::new(code::NV_READ).owned(by).handle(index).u16(length).u16(offset);
        let answer = self.run(read)?;
        let part = answer.parameters().sized()?.to_vec();
        if part.len() == usize::from(length) { Ok(part) } else { Err(TpmError::Malformed) }
    }
}

/// The length of the DER sequence that `area` begins with: makers leave room behind it.
fn der_bytes(area: &[u8]) -> Option<usize> {
    match area {
        [0x30, 0x82, high, low, ..] => Some(4 + usize::from(u16::from_be_bytes([*high, *low]))),
        [0x30, 0x81, length, ..] => Some(3 + usize::from(*length)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_ends_where_its_sequence_does() {
        assert_eq!(der_bytes(&[0x30, 0x82, 1, 2, 0]), Some(4 + 258));
        assert_eq!(der_bytes(&[0x30, 0x81, 200]), Some(203));
        assert_eq!(der_bytes(&[0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(der_bytes(&[]), None);
    }
}
