//! What `policy` says to people.
//! It belongs to the command line.
//! It shows what an enclave answered over a verified connection, and adds no judgement.

use autoclave_base::UnixTime;
use serde_json::Value;

use crate::terminal::out;

/// A policy with its versions.
pub(super) fn policy(policy: &Value) {
    let in_force = &policy["in_force"];
    out(format_args!("{} of {}", word(&policy["name"]), word(&policy["owner"])));
    out(format_args!(
        "  in force   version {} since {}",
        in_force["version"],
        time(&in_force["since"])
    ));
    out(format_args!("  digest     {}", word(&in_force["digest"])));
    out(format_args!("  by         {}", approved(&in_force["approved_by"])));
    out(format_args!("  approvers  {}", list(&policy["approvers"])));
    out(format_args!("  lock       {} s", policy["lock_seconds"]));
    for version in policy["versions"].as_array().into_iter().flatten() {
        let mode = if version["mode"] == "emergency" { ", emergency" } else { "" };
        let (stage, number) = (word(&version["status"]["stage"]), &version["version"]);
        out(format_args!("  version {number:<3} {stage}{mode}{}", waits(version)));
    }
}

/// One version.
pub(super) fn version(version: &Value) {
    let status = &version["status"];
    out(format_args!(
        "version {} is {}{}",
        version["version"],
        word(&status["stage"]),
        waits(version)
    ));
    out(format_args!("  digest     {}", word(&version["digest"])));
    let author = &version["author"];
    out(format_args!("  drafted    {} by {}", time(&author["at"]), word(&author["by"])));
    if let Some(proposal) = status.get("proposal") {
        let (by, at) = (&proposal["author"]["by"], &proposal["author"]["at"]);
        out(format_args!("  proposed   {} by {}", time(at), word(by)));
        out(format_args!("  follows    version {}", proposal["predecessor"]["version"]));
        out(format_args!("  earliest   {}", time(&proposal["not_before"])));
    }
    for approval in status["approvals"].as_array().into_iter().flatten() {
        out(format_args!("  approved   {} by {}", time(&approval["at"]), word(&approval["by"])));
    }
}

/// One version with its text.
pub(super) fn whole(of: &Value) {
    version(of);
    out("");
    out(word(&of["text"]).trim());
}

/// What is to be done next.
pub(super) fn next(version: &Value) {
    let number = &version["version"];
    match version["status"]["stage"].as_str() {
        Some("checked") => out(format_args!("A draft; try it: policy dry-run --version {number}")),
        Some("proposed") => {
            let there = version["status"]["approvals"].as_array().map_or(0, Vec::len);
            out(format_args!(
                "{there} of 2 approvals. Others: policy show {number}, policy approve {number} --as NAME"
            ));
        }
        Some("locked") => out("It comes into force by itself; until then: policy withdraw"),
        Some("in_force") => out("It decides from now on."),
        _ => (),
    }
}

/// What a policy says of one question, beside that in force.
pub(super) fn compared(answer: &Value) {
    for (name, verdict) in [("in force", &answer["in_force"]), ("draft", &answer["draft"])] {
        out(format_args!("{name:<10} {}", outcome(verdict)));
        reasons(&verdict["why"]);
    }
}

/// What would change.
pub(super) fn dry_run(run: &Value) {
    let summary = &run["summary"];
    out(format_args!("{} past decisions, tried again:", summary["decisions"]));
    for (name, words) in [
        ("still_granted", "granted, and would be"),
        ("still_refused", "refused, and would be"),
        ("would_be_refused", "granted, and WOULD BE REFUSED"),
        ("would_be_granted", "refused, and WOULD BE GRANTED"),
        ("not_by_rules", "refused before any rule was asked"),
    ] {
        out(format_args!("  {:>6}  {words}", summary[name]));
    }
    for change in run["changes"].as_array().into_iter().flatten() {
        out("");
        header(&change["past"]);
        out(format_args!("  was        {}", outcome(&change["past"])));
        out(format_args!("  would be   {}", outcome(&change["new"])));
        reasons(&change["new"]["why"]);
    }
}

/// Refusals with their reasons.
pub(super) fn refusals(answer: &Value) {
    let refusals = answer["refusals"].as_array().cloned().unwrap_or_default();
    if refusals.is_empty() {
        out("Nobody was refused then, as far as is remembered; the ledger has every line.");
    }
    for refusal in refusals {
        header(&refusal);
        out(format_args!("  code       {}", word(&refusal["code"])));
        let policy = &refusal["policy"];
        if !policy.is_null() {
            out(format_args!(
                "  policy     version {} ({}), in force since {}",
                policy["version"],
                approved(&policy["approved_by"]),
                time(&policy["since"])
            ));
        }
        reasons(&refusal["why"]);
    }
}

/// In one line: which version since when, and what waits.
pub(super) fn glance(policy: &Value) -> String {
    let in_force = &policy["in_force"];
    let versions = policy["versions"].as_array().cloned().unwrap_or_default();
    let waiting: Vec<_> = versions
        .iter()
        .filter(|version| ["proposed", "locked"].contains(&word(&version["status"]["stage"])))
        .map(|version| {
            let stage = word(&version["status"]["stage"]);
            format!("version {} {stage}{}", version["version"], waits(version))
        })
        .collect();
    let pending = if waiting.is_empty() { "nothing waits".to_owned() } else { waiting.join(", ") };
    let (number, since) = (&in_force["version"], time(&in_force["since"]));
    format!("version {number} of {} in force since {since}; {pending}", word(&policy["owner"]))
}

/// Who, when, how often, on which lines.
fn header(past: &Value) {
    let lines: Vec<String> =
        past["lines"].as_array().into_iter().flatten().map(ToString::to_string).collect();
    let times = match past["count"].as_u64() {
        Some(1) | None => time(&past["last"]),
        Some(count) => {
            format!("{count} times, {} to {}", time(&past["first"]), time(&past["last"]))
        }
    };
    let resource = past["ask"]["resource"]["id"].as_str().unwrap_or("");
    let latest = lines.last().map_or_else(String::new, |line| format!(" (line {line})"));
    let (caller, operation) = (word(&past["caller"]), word(&past["operation"]));
    out(format_args!("{caller}: {operation} {resource} {times}{latest}"));
    if let Some(claims) = past["claims"].as_str() {
        out(format_args!("  claims     {claims}"));
    }
}

fn reasons(why: &Value) {
    for reason in why.as_array().into_iter().flatten() {
        out(format_args!("  rule       {}", word(&reason["rule"])));
        out(format_args!("    claim    {}", word(&reason["claim"])));
        out(format_args!("    expected {}", word(&reason["expected"])));
        out(format_args!("    found    {}", word(&reason["found"])));
        let reference = &reason["reference"];
        if !reference.is_null() {
            let (source, value) = (word(&reference["source"]), word(&reference["value"]));
            out(format_args!("    by       {source}, {value}"));
            out(format_args!("    signed   {}", list(&reference["signers"])));
        }
    }
}

fn outcome(verdict: &Value) -> String {
    let said = if verdict["granted"] == true { "granted" } else { "refused" };
    let rules = verdict["rules"].as_array().filter(|rules| !rules.is_empty());
    match rules {
        Some(_) => format!("{said} by {}", list(&verdict["rules"])),
        None => said.to_owned(),
    }
}

/// What a version waits for.
fn waits(version: &Value) -> String {
    let lock = &version["lock"];
    match lock["seconds_left"].as_u64() {
        Some(left) => format!(", {left} s left, not before {}", time(&lock["not_before"])),
        None => String::new(),
    }
}

fn approved(by: &Value) -> String {
    let configured = by.as_array().is_none_or(Vec::is_empty);
    if configured { "the configuration".to_owned() } else { list(by) }
}

fn list(words: &Value) -> String {
    let words: Vec<_> = words.as_array().into_iter().flatten().map(word).collect();
    if words.is_empty() { "nobody".to_owned() } else { words.join(", ") }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("–")
}

fn time(value: &Value) -> String {
    value.as_u64().map_or_else(|| "–".to_owned(), |it| UnixTime::from_seconds(it).rfc3339())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_glance_says_what_decides_and_what_waits() {
        let mut policy = json!({
            "owner": "hospital",
            "in_force": { "version": 1, "since": 1_795_000_000_u64 },
            "versions": [{ "version": 1, "status": { "stage": "in_force" } }],
        });
        let calm = "version 1 of hospital in force since 2026-11-18T11:06:40Z; nothing waits";
        assert_eq!(glance(&policy), calm);
        policy["versions"] = json!([{
            "version": 2, "status": { "stage": "locked" },
            "lock": { "seconds_left": 5, "not_before": 1_795_000_100_u64 },
        }]);
        assert!(
            glance(&policy)
                .ends_with("version 2 locked, 5 s left, not before 2026-11-18T11:08:20Z")
        );
    }
}
