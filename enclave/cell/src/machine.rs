//! What an enclave's machine lends it beside the network: threads that may block, and the
//! disk of its ledger. The cell's, and chosen at launch as the clock is, so that a
//! simulation can do all work in one thread and lose what was not yet durable. No rule and
//! no check stands here.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::ledger::{Disk, LedgerError};

/// A machine that is made up.
pub trait Simulated: Send + Sync + 'static {
    /// How long a piece of work that blocks takes before it is done, and another time
    /// before its caller learns of it.
    fn pause(&self) -> BoxFuture<'static, ()>;

    /// The disk of the ledger in `folder`.
    fn ledger_disk(&self, folder: &Path) -> Result<Arc<dyn Disk>, LedgerError>;
}

/// The work panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the work panicked")]
pub struct Panicked;

/// The enclave's machine.
#[derive(Clone, Default)]
pub struct Machine(Kind);

#[derive(Clone, Default)]
enum Kind {
    #[default]
    System,
    Simulated(Arc<dyn Simulated>),
}

impl Machine {
    /// The machine that this process runs on.
    pub const fn system() -> Self {
        Self(Kind::System)
    }

    /// A made-up machine; work that blocks is done by the thread that asks for it.
    pub fn simulated(machine: Arc<dyn Simulated>) -> Self {
        Self(Kind::Simulated(machine))
    }

    /// Does work that may block for a while, off the runtime's threads. Work that has begun
    /// is done to its end, also when its caller no longer waits.
    pub async fn block_on<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        match &self.0 {
            Kind::System => tokio::task::spawn_blocking(work).await.map_err(|_| Panicked),
            Kind::Simulated(machine) => {
                machine.pause().await;
                let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
                machine.pause().await;
                done.map_err(|_| Panicked)
            }
        }
    }

    /// The made-up machine, where it is one.
    pub(crate) fn made_up(&self) -> Option<&Arc<dyn Simulated>> {
        match &self.0 {
            Kind::System => None,
            Kind::Simulated(machine) => Some(machine),
        }
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::System => "Machine(system)",
            Kind::Simulated(_) => "Machine(simulated)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_and_a_panic_is_an_error() {
        let machine = Machine::system();
        assert_eq!(machine.block_on(|| 7).await, Ok(7));
        assert_eq!(machine.block_on(|| panic!("work")).await, Err::<(), _>(Panicked));
    }
}
