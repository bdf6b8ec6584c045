//! The report of an import: one line of JSON for each row that was not taken. It belongs to
//! `records import`. Codes and places only: the clinic's sentences name no value, and what a
//! row holds is never repeated.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use autoclave_fhir::json::Node;
use serde_json::json;

use super::parcel::Parcel;
use crate::failure::{Failure, Outcome};
use crate::files;

/// Counts, and the file that the refusals go to.
pub(super) struct Report {
    path: std::path::PathBuf,
    file: Option<File>,
    pub(super) taken: usize,
    pub(super) refused: usize,
}

impl Report {
    /// Begins a report; its file is made with the first line.
    pub(super) fn begin(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, taken: 0, refused: 0 }
    }

    /// A row, or a whole bundle, was not taken.
    pub(super) fn refuse(
        &mut self,
        source: &Path,
        row: usize,
        rows: usize,
        code: &str,
        said: &str,
    ) -> Outcome {
        self.refused += rows;
        let line = json!({"file": source, "row": row, "rows": rows, "code": code, "message": said});
        if self.file.is_none() {
            files::write_private(&self.path, b"")?;
            let open = File::options().append(true).open(&self.path);
            self.file = Some(open.map_err(|error| Failure::file(&self.path, &error))?);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        writeln!(file, "{line}").map_err(|error| Failure::file(&self.path, &error))
    }

    /// Reads what the clinic answered to a parcel.
    pub(super) fn read(
        &mut self,
        source: &Path,
        parcel: &Parcel,
        status: u16,
        answer: &[u8],
    ) -> Outcome {
        let node = Node::parse(answer).unwrap_or(Node::Null);
        if status != 200 {
            let (code, said) = outcome(&node);
            return self.refuse(source, parcel.first, parcel.count, &code, &said);
        }
        let entries = node.get("entry").map(Node::items).unwrap_or_default();
        if parcel.atomic {
            // It stands as one, or there was another status.
            self.taken += entries.len();
            return Ok(());
        }
        for (at, entry) in entries.iter().enumerate() {
            let status = entry.at(&["response", "status"]).and_then(Node::text).unwrap_or_default();
            if status.starts_with('2') {
                self.taken += 1;
            } else {
                let why = entry.at(&["response", "outcome"]).unwrap_or(&Node::Null);
                let (code, said) = outcome(why);
                self.refuse(source, parcel.first + at, 1, &code, &said)?;
            }
        }
        let silent = parcel.count.saturating_sub(entries.len());
        if silent > 0 {
            let row = parcel.first + entries.len();
            self.refuse(
                source,
                row,
                silent,
                "import.unanswered",
                "The clinic said nothing of it.",
            )?;
        }
        Ok(())
    }
}

/// Code and sentence of an `OperationOutcome`.
fn outcome(node: &Node<'_>) -> (String, String) {
    let issues = node.get("issue").map(Node::items).unwrap_or_default();
    let is_error = |issue: &&Node<'_>| matches!(issue.text_of("severity"), Some("error" | "fatal"));
    let Some(issue) = issues.iter().find(is_error).or_else(|| issues.first()) else {
        return ("import.refused".to_owned(), "The clinic refused it.".to_owned());
    };
    let codings = issue.at(&["details", "coding"]).map(Node::items).unwrap_or_default();
    let code = codings.first().and_then(|coding| coding.text_of("code"));
    let said = issue.text_of("diagnostics").unwrap_or_default();
    let place = issue.get("expression").map(Node::items).unwrap_or_default();
    let place = place.first().and_then(Node::text).map(|it| format!(" ({it})")).unwrap_or_default();
    (code.unwrap_or("import.refused").to_owned(), format!("{said}{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refused_row_has_a_line_with_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.ndjson");
        let mut report = Report::begin(&path);
        let parcel = Parcel { first: 11, count: 3, atomic: false, body: vec![] };
        let answer = br#"{"resourceType":"Bundle","entry":[{"response":{"status":"201 Created"}},
            {"response":{"status":"422 Unprocessable","outcome":{"resourceType":"OperationOutcome","issue":[
            {"severity":"error","code":"invalid","details":{"coding":[{"code":"resource.invalid"}]},"diagnostics":"A date is malformed.","expression":["Patient.birthDate"]}]}}}]}"#;
        report.read(Path::new("a.ndjson"), &parcel, 200, answer).unwrap();
        assert_eq!((report.taken, report.refused), (1, 2));
        let text = files::read_text(&path).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["row"], 12);
        assert_eq!(lines[0]["code"], "resource.invalid");
        assert_eq!(lines[0]["message"], "A date is malformed. (Patient.birthDate)");
        assert_eq!(
            (&lines[1]["row"], &lines[1]["code"]),
            (&json!(13), &json!("import.unanswered"))
        );
    }

    #[test]
    fn an_import_without_refusals_leaves_no_report() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.ndjson");
        let _report = Report::begin(&path);
        assert!(!path.exists());
    }
}
