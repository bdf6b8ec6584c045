//! Ledgers as an auditor reads them: from their files, against what was seen before.
//! They belong to the tests.
//! Nothing that a ledger's host says is believed but the key, which never changes.

use std::path::Path;

use autoclave::deploy::layout::Layout;
use autoclave::deploy::party::Party;
use autoclave_ledger::audit::{Expected, Report, audit};
use autoclave_ledger::{Event, LogKey};

use super::{Any, told};

/// A ledger that passed its audit.
pub(crate) struct Audited {
    pub(crate) report: Report,
    pub(crate) events: Vec<Event>,
}

impl Audited {
    /// How many lines a question is true of.
    pub(crate) fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| is(event)).count()
    }
}

/// Audits a party's ledger from its files, against what the reader holds.
pub(crate) fn read(layout: &Layout, party: Party, expected: &Expected<'_>) -> Any<Audited> {
    let folder = layout.data(party).join("ledger");
    let key = std::fs::read_to_string(folder.join("key"))?;
    let key: LogKey = key.trim().parse()?;
    let mut events = Vec::new();
    let files = |path: &str| file(&folder, path);
    let report = audit(&files, &key, expected, |_, entry| events.push(entry.event.clone()));
    let report = report.map_err(|refusal| format!("{party}: {}", told(refusal)))?;
    Ok(Audited { report, events })
}

fn file(folder: &Path, path: &str) -> std::io::Result<Option<Vec<u8>>> {
    match std::fs::read(folder.join(path)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}
