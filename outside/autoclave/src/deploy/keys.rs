//! The keys that a development deployment makes for itself: platform, release, administrators.
//! They belong to whoever runs the demo; in production each has another owner.
//! A key that was made once is never made again: what is missing beside data is an error.

use std::path::Path;

use autoclave_attest::jwk::Jwk;
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};

use super::configs::{HOSPITAL, PROVIDER};
use super::layout::Layout;
use crate::failure::{Failure, Outcome};
use crate::files;

/// The keys of a deployment.
pub struct Keys {
    /// Signs software evidence: the development root.
    pub platform: SigningKey,
    /// Signs release manifests.
    pub release: SigningKey,
    /// The hospital's administrator, for the records' key and the staff.
    pub administrator: SigningKey,
    /// The diagnostics provider's, for the model's key.
    pub provider: SigningKey,
    /// The command line's, as an application of the clinic's FHIR server.
    pub fhir: SigningKey,
    /// Those who approve policies, in the order of [`APPROVERS`].
    pub approvers: Vec<SigningKey>,
}

/// Who approves policies in the demo, and whose.
pub const APPROVERS: [(&str, &str); 4] = [
    ("security-officer", HOSPITAL),
    ("medical-director", HOSPITAL),
    ("licence-officer", PROVIDER),
    ("release-manager", PROVIDER),
];
/// What the hospital's administrator is called.
pub const SITE_ADMINISTRATOR: &str = "site-administrator";
/// What the provider's administrator is called.
pub const MODEL_OWNER: &str = "model-owner";

impl Keys {
    /// Reads the keys, or makes them in a deployment that has none yet.
    pub fn open(layout: &Layout) -> Outcome<Self> {
        let paths = [
            layout.platform_key(),
            layout.release_key(),
            layout.administrator_key(),
            layout.provider_key(),
        ];
        let there = paths.iter().filter(|path| path.exists()).count();
        if there != 0 && there != paths.len() {
            return Err(Failure::new(
                "deploy.keys_incomplete",
                format!("{} holds some of its keys only", layout.root().display()),
            )
            .advise("Restore the missing key, or start with another --dir."));
        }
        let [platform, release, administrator, provider] = paths;
        Ok(Self {
            platform: open_or_make(&platform)?,
            release: open_or_make(&release)?,
            administrator: open_or_make(&administrator)?,
            provider: open_or_make(&provider)?,
            fhir: open_or_make(&layout.fhir_key())?,
            approvers: approvers(layout)?,
        })
    }

    /// Puts the keys of those who administer and approve where `policy` looks for people: the
    /// demo's user is all of them.
    pub fn lay_out_people(&self, layout: &Layout) -> Outcome {
        for (name, from) in
            [(SITE_ADMINISTRATOR, layout.administrator_key()), (MODEL_OWNER, layout.provider_key())]
        {
            files::write_private(&layout.person_key(name), files::read(&from)?)?;
        }
        Ok(())
    }

    /// The public half of a key.
    pub fn public(key: &SigningKey) -> Jwk {
        Jwk::signing(key.verifying_key())
    }
}

/// Kept by name: a deployment from before there were approvers gets them now.
fn approvers(layout: &Layout) -> Outcome<Vec<SigningKey>> {
    APPROVERS.iter().map(|(name, _)| open_or_make(&layout.person_key(name))).collect()
}

/// Reads a P-256 key in PKCS#8 (PEM).
pub fn read(path: &Path) -> Outcome<SigningKey> {
    let text = files::read_text(path)?;
    SigningKey::from_pkcs8_pem(&text).map_err(|_| Failure::malformed(path, "not a P-256 key"))
}

/// Reads a key, or makes it where there is none yet.
pub fn open_or_make(path: &Path) -> Outcome<SigningKey> {
    if path.exists() {
        return read(path);
    }
    let key = SigningKey::generate_from_rng(&mut autoclave_client::clock::random());
    let text = key.to_pkcs8_pem(LineEnding::LF);
    let text = text.map_err(|error| Failure::malformed(path, error))?;
    files::write_private(path, text.as_bytes())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(folder: &Path) -> Layout {
        let layout = Layout::new(&folder.join("demo")).unwrap();
        layout.make().unwrap();
        layout
    }

    #[test]
    fn keys_are_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let layout = layout(folder.path());
        let first = Keys::open(&layout).unwrap();
        let second = Keys::open(&layout).unwrap();
        assert_eq!(first.platform.to_bytes(), second.platform.to_bytes());
        assert_ne!(first.platform.to_bytes(), first.release.to_bytes());
    }

    #[test]
    fn a_lost_key_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let layout = layout(folder.path());
        Keys::open(&layout).unwrap();
        std::fs::remove_file(layout.release_key()).unwrap();
        let failure = Keys::open(&layout).err().unwrap();
        assert_eq!(failure.code(), "deploy.keys_incomplete");
        std::fs::write(layout.release_key(), "no key").unwrap();
        assert_eq!(Keys::open(&layout).err().unwrap().code(), "file.malformed");
    }
}
