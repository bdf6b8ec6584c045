//! What an enclave does in the background: it ends with the enclave, and none of it
//! outlives the life that began it. The cell's.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::rt::Executor;
use tokio::task::JoinSet;

/// Tasks that end together. Copies are the same tasks.
#[derive(Clone)]
pub(crate) struct Tasks(Arc<Mutex<Option<JoinSet<()>>>>);

impl Tasks {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(JoinSet::new()))))
    }

    /// Begins a task; none after the end.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tasks) = tasks.as_mut() {
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }

    fn end(&self) {
        let tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(tasks);
    }
}

/// For connections that an HTTP client keeps.
impl<F: Future + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.spawn(async move {
            let _output = task.await;
        });
    }
}

/// Ends them when it is dropped.
pub(crate) struct EndOnDrop(pub(crate) Tasks);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn tasks_end_with_their_owner_and_none_begins_after() {
        let tasks = Tasks::new();
        let guard = EndOnDrop(tasks.clone());
        let (held, ended) = oneshot::channel::<()>();
        tasks.spawn(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        drop(guard);
        assert!(ended.await.is_err());
        let (held, ended) = oneshot::channel::<()>();
        tasks.spawn(async move {
            let _nobody_waits = held.send(());
        });
        assert!(ended.await.is_err());
    }
}
