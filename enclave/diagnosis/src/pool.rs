//! The bounded pool on which images are decoded and models run.
//! It belongs to the diagnosis enclave and protects its memory and its other routes.
//! No job waits without a bound, and no panic of a decoder ends the process.

use std::sync::Arc;

use autoclave_cell::Machine;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Jobs that run at once beside those in the engine: one image is decoded meanwhile.
pub const JOBS_DECODING_MAX: usize = 1;
/// Requests that are read, wait or run. At a quarter of a second for each image, the
/// last of them waits eight seconds.
pub const JOBS_MAX: usize = 64;

/// Why a job gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PoolRefusal {
    /// As many jobs wait as may.
    #[error("too many requests are waiting")]
    Busy,
    /// The job panicked.
    #[error("the request could not be processed")]
    Crashed,
}

impl PoolRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Busy => "diagnosis.busy",
            Self::Crashed => "diagnosis.crashed",
        }
    }
}

/// A bounded pool of blocking jobs.
#[derive(Clone)]
pub struct Pool {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    machine: Machine,
}

/// The right to run one job; given back when the job is done, or dropped.
pub struct Place {
    admitted: OwnedSemaphorePermit,
    running: Arc<Semaphore>,
    machine: Machine,
}

impl Pool {
    /// A pool of `machine` for an engine with `runs` at once; admits [`JOBS_MAX`].
    pub fn new(machine: &Machine, runs: usize) -> Self {
        Self::bounded(machine, runs + JOBS_DECODING_MAX, JOBS_MAX)
    }

    /// A pool that runs `running` jobs at once and admits `admitted` in all.
    pub fn bounded(machine: &Machine, running: usize, admitted: usize) -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(admitted)),
            running: Arc::new(Semaphore::new(running)),
            machine: machine.clone(),
        }
    }

    /// A place in the queue, or a refusal at once.
    pub fn enter(&self) -> Result<Place, PoolRefusal> {
        let admitted =
            Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| PoolRefusal::Busy)?;
        let (running, machine) = (Arc::clone(&self.running), self.machine.clone());
        Ok(Place { admitted, running, machine })
    }
}

impl Place {
    /// Runs `job` as soon as one may run. A job that has begun runs to its end, and holds
    /// its place till then, even when nobody waits for it any more.
    pub async fn run<T: Send + 'static>(
        self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolRefusal> {
        let running = self.running.acquire_owned().await.map_err(|_| PoolRefusal::Busy)?;
        let places = (self.admitted, running);
        let done = self.machine.block_on(move || {
            let result = job();
            drop(places);
            result
        });
        done.await.map_err(|_| PoolRefusal::Crashed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn pool(running: usize, admitted: usize) -> Pool {
        Pool::bounded(&Machine::system(), running, admitted)
    }

    #[tokio::test]
    async fn a_job_gives_its_result_and_its_place_back() {
        let pool = pool(1, 1);
        for _ in 0..3 {
            assert_eq!(pool.enter().ok().unwrap().run(|| 7).await, Ok(7));
        }
    }

    #[tokio::test]
    async fn beyond_the_bound_there_is_no_place() {
        let pool = pool(1, 2);
        let (release, wait) = mpsc::channel::<()>();
        let (first, second) = (pool.enter().ok().unwrap(), pool.enter().ok().unwrap());
        assert_eq!(pool.enter().err(), Some(PoolRefusal::Busy));
        let first = tokio::spawn(first.run(move || wait.recv().unwrap()));
        let second = tokio::spawn(second.run(|| ()));
        assert_eq!(pool.enter().err(), Some(PoolRefusal::Busy), "while both run or wait");
        release.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(second.await.unwrap(), Ok(()));
        assert!(pool.enter().is_ok());
    }

    #[tokio::test]
    async fn a_panic_ends_the_job_and_not_the_pool() {
        let pool = pool(1, 1);
        let crash = pool.enter().ok().unwrap().run(|| panic!("decoder")).await;
        assert_eq!(crash, Err::<(), _>(PoolRefusal::Crashed));
        assert_eq!(pool.enter().ok().unwrap().run(|| 1).await, Ok(1));
    }
}
