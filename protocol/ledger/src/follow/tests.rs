use super::*;
use crate::audit::tests::Log;
use crate::proof::verify_consistency;
use crate::tile::tiles_of;

fn visit(log: &Log, seen: Option<&Seen>) -> Result<(Seen, Visit), AuditRefusal> {
    follow(&log.files(), &log.key(), seen, &[], |_, _| {})
}

fn code(log: &Log, seen: &Seen) -> &'static str {
    visit(log, Some(seen)).unwrap_err().code()
}

#[test]
fn a_log_is_followed_through_every_growth() {
    let mut kept = None;
    let mut lines = 0;
    for size in [0, 1, 1, 2, 255, 256, 257, 511, 513, 700] {
        let (seen, visit) = visit(&Log::of(size), kept.as_ref()).unwrap();
        assert_eq!((visit.from, visit.size), (lines, size));
        assert_eq!(visit.events.values().sum::<u64>(), size - lines);
        (kept, lines) = (Some(seen), size);
    }
    let text = serde_json::to_string(&kept).unwrap();
    assert_eq!(serde_json::from_str::<Option<Seen>>(&text).unwrap(), kept);
}

#[test]
fn each_new_line_is_shown_once() {
    let (seen, _) = visit(&Log::of(300), None).unwrap();
    let (log, mut shown) = (Log::of(600), Vec::new());
    follow(&log.files(), &log.key(), Some(&seen), &[], |index, _| shown.push(index)).unwrap();
    assert_eq!(shown, (300..600).collect::<Vec<_>>());
}

#[test]
fn rollback_fork_and_gap_have_their_codes() {
    let (seen, _) = visit(&Log::of(300), None).unwrap();
    assert_eq!(code(&Log::of(299), &seen), "ledger.shrunk");
    for size in [300, 301, 700] {
        assert_eq!(code(&Log::with(size, 1), &seen), "ledger.rewritten", "{size}");
    }
    for path in tiles_between(300, 700) {
        let mut log = Log::of(700);
        log.remove(&path.to_string());
        assert_eq!(code(&log, &seen), "ledger.missing", "{path}");
    }
}

#[test]
fn an_altered_new_file_is_noticed() {
    let (seen, _) = visit(&Log::of(300), None).unwrap();
    for tile in tiles_between(300, 700) {
        let mut log = Log::of(700);
        log.alter(&tile.to_string());
        assert!(visit(&log, Some(&seen)).is_err(), "{tile}");
    }
}

#[test]
fn what_was_kept_must_fit_together() {
    let (seen, _) = visit(&Log::of(300), None).unwrap();
    let other = Seen { frontier: Frontier::new(), ..seen.clone() };
    assert_eq!(code(&Log::of(300), &other), "ledger.kept_damaged");
    let other = Seen { key: String::new(), ..seen };
    assert_eq!(code(&Log::of(300), &other), "ledger.kept_damaged");
}

#[test]
fn marks_among_the_new_lines_must_be_this_trees() {
    let log = Log::of(400);
    let root =
        |size| Checkpoint::open(&log.checkpoint(size), &log.key()).unwrap().root().to_owned();
    let marks = [(0, root(0)), (256, root(256)), (400, root(400))];
    assert!(follow(&log.files(), &log.key(), None, &marks, |_, _| {}).is_ok());
    let refused = follow(&log.files(), &log.key(), None, &[(256, root(255))], |_, _| {});
    assert_eq!(refused.unwrap_err().code(), "ledger.rewritten");
}

#[test]
fn proofs_come_out_of_tiles() {
    for (old, new) in [(1, 2), (3, 300), (256, 257), (255, 700), (511, 512), (700, 700)] {
        let log = Log::of(new);
        let root = |size| *Checkpoint::open(&log.checkpoint(size), &log.key()).unwrap().root();
        let proof = prove(&log.files(), old, new).unwrap();
        verify_consistency((old, &root(old)), (new, &root(new)), &proof).unwrap();
    }
    assert!(tiles_of(2).count() > 0);
}
