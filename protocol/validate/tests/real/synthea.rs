//! Synthea's 58 patients.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use autoclave_fhir::json::Node;
use autoclave_validate::{Context, Finding, check, validate};

use crate::material;

#[test]
fn every_resource_of_synthea_has_the_form_of_r4() {
    let Some(folder) = material::shared("synthea-r4-transaction-58") else { return };
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in material::files(&folder) {
        let text = fs::read(&path).unwrap();
        let node = Node::parse(&text).unwrap();
        for entry in node.get("entry").map_or(&[][..], Node::items) {
            let resource = entry.get("resource").unwrap();
            count += 1;
            for finding in check(resource) {
                wrong.push(format!("{} {} {}", finding.code, finding.place, finding.message));
            }
        }
    }
    assert!(count > 14_000, "{count} resources");
    assert!(wrong.is_empty(), "{:#?}", &wrong[..wrong.len().min(50)]);
}

#[test]
fn the_form_of_an_observation_is_checked_in_microseconds() {
    let Some(folder) = material::shared("synthea-r4-transaction-58") else { return };
    let texts: Vec<Vec<u8>> =
        material::files(&folder).iter().take(4).map(|path| fs::read(path).unwrap()).collect();
    let bundles: Vec<Node<'_>> = texts.iter().map(|text| Node::parse(text).unwrap()).collect();
    let observations: Vec<&Node<'_>> = bundles
        .iter()
        .flat_map(|bundle| bundle.get("entry").map_or(&[][..], Node::items))
        .filter_map(|entry| entry.get("resource"))
        .filter(|resource| resource.text_of("resourceType") == Some("Observation"))
        .collect();
    let once = || observations.iter().map(|one| check(one).len()).sum::<usize>();
    assert_eq!(once(), 0, "what is made at first use is made");
    let best = (0..5)
        .map(|_| {
            let start = Instant::now();
            once();
            start.elapsed()
        })
        .min()
        .unwrap();
    let each = best / u32::try_from(observations.len()).unwrap();
    eprintln!("{} observations, {each:?} each", observations.len());
    // 25 µs is the aim with optimisation; this build has little of it and a busy machine.
    assert!(each < Duration::from_micros(250), "{each:?}");
}

#[test]
fn what_synthea_declares_to_be_of_us_core_is() {
    let Some(folder) = material::shared("synthea-bulk-ndjson-10patients") else { return };
    let mut wrong = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for path in material::files(&folder) {
        // One file tells of the export itself.
        if path.file_name().is_some_and(|name| name == "log.ndjson") {
            continue;
        }
        let text = fs::read(&path).unwrap();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let node = Node::parse(line).unwrap();
            for profile in node.at(&["meta", "profile"]).map_or(&[][..], Node::items) {
                *counts.entry(profile.text().unwrap().to_owned()).or_default() += 1;
            }
            let findings = validate(&node, &[], &Context::default());
            wrong.extend(findings.into_iter().filter(Finding::is_error));
        }
    }
    assert!(counts.len() >= 12, "{counts:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
