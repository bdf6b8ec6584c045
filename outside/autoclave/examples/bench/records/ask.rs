//! What is asked of both sides, in the same words.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::corpus::Corpus;
use super::side::Side;
use crate::Any;
use crate::load::{Ask, Target};

const JSON: &str = "content-type: application/fhir+json\r\n";
/// Longest wait for an export.
const EXPORT_MAX: Duration = Duration::from_mins(10);
/// Most patients that are asked for in turn.
const PATIENTS: usize = 500;
/// A code that half of all patients have: body height.
const CODE: &str = "http://loinc.org%7C8302-2";

/// Ids on one side.
pub(super) struct Known {
    patients: Vec<String>,
    observations: Vec<String>,
    families: Vec<String>,
    single: Vec<u8>,
}

impl Known {
    /// Asks a side for its ids.
    pub(super) fn look(side: &Side, corpus: &Corpus) -> Any<Self> {
        let list = |kind: &str| -> Any<Vec<String>> {
            let line = side.line("GET", &format!("/{kind}?_count={PATIENTS}"));
            let answer = side.connection().exchange(&line, &side.headers(), b"")?;
            let bundle: Value = serde_json::from_slice(&answer.body)?;
            let entries = bundle["entry"].as_array().ok_or("an answer without entries")?;
            let ids = entries.iter().filter_map(|entry| entry["resource"]["id"].as_str());
            Ok(ids.map(str::to_owned).collect())
        };
        let (patients, observations) = (list("Patient")?, list("Observation")?);
        if patients.is_empty() || observations.is_empty() {
            return Err("a side has none of the resources that were posted".into());
        }
        let families = corpus.families.clone();
        Ok(Self { patients, observations, families, single: corpus.single.clone() })
    }
}

/// A question with its own next object each time.
struct Question<'a> {
    side: &'a Side,
    method: &'static str,
    paths: Vec<String>,
    body: Vec<u8>,
    expected: u16,
    /// What a right answer contains.
    contains: &'static str,
}

impl Target for Question<'_> {
    fn worker(&self) -> Any<Ask> {
        let mut connection = self.side.connection();
        let lines: Vec<String> =
            self.paths.iter().map(|path| self.side.line(self.method, path)).collect();
        let headers = if self.body.is_empty() {
            self.side.headers()
        } else {
            format!("{}{JSON}", self.side.headers())
        };
        let (body, expected, contains) = (self.body.clone(), self.expected, self.contains);
        let mut at = std::process::id() as usize;
        Ok(Box::new(move || {
            at = at.wrapping_mul(31).wrapping_add(7);
            let answer = connection.exchange(&lines[at % lines.len()], &headers, &body)?;
            if answer.status != expected {
                return Err(format!("status {}", answer.status).into());
            }
            let found = answer.body.windows(contains.len()).any(|it| it == contains.as_bytes());
            if found { Ok(()) } else { Err("an answer without what was asked for".into()) }
        }))
    }

    fn pid(&self) -> u32 {
        self.side.pid()
    }
}

/// All questions, by name.
pub(super) fn all<'a>(
    side: &'a Side,
    known: &'a Known,
) -> Vec<(&'static str, Box<dyn Target + 'a>)> {
    let get = |paths: Vec<String>, contains| -> Box<dyn Target + 'a> {
        Box::new(Question { side, method: "GET", paths, body: vec![], expected: 200, contains })
    };
    let each = |ids: &[String], before: &str, after: &str| -> Vec<String> {
        ids.iter().map(|id| format!("{before}{id}{after}")).collect()
    };
    // As long as all beginnings are, and without letters that would have to be escaped.
    let begins: Vec<String> = known
        .families
        .iter()
        .filter_map(|family| family.get(..3).map(str::to_owned))
        .filter(|begin| begin.bytes().all(|byte| byte.is_ascii_alphabetic()))
        .collect();
    let create = Question {
        side,
        method: "POST",
        paths: vec!["/Patient".to_owned()],
        body: known.single.clone(),
        expected: 201,
        contains: "\"Patient\"",
    };
    vec![
        ("read by id", get(each(&known.observations, "/Observation/", ""), "\"Observation\"")),
        (
            "search by patient, 20 of them",
            get(each(&known.patients, "/Observation?patient=", "&_count=20"), "searchset"),
        ),
        ("search by name", get(each(&begins, "/Patient?name=", ""), "\"Patient\"")),
        (
            "search by code, 20 of them",
            get(vec![format!("/Observation?code={CODE}&_count=20")], "8302-2"),
        ),
        (
            "chained",
            get(each(&begins, "/Observation?subject:Patient.family=", "&_count=20"), "searchset"),
        ),
        (
            "_has",
            get(
                vec![format!("/Patient?_has:Observation:patient:code={CODE}&_count=20")],
                "searchset",
            ),
        ),
        (
            "$everything, first page of 100",
            get(each(&known.patients, "/Patient/", "/$everything?_count=100"), "\"Patient\""),
        ),
        ("create", Box::new(create)),
    ]
}

/// Posts bundles until none is left; milliseconds of each.
pub(super) fn post_all(side: &Side, corpus: &Corpus, next: &AtomicUsize) -> Any<Vec<f64>> {
    let mut connection = side.connection();
    let headers = format!("{}{JSON}", side.headers());
    let line = side.line("POST", if side.line("", "").trim().is_empty() { "/" } else { "" });
    let mut times = Vec::new();
    while let Some(bundle) = corpus.bundles.get(next.fetch_add(1, Ordering::Relaxed)) {
        let began = Instant::now();
        let answer = connection.exchange(&line, &headers, bundle)?;
        if answer.status != 200 {
            let text = String::from_utf8_lossy(&answer.body);
            let said: String = text.chars().take(300).collect();
            return Err(format!("a bundle was refused: {} {said}", answer.status).into());
        }
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// Exports everything and fetches every file.
pub(super) fn export(side: &Side) -> Any<()> {
    let mut connection = side.connection();
    let headers =
        format!("{}prefer: respond-async\r\naccept: application/fhir+json\r\n", side.headers());
    let kicked = connection.exchange(&side.line("GET", "/$export"), &headers, b"")?;
    if kicked.status != 202 {
        return Err(format!("status {}", kicked.status).into());
    }
    let status = path(&kicked.location)?;
    let began = Instant::now();
    let manifest: Value = loop {
        let answer = connection.exchange(&format!("GET {status}"), &side.headers(), b"")?;
        match answer.status {
            200 => break serde_json::from_slice(&answer.body)?,
            202 if began.elapsed() < EXPORT_MAX => std::thread::sleep(Duration::from_millis(50)),
            other => return Err(format!("status {other} while it exports").into()),
        }
    };
    for file in manifest["output"].as_array().ok_or("a manifest without output")? {
        let url = file["url"].as_str().ok_or("a file without url")?;
        let answer = connection.exchange(&format!("GET {}", path(url)?), &side.headers(), b"")?;
        if answer.status != 200 {
            return Err(format!("status {} for a file", answer.status).into());
        }
    }
    Ok(())
}

/// The path of an absolute or a relative address.
fn path(url: &str) -> Any<&str> {
    match url.split_once("://") {
        None => Ok(url),
        Some((_, rest)) => {
            Ok(rest.find('/').map(|at| &rest[at..]).ok_or("an address without path")?)
        }
    }
}
