//! One batch of lines into the store: all or nothing, and where one line spoils it, line by
//! line, so that the others are kept. What is wrong is said by line and rule, without a value.

use std::collections::BTreeSet;

use autoclave_base::Digest;
use autoclave_fhir::json::Node;
use autoclave_fhir::{Document, Stamp};
use autoclave_validate::check;

use super::super::run::fault;
use super::job::Job;
use super::source::Lines;
use crate::server::{
    Action, Caller, Fault, SUBJECTS_MAX, Server, Session, Wanted, instant, leave_of, one_issue,
};
use crate::store::{Change, Put, StoreError};

/// What became of a batch.
#[derive(Default)]
pub(super) struct Done {
    pub(super) stored: u64,
    pub(super) unchanged: u64,
    pub(super) failed: u64,
    /// `OperationOutcome`s, one to a line.
    pub(super) errors: Vec<u8>,
    pub(super) subjects: Vec<i64>,
}

/// A line that may be stored.
struct Row<'a> {
    number: u64,
    id: String,
    document: Document,
    node: Node<'a>,
}

/// Stores what can be.
pub(super) fn store(
    server: &Server,
    caller: &Caller,
    job: &Job,
    lines: &Lines,
) -> Result<Done, Fault> {
    let mut done = Done::default();
    let rows = rows(job, lines, &mut done);
    match put(server, caller, &rows) {
        Ok(kept) => done.add(kept),
        Err(Stopped::Store(error)) if is_of_one(error) => {
            for row in rows.chunks(1) {
                match put(server, caller, row) {
                    Ok(kept) => done.add(kept),
                    Err(Stopped::Store(error)) if is_of_one(error) => {
                        done.refuse(row[0].number, error.code(), "The store refuses it.", None);
                    }
                    Err(stopped) => return Err(stopped.into()),
                }
            }
        }
        Err(stopped) => return Err(stopped.into()),
    }
    Ok(done)
}

/// Whether an error is about one resource, rather than about the store.
const fn is_of_one(error: StoreError) -> bool {
    matches!(error, StoreError::Conflict | StoreError::Erased | StoreError::TooLarge)
}

fn rows<'a>(job: &Job, lines: &'a Lines, done: &mut Done) -> Vec<Row<'a>> {
    let first = job.input().map_or(0, |input| input.line);
    let kind = job.input().and_then(|input| input.kind.as_deref());
    let mut rows = Vec::new();
    for (number, text) in (first + 1..).zip(lines.text.split(|byte| *byte == b'\n')) {
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match row(job, kind, number, text) {
            Ok(row) => rows.push(row),
            Err((code, place)) => {
                done.refuse(number, code, "The line is not a resource that may be stored.", place);
            }
        }
    }
    rows
}

type Wrong = (&'static str, Option<String>);

fn row<'a>(job: &Job, kind: Option<&str>, number: u64, text: &'a [u8]) -> Result<Row<'a>, Wrong> {
    let node = Node::parse(text).map_err(|_| ("import.json", None))?;
    let document =
        Document::of_parsed(text.to_vec(), &node).map_err(|_| ("import.resource", None))?;
    if kind.is_some_and(|kind| kind != document.kind().name()) {
        return Err(("import.type", None));
    }
    if let Some(finding) = check(&node).into_iter().find(autoclave_validate::Finding::is_error) {
        return Err(("import.invalid", Some(finding.place)));
    }
    // One without an id gets one that the same line of the same job always gets.
    let id = node.text_of("id").map_or_else(
        || {
            let parts = [job.id.as_bytes(), &job.at.to_be_bytes(), &number.to_be_bytes()];
            Digest::of_parts(&parts).hex()[..32].to_owned()
        },
        str::to_owned,
    );
    Ok(Row { number, id, document, node })
}

/// Why rows were not stored.
enum Stopped {
    Store(StoreError),
    Server(Fault),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Server(fault)
    }
}

impl From<Stopped> for Fault {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Store(error) => fault(error),
            Stopped::Server(fault) => fault,
        }
    }
}

fn put(server: &Server, caller: &Caller, rows: &[Row<'_>]) -> Result<Kept, Stopped> {
    let session = Session::new(server, caller, "", Wanted::default())?;
    let kept = server.store().change::<_, Stopped>(caller.tenant, |change| {
        let (mut kept, mut all) = (Kept::default(), Vec::new());
        for row in rows {
            if is_there(change, row)? {
                kept.unchanged += 1;
                continue;
            }
            let put = Put {
                id: &row.id,
                expected: None,
                document: &row.document,
                node: &row.node,
                updated: session.now,
            };
            let stored = change.put(put)?;
            session.stored(Action::Operation("import"), &stored);
            kept.subjects.extend(stored.owner);
            kept.stored += 1;
            all.push(stored);
        }
        leave_of(&session, change, all.iter())?;
        Ok(kept)
    })?;
    session.committed()?;
    Ok(kept)
}

/// Whether the resource stands there as it is, but for what the server sets.
fn is_there(change: &mut Change<'_>, row: &Row<'_>) -> Result<bool, StoreError> {
    let Some(stored) = change.get(row.document.kind(), &row.id)? else { return Ok(false) };
    let Some(document) = &stored.document else { return Ok(false) };
    let last_updated = instant(stored.updated);
    let stamp = Stamp { id: &row.id, version: stored.version, last_updated: &last_updated };
    Ok(row.document.stamped(stamp).is_ok_and(|own| own.bytes() == document.bytes()))
}

#[derive(Default)]
struct Kept {
    stored: u64,
    unchanged: u64,
    subjects: BTreeSet<i64>,
}

impl Done {
    fn add(&mut self, kept: Kept) {
        self.stored += kept.stored;
        self.unchanged += kept.unchanged;
        let room = SUBJECTS_MAX.saturating_sub(self.subjects.len());
        self.subjects.extend(kept.subjects.into_iter().take(room));
    }

    fn refuse(&mut self, line: u64, code: &'static str, text: &'static str, place: Option<String>) {
        self.failed += 1;
        let place = place.map_or_else(|| format!("line {line}"), |at| format!("line {line}: {at}"));
        self.errors.extend(one_issue("error", "processing", code, text, Some(&place)));
        self.errors.push(b'\n');
    }
}
