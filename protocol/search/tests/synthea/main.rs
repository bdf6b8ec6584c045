//! Over 58 Synthea bundles: how many rows a resource has, how long they take, and a thousand
//! queries beside a matcher that knows nothing of rows.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it measured"
)]

mod material;
mod question;
#[path = "../shelf/mod.rs"]
mod shelf;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use autoclave_base::Secret;
use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_search::{Blind, rows};
use material::resources;
use question::{ASKED, Question, Row, ask};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use shelf::Shelf;

#[test]
fn rows_are_few_and_quickly_made() {
    let Some(resources) = resources(58) else { return };
    let blind = Blind::new(&Secret::new([7; 32]));
    let mut kinds: BTreeMap<&str, (usize, usize, Duration)> = BTreeMap::new();
    let texts: Vec<Vec<u8>> =
        resources.iter().map(|resource| serde_json::to_vec(resource).unwrap()).collect();
    for round in 0..2 {
        for text in &texts {
            let node = Node::parse(text).unwrap();
            let kind: Kind = node.text_of("resourceType").unwrap().parse().unwrap();
            let start = Instant::now();
            let count = rows(kind, &node, &blind).len();
            if round == 1 {
                let entry = kinds.entry(kind.name()).or_default();
                *entry = (entry.0 + 1, entry.1 + count, entry.2 + start.elapsed());
            }
        }
    }
    let (mut all, mut sum) = (0, 0);
    for (kind, (count, rows, time)) in &kinds {
        (all, sum) = (all + count, sum + rows);
        let each = |total: f64| total / f64::from(u32::try_from(*count).unwrap());
        let (rows, time) = (f64::from(u32::try_from(*rows).unwrap()), time.as_secs_f64() * 1e6);
        println!("{kind:22} {count:6}  {:6.1} rows  {:6.1} µs", each(rows), each(time));
    }
    println!("{all} resources, {sum} rows");
    let (count, rows, _) = kinds["Observation"];
    assert!(rows <= count * 11, "{rows} rows of {count} Observations");
    assert!(sum <= all * 14, "{sum} rows of {all} resources");
}

#[test]
fn hundreds_of_queries_find_what_a_matcher_without_rows_finds() {
    let Some(resources) = resources(10) else { return };
    let mut shelf = Shelf::new();
    for resource in &resources {
        shelf.put(&serde_json::to_vec(resource).unwrap());
    }
    let of =
        |kind: &str| resources.iter().filter(|one| one["resourceType"] == kind).collect::<Vec<_>>();
    let kinds: BTreeMap<&str, Vec<&Value>> = ASKED.iter().map(|row| (row.0, of(row.0))).collect();
    let mut random = StdRng::seed_from_u64(5);
    let (mut asked, mut found) = (0, 0);
    while asked < 1_000 {
        let row = ASKED.choose(&mut random).unwrap();
        let all = &kinds[row.0];
        let mut questions: Vec<Question> = Vec::new();
        let others: Vec<&Row> = ASKED.iter().filter(|other| other.0 == row.0).collect();
        for row in [row, others.choose(&mut random).unwrap()] {
            let from = all.choose(&mut random).unwrap();
            questions.extend(ask(row, from, &mut random));
        }
        questions.truncate(random.random_range(1..=2));
        if questions.is_empty() {
            continue;
        }
        let query = questions.iter().map(|one| one.text.as_str()).collect::<Vec<_>>().join("&");
        let meets = |one: &&&Value| questions.iter().all(|question| (question.meets)(one));
        let mut expected: Vec<&str> =
            all.iter().filter(meets).map(|one| one["id"].as_str().unwrap()).collect();
        expected.sort_unstable();
        // Organizations and practitioners stand in several bundles.
        expected.dedup();
        let mut got = shelf.find(row.0, &query);
        got.dedup();
        assert_eq!(got, expected, "{}?{query}", row.0);
        asked += 1;
        found += usize::from(!expected.is_empty());
    }
    println!("{asked} queries, {found} of them with matches");
    assert!(found > 500);
}

#[test]
fn chains_find_what_following_references_finds() {
    let Some(resources) = resources(10) else { return };
    let mut shelf = Shelf::new();
    for resource in &resources {
        shelf.put(&serde_json::to_vec(resource).unwrap());
    }
    let id = |one: &Value| one["id"].as_str().unwrap().to_owned();
    let of = |kind: &'static str| resources.iter().filter(move |one| one["resourceType"] == kind);
    for patient in of("Patient") {
        let family = patient["name"][0]["family"].as_str().unwrap();
        let place = format!("Patient/{}", id(patient));
        let mut expected: Vec<String> = of("Observation")
            .filter(|one| one["subject"]["reference"] == place.as_str())
            .map(&id)
            .collect();
        expected.sort();
        assert_eq!(shelf.find("Observation", &format!("patient.family:exact={family}")), expected);
        let code = of("Observation").find(|one| one["subject"]["reference"] == place.as_str());
        let code = code.unwrap()["code"]["coding"][0]["code"].as_str().unwrap();
        let mut expected: Vec<&str> = of("Observation")
            .filter(|one| one["code"]["coding"][0]["code"] == code)
            .map(|one| one["subject"]["reference"].as_str().unwrap().split('/').nth(1).unwrap())
            .collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(
            shelf.find("Patient", &format!("_has:Observation:patient:code={code}")),
            expected
        );
    }
}

#[test]
fn every_synthea_resource_of_a_patient_is_in_its_compartment() {
    let Some(resources) = resources(3) else { return };
    let patients: Vec<&str> = resources
        .iter()
        .filter(|one| one["resourceType"] == "Patient")
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    let mut shelf = Shelf::new();
    for resource in &resources {
        shelf.put(&serde_json::to_vec(resource).unwrap());
    }
    for item in &shelf.items {
        let is_shared = matches!(item.kind.name(), "Organization" | "Practitioner");
        assert_eq!(item.patients.len(), usize::from(!is_shared), "{}", item.kind);
        assert!(item.patients.iter().all(|id| patients.contains(&id.as_str())));
    }
}
