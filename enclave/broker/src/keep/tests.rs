use std::sync::Arc;

use super::*;
use crate::fixtures::{NOW, cell};

fn kept(of: &Arc<autoclave_cell::Cell>) -> Kept {
    let keep = Arc::new(Embedded::open(of.clone()).unwrap());
    Kept::new(keep, Arc::new(SealedFile::open(of).unwrap()))
}

#[tokio::test]
async fn records_are_compared_before_they_are_swapped_and_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let running = cell(folder.path()).await;
    let store = kept(running.cell());
    assert!(store.get("keys/a/one").await.unwrap().is_none());
    assert_eq!(store.put("keys/a/one", None, b"1").await, Ok(1));
    assert_eq!(store.put("keys/a/one", None, b"2").await, Err(KeepError::Conflict));
    assert_eq!(store.put("keys/a/one", Some(2), b"2").await, Err(KeepError::Conflict));
    assert_eq!(store.put("keys/a/one", Some(1), b"2").await, Ok(2));
    assert_eq!(store.put("keys/b/one", None, b"3").await, Ok(1));
    drop(store);
    running.drain().await;
    let running = cell(folder.path()).await;
    let store = kept(running.cell());
    let read = store.get("keys/a/one").await.unwrap().unwrap();
    assert_eq!((read.version, read.bytes.as_slice()), (2, &b"2"[..]));
    assert_eq!(store.list("keys/a/").await.unwrap(), ["keys/a/one"]);
    assert_eq!(store.list("keys/").await.unwrap(), ["keys/a/one", "keys/b/one"]);
}

#[tokio::test]
async fn a_record_opens_under_its_own_name_and_version_only() {
    let folder = tempfile::tempdir().unwrap();
    let running = cell(folder.path()).await;
    let keep = Arc::new(Embedded::open(running.cell().clone()).unwrap());
    let store = Kept::new(keep.clone(), Arc::new(SealedFile::open(running.cell()).unwrap()));
    store.put("one", None, b"1").await.unwrap();
    let first = keep.get("one").await.unwrap().unwrap().sealed;
    keep.put("other", None, &first).await.unwrap();
    keep.put("one", Some(1), &first).await.unwrap();
    for name in ["one", "other"] {
        assert_eq!(store.get(name).await.err(), Some(KeepError::Damaged), "{name}");
    }
    keep.put("short", None, &[0]).await.unwrap();
    assert_eq!(store.get("short").await.err(), Some(KeepError::Damaged));
}

#[tokio::test]
async fn an_id_counts_once_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let running = cell(folder.path()).await;
    let store = kept(running.cell());
    let until = NOW.plus(60);
    assert_eq!(store.take_once("nonce", &[1; 32], until, NOW).await, Ok(true));
    assert_eq!(store.take_once("nonce", &[1; 32], until, NOW).await, Ok(false));
    assert_eq!(store.take_once("other", &[1; 32], until, NOW).await, Ok(true));
    drop(store);
    running.drain().await;
    let running = cell(folder.path()).await;
    let store = kept(running.cell());
    assert_eq!(store.take_once("nonce", &[1; 32], until, until).await, Ok(false));
    assert_eq!(store.take_once("nonce", &[2; 32], until, until).await, Ok(true));
}

#[tokio::test]
async fn a_record_has_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let running = cell(folder.path()).await;
    let large = vec![0; RECORD_BYTES_MAX + 1];
    let refused = kept(running.cell()).put("large", None, &large).await;
    assert_eq!(refused, Err(KeepError::TooLarge));
}
