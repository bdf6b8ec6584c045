//! `Patient/$match`: who might this be? Candidates are found by keyed terms, compared opened,
//! and told only where the caller may meet them.

use std::collections::BTreeSet;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_record::consent::Act;
use autoclave_record::matching::{Grade, Score, blocks, score};
use autoclave_search::Page;
use futures::future::BoxFuture;
use http::StatusCode;

use super::asked::Asked;
use super::reach::Reach;
use super::reply::{self, number, word};
use super::run::{blocking, fault};
use crate::server::{Call, Called, Fault, FhirRequest, Operation, Place, Server};
use crate::store::Stored;

/// Candidates of one block; a fact that more share says little.
const BLOCK_MAX: u32 = 100;
/// Blocks of one question.
const BLOCKS_MAX: usize = 24;
/// Matches told where the caller does not say how many.
const COUNT: u32 = 10;
/// Matches told at most.
const COUNT_MAX: u32 = 50;
const GRADE: &str = "http://hl7.org/fhir/StructureDefinition/match-grade";

/// The operation.
pub(super) struct Match;

impl Operation for Match {
    fn name(&self) -> &'static str {
        "match"
    }

    fn places(&self) -> Vec<Place> {
        vec![Place::Type(Kind::known("Patient"))]
    }

    fn changes(&self) -> bool {
        false
    }

    fn definition(&self) -> &'static str {
        "http://hl7.org/fhir/OperationDefinition/Patient-match"
    }

    fn call<'a>(
        &'a self,
        server: &'a Server,
        call: Call<'a>,
    ) -> BoxFuture<'a, Result<Called, Fault>> {
        let (server, caller, request) = (server.clone(), call.caller.clone(), call.request.clone());
        let granted = call.granted;
        Box::pin(blocking(move || {
            let reach = Reach::new(&server, &caller, granted, Act::Access)?;
            matches(reach, &request)
        }))
    }
}

fn matches(mut reach: Reach, request: &FhirRequest) -> Result<Called, Fault> {
    let asked = Asked::of(request)?;
    let patient = asked
        .resource("resource")
        .filter(|node| node.text_of("resourceType") == Some("Patient"))
        .ok_or_else(|| Fault::bad("match.patient", "A Patient is asked for.").at("resource"))?;
    let is_certain = asked.flag("onlyCertainMatches");
    let count = asked.number("count")?.unwrap_or(COUNT).min(COUNT_MAX);
    let mut found = Vec::new();
    for stored in candidates(&reach, patient)? {
        let Some(document) = &stored.document else { continue };
        let node = document.node().map_err(|_| Fault::internal("match"))?;
        let score = score(patient, &node);
        let is_match =
            score.grade > Grade::CertainlyNot && (!is_certain || score.grade == Grade::Certain);
        if is_match && reach.visible.admits(&stored, &node) {
            found.push((score, stored));
        }
    }
    found.sort_by(|(one, _), (other, _)| other.value.total_cmp(&one.value));
    // Two who are equally certain are none of them certain.
    if is_certain && found.len() > 1 {
        found.clear();
    }
    found.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    let mut entries = Vec::new();
    for (score, stored) in &found {
        let Some(document) = &stored.document else { continue };
        let node = document.node().map_err(|_| Fault::internal("match"))?;
        if reach.tells(stored, &node) {
            entries.push(entry(request, stored, node, *score));
        }
    }
    let bundle = Node::object([
        ("resourceType", word("Bundle")),
        ("type", word("searchset")),
        ("total", number(&entries.len())),
        ("entry", Node::List(entries)),
    ]);
    let answer = reply::resource(StatusCode::OK, &bundle);
    Ok(Called { answer, access: reach.access("match", Some(Kind::known("Patient"))) })
}

fn candidates(reach: &Reach, patient: &Node<'_>) -> Result<Vec<Stored>, Fault> {
    let kind = Kind::known("Patient");
    let mut filters = Vec::new();
    for block in blocks(patient).into_iter().take(BLOCKS_MAX) {
        let pairs: Vec<_> =
            block.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        // A fact that cannot be searched for is compared all the same.
        if let Ok(query) = reach.query(kind, &pairs) {
            filters.push(reach.filter(kind, query.filter)?);
        }
    }
    let store = reach.server.store();
    store
        .read(reach.caller.tenant, |view| {
            let mut rows = BTreeSet::new();
            for filter in &filters {
                let hidden = reach.visible.hidden();
                let hits = view.search(kind, filter, hidden, &[], &Page::First, BLOCK_MAX)?;
                rows.extend(hits.iter().map(|hit| hit.row));
            }
            view.open(&rows.into_iter().collect::<Vec<_>>())
        })
        .map_err(fault)
}

fn entry<'a>(request: &FhirRequest, stored: &Stored, resource: Node<'a>, score: Score) -> Node<'a> {
    let grade = Node::object([("url", word(GRADE)), ("valueCode", word(score.grade.code()))]);
    let search = Node::object([
        ("extension", Node::List(vec![grade])),
        ("mode", word("match")),
        ("score", number(&format!("{:.3}", score.value))),
    ]);
    let url = format!("{}/Patient/{}", request.base, stored.id);
    Node::object([("fullUrl", word(url)), ("resource", resource), ("search", search)])
}
