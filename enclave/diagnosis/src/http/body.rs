//! Request bodies, read whole: an inference needs all of an image.
//! The budget belongs to the enclave, and all requests share it.
//! No request holds memory that was not taken from the budget first.

use std::sync::Arc;

use autoclave_cell::Refusal;
use autoclave_cell::limits::BODY_BYTES_MAX;
use axum::body::Body;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::refusal;

/// Memory for the bodies of all requests: five of the largest, thousands of the usual.
const BUDGET_MIB: usize = 1024;
/// The budget's unit.
const MIB: usize = 1 << 20;

/// Memory for request bodies.
#[derive(Clone)]
pub(super) struct Budget(Arc<Semaphore>);

/// A whole body; its memory returns to the budget when it is dropped.
pub(super) struct Held {
    bytes: Vec<u8>,
    _memory: OwnedSemaphorePermit,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(BUDGET_MIB)
    }
}

impl Budget {
    pub(super) fn new(mib: usize) -> Self {
        Self(Arc::new(Semaphore::new(mib)))
    }

    /// Reads `body` to its authenticated end.
    pub(super) async fn read(&self, mut body: Body) -> Result<Held, Refusal> {
        let mut memory = self.take()?;
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| refusal("body.truncated"))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > BODY_BYTES_MAX {
                return Err(refusal("body.too_large"));
            }
            while memory.num_permits() * MIB < bytes.len() + data.len() {
                memory.merge(self.take()?);
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Held { bytes, _memory: memory })
    }

    fn take(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| refusal("diagnosis.busy"))
    }
}

impl Held {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn code(budget: &Budget, bytes: usize) -> Option<String> {
        budget.read(Body::from(vec![0; bytes])).await.err().map(|refusal| refusal.code().to_owned())
    }

    #[tokio::test]
    async fn a_body_is_read_whole() {
        let held = Budget::new(1).read(Body::from("image")).await.ok().unwrap();
        assert_eq!(held.bytes(), b"image");
    }

    #[tokio::test]
    async fn memory_is_taken_while_held_and_given_back() {
        let budget = Budget::new(3);
        let held = budget.read(Body::from(vec![1; 2 * MIB])).await.ok().unwrap();
        assert_eq!(code(&budget, MIB + 1).await.as_deref(), Some("diagnosis.busy"));
        assert_eq!(code(&budget, MIB).await, None);
        drop(held);
        assert_eq!(code(&budget, 3 * MIB).await, None);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_refused() {
        let broken = http_body_util::StreamBody::new(futures::stream::iter([
            Ok(http_body::Frame::data(axum::body::Bytes::from_static(b"half"))),
            Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)),
        ]));
        let refused = Budget::new(1).read(Body::new(broken)).await.err().unwrap();
        assert_eq!(refused.code(), "body.truncated");
    }

    #[tokio::test]
    async fn a_body_beyond_the_bound_is_refused() {
        assert_eq!(
            code(&Budget::default(), BODY_BYTES_MAX + 1).await.as_deref(),
            Some("body.too_large")
        );
    }
}
