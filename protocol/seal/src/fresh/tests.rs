use super::*;
use crate::request::RequestKey;

const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);

fn key(name: u32) -> RequestKey {
    RequestKey::for_test(name)
}

fn headers(dates: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for date in dates {
        headers.append(DATE, HeaderValue::from_str(date).unwrap());
    }
    headers
}

#[test]
fn a_request_is_admitted_once() {
    let mut cache = ReplayCache::new();
    assert_eq!(cache.admit(key(1), NOW, NOW), Ok(()));
    let again = cache.admit(key(1), NOW, NOW).unwrap_err();
    assert_eq!((again, again.code()), (FreshnessRefusal::Replayed, "seal.replayed"));
    assert_eq!(cache.admit(key(2), NOW, NOW), Ok(()));
}

#[test]
fn the_window_has_two_ends() {
    let mut cache = ReplayCache::new();
    let mut admit = |name, date| cache.admit(key(name), date, NOW);
    assert_eq!(admit(1, NOW.plus(WINDOW_S)), Ok(()));
    assert_eq!(admit(2, NOW.minus(WINDOW_S)), Ok(()));
    assert_eq!(admit(3, NOW.plus(WINDOW_S + 1)), Err(FreshnessRefusal::DateWindow));
    assert_eq!(admit(4, NOW.minus(WINDOW_S + 1)), Err(FreshnessRefusal::DateWindow));
    assert_eq!(admit(5, UnixTime::from_seconds(0)), Err(FreshnessRefusal::DateWindow));
    assert_eq!(FreshnessRefusal::DateWindow.code(), "seal.date_window");
}

/// At no second between a request and the end of its window does it get in again, even one
/// from the future.
#[test]
fn nothing_is_forgotten_too_early() {
    for ahead in [0, 60, WINDOW_S] {
        let mut cache = ReplayCache::new();
        let date = NOW.plus(ahead);
        cache.admit(key(1), date, NOW).unwrap();
        for later in 0..=2 * WINDOW_S + 2 {
            assert!(cache.admit(key(1), date, NOW.plus(later)).is_err(), "{ahead} {later}");
        }
    }
}

#[test]
fn what_is_over_makes_room() {
    let mut cache = ReplayCache::with_room_for(2);
    cache.admit(key(1), NOW, NOW).unwrap();
    cache.admit(key(2), NOW.plus(1), NOW).unwrap();
    let full = cache.admit(key(3), NOW, NOW).unwrap_err();
    assert_eq!((full, full.code()), (FreshnessRefusal::Busy, "seal.busy"));
    assert_eq!(cache.admit(key(1), NOW, NOW), Err(FreshnessRefusal::Replayed));
    let later = NOW.plus(WINDOW_S + 1);
    assert_eq!(cache.admit(key(3), later, later), Ok(()));
    assert_eq!(cache.len(), 2);
    assert!(!cache.is_empty());
}

#[test]
fn a_clock_that_steps_back_lets_nothing_in_twice() {
    let mut cache = ReplayCache::new();
    cache.admit(key(1), NOW, NOW).unwrap();
    assert_eq!(cache.admit(key(1), NOW, NOW.minus(50)), Err(FreshnessRefusal::Replayed));
}

/// Whoever turns the clock can make the cache forget, and no more than that.
#[test]
fn a_clock_that_steps_forth_and_back_lets_nothing_in_twice() {
    let mut cache = ReplayCache::new();
    cache.admit(key(1), NOW, NOW).unwrap();
    cache.admit(key(2), NOW.plus(3600), NOW.plus(3600)).unwrap();
    assert_eq!(cache.len(), 1, "the first is forgotten");
    assert_eq!(cache.admit(key(1), NOW, NOW), Err(FreshnessRefusal::Replayed));
    assert_eq!(
        cache.admit(key(2), NOW.plus(3600), NOW.plus(3600)),
        Err(FreshnessRefusal::Replayed)
    );
    assert_eq!(cache.admit(key(3), NOW.plus(1), NOW.plus(1)), Ok(()), "what is new passes");
}

#[test]
fn one_date_in_its_one_form_is_needed() {
    assert_eq!(date(&headers(&["Mon, 21 Sep 2026 14:13:20 GMT"])), Ok(NOW));
    for bad in [
        &[][..],
        &["Mon, 21 Sep 2026 14:13:20 GMT", "Mon, 21 Sep 2026 14:13:20 GMT"],
        &["Monday, 21-Sep-26 14:13:20 GMT"],
        &["Mon Sep 21 14:13:20 2026"],
        &["Tue, 21 Sep 2026 14:13:20 GMT"],
        &["Mon, 21 Sep 2026 14:13:20 GMT "],
        &["Mon, 21 Sep 2026 25:13:20 GMT"],
        &["1790000000"],
        &[""],
    ] {
        assert_eq!(date(&headers(bad)), Err(FreshnessRefusal::DateMissing), "{bad:?}");
    }
    assert_eq!(FreshnessRefusal::DateMissing.code(), "seal.date_missing");
}

#[test]
fn stamping_replaces_what_was_there() {
    let mut headers = headers(&["Thu, 01 Jan 1970 00:00:00 GMT", "nonsense"]);
    stamp(&mut headers, NOW);
    assert_eq!(date(&headers), Ok(NOW));
    stamp(&mut headers, UnixTime::from_seconds(u64::MAX));
    assert_eq!(date(&headers).unwrap().seconds(), DATE_MAX);
}
