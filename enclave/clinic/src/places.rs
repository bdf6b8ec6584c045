//! How many bodies are in memory at one time. The clinic's. A few large images cannot
//! crowd out the many small ones, and nothing waits for a place while it holds a better one.

use std::time::Duration;

use autoclave_cell::Refusal;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// A body up to this size needs no large place: most slices and pictures.
pub(crate) const SMALL_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bodies at one time: half a gigabyte at the very worst.
const SMALL_PLACES: usize = 32;
/// Large bodies at one time, of 200 MB each: they are stored and read in parts.
const LARGE_PLACES: usize = 2;
/// Longest wait for a large place. Whoever waits longer is told so, before those at the other
/// end of the line give up without a word.
const LARGE_WAIT: Duration = Duration::from_mins(3);
const BUSY: Refusal = Refusal::unavailable(
    "intake.busy",
    "The clinic is busy with other large images; try again in a while.",
);

/// The places. Every body takes a small one first; one that grows takes a large one too.
pub(crate) struct Places {
    small: Semaphore,
    large: Semaphore,
}

/// A place, given back when dropped.
#[must_use]
pub(crate) struct Place<'a> {
    _permit: SemaphorePermit<'a>,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self { small: Semaphore::new(SMALL_PLACES), large: Semaphore::new(LARGE_PLACES) }
    }

    /// A place for a body that may be small.
    pub(crate) async fn small(&self) -> Result<Place<'_>, Refusal> {
        place(&self.small).await
    }

    /// A further place, for a body that is not small.
    pub(crate) async fn large(&self) -> Result<Place<'_>, Refusal> {
        timeout(LARGE_WAIT, place(&self.large)).await.map_err(|_| BUSY)?
    }
}

async fn place(places: &Semaphore) -> Result<Place<'_>, Refusal> {
    let permit = places.acquire().await.map_err(|_| Refusal::internal("places.closed"))?;
    Ok(Place { _permit: permit })
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn large_bodies_leave_room_for_small_ones() {
        let places = Places::new();
        let (_one, _two) = (places.large().await.unwrap(), places.large().await.unwrap());
        assert!(places.large().now_or_never().is_none());
        let small = places.small().now_or_never().unwrap();
        assert!(small.is_ok());
    }

    #[tokio::test]
    async fn a_place_is_given_back() {
        let places = Places::new();
        for _ in 0..2 * LARGE_PLACES {
            drop(places.large().await.unwrap());
        }
        assert!(places.large().now_or_never().is_some());
    }
}
