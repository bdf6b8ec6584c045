//! `policy check`: a policy's file against its schema, on this machine.
//! It belongs to whoever writes policies.
//! Nobody is asked, and nothing is sent.

use std::path::Path;

use autoclave_base::Digest;
use autoclave_policy::govern::{Checked, TEXT_BYTES_MAX};
use autoclave_policy::{PolicyBook, PolicyError, appraise_schema, release_schema};
use serde_json::json;

use crate::cli::Kind;
use crate::failure::{Failure, Outcome};
use crate::{files, terminal};

/// Something to put an emergency on: it permits nothing.
const NOTHING: &str = "";

/// Runs the command.
pub(super) fn run(file: &Path, kind: Kind, emergency: bool, as_json: bool) -> Outcome {
    let checked = check(&files::read_text(file)?, kind, emergency)?;
    if as_json {
        terminal::out(json!({
            "valid": true, "digest": checked.digest(), "rules": checked.rules(),
            "bytes": checked.text().len(), "bytes_max": TEXT_BYTES_MAX,
        }));
        return Ok(());
    }
    terminal::out(format_args!("{} is a policy.", file.display()));
    for rule in checked.rules() {
        terminal::out(format_args!("  rule    {rule}"));
    }
    if !emergency {
        terminal::out(format_args!("  digest  {}", checked.digest()));
    }
    Ok(())
}

/// A text as a policy, or what is wrong with it.
pub(super) fn check(text: &str, kind: Kind, emergency: bool) -> Outcome<Checked> {
    let schema = schema(kind);
    let checked = if emergency {
        Checked::emergency(NOTHING, text, &schema)
    } else {
        Checked::of(text, &schema)
    };
    checked.map_err(|error| refused(&error))
}

/// The digest of a text as enclaves compute it.
pub(super) fn digest(text: &str, kind: Kind) -> Outcome<Digest> {
    let book = PolicyBook::load(text, &schema(kind));
    book.map(|book| book.digest()).map_err(|error| refused(&error))
}

fn schema(kind: Kind) -> String {
    match kind {
        Kind::Release => release_schema(),
        Kind::Appraise => appraise_schema(),
    }
}

fn refused(error: &PolicyError) -> Failure {
    Failure::new(error.code(), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_checked_here_and_what_is_wrong_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.cedar");
        let good = r#"@id("hw") permit(principal, action == Action::"release", resource)
            when { principal.hw_backed };"#;
        std::fs::write(&file, good).unwrap();
        assert!(run(&file, Kind::Release, false, true).is_ok());
        let other = run(&file, Kind::Appraise, false, true).unwrap_err();
        assert_eq!(other.code(), "policy.invalid");
        assert_eq!(run(&file, Kind::Release, true, true).unwrap_err().code(), "policy.permits");
        std::fs::write(&file, good.replace("hw_backed", "hw_bakced")).unwrap();
        let typo = run(&file, Kind::Release, false, false).unwrap_err();
        assert_eq!(typo.code(), "policy.invalid");
        assert!(typo.to_string().contains("hw_bakced"), "{typo}");
    }
}
