use super::*;

fn hl7() -> &'static Terminology {
    Terminology::hl7()
}

fn node(json: &str) -> Node<'_> {
    Node::parse(json.as_bytes()).unwrap()
}

fn json(node: &Node<'_>) -> String {
    String::from_utf8(node.to_bytes()).unwrap()
}

const NOW: Expand<'static> = Expand {
    filter: None,
    offset: 0,
    count: None,
    active_only: false,
    now: "2026-01-01T00:00:00Z",
};

#[test]
fn every_value_set_and_code_system_of_the_tables_reads() {
    let all: Vec<&str> = sets().0.keys().copied().collect();
    assert!(all.len() > 1_300, "{}", all.len());
    let mut listed = 0;
    for url in all {
        assert_eq!(hl7().set(url).unwrap().url, url);
        listed += usize::from(hl7().members(url).is_ok_and(|members| !members.is_empty()));
    }
    assert!(listed > 1_100, "{listed}");
    for url in systems().0.keys() {
        assert_eq!(hl7().system(url).unwrap().url, *url);
    }
}

#[test]
fn membership_follows_systems_filters_sets_and_exclusions() {
    let gender = "http://hl7.org/fhir/ValueSet/administrative-gender";
    assert_eq!(hl7().holds(gender, None, "male"), Membership::In);
    assert_eq!(hl7().holds(gender, None, "alien"), Membership::Out);
    assert_eq!(hl7().holds(gender, Some("urn:other"), "male"), Membership::Out);
    assert_eq!(hl7().holds(&format!("{gender}|4.0.1"), None, "male"), Membership::In);
    let race = "http://hl7.org/fhir/us/core/ValueSet/omb-race-category";
    let cdc = Some("urn:oid:2.16.840.1.113883.6.238");
    assert_eq!(hl7().holds(race, cdc, "2106-3"), Membership::In);
    assert_eq!(hl7().holds(race, cdc, "1"), Membership::Out);
    let conditions = "http://hl7.org/fhir/us/core/ValueSet/us-core-condition-code";
    let snomed = Some("http://snomed.info/sct");
    assert_eq!(hl7().holds(conditions, snomed, "38341003"), Membership::Unknown);
    assert_eq!(hl7().holds(conditions, Some("urn:other"), "38341003"), Membership::Out);
    assert_eq!(hl7().holds("urn:nothing", None, "a"), Membership::Unknown);
    assert!(
        hl7().codes_of(gender).unwrap().contains(&(
            "http://hl7.org/fhir/administrative-gender".to_owned(),
            "other".to_owned()
        ))
    );
    assert_eq!(hl7().codes_of(conditions), None);
}

#[test]
fn an_expansion_is_filtered_paged_and_says_what_it_cannot_list() {
    let gender = "http://hl7.org/fhir/ValueSet/administrative-gender";
    let text = json(&hl7().expand(gender, Expand { filter: Some("fem"), ..NOW }).unwrap());
    assert!(text.contains(r#""total":1,"offset":0,"contains":[{"system":"http://hl7.org/fhir/administrative-gender","code":"female","display":"Female"}]"#), "{text}");
    let text = json(&hl7().expand(gender, Expand { offset: 3, count: Some(2), ..NOW }).unwrap());
    assert!(text.contains(r#""total":4,"offset":3,"#) && text.contains("unknown"), "{text}");
    assert!(!text.contains("\"male\""), "{text}");
    let past = json(&hl7().expand(gender, Expand { offset: 9, ..NOW }).unwrap());
    assert!(!past.contains("contains"), "an empty array is no JSON of FHIR: {past}");
    let loinc = hl7().expand("http://hl7.org/fhir/ValueSet/observation-codes", NOW).err().unwrap();
    assert_eq!((loinc.code(), loinc.issue()), ("not-enumerated", "not-supported"));
    assert!(
        hl7().expand("urn:nothing", NOW).is_err_and(|why| why == TerminologyRefusal::SetUnknown)
    );
}

#[test]
fn lookup_and_subsumption_know_the_hierarchy() {
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let text = json(&hl7().lookup(act, "AMB").unwrap());
    assert!(text.contains(r#"{"name":"display","valueString":"ambulatory"}"#), "{text}");
    assert!(text.contains(r#"{"name":"value","valueCode":"_ActEncounterCode"}"#), "{text}");
    assert_eq!(hl7().lookup(act, "nothing").err(), Some(TerminologyRefusal::CodeUnknown));
    assert_eq!(hl7().lookup("urn:x", "a").err(), Some(TerminologyRefusal::SystemUnknown));
    for (a, b, outcome) in [
        ("_ActEncounterCode", "ACUTE", "subsumes"),
        ("ACUTE", "_ActEncounterCode", "subsumed-by"),
        ("AMB", "AMB", "equivalent"),
        ("AMB", "EMER", "not-subsumed"),
    ] {
        let text = json(&hl7().subsumes(act, a, b).unwrap());
        assert!(text.contains(&format!("\"{outcome}\"")), "{a} {b}: {text}");
    }
    let below = hl7().below(act, "IMP").unwrap();
    assert!(below.contains(&"IMP".to_owned()) && below.contains(&"ACUTE".to_owned()));
    let above = hl7().above(act, "ACUTE").unwrap();
    assert!(above.contains(&"IMP".to_owned()) && !above.contains(&"AMB".to_owned()));
    assert_eq!(hl7().below("http://loinc.org", "1-8"), None);
}

#[test]
fn a_code_is_validated_with_its_display_and_never_repeated() {
    let gender = "http://hl7.org/fhir/ValueSet/administrative-gender";
    let url = "http://hl7.org/fhir/administrative-gender";
    let system = Some(url);
    let ask = |code, display| {
        json(&hl7().validate_code(gender, &[Asked { system, code, display }]).unwrap())
    };
    assert!(
        ask("male", None)
            .contains(r#""valueBoolean":true},{"name":"display","valueString":"Male""#)
    );
    assert!(ask("male", Some("MALE")).contains("true"));
    let wrong = ask("male", Some("Miller"));
    assert!(wrong.contains("\"valueBoolean\":false") && !wrong.contains("Miller"), "{wrong}");
    let wrong = ask("Miller", None);
    assert!(wrong.contains("\"valueBoolean\":false") && !wrong.contains("Miller"), "{wrong}");
    let unlisted = hl7().validate_code(
        "http://hl7.org/fhir/ValueSet/observation-codes",
        &[Asked { system: Some("http://loinc.org"), code: "1-8", display: None }],
    );
    assert_eq!(unlisted.err().unwrap().code(), "not-enumerated");
    let asked = Asked { system: None, code: "male", display: None };
    assert!(json(&hl7().validate_in_system(url, asked).unwrap()).contains("true"));
}

#[test]
fn what_a_server_stores_is_used_before_ours_and_circles_end() {
    let mut own = Terminology::default();
    assert!(own.add(&node(
        r#"{"resourceType":"CodeSystem","url":"urn:s","content":"complete","caseSensitive":false,"concept":[
            {"code":"A","display":"a","concept":[{"code":"B"}]},
            {"code":"C","property":[{"code":"parent","valueCode":"B"},{"code":"status","valueCode":"retired"}]},
            {"code":"D","property":[{"code":"child","valueCode":"D2"},{"code":"parent","valueCode":"D2"}]},
            {"code":"D2"}]}"#
    )));
    assert_eq!(own.below("urn:s", "a").unwrap(), ["A", "B", "C"]);
    assert_eq!(own.above("urn:s", "D").unwrap(), ["D", "D2"], "a circle");
    assert!(own.add(&node(
        r#"{"resourceType":"ValueSet","url":"urn:v","compose":{"include":[
            {"system":"urn:s","filter":[{"property":"concept","op":"is-a","value":"A"}]},
            {"system":"urn:s","filter":[{"property":"code","op":"regex","value":"D."}]}],
            "exclude":[{"system":"urn:s","concept":[{"code":"B"}]}]}}"#
    )));
    let codes: Vec<String> =
        own.members("urn:v").unwrap().into_iter().map(|one| one.code.into()).collect();
    assert_eq!(codes, ["A", "C", "D2"]);
    assert_eq!(own.holds("urn:v", Some("urn:s"), "b"), Membership::Out);
    assert_eq!(own.holds("urn:v", Some("urn:s"), "c"), Membership::In);
    let active = own.expand("urn:v", Expand { active_only: true, ..NOW }).unwrap();
    assert!(json(&active).contains("\"total\":2"));
    for (url, other) in [("urn:1", "urn:2"), ("urn:2", "urn:1")] {
        let text = format!(
            r#"{{"resourceType":"ValueSet","url":"{url}","compose":{{"include":[{{"valueSet":["{other}"]}}]}}}}"#
        );
        assert!(own.add(&node(&text)));
    }
    assert!(own.members("urn:1").is_err());
    assert_eq!(own.holds("urn:1", None, "a"), Membership::Unknown);
    assert!(!own.add(&node(r#"{"resourceType":"Patient"}"#)));
}
