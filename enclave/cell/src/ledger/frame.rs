//! The journal's format: a mark, then frames. A frame is one batch of lines that became
//! durable together, authenticated under a key that only this enclave has and bound to
//! the tree before it, so that nobody outside can add, alter or exchange lines. The format
//! is private to the cell; readers of a ledger use its tiles.

use autoclave_base::Secret;
use autoclave_ledger::{ENTRY_BYTES_MAX, Hash};
use hkdf::HkdfExtract;
use sha2::Sha256;

/// Begins every journal, and changes with its format.
pub(super) const MARK: &[u8; 8] = b"ACLOG\0\0\x01";

/// Length (4 bytes), first index (8), count (4), authentication code (32).
pub(super) const HEAD_BYTES: usize = 48;

/// Most bytes of lines in one frame: one write and one `fsync` take milliseconds.
pub(super) const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Length prefix of a line within a frame.
pub(super) const PREFIX_BYTES: usize = 2;

/// The frame's authentication key: HMAC-SHA256 (HKDF-Extract is just that, RFC 5869).
pub(super) struct FrameKey(Secret<[u8; 32]>);

/// The head of a frame, as read.
pub(super) struct Head {
    /// Bytes of lines that follow.
    pub(super) length: usize,
    start: u64,
    count: u32,
    code: [u8; 32],
}

impl FrameKey {
    pub(super) const fn new(key: Secret<[u8; 32]>) -> Self {
        Self(key)
    }

    /// The bytes of a frame of `lines` after the tree of `start` lines and `root`. At most
    /// [`BODY_BYTES_MAX`] bytes of lines, of at most [`ENTRY_BYTES_MAX`] each.
    pub(super) fn frame(&self, start: u64, root: &Hash, lines: &[impl AsRef<[u8]>]) -> Vec<u8> {
        let mut bytes = vec![0; HEAD_BYTES];
        for line in lines.iter().map(AsRef::as_ref) {
            assert!(line.len() <= ENTRY_BYTES_MAX, "a line was encoded past its bound");
            bytes.extend_from_slice(&u16::try_from(line.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend_from_slice(line);
        }
        let (head, body) = bytes.split_at_mut(HEAD_BYTES);
        assert!(body.len() <= BODY_BYTES_MAX, "a batch was gathered past its bound");
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        head[..4].copy_from_slice(&length.to_be_bytes());
        head[4..12].copy_from_slice(&start.to_be_bytes());
        head[12..16].copy_from_slice(&count.to_be_bytes());
        let code = self.code(&head[..16], root, body);
        head[16..].copy_from_slice(&code);
        bytes
    }

    /// The lines of a frame that follows the tree of `start` lines and `root`; none unless
    /// this very key wrote it there.
    pub(super) fn open<'a>(
        &self,
        head: &Head,
        start: u64,
        root: &Hash,
        body: &'a [u8],
    ) -> Option<Vec<&'a [u8]>> {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&u32::try_from(head.length).ok()?.to_be_bytes());
        bytes[4..12].copy_from_slice(&head.start.to_be_bytes());
        bytes[12..].copy_from_slice(&head.count.to_be_bytes());
        let code = Secret::new(self.code(&bytes, root, body));
        let ours = head.start == start && code.same_as(&Secret::new(head.code));
        let lines = ours.then(|| lines(body))??;
        (lines.len() == usize::try_from(head.count).ok()?).then_some(lines)
    }

    fn code(&self, head: &[u8], root: &Hash, body: &[u8]) -> [u8; 32] {
        let mut mac = HkdfExtract::<Sha256>::new(Some(self.0.expose()));
        mac.input_ikm(head);
        mac.input_ikm(root.bytes());
        mac.input_ikm(body);
        mac.finalize().0.into()
    }
}

impl Head {
    /// Reads a head; none where no frame can begin so.
    pub(super) fn parse(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (start, rest) = rest.split_first_chunk()?;
        let (count, code) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        (1..=BODY_BYTES_MAX).contains(&length).then_some(())?;
        let (start, count) = (u64::from_be_bytes(*start), u32::from_be_bytes(*count));
        Some(Self { length, start, count, code: code.try_into().ok()? })
    }
}

fn lines(mut rest: &[u8]) -> Option<Vec<&[u8]>> {
    let mut lines = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<PREFIX_BYTES>() {
        let (line, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        lines.push(line);
        rest = after;
    }
    rest.is_empty().then_some(lines)
}
