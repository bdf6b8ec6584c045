//! Bytes as the TPM reads and writes them: big-endian numbers, and buffers after their
//! length in two bytes. Reading is bounded by what is there.

use crate::TpmError;

/// Builds a structure.
#[derive(Clone, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn u16(self, value: u16) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn u32(self, value: u32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A `TPM2B`. What is longer than a `TPM2B` can be is cut, and the TPM refuses it; every
    /// caller's bytes are shorter.
    pub(crate) fn sized(self, bytes: &[u8]) -> Self {
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.u16(length).raw(&bytes[..usize::from(length)])
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Takes a structure apart.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], TpmError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(TpmError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TpmError> {
        self.take(N)?.try_into().map_err(|_| TpmError::Malformed)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, TpmError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, TpmError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, TpmError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A `TPM2B`.
    pub(crate) fn sized(&mut self) -> Result<&'a [u8], TpmError> {
        let length = self.u16()?;
        self.take(length.into())
    }

    /// All that is left.
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }
}
