//! The host of an enclave's own ledger: a journal that is durable before anybody learns of
//! a line, and the C2SP files that are made from it. Part of every enclave; the disk it
//! writes to belongs to the machine's administrator and is believed in nothing. A line is
//! never taken back, and no two checkpoints are signed that contradict each other.
//!
//! Order of one line: encoded → written to the journal with others → `fsync` → in the tree
//! → checkpoint signed → its caller resumes → tiles and checkpoint file. What the last step
//! writes can be rebuilt from the journal at any start. A disk that loses, alters or rolls
//! back what a published checkpoint covers is noticed at the next start, which is refused;
//! a copy of the whole disk from earlier is noticed by whoever holds a later checkpoint
//! ([`Options::known`], witnesses, proofs).

mod disk;
mod error;
mod frame;
mod hands;
mod publish;
mod recover;
mod serve;
mod shared;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use autoclave_ledger::{Entry, Event, Hash, LedgerProof, LogKey, LogSigner};
use tokio::sync::{oneshot, watch};

pub use disk::Disk;
pub use error::{AppendError, LedgerError};
pub use serve::{Caching, Served};

use crate::clock::Clock;
use crate::machine::Machine;
use disk::Folder;
use hands::Hands;
use publish::Publisher;
use shared::Shared;
use writer::{Request, Writer};

/// How to open a ledger.
pub struct Options {
    /// Where its files lie. Made where it does not exist.
    pub folder: PathBuf,
    /// Its name and key; the same at every start.
    pub signer: LogSigner,
    /// The time that lines carry.
    pub clock: Clock,
    /// A checkpoint that the enclave remembers, from sealed state: the ledger must extend
    /// it. With one, a ledger that has vanished is refused rather than begun anew.
    pub known: Option<String>,
    /// Whose disk and threads it uses.
    pub machine: Machine,
}

/// A line that is durable, with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which line, from 0.
    pub index: u64,
    /// The proof that it is in the log.
    pub proof: LedgerProof,
}

/// The enclave's ledger. Copies are the same ledger; it closes with the last.
#[derive(Clone)]
pub struct Ledger(Arc<Host>);

struct Host {
    hands: Hands,
    shared: Arc<Shared>,
    publisher: Arc<Publisher>,
    clock: Clock,
}

impl Ledger {
    /// Opens the ledger in a folder, or begins it; blocks while it reads the journal. When
    /// this returns, all files are as the journal says.
    pub fn open(options: Options) -> Result<Self, LedgerError> {
        let Options { folder, signer, clock, known, machine } = options;
        let disk = match machine.made_up() {
            Some(made_up) => made_up.ledger_disk(&folder)?,
            None => Arc::new(Folder::open(&folder)?),
        };
        Self::on(disk, signer, clock, known.as_deref(), &machine)
    }

    fn on(
        disk: Arc<dyn Disk>,
        signer: LogSigner,
        clock: Clock,
        known: Option<&str>,
        machine: &Machine,
    ) -> Result<Self, LedgerError> {
        let recovered = recover::recover(&*disk, &signer, known)?;
        let shared = Arc::new(Shared::new(disk, signer, &recovered));
        let publisher = Arc::new(Publisher::new(Arc::clone(&shared)));
        publisher.repair().map_err(LedgerError::io)?;
        let writer =
            Writer::new(Arc::clone(&shared), Arc::clone(&publisher), recovered.journal_bytes);
        let hands = Hands::start(writer, &publisher, machine)?;
        Ok(Self(Arc::new(Host { hands, shared, publisher, clock })))
    }

    /// Appends a line. When this returns `Ok`, the line is on the disk and stays. After an
    /// error, or if the caller stops waiting, it may or may not be there: what depends on
    /// the line must not happen.
    pub async fn append(&self, event: Event) -> Result<Line, AppendError> {
        let entry = Arc::new(Entry { time: self.0.clock.now(), event }.to_bytes()?);
        let (answer, answered) = oneshot::channel();
        let request = Request { entry: Arc::clone(&entry), answer };
        self.0.hands.take(request).await?;
        let committed = answered.await.map_err(|_| AppendError::Stopped)??;
        let proof = self.0.shared.prove(committed.index, &committed.head, &entry);
        Ok(Line { index: committed.index, proof: proof.ok_or(AppendError::Stopped)? })
    }

    /// How many lines there are.
    pub fn size(&self) -> u64 {
        self.0.shared.head().size
    }

    /// The latest signed checkpoint; every line under it is durable.
    pub fn checkpoint(&self) -> String {
        self.0.shared.head().checkpoint.clone()
    }

    /// The latest size and its signed checkpoint.
    pub fn head(&self) -> (u64, String) {
        let head = self.0.shared.head();
        (head.size, head.checkpoint.clone())
    }

    /// The proof that the first `old` lines are those of the tree of `new` lines.
    pub fn consistency(&self, old: u64, new: u64) -> Option<Vec<Hash>> {
        self.0.shared.consistency(old, new)
    }

    /// Learns of each new size; the latest one only, if several came together.
    pub fn grown(&self) -> watch::Receiver<u64> {
        self.0.shared.grown()
    }

    /// The latest checkpoint that witnesses have cosigned.
    pub fn cosigned(&self) -> Option<String> {
        self.0.shared.cosigned().map(|note| note.to_string())
    }

    /// Shows a cosigned checkpoint to readers.
    pub(crate) fn set_cosigned(&self, note: &str) {
        self.0.shared.set_cosigned(note.into());
    }

    /// The latest line that has `needle` and for which `wanted` says yes. Reads the journal
    /// backwards, so it blocks.
    pub(crate) fn latest(&self, needle: &[u8], wanted: impl Fn(&Event) -> bool) -> Option<Event> {
        (0..self.size()).rev().find_map(|index| {
            let line = self.0.shared.entry(index)?;
            line.windows(needle.len()).any(|part| part == needle).then_some(())?;
            let entry = Entry::from_bytes(&line).ok()?;
            wanted(&entry.event).then_some(entry.event)
        })
    }

    /// The key that verifies checkpoints.
    pub fn key(&self) -> &LogKey {
        self.0.shared.signer().public()
    }

    /// Line `index` with a proof up to the latest checkpoint; none where there is no such
    /// line, or where the disk no longer gives it.
    pub fn line(&self, index: u64) -> Option<Line> {
        let entry = self.0.shared.entry(index)?;
        let proof = self.0.shared.prove(index, &self.0.shared.head(), &entry)?;
        Some(Line { index, proof })
    }

    /// Line `index` without a proof; none where there is no such line. Reads the journal, so it
    /// may block.
    pub fn entry(&self, index: u64) -> Option<Entry> {
        Entry::from_bytes(&self.0.shared.entry(index)?).ok()
    }

    /// What to answer to `GET /ledger/<path>`: `checkpoint`, `key`, `tile/…`. May read the
    /// journal, so it may block.
    pub fn serve(&self, path: &str) -> Option<Served> {
        serve::serve(&self.0.shared, path)
    }

    /// Brings tiles and checkpoint file up to the last line, without waiting for the
    /// publisher's turn; blocks. For the end of a drain.
    pub fn publish(&self) -> Result<(), LedgerError> {
        self.0.publisher.publish().map_err(LedgerError::io)
    }
}

/// Finishes what was accepted, publishes it, and lets the folder go.
impl Drop for Host {
    fn drop(&mut self) {
        self.hands.finish(&self.publisher);
    }
}

#[cfg(test)]
mod tests;
