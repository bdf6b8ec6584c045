//! Governance in an enclave: its routes as people use them, its lines, restarts in the middle
//! of a change, two replicas, and the people of another institution.

mod scene;

use http::StatusCode;
use serde_json::json;

use super::keeper;
use scene::{LOCK, Place, STRICT, World, approval, workload_ask};

#[tokio::test]
async fn a_policy_goes_its_whole_way_by_the_routes_and_each_step_is_a_line() {
    let place = Place::new();
    let world = World::start(&place).await;
    let drafted = world.post("author", "release/versions", json!({ "text": STRICT })).await;
    assert_eq!((drafted.status, &drafted.body["version"]), (StatusCode::CREATED, &json!(2)));
    let proposed = world.post("author", "release/versions/2/propose", json!({})).await;
    assert_eq!(proposed.body["status"]["stage"], "proposed");
    for who in ["first", "second"] {
        assert_eq!(world.decides("acme", 1), 1, "nothing before the lock");
        let approved = world.approve(who, 2).await;
        assert_eq!(approved.status, StatusCode::OK, "{:?}", approved.body);
    }
    let locked = world.get("first", "release/versions/2").await.body;
    assert_eq!(
        (&locked["status"]["stage"], &locked["lock"]["seconds_left"]),
        (&json!("locked"), &json!(LOCK))
    );
    world.pass(LOCK).await;
    assert_eq!(world.decides("acme", 1), 0, "the strict version decides");
    assert_eq!(world.decides("mercy", 1), 1, "over acme's keys alone");
    let shown = world.get("first", "release").await.body;
    assert_eq!(shown["in_force"]["version"], 2);
    assert_eq!(shown["in_force"]["approved_by"], json!(["first", "second"]));
    let steps = [
        "configured",
        "configured",
        "drafted",
        "proposed",
        "approved",
        "approved",
        "locked",
        "in_force",
    ];
    assert_eq!(world.steps(), steps);
    world.stop().await;
    let world = World::start(&place).await;
    assert_eq!(world.decides("acme", 1), 0, "a restart changes nothing");
    assert_eq!(world.steps().len(), steps.len(), "and says nothing");
    world.stop().await;
}

#[tokio::test]
async fn a_kill_between_line_and_state_leaves_the_step_untaken_and_it_is_taken_again() {
    let place = Place::new();
    let world = World::start(&place).await;
    world.proposed().await;
    world.approve("first", 2).await;
    place.shelf.fail(true);
    let failed = world.approve("second", 2).await;
    assert_eq!(failed.body["code"], "policy.not_kept");
    let lines = world.steps().len();
    assert_eq!(world.steps().last().unwrap(), "locked", "the lines are there");
    world.stop().await;
    place.shelf.fail(false);
    let world = World::start(&place).await;
    world.pass(10 * LOCK).await;
    assert_eq!(world.decides("acme", 1), 1, "a line without its state has no effect");
    let again = world.approve("second", 2).await;
    assert_eq!(again.body["status"]["stage"], "locked");
    assert_eq!(world.steps().len(), lines + 2);
    place.shelf.fail(true);
    world.pass(LOCK).await;
    assert_eq!(world.decides("acme", 1), 1, "not in force while it cannot be kept");
    assert_eq!(world.steps().last().unwrap(), "in_force", "the line before its effect");
    place.shelf.fail(false);
    world.stop().await;
    let world = World::start(&place).await;
    world.pass(1).await;
    world.pass(LOCK).await;
    assert_eq!(world.decides("acme", 1), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_restart_and_a_clock_that_steps_do_not_shorten_the_lock() {
    let place = Place::new();
    let world = World::start(&place).await;
    world.proposed().await;
    world.approve("first", 2).await;
    world.approve("second", 2).await;
    world.pass(LOCK / 2).await;
    place.clock.set(place.clock.now().plus(1_000_000));
    keeper::round(&world.governance).await;
    assert_eq!(world.decides("acme", 1), 1, "the wall clock alone");
    world.stop().await;
    place.clock.advance(1_000_000);
    let world = World::start(&place).await;
    keeper::round(&world.governance).await;
    assert_eq!(world.decides("acme", 1), 1, "time in which nothing ran does not count");
    world.pass(LOCK / 2).await;
    assert_eq!(world.decides("acme", 1), 0, "what was served before the restart does");
    world.stop().await;
}

#[tokio::test]
async fn people_of_another_institution_see_and_do_nothing() {
    let place = Place::new();
    let world = World::start(&place).await;
    world.proposed().await;
    let own = world.get("foreign", "release").await.body;
    assert_eq!((&own["owner"], own["versions"].as_array().unwrap().len()), (&json!("mercy"), 1));
    let tries = [
        ("release/versions/2/withdraw", json!({})),
        ("release/dry-run", json!({ "version": 2 })),
        ("other/versions", json!({ "text": STRICT })),
    ];
    for (path, body) in tries {
        let answer = world.post("foreign", path, body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.body["code"], "policy.unknown", "{path}");
    }
    let alone = world.post("foreign", "release/versions/2/propose", json!({})).await;
    assert_eq!(alone.body["code"], "policy.no_approvers", "their own policy has one approver");
    assert_eq!(world.get("foreign", "release/versions/2").await.status, StatusCode::NOT_FOUND);
    let theirs = world.get("first", "release/versions/2").await.body["to_approve"].clone();
    let jws = approval(&theirs, "foreign", place.clock.now());
    let path = "release/versions/2/approve";
    let by_them = world.post("foreign", path, json!({ "approval": jws })).await;
    assert_eq!(by_them.body["code"], "policy.approval_version", "it is for another owner's policy");
    let carried = world.post("first", path, json!({ "approval": jws })).await;
    assert_eq!(carried.body["code"], "policy.approver_unknown", "whoever carries it");
    let stranger = world.get("nobody", "release").await;
    assert_eq!(stranger.body["code"], "administrator.unknown");
    world.stop().await;
}

#[tokio::test]
async fn what_is_no_policy_is_refused_by_its_code_and_kept_nowhere() {
    let place = Place::new();
    let world = World::start(&place).await;
    let long = format!("{STRICT}{}", " ".repeat(autoclave_policy::govern::TEXT_BYTES_MAX));
    let cases = [
        ("permit(", false, "policy.syntax"),
        (
            r#"@id("a") permit(principal, action == Action::"release", resource) when { principal.owner == "x" };"#,
            false,
            "policy.invalid",
        ),
        ("permit(principal, action, resource);", false, "policy.rule_unnamed"),
        (r#"@id("more") permit(principal, action, resource);"#, true, "policy.permits"),
        ("", true, "policy.empty"),
        (long.as_str(), false, "policy.too_long"),
    ];
    for (text, emergency, code) in cases {
        let body = json!({ "text": text, "emergency": emergency });
        let answer = world.post("author", "release/versions", body).await;
        assert_eq!(answer.body["code"], code);
    }
    let malformed = world.post("author", "release/versions", json!({ "txt": "" })).await;
    assert_eq!(malformed.body["code"], "request.malformed");
    let versions = world.get("author", "release").await.body["versions"].clone();
    assert_eq!(versions.as_array().unwrap().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_dry_run_says_what_would_change_and_why_says_what_was() {
    let place = Place::new();
    let world = World::start(&place).await;
    for line in 0..5 {
        world.note(1, line);
    }
    world.note(9, 5);
    let run = world.post("author", "release/dry-run", json!({ "text": STRICT })).await.body;
    assert_eq!(run["summary"]["decisions"], 6);
    assert_eq!(run["summary"]["would_be_refused"], 5);
    assert_eq!(run["summary"]["still_granted"], 1);
    let change = &run["changes"][0];
    assert_eq!(change["past"]["rules"], json!(["all"]));
    assert_eq!(change["new"]["why"][0]["claim"], "principal.svn");
    let one = json!({ "text": STRICT, "ask": workload_ask(3) });
    let one = world.post("author", "release/dry-run", one).await.body;
    assert_eq!(
        (&one["in_force"]["granted"], &one["draft"]["granted"]),
        (&json!(true), &json!(false))
    );
    let none = world.get("author", "release/why?line=3").await.body;
    assert_eq!(none["refusals"], json!([]), "it was granted");
    world.strict().await;
    world.note(1, 77);
    let why = world.get("author", "release/why?line=77").await.body["refusals"][0].clone();
    assert_eq!(why["why"][0]["rule"], "strict");
    assert_eq!(why["why"][0]["expected"], "at least 7");
    assert_eq!(why["why"][0]["found"], "1");
    assert_eq!(why["why"][0]["reference"]["signers"], json!(["first", "second"]));
    assert_eq!(why["policy"]["version"], 2);
    let before = place.clock.now().seconds() - 1;
    let earlier = world.get("author", &format!("release/why?until={before}")).await.body;
    assert_eq!(earlier["refusals"], json!([]));
    let theirs = world.get("foreign", "release/decisions").await.body;
    assert_eq!(theirs["decisions"], json!([]), "another institution reads none of it");
    keeper::round(&world.governance).await;
    world.stop().await;
    let world = World::start(&place).await;
    let kept = world.get("author", "release/why?line=77").await.body;
    assert_eq!(kept["refusals"].as_array().unwrap().len(), 1, "a restart remembers");
    world.stop().await;
}

#[tokio::test]
async fn two_replicas_on_one_store_are_one() {
    let place = Place::new();
    let (one, two) = (World::start(&place).await, World::beside(&place).await);
    one.proposed().await;
    keeper::round(&two.governance).await;
    assert_eq!(two.approve("first", 2).await.status, StatusCode::OK);
    let stale = one.approve("second", 2).await;
    assert_eq!(stale.body["code"], "policy.not_kept", "written over nothing newer");
    keeper::round(&one.governance).await;
    assert_eq!(one.approve("second", 2).await.body["status"]["stage"], "locked");
    one.pass(LOCK).await;
    keeper::round(&two.governance).await;
    assert_eq!((one.decides("acme", 1), two.decides("acme", 1)), (0, 0));
    one.stop().await;
    two.stop().await;
}
