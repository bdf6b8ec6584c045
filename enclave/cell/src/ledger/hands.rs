//! Who writes a ledger: two threads of its own, or on a made-up machine a task. The order
//! of one line is the writer's in both.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::error::{AppendError, LedgerError};
use super::publish::Publisher;
use super::writer::{Request, Writer};
use crate::machine::Machine;

/// Lines that wait for the disk; whoever comes after them waits before its line is taken.
const QUEUE_LINES_MAX: usize = 8192;

pub(super) struct Hands {
    /// None once it is closed.
    queue: Option<mpsc::Sender<Request>>,
    work: Work,
}

enum Work {
    Threads { writer: Option<JoinHandle<()>>, publishing: Option<JoinHandle<()>> },
    Task(AbortHandle),
}

impl Hands {
    pub(super) fn start(
        writer: Writer,
        publisher: &Arc<Publisher>,
        machine: &Machine,
    ) -> Result<Self, LedgerError> {
        let (queue, requests) = mpsc::channel(QUEUE_LINES_MAX);
        let work = if let Some(made_up) = machine.made_up() {
            Work::Task(tokio::spawn(writer.run_on(made_up.clone(), requests)).abort_handle())
        } else {
            let writer = Some(spawn("ledger-writer", move || writer.run(requests))?);
            let files = Arc::clone(publisher);
            let publishing = Some(spawn("ledger-publisher", move || files.run())?);
            Work::Threads { writer, publishing }
        };
        Ok(Self { queue: Some(queue), work })
    }

    /// Takes a line in; it is answered when it is durable.
    pub(super) async fn take(&self, request: Request) -> Result<(), AppendError> {
        let queue = self.queue.as_ref().ok_or(AppendError::Stopped)?;
        queue.send(request).await.map_err(|_| AppendError::Stopped)
    }

    /// Lets threads finish what was accepted and publish it; a task ends where it stands,
    /// as with its machine.
    pub(super) fn finish(&mut self, publisher: &Publisher) {
        self.queue = None;
        match &mut self.work {
            Work::Task(task) => task.abort(),
            Work::Threads { writer, publishing } => {
                // A thread that panicked has told so; there is nobody to hand the panic to.
                let _panicked = writer.take().map(JoinHandle::join);
                publisher.stop();
                let _panicked = publishing.take().map(JoinHandle::join);
            }
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, LedgerError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(LedgerError::io)
}
