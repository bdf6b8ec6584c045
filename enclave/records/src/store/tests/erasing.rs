//! Erasing a patient: nothing of it comes back, from nowhere.

use autoclave_search::Filter;

use super::scene::*;
use crate::keys::{RootKeeper as _, Roots};
use crate::store::{Hidden, Past, Scope, StoreError};

pub(super) fn an_erased_patient_is_gone_and_everybody_else_is_not(place: &Place) {
    let store = place.open();
    hospital(&store);
    put(&store, "Observation", "a1", "\"subject\":\"Patient/a\",\"date\":7");
    store.change(OURS, |change| change.delete(observation(), "a2", None, 2_000)).unwrap();
    // What others' records say of a patient stays theirs.
    put(&store, "Observation", "both", "\"subject\":[\"Patient/b\",\"Patient/a\"]");
    let before = store.serial().unwrap();
    assert_eq!(store.erase(OURS, "a"), Ok(5));
    assert_eq!(store.serial().unwrap(), before + 1);
    let gone = |store: &crate::store::Store| {
        for id in ["a1", "a2", "a3"] {
            assert!(store.read(OURS, |view| view.get(observation(), id)).unwrap().is_none());
        }
        let all = "b1 b2 b3 b4 c1 c2 c3 c4 both";
        assert_eq!(ids(store, observation(), &Filter::Everything).join(" "), all);
        assert_eq!(ids(store, patient(), &Filter::Everything), ["b", "c"]);
        let past = Past { scope: Scope::System, since: None, at: None, before: None, limit: 99 };
        let history = store.read(OURS, |view| view.history(past, &Hidden::NOBODY)).unwrap();
        assert_eq!(history.len(), 11);
        let again = store.change(OURS, |it| put_as(it, "Patient", "a", "", None, 3_000));
        assert_eq!(again.err(), Some(StoreError::Erased));
    };
    gone(&store);
    put(&store, "Patient", "d", "");
    assert_eq!(store.erase(OURS, "nobody"), Ok(0));
    let never = store.change(OURS, |it| put_as(it, "Patient", "nobody", "", None, 3_000));
    assert_eq!(never.err(), Some(StoreError::Erased));
    assert_eq!(store.erase(OURS, "d"), Ok(1));
    drop(store);
    gone(&place.open());
}

pub(super) fn after_a_crash_in_an_erasing_the_root_is_the_databases(place: &Place) {
    let store = place.open();
    hospital(&store);
    let first = place.roots.load().unwrap().unwrap();
    assert_eq!(store.erase(OURS, "a"), Ok(5));
    drop(store);
    let second = place.roots.load().unwrap().unwrap();
    let both = [first.expose().clone(), second.expose().clone()].concat();
    // It ended after the commit: both roots are there, the new one is used.
    place.roots.replace(&autoclave_base::Secret::new(both)).unwrap();
    drop(place.open());
    assert!(!Roots::load(&*place.roots).unwrap().unwrap().is_unsettled());
    assert!(place.roots.load().unwrap().unwrap().same_as(&second));
    // A database that is under a root that is gone is an older copy.
    place.roots.replace(&first).unwrap();
    assert_eq!(place.try_open().err(), Some(StoreError::RolledBack));
}
