//! The report itself (AMD 56860, `ATTESTATION_REPORT`): which bytes mean what. The signature
//! is over the bytes as they came, which are kept; nothing is read, written anew and then
//! verified. What is reserved must be zero, in the signature's padding as well.

use std::ops::Range;

use super::{SnpRefusal, signature};

/// Bytes of a report of any version.
pub const REPORT_BYTES: usize = 0x4a0;
/// Bytes that are signed.
const SIGNED: Range<usize> = 0..0x2a0;
/// Where nothing may stand: after the key's bits, after the processor's stepping, after each
/// firmware version. The signature has padding of its own.
const RESERVED: [Range<usize>; 4] = [0x4c..0x50, 0x18b..0x1a0, 0x1eb..0x1ec, 0x1ef..0x1f0];
/// Versions 2 and 3 end their last field here, 4 and 5 add two vectors of mitigations.
const MITIGATIONS: Range<usize> = 0x1f8..0x208;
/// The processor's family, model and stepping; version 2 does not tell them.
const PROCESSOR: Range<usize> = 0x188..0x18b;
/// The oldest and the newest version that is understood.
const VERSIONS: std::ops::RangeInclusive<u32> = 2..=5;
/// The first that tells its processor, and the first with mitigation vectors.
const VERSION_PROCESSOR: u32 = 3;
const VERSION_MITIGATIONS: u32 = 4;
/// `SIGNATURE_ALGO`: ECDSA on P-384 with SHA-384.
const ECDSA_P384_SHA384: u32 = 1;
/// The highest (least privileged) level of a guest. Reports that the host asked for carry
/// all ones.
const VMPL_MAX: u32 = 3;

/// Bits of the guest's policy.
const POLICY_SMT: u64 = 1 << 16;
const POLICY_ONE: u64 = 1 << 17;
const POLICY_MIGRATE: u64 = 1 << 18;
const POLICY_DEBUG: u64 = 1 << 19;
/// Bits that have a meaning: versions (0 to 15), and 16 to 25.
const POLICY_KNOWN: u64 = (1 << 26) - 1;
/// Bits of the key's description.
const KEY_AUTHOR: u32 = 1;
const KEY_MASKED: u32 = 1 << 1;
const KEY_KNOWN: u32 = (1 << 5) - 1;
/// `ALIAS_CHECK_COMPLETE` of the platform's bits.
const PLATFORM_ALIAS_CHECK: u64 = 1 << 5;

/// Which of the chip's two keys signed a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// The chip's own (versioned chip endorsement key).
    Vcek,
    /// One that AMD loaded into it for a cloud provider.
    Vlek,
}

impl KeyKind {
    /// Its name in claims.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vcek => "vcek",
            Self::Vlek => "vlek",
        }
    }
}

/// A report whose form is checked, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(Box<[u8; REPORT_BYTES]>);

impl Report {
    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, SnpRefusal> {
        let bytes: [u8; REPORT_BYTES] = bytes.try_into().map_err(|_| SnpRefusal::Report)?;
        let report = Self(Box::new(bytes));
        if !VERSIONS.contains(&report.version()) {
            return Err(SnpRefusal::Version);
        }
        report.check_reserved()?;
        if report.u32(0x34) != ECDSA_P384_SHA384 || report.key_info() & KEY_MASKED != 0 {
            return Err(SnpRefusal::Unsigned);
        }
        if report.vmpl() > VMPL_MAX {
            return Err(SnpRefusal::Asker);
        }
        if report.policy() & !POLICY_KNOWN != 0 || report.policy() & POLICY_ONE == 0 {
            return Err(SnpRefusal::Policy);
        }
        Ok(report)
    }

    fn check_reserved(&self) -> Result<(), SnpRefusal> {
        let zero = |range: Range<usize>| self.0[range].iter().all(|byte| *byte == 0);
        let version = self.version();
        let sound = RESERVED.into_iter().all(zero)
            && (version >= VERSION_PROCESSOR || zero(PROCESSOR))
            && (version >= VERSION_MITIGATIONS || zero(MITIGATIONS))
            && zero(MITIGATIONS.end..SIGNED.end)
            && signature::is_padded(&self.array(SIGNED.end))
            && self.key_info() & !KEY_KNOWN == 0;
        if sound { Ok(()) } else { Err(SnpRefusal::Report) }
    }

    /// Whether the key of this point (P-384, uncompressed) signed it.
    pub fn is_signed_by(&self, point: &[u8]) -> bool {
        signature::is_signed(&self.0[SIGNED], &self.array(SIGNED.end), point)
    }

    /// Version of its form.
    pub fn version(&self) -> u32 {
        self.u32(0)
    }

    /// Security version that the guest's owner chose.
    pub fn guest_svn(&self) -> u32 {
        self.u32(4)
    }

    /// The guest's policy.
    pub fn policy(&self) -> u64 {
        self.u64(8)
    }

    /// Whether a neighbour on the same core may run.
    pub fn allows_smt(&self) -> bool {
        self.policy() & POLICY_SMT != 0
    }

    /// Whether the host may look inside.
    pub fn allows_debug(&self) -> bool {
        self.policy() & POLICY_DEBUG != 0
    }

    /// Whether a migration agent may move the guest, or already has a hold on it.
    pub fn allows_migration(&self) -> bool {
        self.policy() & POLICY_MIGRATE != 0
            || self.report_id_ma().iter().any(|byte| *byte != u8::MAX)
    }

    /// Family that the owner chose.
    pub fn family_id(&self) -> [u8; 16] {
        self.array(0x10)
    }

    /// Image that the owner chose.
    pub fn image_id(&self) -> [u8; 16] {
        self.array(0x20)
    }

    /// The privilege level that asked; 0 is the most privileged.
    pub fn vmpl(&self) -> u32 {
        self.u32(0x30)
    }

    /// What the platform has switched on.
    pub fn platform_info(&self) -> u64 {
        self.u64(0x40)
    }

    /// Whether the platform checked at its start that no two addresses are one memory.
    pub fn checked_aliases(&self) -> bool {
        self.platform_info() & PLATFORM_ALIAS_CHECK != 0
    }

    /// Which key signed it, or none.
    pub fn key_kind(&self) -> Option<KeyKind> {
        match self.key_info() >> 2 {
            0 => Some(KeyKind::Vcek),
            1 => Some(KeyKind::Vlek),
            _ => None,
        }
    }

    /// The guest's own bytes.
    pub fn report_data(&self) -> [u8; 64] {
        self.array(0x50)
    }

    /// Measurement of the guest's first memory.
    pub fn measurement(&self) -> [u8; 48] {
        self.array(0x90)
    }

    /// What the host was told to start the guest with.
    pub fn host_data(&self) -> [u8; 32] {
        self.array(0xc0)
    }

    /// Digest of the key that signed the guest's identity; zero without one.
    pub fn id_key_digest(&self) -> [u8; 48] {
        self.array(0xe0)
    }

    /// Digest of the key that signed that one; zero without one.
    pub fn author_key_digest(&self) -> [u8; 48] {
        self.array(0x110)
    }

    /// Whether the author's key counts.
    pub fn has_author(&self) -> bool {
        self.key_info() & KEY_AUTHOR != 0
    }

    /// This guest's number until it ends.
    pub fn report_id(&self) -> [u8; 32] {
        self.array(0x140)
    }

    /// Its migration agent's number; all ones without one.
    pub fn report_id_ma(&self) -> [u8; 32] {
        self.array(0x160)
    }

    /// Security versions that the signing key was made for (`REPORTED_TCB`).
    pub fn reported_tcb(&self) -> [u8; 8] {
        self.array(0x180)
    }

    /// Family and model of the processor, from version 3 on.
    pub fn processor(&self) -> Option<(u8, u8)> {
        let [family, model, _stepping]: [u8; 3] = self.array(PROCESSOR.start);
        (self.version() >= VERSION_PROCESSOR).then_some((family, model))
    }

    /// Which chip; zero if the platform hides it.
    pub fn chip_id(&self) -> [u8; 64] {
        self.array(0x1a0)
    }

    fn key_info(&self) -> u32 {
        self.u32(0x48)
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(&self.0[at..at + N]);
        array
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }
}
