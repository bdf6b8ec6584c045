//! Disks that are full, and disks that fail.

use std::pin::pin;
use std::task::Poll;

use futures::poll;

use super::*;

#[tokio::test]
async fn all_that_wait_become_durable_together_and_nobody_is_answered_before() {
    let disk = Arc::new(Memory::default());
    let ledger = open(&disk).unwrap();
    disk.set(|faults| faults.sync_waits = true);
    let before = disk.content().syncs;
    let mut first = Box::pin(ledger.append(event(0)));
    assert!(poll!(first.as_mut()).is_pending());
    disk.await_unsynced();
    let mut others: Vec<_> =
        (1..101).map(|number| Box::pin(ledger.append(event(number)))).collect();
    for other in &mut others {
        assert!(poll!(other).is_pending());
    }
    assert_eq!(ledger.size(), 0);
    disk.set(|faults| faults.sync_waits = false);
    assert_eq!(first.await.unwrap().index, 0);
    let lines = join_all(others).await;
    let indices: Vec<u64> = lines.into_iter().map(|line| line.unwrap().index).collect();
    assert_eq!(indices, (1..101).collect::<Vec<_>>());
    assert_eq!(disk.content().syncs - before, 2);
}

#[tokio::test]
async fn a_line_is_not_answered_while_its_fsync_runs() {
    let disk = Arc::new(Memory::default());
    let ledger = open(&disk).unwrap();
    disk.set(|faults| faults.sync_waits = true);
    let mut append = pin!(ledger.append(event(0)));
    assert_eq!(poll!(append.as_mut()), Poll::Pending);
    disk.await_unsynced();
    assert_eq!(poll!(append.as_mut()), Poll::Pending);
    assert_eq!((ledger.size(), ledger.line(0)), (0, None));
    disk.set(|faults| faults.sync_waits = false);
    assert_eq!(append.await.unwrap().index, 0);
}

#[tokio::test]
async fn on_a_full_disk_appends_fail_and_go_on_when_there_is_room() {
    let disk = Arc::new(Memory::default());
    session(&disk, 0..3).await;
    let journal = disk.content().journal.clone();
    let ledger = open(&disk).unwrap();
    for room in [0, 1, 47, 48, 49, 100] {
        disk.set(|faults| faults.write_after = Some(room));
        assert_eq!(ledger.append(event(9)).await.unwrap_err().code(), "ledger.full");
        assert_eq!(disk.content().journal, journal, "{room}");
        assert_eq!(ledger.size(), 3);
    }
    disk.set(|faults| faults.write_after = None);
    assert_eq!(ledger.append(event(3)).await.unwrap().index, 3);
    drop(ledger);
    assert_eq!(numbers(&open(&disk).unwrap()), [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_part_that_cannot_be_cut_halts_the_ledger_and_is_gone_after_a_restart() {
    let disk = Arc::new(Memory::default());
    session(&disk, 0..3).await;
    let ledger = open(&disk).unwrap();
    disk.set(|faults| (faults.write_after, faults.cut) = (Some(60), true));
    assert_eq!(ledger.append(event(9)).await.unwrap_err().code(), "ledger.full");
    disk.set(|faults| (faults.write_after, faults.cut) = (None, false));
    assert_eq!(ledger.append(event(9)).await.unwrap_err().code(), "ledger.halted");
    drop(ledger);
    assert_eq!(numbers(&open(&disk).unwrap()), [0, 1, 2]);
}

#[tokio::test]
async fn a_failed_fsync_fails_its_lines_and_halts_the_ledger() {
    let disk = Arc::new(Memory::default());
    session(&disk, 0..3).await;
    let ledger = open(&disk).unwrap();
    let checkpoint = ledger.checkpoint();
    disk.set(|faults| faults.sync = true);
    assert_eq!(ledger.append(event(9)).await.unwrap_err().code(), "ledger.sync");
    disk.set(|faults| faults.sync = false);
    assert_eq!(ledger.append(event(9)).await.unwrap_err().code(), "ledger.halted");
    assert_eq!((ledger.size(), ledger.checkpoint()), (3, checkpoint));
    drop(ledger);
    session(&disk, 3..5).await;
    assert_eq!(numbers(&open(&disk).unwrap()), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn files_that_cannot_be_written_stop_no_line_and_are_made_later() {
    let disk = Arc::new(Memory::default());
    let ledger = open(&disk).unwrap();
    disk.set(|faults| faults.put = true);
    for number in 0..5 {
        ledger.append(event(number)).await.unwrap();
    }
    assert_eq!(ledger.publish().unwrap_err().code(), "ledger.io");
    assert_eq!(audited(&disk).size, 0);
    disk.set(|faults| faults.put = false);
    ledger.publish().unwrap();
    assert_eq!(audited(&disk).size, 5);
}

#[tokio::test]
async fn a_start_without_room_for_the_files_is_refused() {
    let disk = Arc::new(Memory::default());
    disk.set(|faults| faults.put = true);
    assert_eq!(refused(&disk).code(), "ledger.io");
}

#[tokio::test]
async fn more_than_a_frame_holds_goes_into_the_next() {
    let rules: Vec<_> = (0..autoclave_ledger::RULES_MAX)
        .map(|nth| autoclave_ledger::Label::of_claim(&format!("{nth:0>128}")))
        .collect();
    let label = autoclave_ledger::Label::code("x");
    let large = Event::Access {
        actor: label.clone(),
        role: label.clone(),
        action: label.clone(),
        resource: label,
        subject: None,
        purpose: None,
        decision: autoclave_ledger::Decision::Granted,
        rules,
    };
    let disk = Arc::new(Memory::default());
    let ledger = open(&disk).unwrap();
    let before = disk.content().syncs;
    disk.set(|faults| faults.sync_waits = true);
    let mut appends: Vec<_> = (0..1000).map(|_| Box::pin(ledger.append(large.clone()))).collect();
    assert!(poll!(&mut appends[0]).is_pending());
    disk.await_unsynced();
    for append in &mut appends[1..] {
        assert!(poll!(append).is_pending());
    }
    disk.set(|faults| faults.sync_waits = false);
    assert!(join_all(appends).await.iter().all(Result::is_ok));
    let frames = disk.content().syncs - before;
    assert!((3..=5).contains(&frames), "8.5 MB of lines went into {frames} frames of 4 MiB");
    drop(ledger);
    assert_eq!(open(&disk).unwrap().size(), 1000);
}
