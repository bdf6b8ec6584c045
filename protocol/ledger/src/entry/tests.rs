use autoclave_base::ids::WorkloadName;

use super::*;
use crate::event::tests::{all, label};
use crate::label::Label;

fn entry(event: Event) -> Entry {
    Entry { time: UnixTime::from_seconds(1_795_000_000), event }
}

#[test]
fn every_event_reads_back() {
    for event in all() {
        let written = entry(event);
        assert_eq!(Entry::from_bytes(&written.to_bytes().unwrap()), Ok(written));
    }
}

#[test]
fn a_line_is_canonical_json() {
    let event = Event::Genesis { workload: WorkloadName::parse("broker").unwrap() };
    let bytes = entry(event).to_bytes().unwrap();
    let line = r#"{"event":"genesis","time":1795000000,"v":1,"workload":"broker"}"#;
    assert_eq!(String::from_utf8(bytes).unwrap(), line);
}

#[test]
fn other_lines_are_refused() {
    let cases = [
        ("", EntryError::Malformed),
        ("null", EntryError::Malformed),
        (r#"{"event":"genesis","time":1,"v":1}"#, EntryError::Malformed),
        (r#"{"event":"other","time":1,"v":1,"workload":"a"}"#, EntryError::Malformed),
        (r#"{"event":"genesis","time":1,"v":2,"workload":"a"}"#, EntryError::Version),
        (r#"{"event":"genesis","time":1,"v":1,"workload":"a"} "#, EntryError::NotCanonical),
        (r#"{"event":"genesis","v":1,"time":1,"workload":"a"}"#, EntryError::NotCanonical),
        (
            r#"{"event":"genesis","name":"Jane","time":1,"v":1,"workload":"a"}"#,
            EntryError::NotCanonical,
        ),
        (
            r#"{"event":"boot","measurement":null,"time":1,"v":1,"workload":"a"}"#,
            EntryError::Malformed,
        ),
        (r#"{"event":"genesis","time":1.0,"v":1,"workload":"a"}"#, EntryError::Malformed),
        (r#"{"event":"genesis","time":-1,"v":1,"workload":"a"}"#, EntryError::Malformed),
        (r#"{"event":"genesis","time":1,"v":1,"workload":"Jane Doe"}"#, EntryError::Malformed),
    ];
    for (line, error) in cases {
        assert_eq!(Entry::from_bytes(line.as_bytes()), Err(error), "{line}");
    }
}

#[test]
fn an_absent_field_is_absent_and_not_null() {
    let digest = autoclave_base::Digest::of("");
    let event = Event::PolicyChange { name: label("p"), from: None, to: digest };
    let line = String::from_utf8(entry(event).to_bytes().unwrap()).unwrap();
    assert!(!line.contains("from"));
    let with_null = line.replacen(r#""event""#, r#""from":null,"event""#, 1);
    assert!(Entry::from_bytes(with_null.as_bytes()).is_err());
}

#[test]
fn lines_have_a_bound() {
    let rules = |count| Event::Access {
        actor: label("a"),
        role: label("r"),
        action: label("read"),
        resource: label("Patient"),
        subject: None,
        purpose: None,
        decision: crate::Decision::Refused,
        rules: vec![Label::parse(&"r".repeat(128)).unwrap(); count],
    };
    assert!(entry(rules(RULES_MAX)).to_bytes().is_ok());
    assert_eq!(entry(rules(RULES_MAX + 1)).to_bytes(), Err(EntryError::TooLarge));
    assert_eq!(Entry::from_bytes(&vec![b' '; ENTRY_BYTES_MAX + 1]), Err(EntryError::TooLarge));
}
