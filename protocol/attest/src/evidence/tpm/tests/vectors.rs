//! The vectors for other implementations, `vectors/tpm/evidence.json`. Certificates of the
//! fixture vendors are drawn anew each time, so the file is not compared with the list: it
//! must be judged as it says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::*;
use super::cases::{Case, all};
use crate::evidence::{Endorsements, Root, Verifiers};
use crate::fixtures::{NOW, key, nonce, runtime};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/tpm/evidence.json");

/// The bodies that all others are told from: the first two cases'.
const BASES: [&str; 2] = ["software", "hardware"];

fn document() -> Value {
    let all = all();
    let bodies = [&all[0], &all[1]].map(body);
    let mut roots = Vec::new();
    let cases: Vec<_> = all.iter().map(|case| entry(case, &bodies, &mut roots)).collect();
    json!({
        "now": NOW,
        "runtime": runtime(&key(4), nonce(1)),
        "roots": roots,
        "bodies": {BASES[0]: bodies[0], BASES[1]: bodies[1]},
        "cases": cases,
    })
}

fn body(case: &Case) -> Value {
    serde_json::from_str(&case.evidence).unwrap()
}

fn entry(case: &Case, bodies: &[Value; 2], roots: &mut Vec<Value>) -> Value {
    let root = serde_json::to_value(Root::Tpm(case.root.clone())).unwrap();
    let at = roots.iter().position(|known| *known == root).unwrap_or(roots.len());
    if at == roots.len() {
        roots.push(root);
    }
    let changes = [0, 1].map(|base| (BASES[base], changes(&bodies[base], &body(case))));
    let (base, change) = changes.into_iter().min_by_key(|(_, one)| one.to_string().len()).unwrap();
    let mut entry = json!({
        "name": case.name,
        "root": at,
        "report_data": b64::encode(case.report_data),
        "body": base,
        "change": change,
    });
    match case.judge() {
        Ok(claims) => entry["claims"] = json!(claims),
        Err(refusal) => entry["refused"] = json!(refusal.code()),
    }
    entry
}

/// Members of `body` that are others in `base`; null for those that it has not.
fn changes(base: &Value, body: &Value) -> Value {
    let (base, body) = (base.as_object().unwrap(), body.as_object().unwrap());
    let others = body.iter().filter(|(name, value)| base.get(*name) != Some(value));
    let missing = base.keys().filter(|name| !body.contains_key(*name));
    let others = others.map(|(name, value)| (name.clone(), value.clone()));
    others.chain(missing.map(|name| (name.clone(), Value::Null))).collect()
}

/// The evidence that a case tells.
fn evidence(file: &Value, case: &Value) -> Evidence {
    let mut body = file["bodies"][case["body"].as_str().unwrap()].clone();
    for (name, value) in case["change"].as_object().unwrap() {
        let members = body.as_object_mut().unwrap();
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    Evidence { kind: TeeKind::Tpm, body: body.to_string() }
}

fn read() -> Value {
    serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap()
}

#[test]
fn every_case_is_judged_as_it_should_be() {
    for case in all() {
        let judged = case.judge();
        let found = judged.as_ref().map(|claims| claims.hw_backed).map_err(|one| one.code());
        assert_eq!(found, case.expected, "{}", case.name);
        if let Ok(claims) = judged {
            assert!(claims.are_consistent(), "{}", case.name);
        }
    }
}

#[test]
fn the_tpm_vectors_are_judged_as_they_say() {
    let file = read();
    for case in file["cases"].as_array().unwrap() {
        let root = usize::try_from(case["root"].as_u64().unwrap()).unwrap();
        let root: Root = serde_json::from_value(file["roots"][root].clone()).unwrap();
        let evidence = evidence(&file, case);
        let data = b64::decode_array(case["report_data"].as_str().unwrap()).unwrap();
        let now = serde_json::from_value(file["now"].clone()).unwrap();
        let judged = Verifiers::from_roots(&[root]).unwrap().verify(
            &evidence,
            &data,
            &Endorsements::new(),
            now,
        );
        match judged {
            Ok(verified) => assert_eq!(json!(verified.claims()), case["claims"]),
            Err(refusal) => assert_eq!(refusal.code(), case["refused"], "{}", case["name"]),
        }
    }
}

#[test]
fn the_tpm_vectors_hold_every_case() {
    let file = read();
    let found = file["cases"].as_array().unwrap().iter().map(|case| case["name"].as_str().unwrap());
    let cases = all();
    let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    assert_eq!(found.collect::<BTreeSet<_>>(), names, "run `write_the_tpm_vectors`");
    assert_eq!(names.len(), cases.len());
}

#[test]
#[ignore = "writes the file"]
fn write_the_tpm_vectors() {
    let text = serde_json::to_string_pretty(&document()).unwrap();
    std::fs::write(FILE, text + "\n").unwrap();
}
