//! `ledger verify`: checks a whole ledger from its files alone.
//! It belongs to the auditor, who needs no account and no network.
//! Nothing that the ledger's host says is believed.

use std::path::{Path, PathBuf};

use autoclave_ledger::audit::{Expected, Report, audit};
use autoclave_ledger::{Entry, LedgerProof, LogKey};
use serde_json::{Value, json};

use crate::failure::{Failure, Outcome};
use crate::{files, terminal};

/// The file that holds a ledger's key beside its checkpoint.
const KEY_FILE: &str = "key";

/// What `ledger verify` was asked.
pub(super) struct Asked {
    pub(super) dir: PathBuf,
    pub(super) key: Option<String>,
    pub(super) since: Vec<PathBuf>,
    pub(super) proof: Vec<PathBuf>,
    pub(super) lines: bool,
    pub(super) json: bool,
}

/// Runs the command.
pub(super) fn run(asked: Asked) -> Outcome {
    let Asked { dir, key, since, proof, lines, json } = asked;
    let (key, own) = find_key(&dir, key.as_deref())?;
    let earlier = since.iter().map(|path| files::read_text(path)).collect::<Outcome<Vec<_>>>()?;
    let proofs =
        proof.iter().map(|path| read_proof(path.as_path())).collect::<Outcome<Vec<_>>>()?;
    let expected = Expected { earlier: &earlier, proofs: &proofs };
    let each = |index: u64, entry: &Entry| {
        if lines && !json {
            terminal::out(line(index, entry));
        }
    };
    let read = |path: &str| read_file(&dir, path);
    let report = audit(&read, &key, &expected, each);
    let report = report.map_err(|refusal| Failure::new(refusal.code(), &refusal))?;
    show(&report, &key, own, json);
    Ok(())
}

/// The key that was given, or the one beside the ledger; says whether it is the ledger's own.
fn find_key(dir: &Path, given: Option<&str>) -> Outcome<(LogKey, bool)> {
    let (text, own) = match given {
        Some(text) if text.contains('+') => (text.to_owned(), false),
        Some(path) => (files::read_text(Path::new(path))?, false),
        None => (files::read_text(&dir.join(KEY_FILE))?, true),
    };
    let key = text.trim().parse::<LogKey>();
    Ok((key.map_err(|refusal| Failure::new(refusal.code(), refusal))?, own))
}

fn read_file(dir: &Path, path: &str) -> std::io::Result<Option<Vec<u8>>> {
    match std::fs::read(dir.join(path)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A proof by itself, or the one inside a receipt's file.
fn read_proof(path: &Path) -> Outcome<LedgerProof> {
    let value: Value = files::read_json(path)?;
    let inner = value.get("ledger").cloned().unwrap_or(value);
    serde_json::from_value(inner).map_err(|error| Failure::malformed(path, error))
}

pub(super) fn line(index: u64, entry: &Entry) -> String {
    let event = serde_json::to_string(&entry.event).unwrap_or_default();
    format!("{index:>8}  {}  {event}", entry.time.rfc3339())
}

fn show(report: &Report, key: &LogKey, own_key: bool, as_json: bool) {
    if as_json {
        let all = json!({
            "verified": true, "report": report, "key": key.to_string(), "key_from_ledger": own_key,
        });
        terminal::out(all);
        return;
    }
    terminal::out(format_args!(
        "{} holds {} lines, all of them verified",
        report.origin, report.size
    ));
    terminal::out(format_args!("  root   {}", report.root));
    for (event, count) in &report.events {
        terminal::out(format_args!("  {count:>6} {event}"));
    }
    for size in &report.extends {
        terminal::out(format_args!("  extends the checkpoint over {size} lines"));
    }
    for index in &report.proven {
        terminal::out(format_args!("  line {index} is proven"));
    }
    if own_key {
        terminal::note("The key was taken from beside the ledger: compare it with a token's.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(dir: &Path, key: Option<&str>) -> Outcome {
        run(Asked {
            dir: dir.to_owned(),
            key: key.map(str::to_owned),
            since: Vec::new(),
            proof: Vec::new(),
            lines: false,
            json: false,
        })
    }

    #[test]
    fn a_folder_without_a_ledger_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(verify(folder.path(), None).unwrap_err().code(), "file.unusable");
        let key = "log+00000000+AAAA";
        assert_eq!(verify(folder.path(), Some(key)).unwrap_err().code(), "ledger.key_malformed");
    }

    #[test]
    fn a_proof_must_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proof.json");
        files::write(&path, "{}").unwrap();
        assert_eq!(read_proof(&path).unwrap_err().code(), "file.malformed");
    }
}
