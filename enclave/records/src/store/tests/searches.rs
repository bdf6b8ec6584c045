//! Filters, orders, pages, and who is hidden.

use autoclave_search::{Filter, Page, Sort, SortKey};

use super::scene::*;
use crate::store::{Hidden, Part, Store, StoreError};

fn term(store: &Store, kind: &str, code: &str, text: &str) -> Filter {
    let parameter = parameter(kind, code);
    Filter::Term { parameter, term: store.blind().term(parameter, text), system: None }
}

fn subject(store: &Store, id: &str) -> Filter {
    let term = store.blind().reference(patient(), id);
    Filter::Term { parameter: parameter("Observation", "subject"), term, system: None }
}

fn dates(low_from: Option<f64>, low_to: Option<f64>) -> Filter {
    let parameter = parameter("Observation", "date");
    Filter::Span { parameter, unit: 0, low_from, low_to, high_from: None, high_to: None }
}

fn hidden(store: &Store, id: &str) -> Hidden {
    Hidden { owners: vec![store.blind().reference(patient(), id)], ..Hidden::NOBODY }
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

pub(super) fn terms_systems_and_their_combinations(place: &Place) {
    let store = place.open();
    hospital(&store);
    let find = |filter: &Filter| ids(&store, observation(), filter).join(" ");
    let even = term(&store, "Observation", "code", "even");
    assert_eq!(find(&even), "a2 a4 b2 b4 c2 c4");
    assert_eq!(find(&not(even.clone())), "a1 a3 b1 b3 c1 c3");
    let Filter::Term { parameter: code, term: even_term, .. } = even else { unreachable!() };
    let system = store.blind().system("http://s");
    let with = |system| Filter::Term { parameter: code, term: even_term, system: Some(system) };
    assert_eq!(find(&with(system)), "a2 a4 b2 b4 c2 c4");
    assert_eq!(find(&with(0)), "");
    assert_eq!(find(&Filter::System { parameter: code, system }).len(), 12 * 3 - 1);
    let b = subject(&store, "b");
    assert_eq!(find(&Filter::All(vec![b.clone(), even.clone()])), "b2 b4");
    let either = Filter::Any(vec![b.clone(), subject(&store, "c")]);
    assert_eq!(find(&Filter::All(vec![either, even])), "b2 b4 c2 c4");
    assert_eq!(find(&Filter::Nothing), "");
    assert_eq!(find(&Filter::Any(Vec::new())), "");
    assert_eq!(find(&Filter::All(Vec::new())).len(), 12 * 3 - 1);
    let tag = parameter("Observation", "tag");
    let present = |parameter, is_span| Filter::Present { parameter, is_span };
    assert_eq!(find(&present(tag, false)), "");
    assert_eq!(find(&Filter::All(vec![b.clone(), present(code, false)])), "b1 b2 b3 b4");
    assert_eq!(find(&not(present(parameter("Observation", "date"), true))), "");
    assert_eq!(find(&not(present(parameter("Observation", "subject"), false))), "");
    // As many alternatives as a query may have, of terms and of spans.
    let other = |term| Filter::Term { parameter: code, term, system: None };
    let many = Filter::Any((0..4_096).map(other).chain([with(system)]).collect());
    assert_eq!(find(&many), "a2 a4 b2 b4 c2 c4");
    assert_eq!(find(&Filter::All(vec![b.clone(), many.clone()])), "b2 b4");
    assert_eq!(find(&Filter::All(vec![b.clone(), not(many)])), "b1 b3");
    let spans = (0..1_100).map(|at| dates(Some(f64::from(at) + 3.0), None));
    assert_eq!(find(&Filter::Any(spans.collect())), "a3 a4 b3 b4 c3 c4");
    let key = store.blind().reference(observation(), "c3");
    assert_eq!(find(&Filter::Keys(vec![key, 5])), "c3");
    assert_eq!(find(&Filter::All(vec![b, not(Filter::Keys(vec![key]))])), "b1 b2 b3 b4");
    assert_eq!(find(&Filter::Updated { from: Some(1_004), to: None }), "a4 b4 c4");
}

pub(super) fn spans_and_orders(place: &Place) {
    let store = place.open();
    hospital(&store);
    put(&store, "Observation", "undated", "\"subject\":\"Patient/a\"");
    let find = |filter: &Filter| ids(&store, observation(), filter).join(" ");
    assert_eq!(find(&dates(Some(3.0), Some(3.0))), "a3 b3 c3");
    assert_eq!(find(&Filter::All(vec![subject(&store, "b"), dates(Some(3.0), None)])), "b3 b4");
    assert_eq!(
        find(&Filter::All(vec![subject(&store, "a"), not(dates(None, Some(3.0)))])),
        "a4 undated"
    );
    let date = SortKey::Span(parameter("Observation", "date"));
    for (descending, expected) in [
        (false, "a1 b1 c1 a2 b2 c2 a3 b3 c3 a4 b4 c4 undated"),
        (true, "a4 b4 c4 a3 b3 c3 a2 b2 c2 a1 b1 c1 undated"),
    ] {
        for limit in [100, 5, 1] {
            let order = [Sort { key: date, descending }];
            assert_eq!(paged(&store, &Filter::Everything, &order, limit), expected, "{limit}");
        }
    }
    let newest =
        [Sort { key: SortKey::Updated, descending: true }, Sort { key: date, descending: false }];
    let expected = "a4 b4 c4 a3 b3 c3 a2 b2 c2 a1 b1 c1 undated";
    assert_eq!(paged(&store, &Filter::Everything, &newest, 4), expected);
    let last = [Sort { key: SortKey::Stored, descending: true }];
    assert_eq!(paged(&store, &subject(&store, "b"), &last, 3), "b4 b3 b2 b1");
}

/// All pages, each behind the last row of the one before.
fn paged(store: &Store, filter: &Filter, order: &[Sort], limit: u32) -> String {
    let (mut page, mut seen) = (Page::First, Vec::new());
    loop {
        let found = store.read(OURS, |view| {
            let hits = view.search(observation(), filter, &Hidden::NOBODY, order, &page, limit)?;
            let rows: Vec<i64> = hits.iter().map(|hit| hit.row).collect();
            view.open(&rows)
        });
        let found = found.unwrap();
        let Some(last) = found.last() else { return seen.join(" ") };
        page = Page::After(last.row);
        seen.extend(found.into_iter().map(|stored| stored.id));
    }
}

pub(super) fn chains_and_what_refers(place: &Place) {
    let store = place.open();
    hospital(&store);
    let parameter = parameter("Observation", "subject");
    let chain =
        |target| Filter::Chain { parameter, kinds: vec![patient()], target: Box::new(target) };
    let first = chain(term(&store, "Patient", "tag", "first"));
    let find = |filter: &Filter| ids(&store, observation(), filter).join(" ");
    assert_eq!(find(&first), "a1 a2 a3 a4");
    assert_eq!(find(&not(first.clone())), "b1 b2 b3 b4 c1 c2 c3 c4");
    assert_eq!(find(&Filter::All(vec![dates(Some(2.0), Some(3.0)), first.clone()])), "a2 a3");
    assert_eq!(find(&Filter::All(vec![subject(&store, "b"), first])), "");
    let reverse = |source: Filter| Filter::Reverse {
        kind: observation(),
        parameter,
        source: Box::new(source),
    };
    let who = |filter: &Filter| ids(&store, patient(), filter).join(" ");
    assert_eq!(who(&reverse(dates(Some(4.0), None))), "a b c");
    assert_eq!(who(&reverse(dates(Some(5.0), None))), "");
    put(&store, "Observation", "late", "\"subject\":\"Patient/b\",\"date\":9");
    assert_eq!(who(&reverse(dates(Some(5.0), None))), "b");
    assert_eq!(who(&not(reverse(dates(Some(5.0), None)))), "a c");
    let nested = chain(reverse(dates(Some(5.0), None)));
    assert_eq!(find(&nested), "b1 b2 b3 b4 late");
    put(&store, "Observation", "nowhere", "\"subject\":\"Patient/unknown\"");
    assert_eq!(find(&chain(Filter::Everything)).split(' ').count(), 13);
    store.change(OURS, |change| change.delete(patient(), "b", None, 9_000)).unwrap();
    assert_eq!(find(&nested), "");
}

pub(super) fn a_page_goes_on_where_the_last_one_ended_while_others_write(place: &Place) {
    let store = place.open();
    hospital(&store);
    let odd = term(&store, "Observation", "code", "odd");
    let page = |page: &Page| {
        let hits = store
            .read(OURS, |view| view.search(observation(), &odd, &Hidden::NOBODY, &[], page, 2));
        hits.unwrap().into_iter().map(|hit| hit.row).collect::<Vec<_>>()
    };
    let first = page(&Page::First);
    // One that was seen goes, one that was not changes, a new one comes.
    store.change(OURS, |change| change.delete(observation(), "a1", None, 2_000)).unwrap();
    put(&store, "Observation", "b1", "\"code\":\"odd\",\"subject\":\"Patient/b\"");
    put(&store, "Observation", "new", "\"code\":\"odd\",\"subject\":\"Patient/a\"");
    let second = page(&Page::After(first[1]));
    let third = page(&Page::After(second[1]));
    let fourth = page(&Page::After(third[1]));
    let rows = [second, third, fourth].concat();
    let stored = store.read(OURS, |view| view.open(&rows)).unwrap();
    let ids: Vec<&str> = stored.iter().map(|stored| stored.id.as_str()).collect();
    assert_eq!(ids, ["b1", "b3", "c1", "c3", "new"]);
    assert_eq!(page(&Page::Offset(4)).len(), 2);
}

pub(super) fn the_hidden_are_met_nowhere(place: &Place) {
    let store = place.open();
    hospital(&store);
    let but = hidden(&store, "b");
    let find = |filter: &Filter| ids_but(&store, observation(), filter, &but).join(" ");
    let who = |filter: &Filter| ids_but(&store, patient(), filter, &but).join(" ");
    assert_eq!(find(&Filter::Everything), "a1 a2 a3 a4 c1 c2 c3 c4");
    assert_eq!(find(&term(&store, "Observation", "code", "even")), "a2 a4 c2 c4");
    assert_eq!(find(&subject(&store, "b")), "");
    assert_eq!(who(&Filter::Everything), "a c");
    // An institution's own resource that refers to b is met; b is not met through it.
    put(&store, "Group", "g", "\"subject\":[\"Practitioner/p\",\"Patient/b\"]");
    let group = autoclave_fhir::Kind::known("Group");
    let chain = all_of(&store, "Group");
    assert_eq!(ids(&store, group, &chain), ["g"]);
    assert!(ids_but(&store, group, &chain, &but).is_empty());
    assert!(ids_but(&store, group, &not(not(chain)), &but).is_empty());
    // An observation of b that refers to a does not give a away.
    put(&store, "Observation", "shared", "\"subject\":[\"Patient/b\",\"Patient/a\"],\"date\":9");
    let reverse = Filter::Reverse {
        kind: observation(),
        parameter: parameter("Observation", "subject"),
        source: Box::new(dates(Some(9.0), None)),
    };
    assert_eq!(ids(&store, patient(), &reverse), ["a", "b"]);
    assert_eq!(who(&reverse), "");
    assert_eq!(who(&not(reverse.clone())), "a c");
    // Of whom a part may be met, everything is a match, and nothing on the way.
    let partly = Hidden { partly: but.owners, ..Hidden::NOBODY };
    assert_eq!(ids_but(&store, patient(), &Filter::Everything, &partly), ["a", "b", "c"]);
    assert!(ids_but(&store, group, &all_of(&store, "Group"), &partly).is_empty());
    assert!(ids_but(&store, patient(), &reverse, &partly).is_empty());
}

/// Those that refer to a patient with the tag `later`.
fn all_of(store: &Store, kind: &str) -> Filter {
    Filter::Chain {
        parameter: parameter(kind, "subject"),
        kinds: vec![patient()],
        target: Box::new(term(store, "Patient", "tag", "later")),
    }
}

pub(super) fn compartments_follow_their_resources(place: &Place) {
    let store = place.open();
    hospital(&store);
    let a = store.blind().reference(patient(), "a");
    let part = |kinds: &[autoclave_fhir::Kind], after, limit| {
        let part = Part { patient: a, kinds, since: None, after, limit };
        let found = store.read(OURS, |view| view.compartment(&part)).unwrap();
        let ids: Vec<String> = found.iter().map(|stored| stored.id.clone()).collect();
        (ids.join(" "), found.last().map_or(0, |stored| stored.row))
    };
    let (first, after) = part(&[], 0, 3);
    assert_eq!((first.as_str(), part(&[], after, 9).0.as_str()), ("a a1 a2", "a3 a4"));
    assert_eq!(part(&[observation()], 0, 9).0, "a1 a2 a3 a4");
    put(&store, "Observation", "a2", "\"subject\":\"Patient/b\"");
    store.change(OURS, |change| change.delete(observation(), "a3", None, 2_000)).unwrap();
    assert_eq!(part(&[], 0, 9).0, "a a1 a4");
    let filter = Filter::Compartment { patient: a };
    assert_eq!(ids(&store, observation(), &filter), ["a1", "a4"]);
    let moved = store.read(OURS, |view| view.get(observation(), "a2")).unwrap().unwrap();
    assert_eq!(moved.owner, Some(store.blind().reference(patient(), "b")));
    let older = store.read(OURS, |view| view.version(observation(), "a2", 1)).unwrap().unwrap();
    assert_eq!(older.owner, Some(a));
}

pub(super) fn an_update_is_found_by_its_new_terms_only(place: &Place) {
    let store = place.open();
    put(&store, "Patient", "a", "\"tag\":[\"old\",\"both\"]");
    put(&store, "Patient", "a", "\"tag\":[\"new\",\"both\"]");
    let find = |text| ids(&store, patient(), &term(&store, "Patient", "tag", text));
    assert!(find("old").is_empty());
    assert_eq!((find("new").len(), find("both").len()), (1, 1));
    store.change(OURS, |change| change.delete(patient(), "a", None, 2_000)).unwrap();
    assert!(find("new").is_empty() && find("both").is_empty());
    assert!(ids(&store, patient(), &Filter::Everything).is_empty());
    put(&store, "Patient", "a", "\"tag\":\"again\"");
    assert_eq!(find("again"), ["a"]);
}

/// Whatever leads, what is meant is the same: each filter alone, in pairs, and negated twice.
pub(super) fn every_lead_means_the_same(place: &Place) {
    let store = place.open();
    hospital(&store);
    let chain = all_of(&store, "Observation");
    let a = store.blind().reference(patient(), "a");
    let filters = [
        term(&store, "Observation", "code", "even"),
        subject(&store, "b"),
        Filter::Any(vec![subject(&store, "b"), subject(&store, "c")]),
        Filter::Any(vec![subject(&store, "a"), dates(Some(4.0), None)]),
        dates(Some(2.0), Some(3.0)),
        Filter::Updated { from: Some(1_002), to: Some(1_004) },
        Filter::Compartment { patient: a },
        Filter::Keys(
            ["a1", "b2", "c3"].map(|id| store.blind().reference(observation(), id)).to_vec(),
        ),
        chain,
        not(subject(&store, "c")),
        Filter::Everything,
    ];
    for one in &filters {
        let alone = ids(&store, observation(), one);
        assert_eq!(ids(&store, observation(), &not(not(one.clone()))), alone, "{one:?}");
        for other in &filters {
            let both = ids(&store, observation(), &Filter::All(vec![one.clone(), other.clone()]));
            let others = ids(&store, observation(), other);
            let expected: Vec<String> =
                alone.iter().filter(|id| others.contains(id)).cloned().collect();
            assert_eq!(both, expected, "{one:?} {other:?}");
        }
    }
}

pub(super) fn a_change_finds_what_it_has_put_itself(place: &Place) {
    let store = place.open();
    let tag = term(&store, "Patient", "tag", "t");
    store
        .change(OURS, |change| {
            put_as(change, "Patient", "a", "\"tag\":\"t\"", None, 1)?;
            let count = change.count(patient(), &tag, &Hidden::NOBODY)?;
            assert_eq!(count, 1);
            assert!(change.get(patient(), "a")?.is_some());
            put_as(change, "Patient", "a", "\"tag\":\"u\"", None, 1)?;
            assert_eq!(change.count(patient(), &tag, &Hidden::NOBODY)?, 0);
            Ok::<_, StoreError>(())
        })
        .unwrap();
}
