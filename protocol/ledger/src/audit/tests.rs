use std::collections::BTreeMap;

use autoclave_base::UnixTime;

use super::*;
use crate::checkpoint::{LogSigner, tests::signer};
use crate::event::tests::all;
use crate::tile::bundle;

/// A log in memory: its lines, its tree, its files.
pub(crate) struct Log {
    signer: LogSigner,
    lines: Vec<Vec<u8>>,
    tree: Tree,
    files: BTreeMap<String, Vec<u8>>,
}

impl Log {
    /// A log of `size` lines, all its files in place.
    pub(crate) fn of(size: u64) -> Self {
        Self::with(size, 0)
    }

    /// The same with its lines dated from `start`.
    pub(crate) fn with(size: u64, start: u64) -> Self {
        let (signer, events) = (signer("example.com/log"), all());
        let lines: Vec<Vec<u8>> = (0..size)
            .zip(events.iter().cycle())
            .map(|(nth, event)| Entry {
                time: UnixTime::from_seconds(start + nth),
                event: event.clone(),
            })
            .map(|entry| entry.to_bytes().unwrap())
            .collect();
        let mut tree = Tree::new();
        for line in &lines {
            tree.push(Hash::of_leaf(line));
        }
        let mut log = Self { signer, lines, tree, files: BTreeMap::new() };
        log.publish(size);
        log
    }

    /// Its files.
    pub(crate) fn files(&self) -> impl Files {
        |path: &str| Ok(self.files.get(path).cloned())
    }

    /// Takes a file away.
    pub(crate) fn remove(&mut self, path: &str) {
        self.files.remove(path).unwrap();
    }

    /// Alters a file's last byte.
    pub(crate) fn alter(&mut self, path: &str) {
        *self.files.get_mut(path).unwrap().last_mut().unwrap() ^= 1;
    }

    fn publish(&mut self, size: u64) {
        for tile in tiles_of(size) {
            let start = usize::try_from(tile.index() * TILE_WIDTH).unwrap();
            let bytes = match tile.kind() {
                TileKind::Entries => {
                    bundle(&self.lines[start..start + usize::from(tile.width())]).unwrap()
                }
                TileKind::Hashes(_) => self.tree.tile(&tile).unwrap(),
            };
            self.files.insert(tile.to_string(), bytes);
        }
        self.files.insert(CHECKPOINT_PATH.to_owned(), self.checkpoint(size).into_bytes());
    }

    pub(crate) fn key(&self) -> LogKey {
        self.signer.public().clone()
    }

    pub(crate) fn checkpoint(&self, size: u64) -> String {
        self.signer.sign(size, &self.tree.root_at(size).unwrap())
    }

    pub(crate) fn proof(&self, index: u64, size: u64) -> LedgerProof {
        LedgerProof {
            origin: self.key().name().to_owned(),
            index,
            size,
            entry: String::from_utf8(self.lines[usize::try_from(index).unwrap()].clone()).unwrap(),
            hashes: self.tree.inclusion(index, size).unwrap(),
            checkpoint: self.checkpoint(size),
        }
    }

    fn audit(&self, earlier: &[String], proofs: &[LedgerProof]) -> Result<Report, AuditRefusal> {
        let files = |path: &str| Ok(self.files.get(path).cloned());
        audit(&files, &self.key(), &Expected { earlier, proofs }, |_, _| {})
    }

    fn code(&self) -> &'static str {
        self.audit(&[], &[]).unwrap_err().code()
    }
}

#[test]
fn true_logs_pass() {
    for size in [0, 1, 2, 255, 256, 257, 700] {
        let report = Log::of(size).audit(&[], &[]).unwrap();
        assert_eq!(report.size, size);
        assert_eq!(report.events.values().sum::<u64>(), size);
        assert_eq!(report.tiles, tiles_of(size).count() as u64);
    }
}

#[test]
fn every_line_is_shown_once_in_order() {
    let log = Log::of(300);
    let mut seen = Vec::new();
    let files = |path: &str| Ok(log.files.get(path).cloned());
    let see = |index: u64, entry: &Entry| seen.push((index, entry.time.seconds()));
    audit(&files, &log.key(), &Expected::default(), see).unwrap();
    assert_eq!(seen, (0..300).map(|nth| (nth, nth)).collect::<Vec<_>>());
}

#[test]
fn older_checkpoints_and_proofs_of_the_same_log_pass() {
    let log = Log::of(300);
    let earlier = [log.checkpoint(0), log.checkpoint(1), log.checkpoint(256), log.checkpoint(300)];
    let proofs = [log.proof(0, 1), log.proof(7, 200), log.proof(299, 300)];
    let report = log.audit(&earlier, &proofs).unwrap();
    assert_eq!(report.extends, [0, 1, 256, 300]);
    assert_eq!(report.proven, [0, 7, 299]);
}

#[test]
fn a_full_tile_stands_in_for_a_partial_one() {
    let mut log = Log::of(600);
    let old = log.checkpoint(300);
    log.files.insert(CHECKPOINT_PATH.to_owned(), old.into_bytes());
    assert_eq!(log.audit(&[], &[]).unwrap_err().code(), "ledger.missing");
    let upper = Tile::at(TileKind::Hashes(1), 0, 300).unwrap();
    log.files.insert(upper.to_string(), log.tree.tile(&upper).unwrap());
    assert_eq!(log.audit(&[], &[]).unwrap().size, 300);
}

#[test]
fn each_altered_or_missing_file_is_noticed() {
    let log = Log::of(300);
    for path in log.files.keys() {
        let mut missing = Log::of(300);
        missing.files.remove(path);
        assert_eq!(missing.code(), "ledger.missing", "{path}");
        for at in [0, log.files[path].len() / 2, log.files[path].len() - 1] {
            let mut altered = Log::of(300);
            altered.files.get_mut(path).unwrap()[at] ^= 1;
            assert!(altered.audit(&[], &[]).is_err(), "{path} byte {at}");
        }
        let mut short = Log::of(300);
        short.files.get_mut(path).unwrap().pop();
        assert!(short.audit(&[], &[]).is_err(), "{path} cut");
    }
}

#[test]
fn lines_that_were_exchanged_whole_lead_to_another_root() {
    let mut log = Log::of(20);
    let other = Log::with(20, 1_000);
    let path = "tile/entries/000.p/20";
    log.files.insert(path.to_owned(), other.files[path].clone());
    assert_eq!(log.code(), "ledger.root");
}

#[test]
fn a_line_that_is_none_is_named() {
    let mut log = Log::of(3);
    let lines = [&log.lines[..2], &[b"{\"name\":\"Jane\"}".to_vec()]].concat();
    log.files.insert("tile/entries/000.p/3".to_owned(), bundle(lines).unwrap());
    let refusal = log.audit(&[], &[]).unwrap_err();
    assert!(matches!(refusal, AuditRefusal::Entry { index: 2, .. }), "{refusal}");
}

#[test]
fn a_shrunk_and_a_rewritten_log_are_told_apart() {
    let (short, long, other) = (Log::of(10), Log::of(20), Log::with(20, 1_000));
    let code = |log: &Log, note| log.audit(&[note], &[]).unwrap_err().code();
    assert_eq!(code(&short, long.checkpoint(20)), "ledger.shrunk");
    assert_eq!(code(&long, other.checkpoint(15)), "ledger.rewritten");
    assert_eq!(code(&long, "nonsense".to_owned()), "ledger.checkpoint_malformed");
}

#[test]
fn proofs_of_another_history_are_refused() {
    let (log, other) = (Log::of(20), Log::with(20, 1_000));
    let code = |proof| log.audit(&[], &[proof]).unwrap_err().code();
    assert_eq!(code(other.proof(3, 20)), "ledger.rewritten");
    assert_eq!(code(Log::of(30).proof(3, 30)), "ledger.shrunk");
    let mut altered = log.proof(3, 20);
    altered.index = 4;
    assert_eq!(code(altered), "ledger.proof_root");
}

#[test]
fn a_disk_that_fails_is_said() {
    let key = Log::of(1).key();
    let files = |_: &str| Err(std::io::Error::other("gone"));
    let refusal = audit(&files, &key, &Expected::default(), |_, _| {}).unwrap_err();
    assert_eq!(refusal.code(), "ledger.unreadable");
}
