//! Any sequence of commands, at any time by any clock: what is in force was approved by two
//! people who did not write it, and waited.

use std::collections::{BTreeMap, BTreeSet};

use super::scene::{LOCK, NOW, Scene, checked, person, schema};
use crate::govern::{Checked, Command, Meter, Mode, Reading, Stage};

const SEQUENCES: u64 = 300;
const COMMANDS: u64 = 120;
const NAMES: [&str; 5] = ["first", "second", "third", "author", "foreign"];

/// A generator that is the same everywhere (xorshift64*).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// What an onlooker knows who trusts no rule: who signed what, and how long ago by a clock
/// that nobody steps.
#[derive(Default)]
struct Onlooker {
    authors: BTreeMap<u32, BTreeSet<&'static str>>,
    signed: BTreeMap<u32, BTreeMap<&'static str, u64>>,
    truth: u64,
}

impl Onlooker {
    fn second_signature(&self, version: u32) -> u64 {
        let signed = self.signed.get(&version).expect("somebody signed");
        let authors = &self.authors[&version];
        let mut times: Vec<_> =
            signed.iter().filter(|(who, _)| !authors.contains(*who)).map(|(_, at)| *at).collect();
        times.sort_unstable();
        assert!(times.len() >= 2, "version {version} is in force with {signed:?}");
        times[1]
    }
}

#[test]
fn no_sequence_of_commands_brings_a_version_into_force_without_two_approvers_and_the_lock() {
    let mut changes = 0;
    for seed in 1..=SEQUENCES {
        changes += sequence(seed);
    }
    assert!(changes > 100, "only {changes} versions ever came into force: the test tests nothing");
}

fn sequence(seed: u64) -> u32 {
    let (mut draw, mut scene) = (Draw(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)), Scene::new());
    let (mut onlooker, mut meter, mut step) = (Onlooker::default(), Meter::default(), 0_u64);
    let (mut before, mut changes) = (1, 0);
    let mut old = Vec::new();
    for _ in 0..COMMANDS {
        // The wall clock: the truth, and what the host added to it.
        let now = NOW.plus(onlooker.truth).plus(step);
        let number = 1 + u32::try_from(draw.below(u64::from(scene.state.next))).unwrap();
        let who = NAMES[usize::try_from(draw.below(5)).unwrap()];
        match draw.below(12) {
            0 => drop_draft(&mut scene, &mut onlooker, &mut draw, who, now),
            1 | 2 => {
                let command =
                    Command::Propose { version: number, not_before: now, by: person(who) };
                if scene.apply(&command, now).is_ok() {
                    onlooker.authors.entry(number).or_default().insert(who);
                }
            }
            3..=7 if scene.state.version(number).is_some() => {
                let approval = scene.approval(number, who, now);
                old.push((approval.clone(), who));
                if scene.submit(&approval, who, now).is_ok() {
                    onlooker.signed.entry(number).or_default().insert(who, onlooker.truth);
                }
            }
            8 => replay(&mut scene, &mut onlooker, &old, &mut draw, now),
            9 if draw.below(4) == 0 => drop(scene.withdraw(number)),
            10 => step = draw.below(1_000_000),
            _ => onlooker.truth += draw.below(LOCK),
        }
        let now = NOW.plus(onlooker.truth).plus(step);
        let reading = Reading { now, uptime_seconds: onlooker.truth };
        scene.pass(meter.pass(reading), now);
        let in_force = scene.state.versions().iter().filter(|it| it.stage.as_str() == "in_force");
        assert_eq!(in_force.count(), 1);
        if scene.in_force() != before {
            before = scene.in_force();
            changes += 1;
            judge(&scene, &onlooker, before);
        }
    }
    changes
}

fn drop_draft(
    scene: &mut Scene,
    onlooker: &mut Onlooker,
    draw: &mut Draw,
    who: &'static str,
    now: autoclave_base::UnixTime,
) {
    let number = scene.state.next;
    let (draft, mode) = if draw.below(3) == 0 {
        let forbids = format!(r#"@id("stop-{number}") forbid(principal, action, resource);"#);
        let base = scene.state.in_force().unwrap().text.clone();
        (Checked::emergency(&base, &forbids, &schema()).unwrap(), Mode::Emergency)
    } else {
        (checked(usize::try_from(draw.below(3)).unwrap()), Mode::Ordinary)
    };
    if scene.apply(&Command::Draft { draft, mode, by: person(who) }, now).is_ok() {
        onlooker.authors.entry(number).or_default().insert(who);
    }
}

/// An approval that somebody kept, sent again by somebody.
fn replay(
    scene: &mut Scene,
    onlooker: &mut Onlooker,
    old: &[(crate::govern::Approval, &'static str)],
    draw: &mut Draw,
    now: autoclave_base::UnixTime,
) {
    if let Some((approval, who)) = old.get(usize::try_from(draw.below(64)).unwrap()) {
        let before = scene.state.clone();
        if scene.submit(approval, who, now).is_ok() {
            onlooker.signed.entry(approval.version).or_default().insert(*who, onlooker.truth);
            // Taken at last, and never a second time.
            assert!(scene.submit(approval, who, now).is_err());
            let signed = |state: &crate::govern::Governed| {
                state.version(approval.version).unwrap().stage.approvals().len()
            };
            assert!(signed(&scene.state) <= signed(&before) + 1);
        }
    }
}

fn judge(scene: &Scene, onlooker: &Onlooker, number: u32) {
    let version = scene.state.version(number).unwrap();
    let Stage::InForce { approvals, .. } = &version.stage else { panic!() };
    assert!(approvals.len() >= 2 && approvals[0].jkt != approvals[1].jkt);
    let authors = &onlooker.authors[&number];
    for approved in approvals {
        assert!(!authors.contains(approved.by.as_str()), "self-approval of {number}");
        assert_ne!(approved.by.as_str(), "foreign");
    }
    if version.mode == Mode::Ordinary && onlooker.signed.contains_key(&number) {
        let second = onlooker.second_signature(number);
        assert!(onlooker.truth >= second + LOCK, "{number} waited {}", onlooker.truth - second);
    }
}
