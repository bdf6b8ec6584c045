use std::path::{Path, PathBuf};

use autoclave_base::ids::{EncounterId, ImagingStudyId, PatientId, ServiceRequestId, StaffId};
use autoclave_base::{Digest, Secret};
use autoclave_cell::Entropy;
use autoclave_record::build::AdmissionIds;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::auth::guesses::Verdict;
use crate::fixtures::{NOW, png};
use crate::image::ImageType;

struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("records.db")
    }

    fn open(&self, key: u8, presence: Presence) -> Result<Store, StoreError> {
        Store::open(&self.path(), RecordsKeys::derive(&Secret::new([key; 32])), presence)
    }

    fn refusal(&self, key: u8, presence: Presence) -> &'static str {
        self.open(key, presence).err().map_or("opened", |error| error.code())
    }
}

fn new_ids() -> AdmissionIds {
    AdmissionIds {
        patient: PatientId::random(&mut Entropy),
        encounter: EncounterId::random(&mut Entropy),
        service_request: ServiceRequestId::random(&mut Entropy),
        imaging_study: ImagingStudyId::random(&mut Entropy),
    }
}

fn admit(store: &Store, key: &IntakeKey) -> Admitted {
    let new = NewAdmission { ids: new_ids(), content_type: ImageType::Png, image: png(), now: NOW };
    store.admit(key, &new).unwrap()
}

fn key(number: u8) -> IntakeKey {
    let clerk = "6f2c1e0a-9d43-4b1e-8f6a-0a1b2c3d4e5f".parse().unwrap();
    IntakeKey { clerk, key: Digest::of([number]), request: Digest::of("request") }
}

fn admitted(store: &Store, number: u8) -> AdmissionIds {
    match admit(store, &key(number)) {
        Admitted::Same(ids) => ids,
        Admitted::Other => panic!("the key was used"),
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn run(store: &Store, sql: &str) {
    store.connection.lock().unwrap().execute_batch(sql).unwrap();
}

#[test]
fn records_survive_a_restart() {
    let disk = Disk::new();
    let store = disk.open(7, Presence::Unknown).unwrap();
    let ids = admitted(&store, 1);
    drop(store);
    let store = disk.open(7, Presence::Expected).unwrap();
    assert_eq!(admit(&store, &key(1)), Admitted::Same(ids));
    let image = store.image(ids.patient, ids.imaging_study).unwrap().unwrap();
    assert_eq!(image.1, png());
    assert_eq!(store.work_list(9).unwrap().len(), 1);
}

#[test]
fn a_large_image_is_stored_in_parts_that_cannot_be_exchanged() {
    let store = Disk::new().open(7, Presence::Unknown).unwrap();
    let image: Vec<u8> = (0_u8..251).cycle().take(2 * images::PART_BYTES + 7).collect();
    let (ids, clerk) = (new_ids(), StaffId::random(&mut Entropy));
    let new = NewAdmission { ids, content_type: ImageType::Tiff, image: image.clone(), now: NOW };
    store.admit(&IntakeKey { clerk, ..key(1) }, &new).unwrap();
    let (head, read) = store.image(ids.patient, ids.imaging_study).unwrap().unwrap();
    assert_eq!((head.parts, read == image), (3, true));
    let exchange = [(1, 9), (3, 1), (9, 3)]
        .map(|(from, to)| format!("UPDATE image_part SET part = {to} WHERE part = {from};"));
    run(&store, &exchange.concat());
    let exchanged = store.image(ids.patient, ids.imaging_study).err().unwrap();
    assert_eq!(exchanged.code(), "store.sealed");
    run(&store, "DELETE FROM image_part WHERE part = 3");
    assert!(store.image_part(ids.patient, ids.imaging_study, 3).unwrap().is_none());
}

#[test]
fn a_key_counts_once() {
    let store = Disk::new().open(7, Presence::Unknown).unwrap();
    let ids = admitted(&store, 1);
    assert_eq!(admit(&store, &key(1)), Admitted::Same(ids));
    let other = IntakeKey { request: Digest::of("another"), ..key(1) };
    assert_eq!(admit(&store, &other), Admitted::Other);
    let another_clerk = IntakeKey { clerk: StaffId::random(&mut Entropy), ..key(1) };
    assert!(store.admitted(&another_clerk).unwrap().is_none());
    assert_eq!(store.work_list(9).unwrap().len(), 1);
    assert_ne!(admitted(&store, 2), ids);
}

#[test]
fn an_admission_that_fails_halfway_leaves_nothing() {
    let store = Disk::new().open(7, Presence::Unknown).unwrap();
    // The last statement of the transaction fails, as if the disk ended there.
    run(
        &store,
        "CREATE TRIGGER full BEFORE INSERT ON intake BEGIN SELECT RAISE(ABORT, 'full'); END",
    );
    let (ids, content_type) = (new_ids(), ImageType::Png);
    let new = NewAdmission { ids, content_type, image: png(), now: NOW };
    assert!(store.admit(&key(1), &new).is_err());
    run(&store, "DROP TRIGGER full");
    assert!(store.admission(ids.imaging_study).unwrap().is_none());
    assert!(store.image(ids.patient, ids.imaging_study).unwrap().is_none());
    admitted(&store, 1);
}

#[test]
fn no_other_key_and_no_plain_file_opens() {
    let disk = Disk::new();
    admitted(&disk.open(7, Presence::Unknown).unwrap(), 1);
    assert_eq!(disk.refusal(8, Presence::Expected), "store.wrong_key");
    let plain = Disk::new();
    Connection::open(plain.path()).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    assert_eq!(plain.refusal(7, Presence::Unknown), "store.plain");
    std::fs::write(plain.path(), vec![3; 8192]).unwrap();
    assert_eq!(plain.refusal(7, Presence::Unknown), "store.wrong_key");
}

#[test]
fn a_file_that_must_be_there_is_not_invented() {
    let disk = Disk::new();
    assert_eq!(disk.refusal(7, Presence::Expected), "store.missing");
    assert!(!disk.path().exists());
    std::fs::write(disk.path(), b"").unwrap();
    assert_eq!(disk.refusal(7, Presence::Expected), "store.missing");
}

#[test]
fn a_newer_file_is_refused() {
    let disk = Disk::new();
    run(&disk.open(7, Presence::Unknown).unwrap(), "PRAGMA user_version = 99");
    assert_eq!(disk.refusal(7, Presence::Expected), "store.newer");
}

#[test]
fn the_disk_shows_neither_names_nor_structure() {
    let disk = Disk::new();
    let store = disk.open(7, Presence::Unknown).unwrap();
    let ids = admitted(&store, 1);
    let on_disk = |path: &Path| std::fs::read(path).unwrap();
    let while_open = on_disk(&disk.0.path().join("records.db-wal"));
    drop(store);
    let patient = ids.patient.to_string();
    for bytes in [while_open, on_disk(&disk.path())] {
        for needle in ["Okafor", "MRN-0042", "Patient", "CREATE TABLE", patient.as_str()] {
            assert!(!contains(&bytes, needle.as_bytes()), "{needle}");
        }
    }
}

#[test]
fn an_altered_page_does_not_open() {
    let disk = Disk::new();
    admitted(&disk.open(7, Presence::Unknown).unwrap(), 1);
    let mut bytes = std::fs::read(disk.path()).unwrap();
    bytes[100] ^= 1;
    std::fs::write(disk.path(), bytes).unwrap();
    assert_eq!(disk.refusal(7, Presence::Expected), "store.wrong_key");
}

#[test]
fn the_file_is_its_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let disk = Disk::new();
    let _store = disk.open(7, Presence::Unknown).unwrap();
    let mode = std::fs::metadata(disk.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
}

#[test]
fn a_body_in_another_patients_place_does_not_open() {
    let store = Disk::new().open(7, Presence::Unknown).unwrap();
    let (one, other) = (admitted(&store, 1), admitted(&store, 2));
    run(
        &store,
        &format!(
            "UPDATE image_part SET body =
             (SELECT body FROM image_part WHERE study = '{}') WHERE study = '{}'",
            one.imaging_study, other.imaging_study
        ),
    );
    let opened = store.image(other.patient, other.imaging_study);
    assert_eq!(opened.err().map(|error| error.code()), Some("store.sealed"));
}

#[test]
fn erasing_a_key_erases_its_patient_only() {
    let store = Disk::new().open(7, Presence::Unknown).unwrap();
    let (one, other) = (admitted(&store, 1), admitted(&store, 2));
    store.erase(&one.patient.to_string()).unwrap();
    assert!(store.image(one.patient, one.imaging_study).unwrap().is_none());
    assert!(store.admission(one.imaging_study).unwrap().is_none());
    assert_eq!(store.work_list(9).unwrap().len(), 1);
    assert!(store.image(other.patient, other.imaging_study).unwrap().is_some());
}

#[test]
fn names_made_up_by_strangers_push_out_nobody_who_is_guessed_at() {
    let store = Disk::new().open(7, Presence::Unknown).unwrap();
    let victim = [1; 32];
    for _ in 0..5 {
        store.count_guess(&victim, NOW).unwrap();
    }
    let flood = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO guess SELECT randomblob(32), 1, {} FROM n",
        NOW.seconds()
    );
    run(&store, &flood);
    assert_eq!(store.count_guess(&[2; 32], NOW).unwrap(), Verdict::Admitted);
    assert!(matches!(store.count_guess(&victim, NOW).unwrap(), Verdict::Paused(_)));
    let rows = "SELECT count(*) FROM guess";
    let connection = store.connection.lock().unwrap();
    let rows: i64 = connection.query_row(rows, [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 10_000);
}

#[test]
fn every_change_is_counted_in_the_file_and_a_touch_is_not() {
    let disk = Disk::new();
    let store = disk.open(1, Presence::Unknown).unwrap();
    assert_eq!(store.serial().unwrap(), 0);
    admit(&store, &key(1));
    assert_eq!(store.serial().unwrap(), 1);
    store.touch_session(&Digest::of("x"), NOW).unwrap();
    assert_eq!(store.serial().unwrap(), 1);
    drop(store);
    assert_eq!(disk.open(1, Presence::Expected).unwrap().serial().unwrap(), 1);
}
