use tempfile::TempDir;

use super::*;

fn workload() -> WorkloadName {
    WorkloadName::parse("toy").unwrap()
}

fn open_in(folder: &TempDir) -> Result<SealedState, StateError> {
    SealedState::open(folder.path(), &workload(), &Secret::new([7; 32]))
}

fn refusal(folder: &TempDir) -> &'static str {
    open_in(folder).err().map_or("opened", |error| error.code())
}

/// A folder with one value in its state.
fn used() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    open_in(&folder).unwrap().put("name", b"value").unwrap();
    folder
}

#[test]
fn values_survive_a_restart() {
    let folder = used();
    let state = open_in(&folder).unwrap();
    assert_eq!(state.get("name").unwrap().expose(), b"value");
    assert!(state.get("other").is_none());
    state.remove("name").unwrap();
    drop(state);
    assert!(open_in(&folder).unwrap().get("name").is_none());
}

#[test]
fn the_file_shows_neither_names_nor_values() {
    let folder = used();
    let sealed = std::fs::read(folder.path().join(FILE)).unwrap();
    let text = String::from_utf8_lossy(&sealed);
    assert!(!text.contains("name") && !text.contains(&b64::encode(b"value")));
}

#[test]
fn any_flipped_bit_is_noticed() {
    let folder = used();
    let path = folder.path().join(FILE);
    let sealed = std::fs::read(&path).unwrap();
    for at in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        std::fs::write(&path, altered).unwrap();
        assert_eq!(refusal(&folder), "state.tampered", "byte {at}");
    }
    for length in [0, 1, sealed.len() - 1] {
        std::fs::write(&path, &sealed[..length]).unwrap();
        assert_eq!(refusal(&folder), "state.tampered", "cut to {length}");
    }
}

#[test]
fn a_state_of_another_workload_or_machine_does_not_open() {
    let folder = used();
    let other = WorkloadName::parse("other").unwrap();
    let secret = Secret::new([7; 32]);
    let error = SealedState::open(folder.path(), &other, &secret).err().unwrap();
    assert_eq!(error.code(), "state.tampered");
    let secret = Secret::new([8; 32]);
    let error = SealedState::open(folder.path(), &workload(), &secret).err().unwrap();
    assert_eq!(error.code(), "state.tampered");
}

#[test]
fn a_missing_state_is_not_invented() {
    let folder = used();
    std::fs::write(folder.path().join("journal"), "lines").unwrap();
    std::fs::remove_file(folder.path().join(FILE)).unwrap();
    assert_eq!(refusal(&folder), "state.missing");
}

#[test]
fn a_missing_folder_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("forgotten mount");
    let error = SealedState::open(&inner, &workload(), &Secret::new([7; 32])).err().unwrap();
    assert_eq!(error.code(), "state.no_folder");
    assert!(!inner.exists());
}

#[test]
fn a_crash_before_the_rename_leaves_the_old_state() {
    let folder = used();
    std::fs::write(folder.path().join("state.tmp"), "half").unwrap();
    assert_eq!(open_in(&folder).unwrap().get("name").unwrap().expose(), b"value");
    let fresh = tempfile::tempdir().unwrap();
    std::fs::write(fresh.path().join("state.tmp"), "half").unwrap();
    assert!(open_in(&fresh).is_ok());
}

#[test]
fn two_processes_cannot_share_a_folder() {
    let folder = used();
    let _first = open_in(&folder).unwrap();
    assert_eq!(refusal(&folder), "state.in_use");
}

#[test]
fn the_state_is_bounded_and_a_refused_change_changes_nothing() {
    let folder = used();
    let state = open_in(&folder).unwrap();
    let error = state.put("name", &vec![0; STATE_BYTES_MAX]).unwrap_err();
    assert_eq!(error.code(), "state.too_large");
    assert_eq!(state.get("name").unwrap().expose(), b"value");
}
