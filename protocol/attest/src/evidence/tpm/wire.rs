//! The structures of TPM 2.0 Part 2 that evidence holds, read from bytes that may be
//! anything. Only the forms that we ask a TPM for are accepted: every length is checked,
//! nothing may follow, and no value is guessed.

use autoclave_base::Digest;
use p256::ecdsa::{Signature as P256Signature, VerifyingKey};

use super::{NONCE_BYTES, PCRS};

/// `TPM_GENERATED_VALUE`: nothing that a TPM signs for strangers begins so.
const GENERATED: u32 = 0xff54_4347;
/// `TPM_ST_ATTEST_QUOTE`.
const ATTEST_QUOTE: u16 = 0x8018;
/// `TPM_ALG_SHA256`.
const ALG_SHA256: u16 = 0x000b;
/// `TPM_ALG_NULL`.
const ALG_NULL: u16 = 0x0010;
/// `TPM_ALG_ECDSA`.
const ALG_ECDSA: u16 = 0x0018;
/// `TPM_ALG_ECC`.
const ALG_ECC: u16 = 0x0023;
/// `TPM_ECC_NIST_P256`.
const CURVE_P256: u16 = 0x0003;
/// Bytes of a P-256 coordinate or scalar.
const SCALAR_BYTES: usize = 32;
/// Longest `TPM2B_NAME`: algorithm and SHA-512.
const NAME_BYTES_MAX: usize = 66;
/// Longest `TPM2B_DIGEST`: SHA-512.
const DIGEST_BYTES_MAX: usize = 64;
/// Longest `TPMS_ATTEST` of a quote, `TPMT_PUBLIC` or `TPMT_SIGNATURE` that is looked at.
const STRUCTURE_BYTES_MAX: usize = 512;

/// `TPMA_OBJECT` (Part 2, section 8.3): bits that an attestation key must have.
const ATTRIBUTES_SET: u32 = FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN | RESTRICTED | SIGN;
const FIXED_TPM: u32 = 1 << 1;
const FIXED_PARENT: u32 = 1 << 4;
const SENSITIVE_DATA_ORIGIN: u32 = 1 << 5;
const ENCRYPTED_DUPLICATION: u32 = 1 << 11;
const RESTRICTED: u32 = 1 << 16;
const DECRYPT: u32 = 1 << 17;
const SIGN: u32 = 1 << 18;
const X509_SIGN: u32 = 1 << 19;
/// Bits that it must not have.
const ATTRIBUTES_CLEAR: u32 = DECRYPT | ENCRYPTED_DUPLICATION | X509_SIGN;
/// Bits that Part 2 reserves: 0, 3, 8, 9, 12 to 15, 20 to 31.
const ATTRIBUTES_RESERVED: u32 = 0xfff0_f309;

/// The bytes are not the structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not the TPM structure that they should be")]
pub struct Malformed;

/// What is left of some bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    const fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() > STRUCTURE_BYTES_MAX { Err(Malformed) } else { Ok(Self(bytes)) }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A `TPM2B`: length and bytes.
    fn sized(&mut self, max: usize) -> Result<&'a [u8], Malformed> {
        let length = usize::from(self.u16()?);
        if length > max { Err(Malformed) } else { self.take(length) }
    }

    /// A coordinate or scalar. Some TPMs leave zeros out in front of it; none adds any.
    fn scalar(&mut self) -> Result<[u8; SCALAR_BYTES], Malformed> {
        let bytes = self.sized(SCALAR_BYTES)?;
        let missing = SCALAR_BYTES - bytes.len();
        if missing > 0 && bytes.first().is_none_or(|first| *first == 0) {
            return Err(Malformed);
        }
        let mut scalar = [0; SCALAR_BYTES];
        scalar[missing..].copy_from_slice(bytes);
        Ok(scalar)
    }

    /// The next number must be `expected`.
    fn constant(&mut self, expected: u16) -> Result<(), Malformed> {
        if self.u16()? == expected { Ok(()) } else { Err(Malformed) }
    }

    /// Nothing may be left.
    const fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// A quote: `TPMS_ATTEST` of type `TPM_ST_ATTEST_QUOTE` with one selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attest {
    /// What the asker handed in.
    pub extra_data: Vec<u8>,
    /// How often the TPM was reset.
    pub reset_count: u32,
    /// Version of the TPM's firmware, in its vendor's own form.
    pub firmware_version: u64,
    /// The selected bank: a hash algorithm.
    pub bank: u16,
    /// The selected registers, one bit each, register 0 first.
    pub selection: Vec<u8>,
    /// The digest over the selected registers.
    pub pcr_digest: Vec<u8>,
}

impl Attest {
    /// Reads a quote.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes)?;
        if reader.u32()? != GENERATED {
            return Err(Malformed);
        }
        reader.constant(ATTEST_QUOTE)?;
        let _qualified_signer = reader.sized(NAME_BYTES_MAX)?;
        let extra_data = reader.sized(DIGEST_BYTES_MAX)?.to_vec();
        let (_clock, reset_count, _restart_count) = (reader.u64()?, reader.u32()?, reader.u32()?);
        if reader.u8()? > 1 {
            return Err(Malformed);
        }
        let firmware_version = reader.u64()?;
        if reader.u32()? != 1 {
            return Err(Malformed);
        }
        let bank = reader.u16()?;
        let selected = reader.u8()?;
        let selection = reader.take(usize::from(selected))?.to_vec();
        let pcr_digest = reader.sized(DIGEST_BYTES_MAX)?.to_vec();
        reader.end()?;
        Ok(Self { extra_data, reset_count, firmware_version, bank, selection, pcr_digest })
    }

    /// Whether exactly the registers 0 to 15 of the SHA-256 bank are selected.
    pub fn selects_all(&self) -> bool {
        let (selected, rest) = self.selection.split_at(self.selection.len().min(PCRS / 8));
        self.bank == ALG_SHA256
            && selected == [0xff; PCRS / 8]
            && rest.iter().all(|byte| *byte == 0)
    }

    /// Whether its digest is that of `registers`: SHA-256 over their concatenation.
    pub fn is_over(&self, registers: &[Digest; PCRS]) -> bool {
        let bytes: Vec<u8> = registers.iter().flat_map(|one| *one.bytes()).collect();
        self.pcr_digest == Digest::of(bytes).bytes()
    }

    /// Whether it was asked for with `nonce`.
    pub fn answers(&self, nonce: &[u8; NONCE_BYTES]) -> bool {
        self.extra_data == nonce
    }
}

/// The public part of an attestation key: `TPMT_PUBLIC`, an ECC key on P-256 that signs by
/// ECDSA with SHA-256, and names itself by SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AkPublic {
    attributes: u32,
    key: VerifyingKey,
    name: [u8; 34],
}

impl AkPublic {
    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes)?;
        reader.constant(ALG_ECC)?;
        reader.constant(ALG_SHA256)?;
        let attributes = reader.u32()?;
        let _policy = reader.sized(DIGEST_BYTES_MAX)?;
        // Parameters: no symmetric algorithm, ECDSA with SHA-256, P-256, no key derivation.
        for expected in [ALG_NULL, ALG_ECDSA, ALG_SHA256, CURVE_P256, ALG_NULL] {
            reader.constant(expected)?;
        }
        let point = [[4].as_slice(), &reader.scalar()?, &reader.scalar()?].concat();
        reader.end()?;
        let key = VerifyingKey::from_sec1_bytes(&point).map_err(|_| Malformed)?;
        Ok(Self { attributes, key, name: name(bytes) })
    }

    /// Whether the TPM lets it sign nothing but what the TPM itself attests, and never lets
    /// it go: restricted, sign, fixedTPM, fixedParent, sensitiveDataOrigin, not decrypt.
    pub const fn only_attests(&self) -> bool {
        self.attributes & ATTRIBUTES_SET == ATTRIBUTES_SET
            && self.attributes & (ATTRIBUTES_CLEAR | ATTRIBUTES_RESERVED) == 0
    }

    /// The key.
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Its name (Part 1, section 16): algorithm, and SHA-256 over the public part.
    pub const fn name(&self) -> &[u8; 34] {
        &self.name
    }
}

fn name(public: &[u8]) -> [u8; 34] {
    let mut name = [0; 34];
    name[..2].copy_from_slice(&ALG_SHA256.to_be_bytes());
    name[2..].copy_from_slice(Digest::of(public).bytes());
    name
}

/// `TPMT_SIGNATURE`: ECDSA with SHA-256 on P-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature(P256Signature);

impl Signature {
    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes)?;
        reader.constant(ALG_ECDSA)?;
        reader.constant(ALG_SHA256)?;
        let (r, s) = (reader.scalar()?, reader.scalar()?);
        reader.end()?;
        P256Signature::from_scalars(r, s).map(Self).map_err(|_| Malformed)
    }

    /// Whether `key` signed `message` so.
    pub fn is_of(&self, message: &[u8], key: &VerifyingKey) -> bool {
        use p256::ecdsa::signature::Verifier as _;
        key.verify(message, &self.0).is_ok()
    }
}
