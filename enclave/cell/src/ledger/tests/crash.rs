//! Starts after a crash, and after somebody has been at the disk.

use super::memory::Content;
use super::*;

/// A ledger of three lines as published, and its journal with a last frame of two more
/// whose files were not published before the crash.
async fn crashed() -> (Content, Vec<u8>) {
    let (published, disk) = (Arc::new(Memory::default()), Arc::new(Memory::default()));
    session(&published, 0..3).await;
    session(&disk, 0..2).await;
    let ledger = open(&disk).unwrap();
    disk.set(|faults| faults.sync_waits = true);
    let mut appends: Vec<_> = (2..5).map(|number| Box::pin(ledger.append(event(number)))).collect();
    assert!(futures::poll!(&mut appends[0]).is_pending());
    disk.await_unsynced();
    for append in &mut appends[1..] {
        assert!(futures::poll!(append).is_pending());
    }
    disk.set(|faults| faults.sync_waits = false);
    assert!(join_all(appends).await.iter().all(Result::is_ok));
    let (published, journal) = (published.content().clone(), disk.content().journal.clone());
    assert!(journal.starts_with(&published.journal));
    (published, journal)
}

fn disk(content: &Content, journal: &[u8]) -> Arc<Memory> {
    Arc::new(Memory::with(Content { journal: journal.to_vec(), ..content.clone() }))
}

#[tokio::test]
async fn a_journal_cut_at_any_byte_of_its_end_yields_whole_frames_only() {
    let (published, journal) = crashed().await;
    let durable = published.journal.len();
    for end in durable..=journal.len() {
        let disk = disk(&published, &journal[..end]);
        let ledger = open(&disk).unwrap();
        let found = numbers(&ledger);
        let all: Vec<u64> = (0..5).collect();
        assert!(all.starts_with(&found) && found.len() >= 3, "cut at {end}: {found:?}");
        assert_eq!(found.len() == 5, end == journal.len(), "cut at {end}");
        let size = ledger.size();
        assert_eq!(ledger.append(event(size)).await.unwrap().index, size);
        drop(ledger);
        assert_eq!(audited(&disk).size, size + 1);
        assert_eq!(numbers(&open(&disk).unwrap()).len() as u64, size + 1);
    }
}

#[tokio::test]
async fn a_torn_end_of_zeroes_or_noise_is_cut_as_well() {
    let (published, journal) = crashed().await;
    let durable = published.journal.len();
    for hole in [durable..durable + 1, durable..journal.len(), durable + 50..journal.len()] {
        for fill in [0, 0xff] {
            let mut torn = journal.clone();
            torn[hole.clone()].fill(fill);
            let found = numbers(&open(&disk(&published, &torn)).unwrap());
            let whole: Vec<u64> = (0..if torn == journal { 5 } else { 3 }).collect();
            assert_eq!(found, whole, "{hole:?} filled with {fill}");
        }
    }
}

#[tokio::test]
async fn any_lost_byte_under_the_published_checkpoint_refuses_the_start() {
    let (published, _) = crashed().await;
    for end in 0..published.journal.len() {
        let code = refused(&disk(&published, &published.journal[..end])).code();
        assert_eq!(code, "ledger.rolled_back", "cut at {end}");
    }
}

#[tokio::test]
async fn any_altered_byte_under_the_published_checkpoint_refuses_the_start() {
    let (published, journal) = crashed().await;
    for at in 0..published.journal.len() {
        let mut altered = journal.clone();
        altered[at] ^= 1;
        let code = refused(&disk(&published, &altered)).code();
        let codes = ["ledger.journal_foreign", "ledger.journal_damaged", "ledger.rolled_back"];
        assert!(codes.contains(&code), "byte {at}: {code}");
    }
}

#[tokio::test]
async fn a_refused_start_changes_nothing() {
    let (published, _) = crashed().await;
    let disk = disk(&published, &published.journal[..published.journal.len() - 1]);
    let before = disk.content().clone();
    refused(&disk);
    assert_eq!(disk.content().journal, before.journal);
    assert_eq!(disk.content().files, before.files);
}

#[tokio::test]
async fn a_checkpoint_ahead_of_the_journal_refuses_the_start() {
    let disk = Arc::new(Memory::default());
    session(&disk, 0..3).await;
    let old = disk.content().journal.clone();
    session(&disk, 3..6).await;
    disk.content().journal = old;
    let refusal = refused(&disk);
    assert!(matches!(refusal, LedgerError::RolledBack { size: 3, signed: 6 }), "{refusal}");
}

#[tokio::test]
async fn a_vanished_journal_refuses_the_start() {
    let disk = Arc::new(Memory::default());
    session(&disk, 0..3).await;
    disk.content().journal.clear();
    assert_eq!(refused(&disk).code(), "ledger.rolled_back");
}

#[tokio::test]
async fn a_remembered_checkpoint_notices_what_the_files_do_not() {
    let disk = Arc::new(Memory::default());
    session(&disk, 0..3).await;
    let old = disk.content().clone();
    session(&disk, 3..6).await;
    let known = open(&disk).unwrap().checkpoint();
    for content in [old, Content::default()] {
        let disk = Arc::new(Memory::with(content));
        let refusal = open_knowing(&disk, Some(&known)).err().unwrap();
        assert_eq!(refusal.code(), "ledger.rolled_back");
    }
    assert!(open_knowing(&disk, Some(&known)).is_ok());
}

#[tokio::test]
async fn another_history_refuses_the_start() {
    let (one, other) = (Arc::new(Memory::default()), Arc::new(Memory::default()));
    session(&one, 0..3).await;
    let ledger = open(&other).unwrap();
    for _ in 0..3 {
        ledger.append(event(99)).await.unwrap();
    }
    drop(ledger);
    one.content().journal = other.content().journal.clone();
    assert_eq!(refused(&one).code(), "ledger.rewritten");
}

#[tokio::test]
async fn frames_of_another_history_cannot_be_joined_on() {
    let (one, other) = (Arc::new(Memory::default()), Arc::new(Memory::default()));
    session(&one, 0..3).await;
    let end = one.content().journal.len();
    let ledger = open(&other).unwrap();
    for number in [7, 8, 9, 3, 4] {
        ledger.append(event(number)).await.unwrap();
    }
    drop(ledger);
    let foreign = other.content().journal[end..].to_vec();
    one.content().journal.extend_from_slice(&foreign);
    assert_eq!(refused(&one).code(), "ledger.journal_damaged");
}

#[tokio::test]
async fn another_key_opens_nothing() {
    let disk = Arc::new(Memory::default());
    session(&disk, 0..3).await;
    let stranger = LogSigner::new("test.example/clinic", SigningKey::from_bytes(&[4; 32])).unwrap();
    let dyn_disk = Arc::clone(&disk) as Arc<dyn Disk>;
    assert!(Ledger::on(dyn_disk, stranger, clock(), None, &Machine::system()).is_err());
    assert_eq!(numbers(&open(&disk).unwrap()), [0, 1, 2]);
}

#[tokio::test]
async fn a_forged_or_broken_checkpoint_refuses_the_start() {
    let disk = Arc::new(Memory::default());
    session(&disk, 0..3).await;
    let cases: [(&[u8], &str); 3] = [
        (b"nonsense", "ledger.checkpoint_malformed"),
        (b"\xff\xfe", "ledger.checkpoint_malformed"),
        (b"", "ledger.checkpoint_malformed"),
    ];
    for (bytes, code) in cases {
        disk.content().files.insert("checkpoint".to_owned(), bytes.to_vec());
        assert_eq!(refused(&disk).code(), code);
    }
}

#[tokio::test]
async fn lost_and_altered_files_are_made_again_from_the_journal() {
    let disk = Arc::new(Memory::default());
    session(&disk, 0..300).await;
    let files = disk.content().files.clone();
    for path in files.keys().filter(|path| path.starts_with("tile/")) {
        disk.content().files.remove(path);
        drop(open(&disk).unwrap());
        disk.content().files.insert(path.clone(), b"altered".to_vec());
        drop(open(&disk).unwrap());
    }
    disk.content().files.clear();
    drop(open(&disk).unwrap());
    let again = disk.content().files.clone();
    assert!(again.iter().all(|(path, bytes)| files.get(path) == Some(bytes)));
    assert_eq!(audited(&disk).size, 300);
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_not_overwritten() {
    for bytes in [b"x".to_vec(), b"not a journal at all".to_vec(), b"ACLOG\0\0\x02".to_vec()] {
        let content = Content { journal: bytes.clone(), ..Content::default() };
        let disk = Arc::new(Memory::with(content));
        assert_eq!(refused(&disk).code(), "ledger.journal_foreign");
        assert_eq!(disk.content().journal, bytes);
    }
}

#[tokio::test]
async fn what_a_dead_process_left_unsynced_is_made_durable_before_it_counts() {
    let (published, journal) = crashed().await;
    let disk = disk(&published, &journal);
    disk.set(|faults| faults.sync = true);
    assert_eq!(refused(&disk).code(), "ledger.io");
    disk.set(|faults| faults.sync = false);
    assert_eq!(open(&disk).unwrap().size(), 5);
    assert_eq!(disk.content().durable, journal);
}

#[tokio::test]
async fn a_journal_torn_at_its_very_beginning_begins_anew() {
    let mark = super::super::frame::MARK;
    let torn = (0..=mark.len()).map(|end| mark[..end].to_vec()).chain([vec![0; 5], vec![0; 8]]);
    for journal in torn {
        let disk = Arc::new(Memory::with(Content { journal, ..Content::default() }));
        session(&disk, 0..2).await;
        assert_eq!(numbers(&open(&disk).unwrap()), [0, 1]);
    }
}
