//! Where everything of a deployment lies.
//! It belongs to the deployment; each party has a folder of its own.
//! No two parties share a file that is secret, except the software platform's own key.

use std::path::{Path, PathBuf};

use super::party::Party;
use crate::failure::Outcome;
use crate::files;

/// The folders and files under one root.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout under `root`, which is made absolute, because processes start inside it.
    pub fn new(root: &Path) -> Outcome<Self> {
        files::private_folder(root)?;
        let root = root.canonicalize().map_err(|error| crate::Failure::file(root, &error))?;
        Ok(Self { root })
    }

    /// The root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the folders.
    pub fn make(&self) -> Outcome {
        for folder in
            ["platform", "release", "administrator", "provider", "model", "logs", "client"]
                .into_iter()
                .chain(["client/people"])
        {
            files::private_folder(&self.root.join(folder))?;
        }
        for party in Party::STARTS {
            files::private_folder(&self.data(party))?;
        }
        Ok(())
    }

    /// Held while a deployment runs.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// What runs now.
    pub fn running(&self) -> PathBuf {
        self.root.join("running.json")
    }

    /// The witnesses of its ledgers, where its owner named some.
    pub fn witnesses(&self) -> PathBuf {
        self.root.join("witnesses.json")
    }

    /// The software platform's key: the development root of all evidence here.
    pub fn platform_key(&self) -> PathBuf {
        self.root.join("platform/platform.key")
    }

    /// The key that signs release manifests.
    pub fn release_key(&self) -> PathBuf {
        self.root.join("release/release.key")
    }

    /// The release manifest.
    pub fn manifest(&self) -> PathBuf {
        self.root.join("release/manifest.jws")
    }

    /// The public half of the release key, for launchers.
    pub fn release_public(&self) -> PathBuf {
        self.root.join("release/release.jwk")
    }

    /// What stands in for the machines' TEE.
    pub fn tee(&self) -> PathBuf {
        self.root.join("tee")
    }

    /// The maker of the deployment's software TPMs.
    pub fn tpm_maker(&self) -> PathBuf {
        self.root.join("tpm-maker")
    }

    /// The key of the station that enrols machines.
    pub fn enrolment_key(&self) -> PathBuf {
        self.root.join("tpm-maker/enrolment.key")
    }

    /// A party's machine: its TPM's memory and papers, and its launcher's log.
    pub fn tpm(&self, party: Party) -> PathBuf {
        self.root.join(party.name()).join("tpm")
    }

    /// What a party's software TPM says.
    pub fn tpm_log(&self, party: Party) -> PathBuf {
        self.root.join("logs").join(format!("{party}-tpm.log"))
    }

    /// The administrator's key.
    pub fn administrator_key(&self) -> PathBuf {
        self.root.join("administrator/administrator.key")
    }

    /// The diagnostics provider's key.
    pub fn provider_key(&self) -> PathBuf {
        self.root.join("provider/provider.key")
    }

    /// The sealed model.
    pub fn sealed_model(&self) -> PathBuf {
        self.root.join("model/brain-mri.sealed")
    }

    /// The model's key, which the model's owner keeps and imports into the broker.
    pub fn model_key(&self) -> PathBuf {
        self.root.join("provider/brain-mri.key")
    }

    /// An authority beside the demo's attestor, where somebody described one.
    pub fn authority(&self) -> PathBuf {
        self.root.join("authority.json")
    }

    /// The digest of the model that the sealed file holds.
    pub fn model_digest(&self) -> PathBuf {
        self.root.join("model/brain-mri.digest")
    }

    /// A party's configuration.
    pub fn config(&self, party: Party) -> PathBuf {
        self.root.join(party.name()).join("config.toml")
    }

    /// A party's data.
    pub fn data(&self, party: Party) -> PathBuf {
        self.root.join(party.name()).join("data")
    }

    /// A party's log.
    pub fn log(&self, party: Party) -> PathBuf {
        self.root.join("logs").join(format!("{party}.log"))
    }

    /// The trust file that the edge serves to its page.
    pub fn page_trust(&self) -> PathBuf {
        self.root.join(Party::Edge.name()).join("trust.json")
    }

    /// The key of somebody who administers or approves, for the client's user.
    pub fn person_key(&self, name: &str) -> PathBuf {
        self.client().join("people").join(format!("{name}.key"))
    }

    /// The key of the command line as an application of the clinic's FHIR server.
    pub fn fhir_key(&self) -> PathBuf {
        self.client().join("fhir.key")
    }

    /// The client's folder.
    pub fn client(&self) -> PathBuf {
        self.root.join("client")
    }
}
