//! QIDO-RS over the shelf: candidates by the sealed index, matches on opened attributes. The
//! hospital's. What the index can narrow down: UIDs, accession number, patient's identifier
//! and family name (those of the record), study date and modality; all else is opened.

use std::ops::ControlFlow;

use autoclave_fhir::json::Node;
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use time::Date;

use crate::json::{name, word};
use crate::path::Level;
use crate::qido::{self, Around, Key, Query, attribute};
use crate::shelf::{Asker, Shelf, ShelfError, escaped, token};
use crate::study::{Listed, Series, Study, UID_SYSTEM};
use crate::uid::Uid;

/// Studies of one step through the candidates.
const STEP: u32 = 100;
/// Most candidates that one search opens; a search that needs more is too broad.
const OPENED_MAX: usize = 20_000;

/// What a search found.
pub struct Matches {
    /// The answers.
    pub answers: Vec<Node<'static>>,
    /// Whether there are more behind them.
    pub more: bool,
    /// Patients whom they are of, by logical id.
    pub patients: Vec<String>,
}

/// Why a search is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// It would open more than [`OPENED_MAX`] candidates.
    #[error("the search is too broad")]
    Broad,
    /// The shelf fails.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
}

/// A search at a level, within a study and series.
pub struct Search<'a> {
    /// The level.
    pub level: Level,
    /// The study in the path.
    pub study: Option<&'a Uid>,
    /// The series in the path.
    pub series: Option<&'a Uid>,
    /// What was asked.
    pub query: &'a Query,
    /// The base of addresses in answers.
    pub base: &'a str,
}

impl Shelf {
    /// Searches. Blocks.
    pub fn search(&self, asker: &Asker<'_>, search: &Search<'_>) -> Result<Matches, SearchError> {
        let pairs = narrowing(search);
        let mut gathered = Gathered { search, passed: 0, matches: Matches::none() };
        let (mut after, mut opened) = (None, 0);
        loop {
            let found = self.studies(asker, &pairs, after, STEP)?;
            for study in &found.studies {
                opened += study.series.len().max(1);
                if self.of_study(asker, study, &mut gathered, &mut opened)?.is_break() {
                    return Ok(gathered.matches);
                }
                if opened > OPENED_MAX {
                    return Err(SearchError::Broad);
                }
            }
            let Some(next) = found.next else { return Ok(gathered.matches) };
            after = Some(next);
        }
    }

    fn of_study(
        &self,
        asker: &Asker<'_>,
        study: &Study,
        gathered: &mut Gathered<'_, '_>,
        opened: &mut usize,
    ) -> Result<ControlFlow<()>, ShelfError> {
        let search = gathered.search;
        if !search.lists(study) {
            return Ok(ControlFlow::Continue(()));
        }
        let series = study.series.iter().filter(|one| search.has_series(one));
        let candidates: Vec<(&Series, &Listed)> = match search.level {
            Level::Study => series.filter_map(first).take(1).collect(),
            Level::Series => series.filter_map(first).collect(),
            Level::Instance => series
                .flat_map(|one| one.instances.iter().map(move |listed| (one, listed)))
                .filter(|(_, listed)| search.has_instance(listed))
                .collect(),
        };
        for (series, listed) in candidates {
            *opened += 1;
            let Some(entry) = self.entry(asker.caller.tenant, study, listed)? else { continue };
            let candidate =
                Candidate { study, series, listed, transfer_syntax: &entry.transfer_syntax };
            if gathered.take(&candidate, &entry.metadata).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Matches {
    const fn none() -> Self {
        Self { answers: Vec::new(), more: false, patients: Vec::new() }
    }
}

/// The first instance of a series that was stored as an image here.
fn first(series: &Series) -> Option<(&Series, &Listed)> {
    let kept = series.instances.iter().find(|one| one.metadata.is_some());
    kept.map(|listed| (series, listed))
}

struct Gathered<'a, 's> {
    search: &'a Search<'s>,
    passed: usize,
    matches: Matches,
}

struct Candidate<'a> {
    study: &'a Study,
    series: &'a Series,
    listed: &'a Listed,
    transfer_syntax: &'a str,
}

impl Gathered<'_, '_> {
    fn take(&mut self, candidate: &Candidate<'_>, metadata: &Node<'static>) -> ControlFlow<()> {
        let query = self.search.query;
        let made = self.search.made(candidate);
        let mut whole = metadata.clone();
        if let Node::Object(members) = &mut whole {
            for (tag, value) in &made {
                let name = name(*tag);
                members.retain(|(own, _)| *own != name);
                members.push((name.into(), value.clone()));
            }
        }
        if !qido::matches(&whole, query.keys.iter().filter(|key| !self.search.is_listed(key))) {
            return ControlFlow::Continue(());
        }
        if self.passed < query.offset {
            self.passed += 1;
            return ControlFlow::Continue(());
        }
        if self.matches.answers.len() >= query.limit {
            self.matches.more = true;
            return ControlFlow::Break(());
        }
        let around = Around {
            level: self.search.level,
            in_study: self.search.study.is_some(),
            in_series: self.search.series.is_some(),
        };
        let entry = qido::Entry { metadata, made };
        self.matches.answers.push(qido::answer(&around, query, &entry));
        if !self.matches.patients.contains(&candidate.study.patient) {
            self.matches.patients.push(candidate.study.patient.clone());
        }
        ControlFlow::Continue(())
    }
}

impl Search<'_> {
    /// Whether a key is about what the list of a study says of all its series and instances,
    /// at a level above theirs.
    fn is_listed(&self, key: &Key) -> bool {
        let above_series = self.level == Level::Study;
        let above_instance = self.level < Level::Instance;
        match key.path[..] {
            [tags::SERIES_INSTANCE_UID | tags::MODALITY] => above_series,
            [tags::SOP_INSTANCE_UID | tags::SOP_CLASS_UID] => above_instance,
            _ => false,
        }
    }

    /// Whether a study has what the keys about its list want.
    fn lists(&self, study: &Study) -> bool {
        self.study.is_none_or(|uid| *uid == study.uid)
            && study.series.iter().any(|series| self.has_series(series))
    }

    fn has_series(&self, series: &Series) -> bool {
        let modality = series.modality.as_deref().unwrap_or_default();
        self.series.is_none_or(|uid| *uid == series.uid)
            && self.means(tags::SERIES_INSTANCE_UID, "UI", series.uid.as_str())
            && self.means(tags::MODALITY, "CS", modality)
            && series.instances.iter().any(|one| self.has_instance(one))
    }

    fn has_instance(&self, listed: &Listed) -> bool {
        let class = listed.class.as_ref().map(Uid::as_str).unwrap_or_default();
        self.means(tags::SOP_INSTANCE_UID, "UI", listed.uid.as_str())
            && self.means(tags::SOP_CLASS_UID, "UI", class)
    }

    fn means(&self, tag: Tag, vr: &str, value: &str) -> bool {
        self.query.value_of(tag).is_none_or(|wanted| qido::is_meant(vr, value, wanted))
    }

    /// What is counted, or known of where it is retrieved.
    fn made(&self, candidate: &Candidate<'_>) -> Vec<(Tag, Node<'static>)> {
        let Candidate { study, series, listed, transfer_syntax } = candidate;
        let count = |number: usize| attribute("IS", vec![Node::Number(number.to_string().into())]);
        let at_study = format!("{}/studies/{}", self.base, study.uid);
        let at_series = format!("{at_study}/series/{}", series.uid);
        let mut made = vec![(tags::INSTANCE_AVAILABILITY, attribute("CS", vec![word("ONLINE")]))];
        if self.level == Level::Study || self.study.is_none() {
            let words = |texts: Vec<&str>| texts.into_iter().map(word).collect::<Vec<_>>();
            made.extend([
                (tags::MODALITIES_IN_STUDY, attribute("CS", words(modalities(study)))),
                (tags::NUMBER_OF_STUDY_RELATED_SERIES, count(study.series.len())),
                (tags::NUMBER_OF_STUDY_RELATED_INSTANCES, count(study.count())),
            ]);
        }
        if self.level == Level::Series || self.level == Level::Instance && self.series.is_none() {
            let own = count(series.instances.len());
            made.push((tags::NUMBER_OF_SERIES_RELATED_INSTANCES, own));
        }
        let address = match self.level {
            Level::Study => at_study,
            Level::Series => at_series,
            Level::Instance => format!("{at_series}/instances/{}", listed.uid),
        };
        if self.level == Level::Instance {
            let syntax = attribute("UI", vec![word(transfer_syntax)]);
            made.push((tags::AVAILABLE_TRANSFER_SYNTAX_UID, syntax));
        }
        made.push((tags::RETRIEVE_URL, attribute("UR", vec![word(&address)])));
        made
    }
}

fn modalities(study: &Study) -> Vec<&str> {
    let mut found = Vec::new();
    for modality in study.series.iter().filter_map(|series| series.modality.as_deref()) {
        if !found.contains(&modality) {
            found.push(modality);
        }
    }
    found
}

/// FHIR search parameters that every match has: a match of the search is among what they mean.
fn narrowing(search: &Search<'_>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut add = |name: &str, value: String| pairs.push((name.to_owned(), value));
    let key = |tag: Tag| search.query.value_of(tag);
    let uids = |own: Option<&Uid>, tag: Tag| match own {
        Some(uid) => Some(vec![uid.to_string()]),
        None => key(tag).map(|list| {
            list.split([',', '\\']).map(|uid| uid.trim().to_owned()).collect::<Vec<_>>()
        }),
    };
    if let Some(list) = uids(search.study, tags::STUDY_INSTANCE_UID) {
        let tokens = list.iter().map(|uid| token(Some(UID_SYSTEM), &format!("urn:oid:{uid}")));
        add("identifier", tokens.collect::<Vec<_>>().join(","));
    }
    if let Some(list) = uids(search.series, tags::SERIES_INSTANCE_UID) {
        add("series", list.iter().map(|uid| escaped(uid)).collect::<Vec<_>>().join(","));
    }
    if let Some(list) = uids(None, tags::SOP_INSTANCE_UID) {
        add("instance", list.iter().map(|uid| escaped(uid)).collect::<Vec<_>>().join(","));
    }
    let exact = |tag: Tag| key(tag).filter(|value| !value.contains(['*', '?']));
    if let Some(value) = exact(tags::PATIENT_ID) {
        add("patient.identifier", escaped(value));
    }
    if let Some(name) = key(tags::PATIENT_NAME) {
        let family = name.split(['*', '?', '^', '=']).next().unwrap_or_default().trim();
        if !family.is_empty() {
            add("patient.family", escaped(family));
        }
    }
    if let Some(number) = exact(tags::ACCESSION_NUMBER) {
        add("identifier", escaped(number));
    }
    if let Some(days) = exact(tags::STUDY_DATE) {
        for (prefix, day) in started(days) {
            add("started", format!("{prefix}{day}"));
        }
    }
    for tag in [tags::MODALITY, tags::MODALITIES_IN_STUDY] {
        if let Some(codes) = exact(tag) {
            let codes = codes.split(['\\', ',']).map(|code| escaped(code.trim()));
            add("modality", codes.collect::<Vec<_>>().join(","));
        }
    }
    pairs
}

/// Bounds of when a study began, a day wider than asked: its moment may have any zone.
fn started(days: &str) -> Vec<(&'static str, String)> {
    let (from, to) = days.split_once('-').unwrap_or((days, days));
    let mut bounds = Vec::new();
    bounds.extend(day(from).and_then(Date::previous_day).map(|day| ("ge", day.to_string())));
    bounds.extend(day(to).and_then(Date::next_day).map(|day| ("le", day.to_string())));
    bounds
}

fn day(text: &str) -> Option<Date> {
    let text: String = text.chars().filter(|letter| *letter != '.').collect();
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let month = text[4..6].parse::<u8>().ok()?.try_into().ok()?;
    Date::from_calendar_date(text[..4].parse().ok()?, month, text[6..].parse().ok()?).ok()
}
