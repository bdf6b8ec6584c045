//! The rules of governance, each refusal by its code, and any sequence of commands.

mod any;
mod scene;

use autoclave_base::UnixTime;

use super::*;
use scene::{LOCK, NOW, Scene, charter, checked, person, schema};

#[test]
fn two_approvals_and_the_lock_bring_a_version_into_force() {
    let mut scene = Scene::new();
    let number = scene.proposed(1);
    assert_eq!(scene.approve(number, "first", NOW).unwrap(), ["approved"]);
    assert_eq!(scene.approve(number, "second", NOW).unwrap(), ["approved", "locked"]);
    assert_eq!(scene.in_force(), 1);
    scene.pass(LOCK - 1, NOW.plus(LOCK - 1));
    assert_eq!(scene.in_force(), 1);
    assert_eq!(scene.pass(1, NOW.plus(LOCK)), ["in_force"]);
    assert_eq!(scene.in_force(), number);
    assert_eq!(scene.state.version(1).unwrap().stage.as_str(), "superseded");
}

#[test]
fn a_clock_that_steps_forward_does_not_shorten_the_lock() {
    let mut scene = Scene::new();
    let number = scene.approved();
    let year = NOW.plus(365 * 86_400);
    assert!(scene.pass(LOCK - 1, year).is_empty(), "a year by the wall, not by the enclave");
    assert!(scene.pass(1, NOW.plus(LOCK - 1)).is_empty(), "the enclave ran, the wall says no");
    assert_eq!(scene.pass(0, NOW.plus(LOCK)), ["in_force"]);
    assert_eq!(scene.in_force(), number);
}

#[test]
fn a_version_waits_for_its_earliest_time() {
    let mut scene = Scene::new();
    let number = scene.draft(1);
    scene.propose(number, NOW.plus(1000)).unwrap();
    scene.approve(number, "first", NOW).unwrap();
    scene.approve(number, "second", NOW).unwrap();
    assert!(scene.pass(500, NOW.plus(500)).is_empty());
    assert_eq!(scene.pass(500, NOW.plus(1000)), ["in_force"]);
}

#[test]
fn nobody_approves_alone_twice_or_what_they_wrote() {
    let mut scene = Scene::new();
    let number = scene.proposed(1);
    assert_eq!(scene.approve(number, "author", NOW).unwrap_err(), "policy.self_approval");
    scene.approve(number, "first", NOW).unwrap();
    assert_eq!(scene.approve(number, "first", NOW).unwrap_err(), "policy.approved_already");
    assert_eq!(scene.approve(number, "stranger", NOW).unwrap_err(), "policy.approver_unknown");
    assert_eq!(scene.approve(number, "foreign", NOW).unwrap_err(), "policy.approver_unknown");
    scene.pass(10 * LOCK, NOW.plus(10 * LOCK));
    assert_eq!(scene.in_force(), 1, "one approval is none");
}

#[test]
fn whoever_drafted_does_not_approve_what_another_proposed() {
    let mut scene = Scene::new();
    let draft = Command::Draft { draft: checked(1), mode: Mode::Ordinary, by: person("author") };
    scene.apply(&draft, NOW).unwrap();
    let propose = Command::Propose { version: 2, not_before: NOW, by: person("other") };
    scene.apply(&propose, NOW).unwrap();
    assert_eq!(scene.approve(2, "author", NOW).unwrap_err(), "policy.self_approval");
    assert_eq!(scene.approve(2, "other", NOW).unwrap_err(), "policy.approver_unknown");
}

type Alter = fn(&mut Approval);

#[test]
fn an_approval_is_for_exactly_one_version() {
    let cases: [(Alter, &str); 11] = [
        (|it| it.aud = "another deployment".to_owned(), "policy.approval_audience"),
        (|it| it.policy = scene::label("appraise"), "policy.approval_version"),
        (|it| it.owner = scene::label("mercy"), "policy.approval_version"),
        (|it| it.version = 9, "policy.approval_version"),
        (|it| it.version = 1, "policy.stage"),
        (|it| it.digest = autoclave_base::Digest::of("other"), "policy.approval_digest"),
        (|it| it.predecessor.version = 7, "policy.approval_predecessor"),
        (|it| it.not_before = NOW.plus(1), "policy.approval_terms"),
        (|it| it.mode = Mode::Emergency, "policy.approval_terms"),
        (|it| it.exp = NOW, "policy.approval_expired"),
        (|it| it.exp = NOW.plus(APPROVAL_LIFE_SECONDS_MAX + 1), "policy.approval_expired"),
    ];
    for (alter, code) in cases {
        let mut scene = Scene::new();
        let number = scene.proposed(1);
        let mut approval = scene.approval(number, "first", NOW);
        alter(&mut approval);
        assert_eq!(scene.submit(&approval, "first", NOW).unwrap_err(), code);
        assert_eq!(scene.state.version(number).unwrap().stage.approvals().len(), 0);
    }
    let mut scene = Scene::new();
    let number = scene.proposed(1);
    let early = scene.approval(number, "first", NOW.plus(3600));
    assert_eq!(scene.submit(&early, "first", NOW).unwrap_err(), "policy.approval_not_yet_valid");
    let signed_by_other = scene.approval(number, "first", NOW);
    let forged = scene.submit(&signed_by_other, "second", NOW).unwrap_err();
    assert_eq!(forged, "policy.approval_signature");
}

#[test]
fn an_approval_is_not_replayed_for_the_same_text_proposed_again() {
    let mut scene = Scene::new();
    let number = scene.proposed(1);
    let approval = scene.approval(number, "first", NOW);
    scene.submit(&approval, "first", NOW).unwrap();
    scene.withdraw(number).unwrap();
    assert_eq!(scene.submit(&approval, "first", NOW).unwrap_err(), "policy.stage");
    let again = scene.proposed(1);
    assert_ne!(again, number);
    assert_eq!(scene.submit(&approval, "first", NOW).unwrap_err(), "policy.stage");
    assert_eq!(scene.state.version(again).unwrap().stage.approvals().len(), 0);
}

#[test]
fn an_approval_that_ended_before_the_second_does_not_count() {
    let mut scene = Scene::new();
    let number = scene.proposed(1);
    let mut approval = scene.approval(number, "first", NOW);
    approval.exp = NOW.plus(60);
    scene.submit(&approval, "first", NOW).unwrap();
    assert_eq!(scene.approve(number, "second", NOW.plus(60)).unwrap(), ["approved"]);
    assert_eq!(scene.state.version(number).unwrap().stage.as_str(), "proposed");
}

#[test]
fn what_followed_another_version_ends_with_it_and_a_rollback_is_a_new_version() {
    let mut scene = Scene::new();
    let (one, two) = (scene.proposed(1), scene.proposed(2));
    scene.approve(two, "first", NOW).unwrap();
    scene.approve(one, "first", NOW).unwrap();
    scene.approve(one, "second", NOW).unwrap();
    assert_eq!(scene.pass(LOCK, NOW.plus(LOCK)), ["in_force", "withdrawn"]);
    assert_eq!(scene.approve(two, "second", NOW).unwrap_err(), "policy.stage");
    let back = scene.proposed(0);
    let (first, again) = (scene.state.version(1).unwrap(), scene.state.version(back).unwrap());
    assert_eq!(first.digest, again.digest);
    assert!(again.number > one, "numbers only grow");
    assert_eq!(scene.state.version(1).unwrap().stage.as_str(), "superseded");
}

#[test]
fn a_version_in_force_or_over_is_not_withdrawn() {
    let mut scene = Scene::new();
    assert_eq!(scene.withdraw(1).unwrap_err(), "policy.stage");
    let number = scene.approved();
    assert_eq!(scene.withdraw(number).unwrap(), ["withdrawn"], "in its lock it can be");
    assert_eq!(scene.withdraw(number).unwrap_err(), "policy.stage");
    assert!(scene.pass(LOCK, NOW.plus(LOCK)).is_empty());
}

#[test]
fn an_emergency_only_forbids_and_comes_into_force_at_once_with_two() {
    let mut scene = Scene::new();
    let base = scene.state.in_force().unwrap().text.clone();
    let permits = r#"@id("more") permit(principal, action, resource);"#;
    let refused = Checked::emergency(&base, permits, &schema()).unwrap_err();
    assert_eq!(refused.code(), "policy.permits");
    let forbids = r#"@id("stop") forbid(principal, action, resource);"#;
    let draft = Checked::emergency(&base, forbids, &schema()).unwrap();
    assert!(draft.text().starts_with(base.trim_end()));
    let command = Command::Draft { draft, mode: Mode::Emergency, by: person("author") };
    scene.apply(&command, NOW).unwrap();
    scene.propose(2, NOW).unwrap();
    scene.approve(2, "first", NOW).unwrap();
    assert_eq!(scene.in_force(), 1);
    let steps = scene.approve(2, "second", NOW).unwrap();
    assert_eq!(steps, ["approved", "locked", "emergency"]);
    assert_eq!(scene.in_force(), 2);
}

#[test]
fn another_institutions_people_see_no_policy() {
    let mut scene = Scene::new();
    let number = scene.proposed(1);
    let foreign = Person { institution: scene::label("mercy"), ..person("author") };
    let commands = [
        Command::Draft { draft: checked(1), mode: Mode::Ordinary, by: foreign.clone() },
        Command::Propose { version: number, not_before: NOW, by: foreign.clone() },
        Command::Withdraw { version: number, by: foreign },
    ];
    for command in commands {
        assert_eq!(scene.apply(&command, NOW).unwrap_err(), "policy.unknown");
    }
}

#[test]
fn versions_that_wait_and_versions_that_are_over_are_bounded() {
    let mut scene = Scene::new();
    for _ in 0..PENDING_MAX {
        scene.draft(1);
    }
    let one_more = Command::Draft { draft: checked(1), mode: Mode::Ordinary, by: person("author") };
    assert_eq!(scene.apply(&one_more, NOW).unwrap_err(), "policy.busy");
    for number in 2..100 {
        scene.withdraw(number).unwrap();
        scene.draft(1);
    }
    assert_eq!(scene.state.versions().len(), 1 + PENDING_MAX + HISTORY_MAX);
    assert_eq!(scene.in_force(), 1, "what decides is never forgotten");
}

#[test]
fn a_restart_keeps_what_people_brought_into_force() {
    let mut scene = Scene::new();
    let number = scene.approved();
    scene.pass(LOCK, NOW.plus(LOCK));
    let kept: Governed =
        serde_json::from_slice(&serde_json::to_vec(&scene.state).unwrap()).unwrap();
    let open = |configured: usize, schema: &str| {
        reopen(&kept, &checked(configured), schema, UnixTime::from_seconds(9))
    };
    for configured in [0, 2] {
        let opened = open(configured, &schema()).unwrap();
        assert_eq!(opened.state.in_force().unwrap().number, number);
        assert!(opened.steps.is_empty());
    }
    let wider = [schema(), "entity Other;".to_owned()].concat();
    let restated = open(0, &wider).unwrap();
    assert_eq!(restated.steps[0].kind, StepKind::Restated);
    assert_ne!(restated.state.in_force().unwrap().digest, kept.in_force().unwrap().digest);
    assert_eq!(open(0, "entity Other;").unwrap_err().code(), "governance.text_refused");
    let mut damaged = kept.clone();
    damaged.versions.clear();
    let refused = reopen(&damaged, &checked(0), &schema(), NOW).unwrap_err();
    assert_eq!(refused.code(), "governance.state_damaged");
}

#[test]
fn other_rules_in_the_configuration_replace_the_configurations_and_end_what_waited() {
    let mut scene = Scene::new();
    let number = scene.approved();
    let opened = reopen(&scene.state, &checked(2), &schema(), NOW).unwrap();
    let kinds: Vec<_> = opened.steps.iter().map(|step| step.kind.as_str()).collect();
    assert_eq!(kinds, ["withdrawn", "configured"]);
    assert_eq!(opened.state.in_force().unwrap().digest, checked(2).digest());
    assert_eq!(opened.state.version(number).unwrap().stage.as_str(), "withdrawn");
}

#[test]
fn a_charter_names_people_once_and_a_lock_that_is_one() {
    let names = |names: &[&str]| names.iter().map(|name| scene::approver(name)).collect();
    let make = |approvers, lock| Charter::new(approvers, lock, String::new()).map(|_| ());
    assert_eq!(make(names(&["first", "first"]), LOCK), Err(CharterRefusal::Repeated));
    assert_eq!(make(names(&["first"]), LOCK_SECONDS_MIN - 1), Err(CharterRefusal::Lock));
    assert_eq!(make(names(&["first", "second"]), LOCK), Ok(()));
    let alone = Charter::new(names(&["first"]), LOCK, "x".to_owned()).unwrap();
    let scene = Scene::new();
    let draft = Command::Draft { draft: checked(1), mode: Mode::Ordinary, by: person("author") };
    let drafted = apply(&scene.state, &draft, &charter(), NOW).unwrap().state;
    let propose = Command::Propose { version: 2, not_before: NOW, by: person("author") };
    assert_eq!(apply(&drafted, &propose, &alone, NOW), Err(GovernRefusal::NoApprovers));
}
