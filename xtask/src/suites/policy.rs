//! The suite of governed policies: a demo, and what its people type to change what is affirmed,
//! from the first check of a file to the answer why somebody was refused.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::{Ran, emptied};
use crate::demo;
use crate::running::RunningDemo;
use crate::shell::{command, root, say};

/// Ports that no other suite and no demo of somebody who works here takes.
const PORTS: &str = "27800";
/// How often the lock is looked at before it counts as one that does not open: the demo's
/// lock is 20 s.
const LOOKS_MAX: u32 = 120;
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// Rules that software evidence does not meet.
const STRICT: &str = r#"@id("hardware-only")
permit(principal, action == Action::"appraise", resource)
when { principal.hw_backed };
"#;

pub(super) fn policy() -> Result<Ran, String> {
    demo::build_for_suites()?;
    let folder = emptied("target/policy-demo")?;
    let desk = Desk { folder: folder.clone() };
    let file = root().join(&folder).join("strict.cedar").to_string_lossy().into_owned();
    let _demo = RunningDemo::start(&demo::autoclave(), &folder, PORTS)?;
    std::fs::write(&file, STRICT).map_err(|cause| format!("{file}: {cause}"))?;
    let checked = ["policy", "check", &file, "--policy", "appraise", "--json"];
    expect(run(&checked)?.0, "the file is a policy")?;
    let tried = desk.ask(&["dry-run", &file])?;
    let changed = tried["summary"]["would_be_refused"].as_u64();
    expect(changed.is_some_and(|count| count >= 3), "a dry-run says what would be refused")?;
    let proposed = desk.ask(&["propose", &file])?;
    expect(proposed["status"]["stage"] == "proposed", "a version is proposed")?;
    desk.refused(&["approve", "2"], "policy.approver_unknown")?;
    desk.ask(&["approve", "2", "--as", "security-officer"])?;
    desk.refused(&["approve", "2", "--as", "security-officer"], "policy.approved_already")?;
    let second = desk.ask(&["approve", "2", "--as", "medical-director"])?;
    expect(second["status"]["stage"] == "locked", "two approvals begin the lock")?;
    desk.wait_for(2)?;
    let shown = ["token", "show", "clinic", "--client", &desk.client()];
    let (affirmed, told) = run(&shown)?;
    expect(!affirmed && told.contains("token.not_affirming"), "software is not affirmed any more")?;
    let why = desk.ask(&["why"])?;
    let reason = &why["refusals"][0]["why"][0];
    expect(reason["rule"] == "hardware-only", "the answer names the rule")?;
    expect(reason["claim"] == "principal.hw_backed", "and the claim")?;
    expect(reason["found"] == "false", "and what was found")?;
    say("policy: proposed, tried, approved by two, in force, refused, explained");
    Ok(Ran::Passed)
}

struct Desk {
    folder: String,
}

impl Desk {
    fn client(&self) -> String {
        format!("{}/client", self.folder)
    }

    fn typed(&self, words: &[&str]) -> Result<(bool, String), String> {
        let client = self.client();
        let always = ["--policy", "appraise", "--json", "--client", &client];
        run(&[&["policy"], words, &always].concat())
    }

    fn ask(&self, words: &[&str]) -> Result<Value, String> {
        let (done, told) = self.typed(words)?;
        expect(done, &format!("policy {}: {told}", words.join(" ")))?;
        serde_json::from_str(&told).map_err(|cause| format!("no JSON: {cause}: {told}"))
    }

    fn refused(&self, words: &[&str], code: &str) -> Result<(), String> {
        let (done, told) = self.typed(words)?;
        expect(!done && told.contains(code), &format!("{} is {code}: {told}", words.join(" ")))
    }

    fn wait_for(&self, version: u64) -> Result<(), String> {
        for _ in 0..LOOKS_MAX {
            if self.ask(&["list"])?["in_force"]["version"] == version {
                return Ok(());
            }
            sleep(LOOK_PAUSE);
        }
        Err(format!("version {version} is not in force after its lock"))
    }
}

/// Runs the command line; whether it succeeded, and what it said.
fn run(words: &[&str]) -> Result<(bool, String), String> {
    let done = command(&demo::autoclave(), words).output();
    let done = done.map_err(|cause| format!("autoclave could not be started: {cause}"))?;
    let told = if done.status.success() { done.stdout } else { done.stderr };
    Ok((done.status.success(), String::from_utf8_lossy(&told).into_owned()))
}

fn expect(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("not so: {what}")) }
}
