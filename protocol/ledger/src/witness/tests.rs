use super::*;
use crate::checkpoint::tests::signer;
use crate::tree::tests::counted;

/// What the log asks to move a witness from `old` to `new` lines.
fn asked(old: u64, new: u64) -> AddCheckpoint {
    let (tree, log) = (counted(new), signer("example.com/log"));
    AddCheckpoint {
        old,
        proof: tree.consistency(old, new).unwrap_or_default(),
        checkpoint: log.sign(new, &tree.root()),
    }
}

fn key() -> LogKey {
    signer("example.com/log").public().clone()
}

fn latest(size: u64) -> Checkpoint {
    Checkpoint::open(&asked(0, size).checkpoint, &key()).unwrap()
}

#[test]
fn a_request_reads_back_and_no_other_form_is_taken() {
    for (old, new) in [(0, 0), (0, 5), (3, 7), (7, 7)] {
        let request = asked(old, new);
        assert_eq!(AddCheckpoint::parse(&request.to_text()).unwrap(), request);
    }
    let good = asked(3, 7).to_text();
    let hash = asked(3, 7).proof[0].to_string();
    let many = format!("{hash}\n").repeat(PROOF_LINES_MAX + 1);
    let long = " ".repeat(REQUEST_BYTES_MAX + 1);
    for bad in [
        "",
        "old 3\n",
        &good.replace("old 3", "old 03"),
        &good.replace("old 3", "old -1"),
        &good.replace("old 3", "new 3"),
        &good.replacen(&hash, "AAAA", 1),
        &good.replacen(&hash, &many, 1),
        &long,
    ] {
        assert_eq!(AddCheckpoint::parse(bad).unwrap_err(), AddRefusal::Malformed, "{bad:.40}");
    }
}

#[test]
fn every_step_forward_is_taken() {
    for old in 0..20 {
        for new in old..20 {
            let before = (old > 0).then(|| latest(old));
            let taken = decide(&asked(old, new), &key(), before.as_ref()).unwrap();
            assert_eq!(taken.size(), new);
        }
    }
}

#[test]
fn nothing_goes_back_or_beside() {
    let code = |asked: &AddCheckpoint, size| {
        let refusal = decide(asked, &key(), Some(&latest(size))).unwrap_err();
        (refusal.status(), refusal.code())
    };
    assert_eq!(code(&asked(3, 7), 5), (409, "witness.conflict"));
    assert_eq!(code(&asked(0, 4), 5), (409, "witness.conflict"));
    assert_eq!(code(&AddCheckpoint { old: 9, ..asked(3, 7) }, 9), (400, "witness.old_size"));
    assert_eq!(code(&AddCheckpoint { proof: vec![], ..asked(5, 7) }, 5), (422, "witness.proof"));
    let other = signer("example.com/log").sign(5, &Hash::of_nothing());
    let fork = AddCheckpoint { old: 5, proof: vec![], checkpoint: other };
    assert_eq!(code(&fork, 5), (409, "witness.forked"));
    let longer = signer("example.com/log").sign(8, &Hash::of_nothing());
    let fork = AddCheckpoint { checkpoint: longer, ..asked(5, 8) };
    assert_eq!(code(&fork, 5), (422, "witness.proof"));
    let stranger = signer("example.com/other").sign(7, &Hash::of_nothing());
    let strange = AddCheckpoint { checkpoint: stranger, ..asked(5, 7) };
    assert_eq!(code(&strange, 5), (403, "witness.signature"));
}

#[test]
fn two_witnesses_see_a_fork() {
    let other = |size| {
        let note = signer("example.com/log").sign(size, &Hash::of_leaf(b"other"));
        Checkpoint::open(&note, &key()).unwrap()
    };
    assert_eq!(compare(&latest(5), &latest(5), None), Compared::Agree);
    assert_eq!(compare(&latest(5), &other(5), None), Compared::Contradict);
    assert_eq!(compare(&latest(5), &latest(9), None), Compared::Open);
    let proof = counted(9).consistency(5, 9).unwrap();
    assert_eq!(compare(&latest(9), &latest(5), Some(&proof)), Compared::Agree);
    assert_eq!(compare(&latest(9), &other(5), Some(&proof)), Compared::Apart);
}
