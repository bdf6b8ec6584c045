//! What is not understood is refused by name, never by value, and never passed over in silence.

mod shelf;

use autoclave_search::{Filter, Handling, SortKey, Summary, Total};
use shelf::Shelf;

fn refused(kind: &str, query: &str) -> (&'static str, String) {
    match Shelf::new().understand(kind, query) {
        Ok(_) => panic!("{kind}?{query} is understood"),
        Err(why) => (why.code(), why.to_string()),
    }
}

/// Types, queries, and the codes of their refusals.
const REFUSED: &[(&str, &str, &str)] = &[
    ("Patient", "nam=x", "search-parameter-unknown"),
    ("Patient", "Name=x", "search-parameter-unknown"),
    ("Patient", "code=x", "search-parameter-unknown"),
    ("Patient", "=x", "search-parameter-unknown"),
    ("Patient", "_has:Observation:patient:cod=x", "search-parameter-unknown"),
    ("Patient", "_has:Nothing:patient:code=x", "search-parameter-unknown"),
    ("Patient", "_has:Observation:nothing:code=x", "search-parameter-unknown"),
    ("Patient", "_has:Observation:encounter:code=x", "search-parameter-unknown"),
    ("Patient", "_has:Observation:code:status=x", "search-parameter-unknown"),
    ("Patient", "_has:Observation:patient=x", "search-modifier-unknown"),
    ("Observation", "patient.nam=x", "search-parameter-unknown"),
    ("Observation", "subject:Patient.nam=x", "search-parameter-unknown"),
    ("Observation", "subject:Practitioner.name=x", "search-modifier-unknown"),
    ("Patient", "name:like=x", "search-modifier-unknown"),
    ("Patient", "gender:exact=x", "search-modifier-unknown"),
    ("Patient", "birthdate:exact=2013", "search-modifier-unknown"),
    ("Patient", "_id:exact=x", "search-modifier-unknown"),
    ("Patient", "_count:exact=5", "search-modifier-unknown"),
    ("Patient", "_lastUpdated:missing=true", "search-modifier-unknown"),
    ("Patient", "birthdate=yesterday", "search-value-invalid"),
    ("Patient", "birthdate=xx2013-01-01", "search-value-invalid"),
    ("Patient", "birthdate=2013-02-30", "search-value-invalid"),
    ("Patient", "birthdate=", "search-value-invalid"),
    ("Patient", "name=", "search-value-invalid"),
    ("Patient", "name=a,,b", "search-value-invalid"),
    ("Patient", "name=...", "search-value-invalid"),
    ("Patient", r"name=a\b", "search-value-invalid"),
    ("Patient", "gender:missing=maybe", "search-value-invalid"),
    ("Patient", "identifier=a|b|c", "search-value-invalid"),
    ("Patient", "identifier=|", "search-value-invalid"),
    ("Patient", "identifier:of-type=a|b", "search-value-invalid"),
    ("Patient", "_id=", "search-value-invalid"),
    ("Observation", "value-quantity=much", "search-value-invalid"),
    ("Observation", "value-quantity=NaN", "search-value-invalid"),
    ("Observation", "value-quantity=5|mg", "search-value-invalid"),
    ("Observation", "code-value-quantity=1", "search-value-invalid"),
    ("Observation", "code-value-quantity=1$2$3", "search-value-invalid"),
    ("Observation", "subject=Nobody/1", "search-value-invalid"),
    ("Observation", "subject=a b", "search-value-invalid"),
    ("Patient", "_sort=nam", "search-parameter-named-unknown"),
    ("Patient", "_count=many", "search-value-invalid"),
    ("Patient", "_count=-1", "search-value-invalid"),
    ("Patient", "_total=all", "search-value-invalid"),
    ("Patient", "_summary=yes", "search-value-invalid"),
    ("Patient", "_elements=name,", "search-value-invalid"),
    ("Patient", "_include=Patient:name", "search-parameter-named-unknown"),
    ("Patient", "_include=Observation:patient", "search-parameter-named-unknown"),
    ("Patient", "_include=Patient:general-practitioner:Device", "search-parameter-named-unknown"),
    ("Patient", "_revinclude=*", "search-parameter-named-unknown"),
    ("Patient", "_include:always=Patient:link", "search-modifier-unknown"),
    ("Patient", "_text=x", "search-parameter-unserved"),
    ("Patient", "_content=x", "search-parameter-unserved"),
    ("Patient", "_filter=name eq x", "search-parameter-unserved"),
    ("Patient", "_list=1", "search-parameter-unserved"),
    ("Patient", "_query=x", "search-parameter-unserved"),
    ("Patient", "_contained=true", "search-parameter-unserved"),
    ("Location", "near=1|2", "search-parameter-unserved"),
    ("QuestionnaireResponse", "questionnaire.title=x", "search-parameter-unserved"),
    ("Observation", "patient.name:contains=x", "search-chain-unserved"),
    ("Patient", "_has:Observation:patient:code:text=x", "search-chain-unserved"),
    ("Provenance", "target._id=x", "search-too-much"),
    (
        "Observation",
        "has-member.has-member.has-member.has-member.has-member.code=x",
        "search-too-much",
    ),
];

#[test]
fn each_refusal_has_its_code() {
    for (kind, query, code) in REFUSED {
        assert_eq!(refused(kind, query).0, *code, "{kind}?{query}");
    }
}

#[test]
fn a_refusal_never_repeats_a_value_nor_an_odd_name() {
    let (_, words) = refused("Patient", "birthdate=Meier");
    assert_eq!(words, "the value of the search parameter birthdate is not of its type");
    let (_, words) = refused("Patient", "na<me>\n'=Meier");
    assert_eq!(words, "there is no search parameter na?me???");
    let (_, words) = refused("Patient", &format!("{}=1", "x".repeat(10_000)));
    assert!(words.len() < 120);
}

#[test]
fn lenient_handling_says_what_it_passed_over() {
    let shelf = Shelf::new();
    let query = "nam=x&gender=male&name:like=x&_text=x&_sort=name,nam&_include=Patient:name";
    let query = shelf.understand_as("Patient", query, Handling::Lenient).unwrap();
    assert_eq!(query.ignored, ["nam", "name:like", "_text", "_sort", "_include"]);
    assert!(matches!(query.filter, Filter::Term { .. }));
    for wrong in ["birthdate=yesterday", "name="] {
        assert!(shelf.understand_as("Patient", wrong, Handling::Lenient).is_err(), "{wrong}");
    }
}

#[test]
fn a_query_is_bounded() {
    let many = |count: usize, one: &str, between: &str| vec![one; count].join(between);
    let code = |query: String| {
        Shelf::new().understand("Patient", &query).map_or_else(|why| why.code(), |_| "")
    };
    assert_eq!(code(many(64, "gender=male", "&")), "");
    assert_eq!(code(many(65, "gender=male", "&")), "search-too-much");
    assert_eq!(code(format!("gender={}", many(256, "male", ","))), "");
    assert_eq!(code(format!("gender={}", many(257, "male", ","))), "search-too-much");
    assert_eq!(code(format!("_id={}", many(257, "a", ","))), "search-too-much");
    assert_eq!(code(format!("_lastUpdated={}", many(257, "2013", ","))), "search-too-much");
    assert_eq!(code(format!("_sort={}", many(9, "name", ","))), "search-too-much");
    assert_eq!(code(format!("_include={}", many(33, "Patient:link", ","))), "search-too-much");
    let ids = (0..40).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    let anything = Shelf::new().understand("Provenance", &format!("target={ids}"));
    assert_eq!(anything.err().map(|why| why.code()), Some("search-too-much"));
    let deep = "_has:Patient:link:".repeat(1000);
    assert_eq!(code(format!("{deep}name=x")), "search-too-much");
}

#[test]
fn texts_that_try_other_languages_are_only_texts() {
    let shelf =
        Shelf::of(&[r#"{"resourceType":"Patient","id":"1","name":[{"family":"x' OR '1'='1"}]}"#]);
    assert_eq!(shelf.find("Patient", "family=x' or '1"), ["1"]);
    assert!(shelf.find("Patient", "family=y' OR '1'='1").is_empty());
    assert!(shelf.find("Patient", "_id=1' OR 'a'='a").is_empty());
    assert!(shelf.find("Patient", "family=%25").is_empty());
}

#[test]
fn the_answers_look_is_read() {
    let shelf = Shelf::new();
    let query = "_sort=-birthdate,family,_lastUpdated,_id&_count=20&_total=accurate&_summary=data&_elements=name,birthDate&_format=json&_pretty=true&_type=Patient&_contained=false";
    let query = shelf.understand("Patient", query).unwrap();
    assert_eq!(query.filter, Filter::Everything);
    assert_eq!(
        (query.count, query.total, query.summary),
        (Some(20), Total::Accurate, Some(Summary::Data))
    );
    assert_eq!(query.elements, ["name", "birthDate"]);
    let keys: Vec<_> = query.sort.iter().map(|sort| (sort.key, sort.descending)).collect();
    assert!(matches!(keys[0], (SortKey::Span(_), true)));
    assert!(matches!(keys[1], (SortKey::Opened(_), false)));
    assert_eq!(keys[2], (SortKey::Updated, false));
    assert!(matches!(keys[3], (SortKey::Opened(_), false)));
}
