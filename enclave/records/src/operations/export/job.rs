//! An export as it is remembered: what is to be searched, how far that is, what was found.
//! Pure. Keys and places only, no record.

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_ledger::Label;
use serde::{Deserialize, Serialize};

use super::super::identity::Identity;
use super::super::reply::{number, word};
use super::KEPT_MS;

/// Places in one file: some ten megabytes of resources, which one answer can hold.
pub(super) const PLACES_MAX: u32 = 4_000;
/// Members of a group that one search asks for.
pub(super) const MEMBERS_MAX: usize = 100;

/// A job.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) owner: Identity,
    pub(super) rules: Vec<String>,
    pub(super) narrowed: Vec<String>,
    /// The kick-off's URL, for the manifest.
    pub(super) request: String,
    /// The transaction time, in milliseconds since 1970: nothing later is in the export.
    pub(super) started: i64,
    pub(super) since: Option<i64>,
    /// Whether only what belongs to a patient is meant.
    pub(super) of_patients: bool,
    /// Keys of the patients that are meant; none: all.
    pub(super) members: Option<Vec<i64>>,
    pub(super) tasks: Vec<Task>,
    /// The task under way, and the last place it found.
    pub(super) at: usize,
    pub(super) after: Option<i64>,
    pub(super) files: Vec<FileInfo>,
    pub(super) state: State,
}

/// One search: a type, its `_typeFilter`, and which part of the members.
#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
pub(super) struct Task {
    pub(super) kind: u8,
    pub(super) queries: Vec<String>,
    pub(super) members: Option<(usize, usize)>,
}

/// One file.
#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
pub(super) struct FileInfo {
    pub(super) task: usize,
    pub(super) count: u32,
}

/// Where a job stands.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq, Debug)]
pub(super) enum State {
    Running,
    Failed,
    Done { at: i64 },
}

/// A resource's place: its row and its key.
pub(super) type Spot = (i64, i64);

/// The name of a job's file in the vault.
pub(super) fn name(id: &str) -> String {
    format!("job-export-{id}")
}

/// The name of the places of one file in the vault.
pub(super) fn file(id: &str, at: usize) -> String {
    format!("export-{id}.{at}")
}

/// Places as bytes, 16 each.
pub(super) fn write(spots: &[Spot]) -> Vec<u8> {
    spots.iter().flat_map(|(row, key)| [row.to_be_bytes(), key.to_be_bytes()]).flatten().collect()
}

/// Places from bytes.
pub(super) fn read(bytes: &[u8]) -> Vec<Spot> {
    let (numbers, _) = bytes.as_chunks::<8>();
    numbers
        .chunks_exact(2)
        .map(|pair| (i64::from_be_bytes(pair[0]), i64::from_be_bytes(pair[1])))
        .collect()
}

impl Job {
    /// The search to make next.
    pub(super) fn task(&self) -> Option<&Task> {
        if self.state == State::Running { self.tasks.get(self.at) } else { None }
    }

    /// What a search found has been kept as the next file; `count` is what it says of itself.
    pub(super) fn found(&mut self, spots: &[Spot], now: i64) {
        if let Some((last, _)) = spots.last() {
            let count = u32::try_from(spots.len()).unwrap_or(u32::MAX);
            self.files.push(FileInfo { task: self.at, count });
            self.after = Some(*last);
        }
        if spots.len() < PLACES_MAX as usize {
            self.at += 1;
            self.after = None;
        }
        if self.at >= self.tasks.len() {
            self.state = State::Done { at: now };
        }
    }

    /// The patients that a task is about; `None`: all.
    pub(super) fn members_of(&self, task: &Task) -> Option<&[i64]> {
        let (from, to) = task.members?;
        self.members.as_deref()?.get(from..to)
    }

    /// Whether what it made need not be kept any longer.
    pub(super) fn is_over(&self, now: i64) -> bool {
        match self.state {
            State::Running => false,
            State::Failed => now > self.started + KEPT_MS,
            State::Done { at } => now > at + KEPT_MS,
        }
    }

    /// The rules that let it start.
    pub(super) fn rules(&self) -> Vec<Label> {
        self.rules.iter().filter_map(|rule| Label::parse(rule).ok()).collect()
    }

    /// What the client gets when it is done.
    pub(super) fn manifest(&self, base: &str) -> Node<'static> {
        let output = self.files.iter().enumerate().filter_map(|(at, file)| {
            let kind = Kind::from_number(self.tasks.get(file.task)?.kind).ok()?;
            Some(Node::object([
                ("type", word(kind.name())),
                ("url", word(format!("{base}/$export/{}/{at}", self.id))),
                ("count", number(&file.count)),
            ]))
        });
        Node::object([
            ("transactionTime", word(crate::server::instant(self.started))),
            ("request", word(self.request.clone())),
            ("requiresAccessToken", Node::Bool(true)),
            ("output", Node::List(output.collect())),
            ("error", Node::List(Vec::new())),
        ])
    }
}
