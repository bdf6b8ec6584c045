//! `ledger export`: a ledger, checked whole, as FHIR `AuditEvent`s or as a table.
//! It belongs to auditors and the systems that they feed.
//! Nothing is written of a ledger that does not verify.

use std::io::Write;

use autoclave_ledger::audit::{Expected, Report, audit};
use autoclave_ledger::audit_event::{self as fhir, Line};
use serde_json::{Value, json};

use super::source::Source;
use crate::cli::watch::{Export, Format};
use crate::failure::{Failure, Outcome};
use crate::{files, terminal};

/// The table's columns.
const COLUMNS: [&str; 13] = [
    "index", "time", "event", "decision", "who", "role", "action", "resource", "subject",
    "purpose", "code", "leaf", "line",
];

/// Runs the command.
pub(super) fn run(command: &Export) -> Outcome {
    let source = Source::parse(&command.source)?;
    let (key, own) = source.key(command.key.as_deref())?;
    let mut lines = Vec::new();
    let report = audit(&source, &key, &Expected::default(), |index, entry| {
        lines.extend(Line::of(index, entry));
    });
    let report = report.map_err(|refusal| Failure::new(refusal.code(), &refusal))?;
    let text = match command.format {
        Format::Csv => csv(&lines),
        Format::Fhir => bundle(&lines, &report, &source.text("checkpoint")?),
    };
    match &command.out {
        Some(path) => files::write(path, text)?,
        None => put(&text),
    }
    let count = lines.len();
    terminal::note(format_args!("{count} lines of {}, all of them verified", report.origin));
    if own {
        terminal::note("The key is the ledger's own word: compare it with a token's.");
    }
    Ok(())
}

/// A closed pipe is no failure.
fn put(text: &str) {
    let _closed = std::io::stdout().lock().write_all(text.as_bytes());
}

fn bundle(lines: &[Line], report: &Report, checkpoint: &str) -> String {
    let ledger = fhir::Ledger { origin: &report.origin, size: report.size, root: &report.root };
    let entries = lines.iter().map(|line| fhir::entry(line, &ledger));
    let bundle = json!({
        "resourceType": "Bundle",
        "type": "collection",
        "identifier": { "system": fhir::LEDGER, "value": report.origin },
        "meta": { "tag": [{ "system": fhir::CHECKPOINT, "code": report.root.to_string(),
                            "display": checkpoint.split("\n\n").next() }] },
        "entry": entries.collect::<Vec<_>>(),
    });
    format!("{bundle:#}\n")
}

fn csv(lines: &[Line]) -> String {
    let mut text = COLUMNS.join(",");
    text.push_str("\r\n");
    for line in lines {
        let member = |name: &str| line.event.get(name).and_then(Value::as_str).unwrap_or_default();
        let who = ["actor", "by", "caller", "workload"].map(member);
        let who = who.into_iter().find(|who| !who.is_empty()).unwrap_or_default();
        let fields = [
            &line.index.to_string(),
            &line.time,
            member("event"),
            member("decision"),
            who,
            member("role"),
            member("action"),
            member("resource"),
            member("subject"),
            member("purpose"),
            member("code"),
            &line.leaf.to_string(),
            &line.event.to_string(),
        ];
        text.push_str(&fields.map(field).join(","));
        text.push_str("\r\n");
    }
    text
}

/// A field of RFC 4180. A table program would take some first characters for a formula.
fn field(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

#[cfg(test)]
mod tests {
    use autoclave_base::UnixTime;
    use autoclave_ledger::{Decision, Entry, Event, Hash, Label};

    use super::*;

    /// A member of staff who read a record, and was refused another.
    fn line(decision: Decision) -> Line {
        let label = |text| Label::parse(text).unwrap();
        let event = Event::Access {
            actor: label("=staff-1"),
            role: label("clinician"),
            action: label("read"),
            resource: label("ImagingStudy"),
            subject: None,
            purpose: Some(label("TREAT")),
            decision,
            rules: vec![label("clinician.read")],
        };
        Line::of(7, &Entry { time: UnixTime::from_seconds(1_800_000_000), event }).unwrap()
    }

    #[test]
    fn a_table_holds_every_line_and_no_formula() {
        let text = csv(&[line(Decision::Granted)]);
        let rows: Vec<_> = text.split("\r\n").collect();
        assert_eq!(rows[0].split(',').count(), COLUMNS.len());
        assert!(rows[1].starts_with("7,2027-01-15T08:00:00Z,access,granted,'=staff-1,clinician"));
        assert_eq!(field("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn an_audit_event_has_what_fhir_demands_and_names_its_proof() {
        let root = Hash::of_nothing();
        let ledger = fhir::Ledger { origin: "autoclave.health/clinic/x", size: 9, root: &root };
        let entry = fhir::entry(&line(Decision::Refused), &ledger);
        let event = &entry["resource"];
        assert_eq!(event["resourceType"], "AuditEvent");
        assert_eq!(event["outcome"], "4");
        assert_eq!(event["action"], "R");
        assert_eq!(event["recorded"], "2027-01-15T08:00:00Z");
        assert_eq!(event["purposeOfEvent"][0]["coding"][0]["code"], "TREAT");
        assert_eq!(event["agent"][0]["who"]["type"], "PractitionerRole");
        assert_eq!(event["agent"][0]["requestor"], true);
        assert!(event["source"]["observer"]["identifier"]["value"].is_string());
        let proof = event["entity"].as_array().unwrap().last().unwrap();
        assert_eq!(proof["what"]["identifier"]["value"], "autoclave.health/clinic/x#7");
        assert!(proof.to_string().contains("treeSize"));
    }
}
