//! Versions, histories, transactions.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::scene::*;
use crate::Tenant;
use crate::store::{Cursor, Hidden, How, Past, Scope, StoreError};

pub(super) fn what_was_put_comes_back_with_id_version_and_time(place: &Place) {
    let store = place.open();
    let put = put(&store, "Patient", "a", "\"x\": 1.50 ");
    assert_eq!((put.version, put.how, put.updated), (1, How::Create, 1_000));
    let got = store.read(OURS, |view| view.get(patient(), "a")).unwrap().unwrap();
    let expected = r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"1970-01-01T00:00:01.000Z"},"x":1.50}"#;
    assert_eq!(text(&got), expected);
    assert_eq!((got.id.as_str(), got.key, got.owner), ("a", put.key, Some(put.key)));
    let none: Option<_> = store.read(OURS, |view| view.get(patient(), "b")).unwrap();
    assert!(none.is_none());
    let by_key = store.read(OURS, |view| view.by_keys(&[put.key, 5])).unwrap();
    assert_eq!(by_key.len(), 1);
    let institution = self::put(&store, "Organization", "o", "");
    assert_eq!(institution.owner, None);
    assert!(store.read(OURS, |view| view.get(institution.kind, "o")).unwrap().is_some());
}

pub(super) fn of_two_writers_on_one_version_one_wins(place: &Place) {
    let store = place.open();
    let write = |expected, updated| {
        store.change(OURS, |change| put_as(change, "Patient", "a", "", expected, updated))
    };
    assert_eq!(write(Some(1), 1).err(), Some(StoreError::Conflict));
    assert!(write(Some(0), 1).is_ok());
    assert_eq!(write(Some(0), 2).err(), Some(StoreError::Conflict));
    let outcomes: Vec<bool> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|at| scope.spawn(move || write(Some(1), 10 + at).is_ok())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|won| **won).count(), 1);
    let got = store.read(OURS, |view| view.get(patient(), "a")).unwrap().unwrap();
    assert_eq!((got.version, got.how), (2, How::Update));
}

pub(super) fn older_versions_and_deletions_stay_in_the_history(place: &Place) {
    let store = place.open();
    for updated in [1, 2] {
        store.change(OURS, |it| put_as(it, "Patient", "a", "", None, updated)).unwrap();
    }
    let delete = |expected, updated| {
        store.change(OURS, |change| change.delete(patient(), "a", expected, updated))
    };
    assert_eq!(delete(Some(1), 3).err(), Some(StoreError::Conflict));
    let deleted = delete(Some(2), 3).unwrap().unwrap();
    assert_eq!((deleted.version, deleted.how), (3, How::Delete));
    assert!(delete(None, 4).unwrap().is_none());
    let got = store.read(OURS, |view| view.get(patient(), "a")).unwrap().unwrap();
    assert!(got.document.is_none() && got.version == 3 && got.id == "a");
    let again = store.change(OURS, |it| put_as(it, "Patient", "a", "", Some(0), 5)).unwrap();
    assert_eq!((again.version, again.how), (4, How::Create));
    for (version, there) in [(1, true), (2, true), (3, false), (4, true)] {
        let stored = store.read(OURS, |view| view.version(patient(), "a", version)).unwrap();
        assert_eq!(stored.unwrap().document.is_some(), there, "{version}");
    }
    assert!(store.read(OURS, |view| view.version(patient(), "a", 5)).unwrap().is_none());
    let scope = Scope::Instance(got.key);
    let past = Past { scope, since: None, at: None, before: None, limit: 10 };
    let history = store.read(OURS, |view| view.history(past, &Hidden::NOBODY)).unwrap();
    let versions: Vec<u32> = history.iter().map(|stored| stored.version).collect();
    assert_eq!(versions, [4, 3, 2, 1]);
}

pub(super) fn history_goes_on_behind_a_cursor_and_knows_what_was_current(place: &Place) {
    let store = place.open();
    for (id, updated) in [("a", 10), ("b", 20), ("a", 30), ("a", 30), ("b", 40)] {
        store.change(OURS, |it| put_as(it, "Patient", id, "", None, updated)).unwrap();
    }
    put(&store, "Organization", "o", "");
    let history = |past| {
        let found = store.read(OURS, |view| view.history(past, &Hidden::NOBODY)).unwrap();
        found.iter().map(|it| (it.id.clone(), it.version, Cursor::of(it))).collect::<Vec<_>>()
    };
    let mut past =
        Past { scope: Scope::Type(patient()), since: None, at: None, before: None, limit: 2 };
    let mut seen = Vec::new();
    loop {
        let page = history(past);
        let Some((_, _, cursor)) = page.last() else { break };
        past.before = Some(*cursor);
        seen.extend(page.into_iter().map(|(id, version, _)| format!("{id}{version}")));
    }
    assert_eq!(seen, ["b2", "a3", "a2", "b1", "a1"]);
    let short = |past| -> Vec<String> {
        history(past).into_iter().map(|(id, version, _)| format!("{id}{version}")).collect()
    };
    past = Past { before: None, limit: 10, since: Some(30), ..past };
    assert_eq!(short(past), ["b2", "a3", "a2"]);
    past = Past { since: None, at: Some((25, 25)), ..past };
    assert_eq!(short(past), ["b1", "a1"]);
    past = Past { scope: Scope::System, at: None, ..past };
    assert_eq!(history(past).len(), 6);
}

pub(super) fn a_change_that_fails_leaves_nothing(place: &Place) {
    let store = place.open();
    let before = store.serial().unwrap();
    let failed: Result<(), StoreError> = store.change(OURS, |change| {
        put_as(change, "Patient", "a", "\"tag\":\"t\"", None, 1)?;
        Err(StoreError::TooCostly)
    });
    assert_eq!(failed, Err(StoreError::TooCostly));
    assert!(store.read(OURS, |view| view.get(patient(), "a")).unwrap().is_none());
    assert_eq!(store.serial().unwrap(), before);
    put(&store, "Patient", "a", "");
    assert_eq!(store.serial().unwrap(), before + 1);
}

pub(super) fn another_tenant_sees_nothing(place: &Place) {
    let store = place.open();
    hospital(&store);
    let (theirs, everything) = (Tenant(2), autoclave_search::Filter::Everything);
    store
        .read(theirs, |view| {
            assert!(view.get(patient(), "a")?.is_none());
            let first = autoclave_search::Page::First;
            for kind in [patient(), observation()] {
                assert!(
                    view.search(kind, &everything, &Hidden::NOBODY, &[], &first, 9)?.is_empty()
                );
                assert_eq!(view.count(kind, &everything, &Hidden::NOBODY)?, 0);
            }
            assert!(view.open(&[1, 2, 3])?.is_empty());
            let scope = Scope::System;
            let past = Past { scope, since: None, at: None, before: None, limit: 9 };
            assert!(view.history(past, &Hidden::NOBODY)?.is_empty());
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let own = store.change(theirs, |it| put_as(it, "Patient", "a", "", Some(0), 1)).unwrap();
    assert_eq!(own.version, 1);
}

pub(super) fn what_is_stored_is_there_after_opening_again(place: &Place) {
    let store = place.open();
    hospital(&store);
    let serial = store.serial().unwrap();
    drop(store);
    let store = place.open();
    assert_eq!(store.serial().unwrap(), serial);
    let got = store.read(OURS, |view| view.get(observation(), "b3")).unwrap().unwrap();
    assert!(text(&got).contains("Patient/b"));
    assert_eq!(put(&store, "Patient", "z", "").row, got.row + 7);
}

pub(super) fn changes_of_many_threads_are_all_there(place: &Place) {
    let store = place.open();
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let store = &store;
            scope.spawn(move || {
                for at in 0..10 {
                    put(store, "Patient", &format!("p{thread}-{at}"), "");
                }
            });
        }
    });
    let filter = autoclave_search::Filter::Everything;
    assert_eq!(ids(&store, patient(), &filter).len(), 60);
    assert_eq!(store.read(OURS, |view| view.get(patient(), "p5-9")).unwrap().unwrap().version, 1);
}

pub(super) fn a_panic_in_a_change_takes_nothing_else_with_it(place: &Place) {
    let store = place.open();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        store.change(OURS, |change| {
            put_as(change, "Patient", "a", "", None, 1)?;
            assert_ne!(change.tenant, OURS, "on purpose");
            Ok::<_, StoreError>(())
        })
    }));
    assert!(panicked.is_err());
    put(&store, "Patient", "b", "");
    assert!(store.read(OURS, |view| view.get(patient(), "a")).unwrap().is_none());
    assert!(store.read(OURS, |view| view.get(patient(), "b")).unwrap().is_some());
}
