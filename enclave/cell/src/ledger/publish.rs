//! Tiles and checkpoint as files, for readers who come without the enclave. They follow
//! the journal and never lead it: tiles first, then the checkpoint that needs them. What
//! is missing or altered here is made again from the journal at the next start.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use autoclave_ledger::audit::CHECKPOINT_PATH;
use autoclave_ledger::{Tile, tiles_between, tiles_of};

use super::shared::{Head, Shared};
use super::writer::cause;
use crate::event;

/// The file that holds the log's key, for convenience: who checks the log brings the key
/// from the enclave's attested runtime.
pub(super) const KEY_PATH: &str = "key";

/// Rest between two publications under load, so that they leave the disk to the journal.
const PUBLISH_PAUSE: Duration = Duration::from_millis(100);

/// Files that are written before they are synced together: some megabytes at the most.
const FILES_AT_ONCE: usize = 32;

/// Partial tiles are kept for this many published sizes, for readers who are under way.
const SIZES_KEPT: usize = 4;

pub(super) struct Publisher {
    shared: Arc<Shared>,
    /// The sizes published last, the latest at the end. Locked while publishing.
    published: Mutex<VecDeque<u64>>,
    turn: Mutex<Turn>,
    turned: Condvar,
}

#[derive(Default)]
struct Turn {
    due: bool,
    stop: bool,
}

impl Publisher {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let (turn, turned) = (Mutex::default(), Condvar::new());
        Self { shared, published: Mutex::default(), turn, turned }
    }

    /// Makes every file as the journal says, whatever was found in its place.
    pub(super) fn repair(&self) -> io::Result<()> {
        let mut published = lock(&self.published);
        let (head, disk) = (self.shared.head(), self.shared.disk());
        let mut lost = Vec::new();
        for tile in tiles_of(head.size) {
            if disk.read(&tile.to_string())? != Some(self.bytes(&tile)?) {
                lost.push(tile);
            }
        }
        disk.put(KEY_PATH, format!("{}\n", self.shared.signer().public()).as_bytes())?;
        self.put(lost, &head)?;
        published.push_back(head.size);
        Ok(())
    }

    /// Publishes what is durable and not yet published.
    pub(super) fn publish(&self) -> io::Result<()> {
        let mut published = lock(&self.published);
        let head = self.shared.head();
        let last = published.back().copied().unwrap_or(0);
        if last == head.size {
            return Ok(());
        }
        self.put(tiles_between(last, head.size), &head)?;
        published.push_back(head.size);
        while published.len() > SIZES_KEPT {
            let oldest = published.pop_front().unwrap_or(0);
            self.forget(oldest, published.front().copied().unwrap_or(head.size));
        }
        Ok(())
    }

    /// Publishes; what fails is tried again with the next lines, and at the next start.
    pub(super) fn publish_or_warn(&self) {
        if let Err(error) = self.publish() {
            event!(WARN, "ledger.publish", cause = cause(&error));
        }
    }

    /// Publishes whenever the writer has been at work, until told to stop.
    pub(super) fn run(&self) {
        loop {
            let stop = self.wait();
            self.publish_or_warn();
            if stop {
                return;
            }
            let turn = lock(&self.turn);
            let paused = self.turned.wait_timeout_while(turn, PUBLISH_PAUSE, |turn| !turn.stop);
            drop(paused);
        }
    }

    /// Tells the publisher that there is something to publish.
    pub(super) fn wake(&self) {
        lock(&self.turn).due = true;
        self.turned.notify_all();
    }

    /// Tells the publisher to publish once more and to end.
    pub(super) fn stop(&self) {
        lock(&self.turn).stop = true;
        self.turned.notify_all();
    }

    /// Waits for work; whether it is the last.
    fn wait(&self) -> bool {
        let idle = |turn: &mut Turn| !turn.due && !turn.stop;
        let turn = self.turned.wait_while(lock(&self.turn), idle);
        let mut turn = turn.unwrap_or_else(PoisonError::into_inner);
        turn.due = false;
        turn.stop
    }

    /// Puts `tiles` in place, and then the checkpoint that needs them.
    fn put(&self, tiles: impl IntoIterator<Item = Tile>, head: &Head) -> io::Result<()> {
        let disk = self.shared.disk();
        let mut folders = BTreeMap::new();
        let tiles: Vec<Tile> = tiles.into_iter().collect();
        for some in tiles.chunks(FILES_AT_ONCE) {
            let mut files = Vec::with_capacity(some.len());
            for tile in some {
                let path = tile.to_string();
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
                folders.insert(folder, path.clone());
                files.push((path, self.bytes(tile)?));
            }
            disk.put_all(&files)?;
        }
        for path in folders.values() {
            disk.settle(path)?;
        }
        disk.put(CHECKPOINT_PATH, head.checkpoint.as_bytes())?;
        disk.settle(CHECKPOINT_PATH)
    }

    /// Removes the partial tiles of size `old` that size `kept` has wider; with a full
    /// tile go all its partial ones, whenever they were made.
    fn forget(&self, old: u64, kept: u64) {
        for wider in tiles_between(old, kept) {
            let partial = Tile::at(wider.kind(), wider.index(), old);
            let gone = match partial.filter(|tile| !tile.is_full()) {
                Some(_) if wider.is_full() => format!("{wider}.p"),
                Some(partial) => partial.to_string(),
                None => continue,
            };
            // A partial tile that stays does no harm.
            let _stays = self.shared.disk().remove(&gone);
        }
    }

    fn bytes(&self, tile: &Tile) -> io::Result<Vec<u8>> {
        let altered = || io::Error::new(io::ErrorKind::InvalidData, "the journal was altered");
        self.shared.tile(tile).ok_or_else(altered)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
