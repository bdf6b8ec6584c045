//! The simulation itself: a seed is the same story twice, and each rule that is broken on
//! purpose is noticed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use autoclave_world::{Lab, Mischief, Outcome, scratch};

/// Seeds that a broken rule may take to show.
const SEEDS_MAX: u64 = 12;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// A laboratory of its own for each test.
fn with_lab<T>(test: impl FnOnce(&dyn Fn(u64, Option<Mischief>) -> Outcome) -> T) -> T {
    let folder = scratch().unwrap();
    let lab = runtime().block_on(Lab::set_up(folder.path())).unwrap();
    test(&|seed, mischief| runtime().block_on(lab.run(seed, mischief)).unwrap())
}

/// The first rule that is broken, in as few seeds as it takes.
fn noticed(mischief: Mischief) -> String {
    with_lab(|run| {
        let broken =
            (0..SEEDS_MAX).find_map(|seed| run(seed, Some(mischief)).broken.first().cloned());
        broken.unwrap_or_else(|| panic!("{mischief:?} was not noticed"))
    })
}

#[test]
fn a_seed_is_the_same_story_twice_and_another_for_another_seed() {
    with_lab(|run| {
        let (once, again, other) = (run(3, None), run(3, None), run(4, None));
        assert_eq!(once.broken, Vec::<String>::new(), "{}", once.tail);
        assert_eq!(once.tail, again.tail);
        assert_eq!(once.digest, again.digest);
        assert_ne!(once.digest, other.digest);
        assert!(Duration::from_secs(once.seconds) > Duration::from_mins(2));
    });
}

#[test]
fn an_answer_before_its_line_is_durable_is_noticed() {
    let rule = noticed(Mischief::SyncThatLies);
    // Somebody was told what is not there, or the enclave notices first that it was.
    let says = ["durable", "without its line", "ledger.rolled_back"];
    assert!(says.iter().any(|word| rule.contains(word)), "{rule}");
}

#[test]
fn a_ledger_that_was_put_back_with_its_state_is_noticed() {
    let rule = noticed(Mischief::OldDisk);
    assert!(rule.contains("ledger of diagnosis") || rule.contains("durable line"), "{rule}");
}

#[test]
fn a_replay_below_the_replay_cache_is_noticed() {
    let rule = noticed(Mischief::SecondIntake);
    assert!(rule.contains("times"), "{rule}");
}

#[test]
fn a_name_in_clear_on_the_wire_is_noticed() {
    let rule = noticed(Mischief::NameInClear);
    assert!(rule.contains("in clear"), "{rule}");
}

#[test]
fn records_that_are_lost_are_noticed() {
    noticed(Mischief::LostRecords);
}

#[test]
fn a_party_that_never_comes_back_is_noticed() {
    let rule = noticed(Mischief::NeverBack);
    assert!(rule.contains("after the storm"), "{rule}");
}
