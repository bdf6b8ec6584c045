use super::*;

const STORED: &str = r#"{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"7"}],
    "name":[{"family":"Okonkwo","given":["Adaeze","Mary"]}],"gender":"female","birthDate":"1984-03-02",
    "telecom":[{"system":"phone","value":"+1 (555) 010-2030"}],
    "address":[{"line":["12 Elm Street"],"city":"Boston","postalCode":"02108"}]}"#;

fn against(asked: &str) -> Score {
    let (asked, stored) =
        (Node::parse(asked.as_bytes()).unwrap(), Node::parse(STORED.as_bytes()).unwrap());
    score(&asked, &stored)
}

#[test]
fn grades_follow_what_agrees() {
    for (asked, grade) in [
        (STORED, Grade::Certain),
        (
            r#"{"identifier":[{"system":"urn:mrn","value":"7"}],"birthDate":"1984-03-02"}"#,
            Grade::Certain,
        ),
        (r#"{"identifier":[{"system":"urn:mrn","value":"7"}]}"#, Grade::Probable),
        // The number of another: a mistake.
        (
            r#"{"identifier":[{"system":"urn:mrn","value":"7"}],"name":[{"family":"Zhang"}],"birthDate":"1951-12-31"}"#,
            Grade::CertainlyNot,
        ),
        (
            r#"{"name":[{"family":"OKONKWO","given":["Adaeze"]}],"gender":"female","birthDate":"1984-03-02"}"#,
            Grade::Certain,
        ),
        (
            r#"{"name":[{"family":"Okonkwoo","given":["Adaeze"]}],"birthDate":"1984-03-02"}"#,
            Grade::Probable,
        ),
        (r#"{"name":[{"family":"Okonkwo"}],"birthDate":"1984-02-03"}"#, Grade::Possible),
        (r#"{"name":[{"family":"Okonkwo"}]}"#, Grade::Possible),
        (r#"{"gender":"female"}"#, Grade::CertainlyNot),
        (
            r#"{"name":[{"family":"Okonkwo","given":["Chidi"]}],"gender":"male","birthDate":"1990-01-01"}"#,
            Grade::CertainlyNot,
        ),
        (
            r#"{"telecom":[{"system":"phone","value":"555-010-2030"}],"name":[{"family":"Okonkwo","given":["Mary"]}]}"#,
            Grade::Probable,
        ),
        ("{}", Grade::CertainlyNot),
    ] {
        let score = against(asked);
        assert_eq!(score.grade, grade, "{asked}: {}", score.value);
        assert!((0.0..=1.0).contains(&score.value));
    }
}

#[test]
fn likeness_of_names_is_jaro_and_winklers() {
    for (one, two, expected) in [
        ("martha", "marhta", 0.961),
        ("dwayne", "duane", 0.84),
        ("dixon", "dicksonx", 0.813),
        ("a", "b", 0.0),
    ] {
        assert!((alike(one, two) - expected).abs() < 0.001, "{one} {two} {}", alike(one, two));
        assert!((alike(one, two) - alike(two, one)).abs() < 0.001);
    }
}

#[test]
fn candidates_are_looked_for_by_each_fact() {
    let node = Node::parse(STORED.as_bytes()).unwrap();
    let names: Vec<&str> = blocks(&node).iter().map(|block| block[0].0).collect();
    for name in ["identifier", "family", "given", "birthdate", "telecom"] {
        assert!(names.contains(&name), "{name}");
    }
    let tricky = r#"{"identifier":[{"system":"urn:a|b","value":"1,2"}]}"#;
    let tricky = Node::parse(tricky.as_bytes()).unwrap();
    assert_eq!(blocks(&tricky), [vec![("identifier", r"urn:a\|b|1\,2".to_owned())]]);
}
