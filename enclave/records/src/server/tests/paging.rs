//! Pages, while others write.

use super::*;

/// All pages of a search; between two of them `meanwhile` happens.
async fn pages(clinic: &Clinic, first: &str, mut meanwhile: impl AsyncFnMut(usize)) -> Vec<String> {
    let (mut ids, mut next, mut at) = (Vec::new(), Some(first.to_owned()), 0);
    while let Some(url) = next {
        let page = clinic.get(&url).await;
        assert_eq!(page.code(), 200, "{}", page.text());
        ids.extend(page.ids());
        next = page.link("next");
        meanwhile(at).await;
        at += 1;
    }
    ids
}

#[tokio::test]
async fn pages_neither_repeat_nor_skip_while_others_write() {
    let clinic = Clinic::new();
    clinic.put("Patient/1", &patient("1", "A")).await;
    let ids: Vec<String> = (0..23).map(|at| format!("o{at}")).collect();
    for id in &ids {
        clinic.put(&format!("Observation/{id}"), &observation(id, "1", "1-1")).await;
    }
    for count in [1, 2, 5, 7, 22, 23, 24] {
        let first = format!("Observation?code=1-1&_count={count}");
        let found = pages(&clinic, &first, async |at| {
            // Others change what was told, what is still to come, and make new ones.
            let (told, coming) = (format!("o{}", at % 3), format!("o{}", 22 - at % 3));
            for id in [told, coming] {
                let path = format!("Observation/{id}");
                assert_eq!(clinic.put(&path, &observation(&id, "1", "1-1")).await.code(), 200);
            }
            clinic.post("Observation", &observation("x", "1", "9-9")).await;
        })
        .await;
        assert_eq!(found, ids, "{count}");
    }
    let found = pages(&clinic, "Observation?code=1-1&_count=5", async |at| {
        let id = format!("Observation/o{}", at * 5);
        assert_eq!(clinic.ask(&format!("DELETE {id}"), &[], "").await.code(), 204);
    });
    assert_eq!(found.await, ids);
}

#[tokio::test]
async fn an_order_by_name_goes_on_where_it_ended() {
    let clinic = Clinic::new();
    let names = ["F", "B", "D", "A", "E", "C", "A"];
    for (at, family) in names.iter().enumerate() {
        let id = format!("p{at}");
        clinic.put(&format!("Patient/{id}"), &patient(&id, family)).await;
    }
    let found = pages(&clinic, "Patient?_sort=family&_count=2", async |_| {
        clinic.post("Patient", &patient("x", "0-before-all")).await;
    });
    assert_eq!(found.await, ["p3", "p6", "p1", "p5", "p2", "p4", "p0"]);
}

#[tokio::test]
async fn links_say_nothing_and_belong_to_whom_they_were_given() {
    let clinic = Clinic::new();
    for id in ["1", "2", "3"] {
        clinic.put(&format!("Patient/{id}"), &patient(id, "Lindqvist")).await;
    }
    let page = clinic.get("Patient?name=lindqvist&_count=1").await;
    let link = page.link("next").unwrap();
    assert!(link.starts_with(&format!("{BASE}?page=")));
    assert!(!link.to_lowercase().contains("lindqvist"));
    assert_eq!(clinic.get(&link).await.ids(), ["2"]);
    let mut other = caller();
    other.actor = autoclave_ledger::Label::code("staff/2");
    let stolen = clinic.ask_as(&other, &format!("GET {link}"), &[], "").await;
    assert_eq!((stolen.code(), stolen.problem().as_str()), (400, "search.page_refused"));
    let altered = format!("{}A", &link[..link.len() - 1]);
    assert_eq!(clinic.get(&altered).await.code(), 400);
    clinic.guard.clock.fetch_add(2 * 60 * 60 * 1000, std::sync::atomic::Ordering::Relaxed);
    let old = clinic.get(&link).await;
    assert_eq!((old.code(), old.problem().as_str()), (410, "search.page_expired"));
}

#[tokio::test]
async fn several_types_are_paged_one_after_the_other() {
    let clinic = Clinic::new();
    for id in ["1", "2", "3"] {
        clinic.put(&format!("Patient/{id}"), &patient(id, "A")).await;
        clinic.put(&format!("Observation/{id}"), &observation(id, "1", "1-1")).await;
    }
    for count in 1..=7 {
        let first = format!("?_type=Patient,Observation&_count={count}");
        let mut found = pages(&clinic, &first, async |_| {}).await;
        found.sort_unstable();
        assert_eq!(found, ["1", "1", "2", "2", "3", "3"], "{count}");
    }
}
