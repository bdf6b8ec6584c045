//! The plain routes under `/ledger/`: C2SP tlog-tiles, and the log's key. Everything here
//! is public. Any tile of any size that the log has had is answered, so that a reader with
//! an older checkpoint always finds what it needs.

use autoclave_ledger::audit::CHECKPOINT_PATH;

use super::publish::KEY_PATH;
use super::shared::Shared;

/// The latest checkpoint that witnesses have cosigned; it follows `checkpoint`.
pub(super) const COSIGNED_PATH: &str = "cosigned";

/// An answer to a reader of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Their media type.
    pub content_type: &'static str,
    /// Whether a cache may keep them.
    pub caching: Caching,
}

/// How long an answer stays true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// It changes with the next line.
    No,
    /// It never changes.
    Forever,
}

impl Caching {
    /// The value of the header `cache-control`.
    pub const fn header(self) -> &'static str {
        match self {
            Self::No => "no-cache",
            Self::Forever => "public, max-age=31536000, immutable",
        }
    }
}

/// What lies at `path` below `/ledger/`.
pub(super) fn serve(shared: &Shared, path: &str) -> Option<Served> {
    match path {
        CHECKPOINT_PATH => Some(text(shared.head().checkpoint.clone())),
        COSIGNED_PATH => Some(text(shared.cosigned()?.to_string())),
        KEY_PATH => Some(text(format!("{}\n", shared.signer().public()))),
        _ => Some(Served {
            bytes: shared.tile(&path.parse().ok()?)?,
            content_type: "application/octet-stream",
            caching: Caching::Forever,
        }),
    }
}

fn text(text: String) -> Served {
    Served {
        bytes: text.into_bytes(),
        content_type: "text/plain; charset=utf-8",
        caching: Caching::No,
    }
}
