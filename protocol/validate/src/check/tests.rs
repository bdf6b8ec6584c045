use super::*;
use crate::finding::FINDINGS_MAX;

/// `code place` of each finding.
fn faults(json: &str) -> Vec<String> {
    let node = Node::parse(json.as_bytes()).unwrap();
    check(&node).iter().map(|finding| format!("{} {}", finding.code, finding.place)).collect()
}

fn patient(members: &str) -> Vec<String> {
    faults(&format!(r#"{{"resourceType":"Patient",{members}}}"#))
}

#[test]
fn what_is_right_passes() {
    let good = r##""id":"a","active":true,"name":[{"family":"A","given":["B",null],"_given":[null,{"id":"x","extension":[{"url":"http://u","valueCode":"c"}]}]}],
        "gender":"female","_gender":{"id":"g"},"birthDate":"1970-03","_birthDate":{"extension":[{"url":"http://u","valueDateTime":"1970-03-01T10:00:00Z"}]},
        "deceasedBoolean":false,"contained":[{"resourceType":"Organization","id":"o","name":"O"}],"managingOrganization":{"reference":"#o"},
        "generalPractitioner":[{"reference":"urn:uuid:x"},{"reference":"Practitioner/1"},{"display":"D"}],
        "text":{"status":"generated","div":"<div>A</div>"},"maritalStatus":{"text":"M"}"##;
    assert_eq!(patient(good), [""; 0]);
    assert_eq!(
        faults(r#"{"resourceType":"Patient"}"#),
        [""; 0],
        "nothing is required of a patient"
    );
}

#[test]
fn each_rule_of_the_form_is_kept() {
    for (members, finding) in [
        (r#""foo":1"#, "element-unknown Patient.foo"),
        (r#""Miller & Sons":1"#, "element-unknown Patient"),
        (r#""value":1"#, "element-unknown Patient.value"),
        (r#""_name":[{}]"#, "element-unknown Patient._name"),
        (r#""name":{"family":"A"}"#, "array-expected Patient.name"),
        (r#""gender":["male"]"#, "array-not-allowed Patient.gender"),
        (r#""gender":null"#, "null-not-allowed Patient.gender"),
        (r#""name":[null]"#, "null-not-allowed Patient.name[0]"),
        (r#""name":["A"]"#, "object-expected Patient.name[0]"),
        (r#""name":[]"#, "empty Patient.name"),
        (r#""name":[{}]"#, "empty Patient.name[0]"),
        (r#""name":[{"id":"a"}]"#, "element-empty Patient.name[0]"),
        (r#""name":[{"given":[null]}]"#, "null-not-allowed Patient.name[0].given[0]"),
        (
            r#""name":[{"given":["A",null],"_given":[null,null]}]"#,
            "null-not-allowed Patient.name[0].given[1]",
        ),
        (r#""_birthDate":"1970""#, "object-expected Patient.birthDate"),
        (r#""_birthDate":{}"#, "empty Patient.birthDate"),
        (r#""_birthDate":{"id":"a"}"#, "element-empty Patient.birthDate"),
        (r#""_birthDate":{"value":"1"}"#, "element-unknown Patient.birthDate.value"),
        (r#""active":"true""#, "value-format Patient.active"),
        (r#""birthDate":"1970-02-30""#, "value-format Patient.birthDate"),
        (r#""id":"a b""#, "value-format Patient.id"),
        (r#""gender":"alien""#, "code-unknown Patient.gender"),
        (r#""deceasedBoolean":true,"deceasedDateTime":"1970""#, "choice-twice Patient.deceased"),
        (
            r#""deceasedBoolean":true,"_deceasedDateTime":{"id":"a"}"#,
            "choice-twice Patient.deceased",
        ),
        (r#""link":[{"type":"refer"}]"#, "element-missing Patient.link[0].other"),
        (
            r##""managingOrganization":{"reference":"#o"}"##,
            "reference-contained Patient.managingOrganization.reference",
        ),
        (
            r#""managingOrganization":{"reference":"Patient/1"}"#,
            "reference-target Patient.managingOrganization.reference",
        ),
        (
            r#""contained":[{"resourceType":"Nobody","id":"a"}]"#,
            "resource-type-unknown Patient.contained[0]",
        ),
        (r#""contained":[{"resourceType":"Group"}]"#, "contained-id Patient.contained[0]"),
        (r#""contained":["a"]"#, "object-expected Patient.contained[0]"),
        (r#""extension":[{"url":"http://u"}]"#, "extension-value Patient.extension[0]"),
        (r#""extension":[{"valueString":"a"}]"#, "element-missing Patient.extension[0].url"),
        (
            r#""extension":[{"url":"u","valueString":"a","extension":[{"url":"u","valueString":"a"}]}]"#,
            "extension-value Patient.extension[0]",
        ),
        (
            r#""text":{"status":"generated","div":"<div><script>a</script></div>"}"#,
            "narrative Patient.text.div",
        ),
    ] {
        let all = patient(members);
        assert!(all.iter().any(|one| one == finding), "{members}: {all:?}");
    }
}

#[test]
fn required_codes_need_their_system() {
    let allergy = |status: &str| {
        faults(&format!(
            r#"{{"resourceType":"AllergyIntolerance","patient":{{"reference":"Patient/1"}},"clinicalStatus":{status}}}"#
        ))
    };
    let system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
    let coded = |system: &str, code: &str| {
        format!(r#"{{"coding":[{{"system":"{system}","code":"{code}"}}]}}"#)
    };
    assert_eq!(allergy(&coded(system, "active")), [""; 0]);
    for wrong in [coded("urn:other", "active"), coded(system, "ill")] {
        assert_eq!(allergy(&wrong), ["code-unknown AllergyIntolerance.clinicalStatus"]);
    }
}

#[test]
fn entries_of_a_bundle_are_checked_as_resources_of_their_own() {
    let bundle = r##"{"resourceType":"Bundle","type":"collection","entry":[
        {"resource":{"resourceType":"Patient","contained":[{"resourceType":"Group","id":"g","type":"person","actual":true,
            "contained":[{"resourceType":"Group","id":"h","type":"person","actual":true}]}]}},
        {"resource":{"resourceType":"Observation","subject":{"reference":"#g"}}}]}"##;
    assert_eq!(
        faults(bundle),
        [
            "contained-nested Bundle.entry[0].resource.contained[0]",
            "reference-contained Bundle.entry[1].resource.subject.reference",
            "element-missing Bundle.entry[1].resource.status",
            "element-missing Bundle.entry[1].resource.code",
        ]
    );
}

#[test]
fn no_value_is_ever_repeated_and_findings_are_bounded() {
    let names: Vec<String> = (0..500).map(|at| format!(r#""planted{at}""#)).collect();
    let node = format!(
        r#"{{"resourceType":"Patient","gender":"Planted","birthDate":"Planted","name":[{}],"Planted Name":"x"}}"#,
        names.join(",")
    );
    let node = Node::parse(node.as_bytes()).unwrap();
    let findings = check(&node);
    assert_eq!(findings.len(), FINDINGS_MAX);
    let outcome = String::from_utf8(crate::operation_outcome(&findings).to_bytes()).unwrap();
    assert!(!outcome.to_lowercase().contains("planted"));
    assert!(
        check(&Node::parse(&crate::operation_outcome(&findings).to_bytes()).unwrap()).is_empty()
    );
    assert!(check(&crate::operation_outcome(&[])).is_empty());
    assert_eq!(faults("[]"), ["object-expected Resource"]);
    assert_eq!(faults("{}"), ["resource-type-unknown Resource"]);
}
