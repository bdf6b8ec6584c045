//! What stands in for the machine's TEE in a deployment: a key, or TPMs in software.
//! It belongs to the deployment, which remembers what it was made with.
//! Neither is hardware: nothing in a demo is confidential.

use std::fmt;

use clap::ValueEnum;

use super::layout::Layout;
use crate::failure::{Failure, Outcome};
use crate::files;

/// The kinds that a deployment can be made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Tee {
    /// A development key signs what a TEE would.
    #[default]
    Software,
    /// Measured boot: each party has a TPM of its own, in software (swtpm).
    Tpm,
}

impl fmt::Display for Tee {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Software => "software",
            Self::Tpm => "tpm",
        })
    }
}

impl Tee {
    /// Remembers the kind in a deployment that is new. One that was made with another keeps
    /// it: its sealed state opens under no other.
    pub(super) fn keep(self, layout: &Layout) -> Outcome {
        let path = layout.tee();
        let kept = if path.exists() {
            files::read_text(&path)?.trim().to_owned()
        } else if layout.platform_key().exists() {
            // Deployments from before there was a choice.
            Self::Software.to_string()
        } else {
            files::write(&path, format!("{self}\n"))?;
            return Ok(());
        };
        if kept == self.to_string() {
            return Ok(());
        }
        let what = format!("{} was made with --tee {kept}", layout.root().display());
        Err(Failure::new("deploy.tee_differs", what)
            .advise(format!("Start it with --tee {kept}, or take another folder with --dir.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_keeps_what_it_was_made_with() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(&folder.path().join("demo")).unwrap();
        Tee::Tpm.keep(&layout).unwrap();
        Tee::Tpm.keep(&layout).unwrap();
        let failure = Tee::Software.keep(&layout).unwrap_err();
        assert_eq!(failure.code(), "deploy.tee_differs");
        assert!(failure.to_string().contains("--tee tpm"), "{failure}");
    }

    #[test]
    fn a_deployment_from_before_is_of_software() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(&folder.path().join("demo")).unwrap();
        layout.make().unwrap();
        std::fs::write(layout.platform_key(), "key").unwrap();
        Tee::Software.keep(&layout).unwrap();
        assert_eq!(Tee::Tpm.keep(&layout).unwrap_err().code(), "deploy.tee_differs");
    }
}
