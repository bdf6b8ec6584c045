use super::*;

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

#[test]
fn a_scope_permits_what_it_says_and_nothing_else() {
    let some = scopes("patient/Observation.rs user/Patient.cu");
    assert!(some.permits(Some("Observation"), Interaction::Read));
    assert!(some.permits(Some("Observation"), Interaction::Search));
    assert!(!some.permits(Some("Observation"), Interaction::Create));
    assert!(some.permits(Some("Patient"), Interaction::Update));
    assert!(!some.permits(Some("Patient"), Interaction::Read));
    assert!(!some.permits(Some("Condition"), Interaction::Read));
    assert!(!some.permits(None, Interaction::Search), "one type is not all types");
    assert!(scopes("system/*.s").permits(None, Interaction::Search));
    assert!(some.is_confined());
    assert!(!scopes("user/*.cruds").is_confined());
}

#[test]
fn forms_of_version_1_mean_what_they_meant() {
    assert_eq!(scopes("user/Patient.read").to_string(), "user/Patient.rs");
    assert_eq!(scopes("user/Patient.write").to_string(), "user/Patient.cud");
    assert_eq!(scopes("user/*.*").to_string(), "user/*.cruds");
}

#[test]
fn what_is_no_scope_is_refused_and_other_words_are_left_out() {
    for text in [
        "patient/Observation",
        "patient/Observation.",
        "patient/Observation.sr",
        "patient/Observation.rr",
        "patient/observation.r",
        "patient/.r",
        "user/Pat*.r",
        "user/Patient.x",
    ] {
        assert_eq!(Scopes::parse(text), Err(ScopeRefusal::Malformed), "{text}");
    }
    assert_eq!(Scopes::parse(&"user/Patient.r ".repeat(201)), Err(ScopeRefusal::TooMany));
    let some = scopes("openid fhirUser launch/patient offline_access patient/*.rs");
    assert_eq!(some.to_string(), "launch/patient offline_access patient/*.rs");
    assert!(some.has(Word::LaunchPatient) && !some.has(Word::Launch));
    assert!(scopes("openid").is_empty());
}

#[test]
fn a_grant_is_never_wider_than_what_it_is_taken_from() {
    let registered = scopes("offline_access user/*.rs user/Observation.c");
    let asked = scopes("offline_access launch user/Observation.crud user/Patient.u patient/*.r");
    assert_eq!(asked.within(&registered).to_string(), "offline_access user/Observation.cr");
    assert_eq!(scopes("user/*.cruds").within(&registered).to_string(), "user/*.rs");
    let (user, system) = (scopes("user/*.r"), scopes("system/*.r"));
    assert!(user.within(&system).is_empty());
    assert!(system.only_for(&[Behalf::System]) && !system.only_for(&[Behalf::User]));
}

#[test]
fn a_query_part_narrows_what_is_read_and_is_refused_where_it_could_not() {
    let category = "patient/Observation.rs?category=laboratory";
    let some = scopes(category);
    assert_eq!(some.to_string(), category);
    let narrowed = |scopes: &Scopes| scopes.narrowed(Some("Observation"), Interaction::Search);
    assert_eq!(narrowed(&some), Some(vec!["category=laboratory".to_owned()]));
    assert_eq!(narrowed(&scopes("patient/Condition.rs")), None);
    let wider = scopes(&format!("{category} patient/Observation.s"));
    assert_eq!(narrowed(&wider), Some(Vec::new()), "the wider scope wins");
    for text in ["user/*.rs?category=x", "user/Observation.cruds?category=x", "user/Patient.r?"] {
        assert_eq!(Scopes::parse(text), Err(ScopeRefusal::Query), "{text}");
    }
    assert!(some.within(&scopes("patient/*.rs")).permits(Some("Observation"), Interaction::Read));
    assert!(scopes("patient/Observation.rs").within(&some).is_empty(), "never wider");
}
