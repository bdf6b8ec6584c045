//! Blobs, backups, and what comes back of them.

use autoclave_search::Filter;

use super::scene::*;
use crate::store::{Blob, Options, PART_BYTES_MAX, Store, StoreError};

fn blob(store: &Store, patient: Option<&str>, parts: &[&[u8]]) -> Result<Blob, StoreError> {
    let mut parts = parts.iter();
    store.blob_put(OURS, patient, || Ok(parts.next().map(|part| part.to_vec())))
}

fn whole(store: &Store, patient: Option<&str>, blob: &Blob) -> Option<Vec<u8>> {
    let read = store.read(OURS, |view| {
        let Some(blob) = view.blob(patient, &blob.digest)? else { return Ok(None) };
        let mut bytes = Vec::new();
        for part in 1.. {
            let Some(clear) = view.blob_part(&blob, part)? else { break };
            bytes.extend(clear);
        }
        Ok::<_, StoreError>(Some(bytes))
    });
    read.unwrap()
}

pub(super) fn blobs_are_kept_once_for_each_patient_and_in_parts(place: &Place) {
    let store = place.open();
    let one = blob(&store, Some("a"), &[b"first", b"second"]).unwrap();
    assert_eq!((one.bytes, one.parts), (11, 2));
    assert_eq!(whole(&store, Some("a"), &one).unwrap(), b"firstsecond");
    assert!(whole(&store, Some("b"), &one).is_none());
    let again = blob(&store, Some("a"), &[b"firstsecond"]).unwrap();
    assert_eq!(again, one);
    let theirs = blob(&store, Some("b"), &[b"first", b"second"]).unwrap();
    assert_ne!(theirs.digest, one.digest);
    let drop_one = || store.change(OURS, |change| change.blob_drop(Some("a"), &one.digest));
    assert_eq!(drop_one(), Ok(true));
    assert!(whole(&store, Some("a"), &one).is_some());
    assert_eq!(drop_one(), Ok(true));
    assert!(whole(&store, Some("a"), &one).is_none());
    assert_eq!(drop_one(), Ok(false));
    let large = vec![0; PART_BYTES_MAX + 1];
    assert_eq!(blob(&store, None, &[&large]).err(), Some(StoreError::TooLarge));
    let mut parts = 0;
    let cut: Result<Blob, StoreError> = store.blob_put(OURS, None, || {
        parts += 1;
        if parts < 3 { Ok(Some(vec![1])) } else { Err(StoreError::Engine) }
    });
    assert_eq!(cut.err(), Some(StoreError::Engine));
    assert_eq!(store.erase(OURS, "b"), Ok(0));
    assert!(whole(&store, Some("b"), &theirs).is_none());
}

pub(super) fn a_backup_comes_back_without_those_who_were_erased_since(place: &Place) {
    let store = place.open();
    hospital(&store);
    put(&store, "Observation", "a1", "\"subject\":\"Patient/a\",\"date\":7");
    let image = blob(&store, Some("b"), &[b"image"]).unwrap();
    let folder = place.folder.path();
    let manifest = store.backup(folder, Some("head".to_owned())).unwrap();
    assert_eq!(manifest.counts.values().sum::<u64>(), 15);
    put(&store, "Patient", "later", "");
    store.erase(OURS, "a").unwrap();
    let serial = store.serial().unwrap();
    let scratch = place.another();
    let options = || Options { roots: place.roots.clone(), ..scratch.options() };
    // The key table of then is under a root that is gone: nobody's records come back.
    let old = Store::restore(&options(), folder, serial);
    assert_eq!(old.err(), Some(StoreError::RolledBack));
    store.backup_keys(folder).unwrap();
    let restored = Store::restore(&options(), folder, serial).unwrap();
    assert_eq!((restored.resources, restored.erased), (10, 5));
    assert_eq!(restored.manifest, manifest);
    let again = Store::open(options()).unwrap();
    assert_eq!(again.serial().unwrap(), serial + 1);
    assert_eq!(ids(&again, patient(), &Filter::Everything), ["b", "c"]);
    let all = "b1 b2 b3 b4 c1 c2 c3 c4";
    assert_eq!(ids(&again, observation(), &Filter::Everything).join(" "), all);
    let b = Filter::Compartment { patient: again.blind().reference(patient(), "b") };
    assert_eq!(ids(&again, observation(), &b), ["b1", "b2", "b3", "b4"]);
    assert_eq!(whole(&again, Some("b"), &image).unwrap(), b"image");
    assert!(again.read(OURS, |view| view.get(observation(), "a1")).unwrap().is_none());
    let never = again.change(OURS, |it| put_as(it, "Patient", "a", "", None, 1));
    assert_eq!(never.err(), Some(StoreError::Erased));
    drop(again);
    let twice = Store::restore(&options(), folder, 0);
    assert_eq!(twice.err(), Some(StoreError::Occupied));
}

pub(super) fn a_drill_opens_everything_and_compares_counts_and_heads(place: &Place) {
    let store = place.open();
    hospital(&store);
    let folder = place.folder.path();
    let manifest = store.backup(folder, Some("head".to_owned())).unwrap();
    let scratch = place.another();
    let options = Options { roots: place.roots.clone(), ..scratch.options() };
    let drill = Store::drill(options, folder, Some("head")).unwrap();
    assert!(drill.is_whole() && drill.is_head_known);
    assert_eq!((drill.opened, drill.counts), (15, manifest.counts));
}

pub(super) fn a_backup_that_was_altered_or_cut_off_restores_nothing(place: &Place) {
    let store = place.open();
    hospital(&store);
    let folder = place.folder.path();
    store.backup(folder, None).unwrap();
    let path = folder.join("records.backup");
    let whole = std::fs::read(&path).unwrap();
    let scratch = place.another();
    let options = || Options { roots: place.roots.clone(), ..scratch.options() };
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (bytes, why) in [
        (&whole[..whole.len() - 1], StoreError::Sealed),
        (&whole[..60], StoreError::Sealed),
        (&flipped[..], StoreError::Sealed),
        (&whole[..10], StoreError::Malformed),
    ] {
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(Store::restore(&options(), folder, 0).err(), Some(why));
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(Store::restore(&options(), folder, 0).unwrap().resources, 15);
}

pub(super) fn neither_database_nor_backup_shows_what_was_planted(place: &Place) {
    let store = place.open();
    put(&store, "Patient", "Plantedid", "\"tag\":\"Plantedname\",\"x\":\"Plantedtext\"");
    blob(&store, Some("Plantedid"), &[b"Plantedimage"]).unwrap();
    store.backup(place.folder.path(), None).unwrap();
    drop(store);
    for entry in std::fs::read_dir(place.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(7).any(|seven| seven == b"Planted"));
    }
}
