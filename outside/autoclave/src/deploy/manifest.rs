//! The release manifest of a deployment: what its binaries and configurations measure.
//! It belongs to whoever holds the release key: here, the demo.
//! It is signed anew only when something measured has changed or its end is near.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use autoclave_attest::evidence::{Measured, TeeKind};
use autoclave_attest::release::{self, Manifest, Release};
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime};

use super::keys::Keys;
use super::layout::Layout;
use super::party::Party;
use crate::failure::{Failure, Outcome};
use crate::files;

/// Who answers for the releases of a demo.
const ISSUER: &str = "autoclave development";
/// A demo's manifest ends after so many days; a start renews it.
const LIFE_SECONDS: u64 = 30 * 86_400;
/// A manifest that ends sooner is renewed.
const RENEW_SECONDS: u64 = 15 * 86_400;
/// The lowest security version that a demo accepts.
const SVN: u32 = 1;

/// Measures all enclaves and makes sure that the manifest names them. Says whether it was
/// signed anew.
pub fn ensure(
    layout: &Layout,
    binaries: &Path,
    keys: &Keys,
    kind: TeeKind,
    enclaves: &[Party],
    now: UnixTime,
) -> Outcome<bool> {
    let releases = enclaves
        .iter()
        .map(|party| measure(layout, binaries, *party, kind))
        .collect::<Outcome<Vec<_>>>()?;
    let old = current(layout, keys, now);
    let same = |old: &Manifest| old.workloads == releases && old.exp > now.plus(RENEW_SECONDS);
    if old.as_ref().is_some_and(same) {
        return Ok(false);
    }
    let serial = old.map_or(now.seconds(), |old| old.serial.saturating_add(1).max(now.seconds()));
    let manifest = Manifest {
        iss: ISSUER.to_owned(),
        serial,
        iat: now,
        exp: now.plus(LIFE_SECONDS),
        workloads: releases,
    };
    files::write(&layout.manifest(), release::sign(&manifest, &keys.release))?;
    Ok(true)
}

fn current(layout: &Layout, keys: &Keys, now: UnixTime) -> Option<Manifest> {
    let raw = files::read_text(&layout.manifest()).ok()?;
    let trusted = [Keys::public(&keys.release)];
    let verified = release::verify_manifest(raw.trim(), &trusted, now).ok()?;
    Some(verified.manifest().clone())
}

fn measure(layout: &Layout, binaries: &Path, party: Party, kind: TeeKind) -> Outcome<Release> {
    let measured = Measured {
        executable: Digest::of(files::read(&party.binary(binaries))?),
        configuration: Digest::of(files::read(&layout.config(party))?),
        libraries: BTreeMap::new(),
    };
    Ok(Release {
        name: WorkloadName::parse(party.name()).map_err(impossible)?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        measurement: measured.measurement(),
        executable: Some(measured.executable),
        configuration: Some(measured.configuration),
        svn: SVN,
        kinds: BTreeSet::from([kind]),
    })
}

fn impossible(error: impl std::fmt::Display) -> Failure {
    Failure::new("deploy.party_name", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    const KIND: TeeKind = TeeKind::Software;

    fn deployment(folder: &Path) -> (Layout, Keys) {
        let layout = Layout::new(&folder.join("demo")).unwrap();
        layout.make().unwrap();
        for party in Party::ENCLAVES {
            std::fs::write(party.binary(folder), format!("binary of {party}")).unwrap();
            std::fs::write(layout.config(party), format!("config of {party}")).unwrap();
        }
        let keys = Keys::open(&layout).unwrap();
        (layout, keys)
    }

    fn serial(layout: &Layout, keys: &Keys, now: UnixTime) -> u64 {
        current(layout, keys, now).unwrap().serial
    }

    #[test]
    fn it_is_signed_once_and_again_when_something_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, keys) = deployment(folder.path());
        assert!(ensure(&layout, folder.path(), &keys, KIND, &Party::ENCLAVES, NOW).unwrap());
        let first = serial(&layout, &keys, NOW);
        assert!(
            !ensure(&layout, folder.path(), &keys, KIND, &Party::ENCLAVES, NOW.plus(60)).unwrap()
        );
        std::fs::write(layout.config(Party::Clinic), "changed").unwrap();
        assert!(ensure(&layout, folder.path(), &keys, KIND, &Party::ENCLAVES, NOW).unwrap());
        assert!(serial(&layout, &keys, NOW) > first);
    }

    #[test]
    fn it_is_renewed_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, keys) = deployment(folder.path());
        ensure(&layout, folder.path(), &keys, KIND, &Party::ENCLAVES, NOW).unwrap();
        let late = NOW.plus(LIFE_SECONDS - RENEW_SECONDS);
        assert!(ensure(&layout, folder.path(), &keys, KIND, &Party::ENCLAVES, late).unwrap());
    }

    #[test]
    fn each_workload_is_named_with_its_own_measurement() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, keys) = deployment(folder.path());
        ensure(&layout, folder.path(), &keys, KIND, &Party::ENCLAVES, NOW).unwrap();
        let manifest = current(&layout, &keys, NOW).unwrap();
        let all: BTreeSet<_> = manifest.workloads.iter().map(|one| one.measurement).collect();
        assert_eq!(all.len(), Party::ENCLAVES.len());
    }

    #[test]
    fn a_missing_binary_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, keys) = deployment(folder.path());
        std::fs::remove_file(Party::Broker.binary(folder.path())).unwrap();
        let failure =
            ensure(&layout, folder.path(), &keys, KIND, &Party::ENCLAVES, NOW).unwrap_err();
        assert_eq!(failure.code(), "file.unusable");
    }
}
