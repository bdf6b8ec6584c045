use super::*;
use crate::fixtures::{NOW, cell};

fn refused(line: u64, owner: Option<&str>) -> Refused {
    let owner = owner.map(Label::of_claim);
    Refused { owner, ..Refused::of_stranger(line, "release.refused", NOW) }
}

fn lines(refusals: &Refusals, institution: &str) -> Vec<u64> {
    let visible = refusals.visible_to(&Label::of_claim(institution));
    visible.iter().map(|refused| refused.line).collect()
}

#[tokio::test]
async fn the_latest_are_kept_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let running = cell(folder.path()).await;
    let state = running.cell().state();
    let refusals = Refusals::open(state);
    for line in 0..REFUSALS_MAX as u64 + 2 {
        refusals.note(refused(line, None), state).unwrap();
    }
    let again = Refusals::open(state);
    let kept = lines(&again, "acme");
    assert_eq!(kept.len(), REFUSALS_MAX);
    assert_eq!((kept[0], kept[kept.len() - 1]), (REFUSALS_MAX as u64 + 1, 2));
}

#[tokio::test]
async fn an_administrator_reads_those_of_the_own_institution() {
    let folder = tempfile::tempdir().unwrap();
    let running = cell(folder.path()).await;
    let state = running.cell().state();
    let refusals = Refusals::open(state);
    refusals.note(refused(1, Some("acme")), state).unwrap();
    refusals.note(refused(2, Some("mercy")), state).unwrap();
    refusals.note(refused(3, None), state).unwrap();
    assert_eq!(lines(&refusals, "acme"), [3, 1]);
    assert_eq!(lines(&refusals, "mercy"), [3, 2]);
}

#[tokio::test]
async fn strangers_push_out_strangers_only() {
    let folder = tempfile::tempdir().unwrap();
    let running = cell(folder.path()).await;
    let state = running.cell().state();
    let refusals = Refusals::open(state);
    refusals.note(refused(0, Some("acme")), state).unwrap();
    for line in 1..1000 {
        refusals.note_stranger(refused(line, None));
    }
    let kept = lines(&refusals, "acme");
    assert_eq!(kept.len(), STRANGERS_MAX + 1);
    assert_eq!(kept[STRANGERS_MAX], 0);
}
