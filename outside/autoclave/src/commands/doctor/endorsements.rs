//! Vendors' statements in the bundle beside the deployment: which ends first, and whether
//! that is soon. The doctor's; a deployment without hardware has no bundle, which is well.

use std::path::Path;

use autoclave_base::UnixTime;

use super::{Finding, State};
use crate::commands::collateral::{self, WARN_SECONDS};

const WHAT: &str = "vendors' statements";

/// Looks at the bundle.
pub(super) fn look(dir: &Path) -> Finding {
    let path = dir.join("collateral.json");
    if !path.exists() {
        return Finding::new(WHAT, State::Absent, "no bundle here; evidence brings its own");
    }
    match collateral::open(&path) {
        Err(failure) => Finding::new(WHAT, State::Bad, failure.to_string()),
        Ok(bundle) => judge(&bundle, collateral::time(None)),
    }
}

fn judge(bundle: &autoclave_attest::evidence::Endorsements, now: UnixTime) -> Finding {
    let Some(first) = bundle.expiries().into_iter().next() else {
        return Finding::new(WHAT, State::Absent, "the bundle is empty");
    };
    let ends = first.ends.map_or_else(|| "unreadable".to_owned(), UnixTime::rfc3339);
    let detail = format!("the first to end is {}, {ends}", first.what);
    if first.ends.is_some_and(|ends| ends >= now.plus(WARN_SECONDS)) {
        return Finding::new(WHAT, State::Good, detail);
    }
    Finding::new(WHAT, State::Bad, detail).advise("Fetch again: autoclave collateral fetch")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_ends_soon_is_bad_and_none_is_well() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look(folder.path()).state, State::Absent);
        std::fs::write(folder.path().join("collateral.json"), "{").unwrap();
        assert_eq!(look(folder.path()).state, State::Bad);
        std::fs::write(folder.path().join("collateral.json"), "{}").unwrap();
        assert_eq!(look(folder.path()).state, State::Absent);
        let authority = r#"{"authorities":{"Milan":{"ask":"AA","ark":"AA"}}}"#;
        std::fs::write(folder.path().join("collateral.json"), authority).unwrap();
        assert_eq!(look(folder.path()).state, State::Bad, "no certificate, so no end");
    }
}
