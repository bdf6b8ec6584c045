//! An import as it is remembered: where lines come from, how far it is, what became of them.
//! Pure. No line is part of it.

use autoclave_fhir::json::Node;
use autoclave_ledger::Label;
use serde::{Deserialize, Serialize};

use super::super::identity::Identity;
use super::super::reply::{number, word};
use super::KEPT_MS;
use super::batch::Done;
use super::source::Lines;

/// A job.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) owner: Identity,
    pub(super) rules: Vec<String>,
    pub(super) request: String,
    pub(super) started: i64,
    pub(super) inputs: Vec<Input>,
    /// The input under way.
    pub(super) at: usize,
    /// The batch under way.
    pub(super) batch: usize,
    pub(super) state: State,
}

/// One source of lines.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Input {
    /// As the client named it; of an upload, nothing.
    pub(super) url: Option<String>,
    /// The type that each line must be, where it was said.
    pub(super) kind: Option<String>,
    pub(super) source: Source,
    /// The next line, from 0.
    pub(super) line: u64,
    pub(super) stored: u64,
    pub(super) unchanged: u64,
    pub(super) failed: u64,
}

/// Where lines come from, and the next place there.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// Sealed parts of an upload.
    Upload { parts: usize, at: usize },
    /// A file of the folder.
    File { name: String, offset: u64 },
}

/// Where a job stands.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq, Debug)]
pub(super) enum State {
    Running,
    Done { at: i64 },
}

/// The name of a job's file in the vault.
pub(super) fn name(id: &str) -> String {
    format!("job-import-{id}")
}

/// The name of a part of an upload.
pub(super) fn upload(id: &str, part: &str) -> String {
    format!("upload-import-{id}.{part}")
}

/// The name of what went wrong in a batch.
pub(super) fn errors(id: &str, batch: usize) -> String {
    format!("errors-import-{id}.{batch}")
}

impl Job {
    /// The input to read from.
    pub(super) fn input(&self) -> Option<&Input> {
        if self.state == State::Running { self.inputs.get(self.at) } else { None }
    }

    /// These lines are stored, or said to be wrong.
    pub(super) fn advance(&mut self, lines: &Lines, done: &Done) {
        if let Some(input) = self.inputs.get_mut(self.at) {
            input.source = lines.next.clone();
            input.line += lines.count;
            input.stored += done.stored;
            input.unchanged += done.unchanged;
            input.failed += done.failed;
        }
        if lines.is_last {
            self.at += 1;
        }
        self.batch += 1;
    }

    pub(super) fn finish(&mut self, now: i64) {
        self.state = State::Done { at: now };
    }

    pub(super) fn is_over(&self, now: i64) -> bool {
        matches!(self.state, State::Done { at } if now > at + KEPT_MS)
    }

    /// Lines read so far.
    pub(super) fn read(&self) -> u64 {
        self.inputs.iter().map(|input| input.stored + input.unchanged + input.failed).sum()
    }

    pub(super) fn rules(&self) -> Vec<Label> {
        self.rules.iter().filter_map(|rule| Label::parse(rule).ok()).collect()
    }

    /// What the client gets when it is done.
    pub(super) fn report(&self, base: &str) -> Node<'static> {
        let output = self.inputs.iter().map(|input| {
            let mut members = vec![
                ("count", number(&(input.stored + input.unchanged))),
                ("stored", number(&input.stored)),
                ("unchanged", number(&input.unchanged)),
                ("failed", number(&input.failed)),
            ];
            members.extend(input.url.clone().map(|url| ("inputUrl", word(url))));
            members.extend(input.kind.clone().map(|kind| ("type", word(kind))));
            Node::object(members)
        });
        let failed: u64 = self.inputs.iter().map(|input| input.failed).sum();
        let error = Node::object([
            ("type", word("OperationOutcome")),
            ("url", word(format!("{base}/$import/{}/errors", self.id))),
            ("count", number(&failed)),
        ]);
        Node::object([
            ("transactionTime", word(crate::server::instant(self.started))),
            ("request", word(self.request.clone())),
            ("output", Node::List(output.collect())),
            ("error", Node::List(if failed > 0 { vec![error] } else { Vec::new() })),
        ])
    }
}
