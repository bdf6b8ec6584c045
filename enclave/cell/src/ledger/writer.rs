//! The one thread that writes the journal. It takes all lines that wait, writes them as
//! one frame, makes them durable with one `fsync`, and only then answers. After a failed
//! `fsync` it takes nothing more, because the system then says nothing reliable about what
//! is on the disk.

use std::io;
use std::sync::Arc;

use autoclave_ledger::Hash;
use tokio::sync::{mpsc, oneshot};

use super::error::AppendError;
use super::frame::{BODY_BYTES_MAX, FrameKey, HEAD_BYTES, PREFIX_BYTES};
use super::publish::Publisher;
use super::shared::{Head, JOURNAL_LABEL, Place, Shared};
use crate::event;
use crate::machine::Simulated;

/// A line that waits, and who waits for it.
pub(super) struct Request {
    pub(super) entry: Arc<Vec<u8>>,
    pub(super) answer: oneshot::Sender<Result<Committed, AppendError>>,
}

/// A line that is durable, under a signed head.
pub(super) struct Committed {
    pub(super) index: u64,
    pub(super) head: Arc<Head>,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    publisher: Arc<Publisher>,
    key: FrameKey,
    /// Where the next frame goes: the end of what is durable.
    offset: u64,
    halted: bool,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, publisher: Arc<Publisher>, offset: u64) -> Self {
        let key = FrameKey::new(shared.signer().derive(JOURNAL_LABEL));
        Self { shared, publisher, key, offset, halted: false }
    }

    /// Serves `requests` until nobody can send any.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut next = None;
        while let Some(first) = next.take().or_else(|| requests.blocking_recv()) {
            let (done, held_over) = self.serve(first, &mut requests);
            next = held_over;
            done.tell();
        }
    }

    /// As [`Writer::run`], as a task of a made-up machine, which says how long it takes.
    pub(super) async fn run_on(
        mut self,
        machine: Arc<dyn Simulated>,
        mut requests: mpsc::Receiver<Request>,
    ) {
        let mut next = None;
        loop {
            let first = match next.take() {
                Some(held_over) => Some(held_over),
                None => requests.recv().await,
            };
            let Some(first) = first else { return };
            machine.pause().await;
            let (done, held_over) = self.serve(first, &mut requests);
            next = held_over;
            machine.pause().await;
            done.tell();
            self.publisher.publish_or_warn();
        }
    }

    /// Makes durable what waits; who is to be told, and the line that no longer fits.
    fn serve(
        &mut self,
        first: Request,
        requests: &mut mpsc::Receiver<Request>,
    ) -> (Done, Option<Request>) {
        let (batch, held_over) = gather(first, requests);
        let (entries, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|request| (request.entry, request.answer)).unzip();
        (Done { outcome: self.commit(&entries), answers }, held_over)
    }

    /// Makes `entries` durable; the index of the first, and the head over all.
    fn commit(&mut self, entries: &[Arc<Vec<u8>>]) -> Result<(u64, Arc<Head>), AppendError> {
        if self.halted {
            return Err(AppendError::Halted);
        }
        let start = self.shared.head().size;
        let lines: Vec<&[u8]> = entries.iter().map(|entry| entry.as_slice()).collect();
        let frame = self.key.frame(start, &self.shared.root(), &lines);
        self.write(&frame)?;
        let placed = place(&lines, self.offset);
        self.offset += frame.len() as u64;
        let head = self.shared.extend(placed);
        self.publisher.wake();
        Ok((start, head))
    }

    fn write(&mut self, frame: &[u8]) -> Result<(), AppendError> {
        let disk = self.shared.disk();
        if let Err(error) = disk.journal_write(self.offset, frame) {
            event!(ERROR, "ledger.write", cause = cause(&error));
            // Whatever part was written goes. If not even that works, the journal's end is
            // unknown.
            self.halted = disk.journal_cut(self.offset).is_err();
            return Err(AppendError::Write(error.kind()));
        }
        if let Err(error) = disk.journal_sync() {
            event!(ERROR, "ledger.sync", cause = cause(&error));
            self.halted = true;
            // So that the next start does not find in the cache what is not on the disk.
            let _refused = disk.journal_cut(self.offset);
            return Err(AppendError::Sync(error.kind()));
        }
        Ok(())
    }
}

/// All lines that wait, up to one frame; and the one that no longer fits.
fn gather(
    first: Request,
    requests: &mut mpsc::Receiver<Request>,
) -> (Vec<Request>, Option<Request>) {
    let mut bytes = PREFIX_BYTES + first.entry.len();
    let mut batch = vec![first];
    while let Ok(request) = requests.try_recv() {
        bytes += PREFIX_BYTES + request.entry.len();
        if bytes > BODY_BYTES_MAX {
            return (batch, Some(request));
        }
        batch.push(request);
    }
    (batch, None)
}

/// Where the lines of a frame at `offset` lie, with their hashes.
fn place(lines: &[&[u8]], offset: u64) -> Vec<(Hash, Place)> {
    let mut offset = offset + HEAD_BYTES as u64;
    let place = |line: &&[u8]| {
        offset += PREFIX_BYTES as u64;
        let placed = (Hash::of_leaf(line), Place::new(offset, line.len()));
        offset += line.len() as u64;
        placed
    };
    lines.iter().map(place).collect()
}

/// A batch that is on the disk, or failed; nobody was told yet.
struct Done {
    outcome: Result<(u64, Arc<Head>), AppendError>,
    answers: Vec<oneshot::Sender<Result<Committed, AppendError>>>,
}

impl Done {
    fn tell(self) {
        for (nth, answer) in (0..).zip(self.answers) {
            let committed = match &self.outcome {
                Ok((start, head)) => Ok(Committed { index: start + nth, head: Arc::clone(head) }),
                Err(error) => Err(*error),
            };
            // Whoever stopped waiting learns nothing; the line stays.
            let _gone = answer.send(committed);
        }
    }
}

/// The system's reason as a code; its words may name paths.
pub(super) fn cause(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "storage_full",
        io::ErrorKind::QuotaExceeded => "quota_exceeded",
        io::ErrorKind::ReadOnlyFilesystem => "read_only",
        io::ErrorKind::PermissionDenied => "permission_denied",
        _ => "other",
    }
}
