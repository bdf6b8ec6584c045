use super::*;
use crate::profile::ProfileRefusal;

const US_CORE: &str = "http://hl7.org/fhir/us/core/StructureDefinition/";

fn node(json: &str) -> Node<'_> {
    Node::parse(json.as_bytes()).unwrap()
}

/// `severity code place` of what is worse than information; that none has a narrative is known.
fn found(json: &str, profile: &str) -> Vec<String> {
    let url = format!("{US_CORE}{profile}");
    list(&validate(&node(json), &[&url], &Context::default()))
}

fn list(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .filter(|finding| finding.severity > Severity::Information && finding.code != "dom-6")
        .map(|one| format!("{} {} {}", one.severity.code(), one.code, one.place))
        .collect()
}

const PATIENT: &str = r#"{"resourceType":"Patient",
    "extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race","extension":[
        {"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"2106-3","display":"White"}},
        {"url":"text","valueString":"White"}]},
        {"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex","valueCode":"F"}],
    "identifier":[{"system":"urn:a","value":"1"}],"name":[{"family":"A"}],"gender":"female","birthDate":"1970-01-01"}"#;

#[test]
fn a_patient_of_us_core_passes_and_each_breach_is_found() {
    assert_eq!(found(PATIENT, "us-core-patient"), [""; 0]);
    let all =
        validate(&node(PATIENT), &[&format!("{US_CORE}us-core-patient")], &Context::default());
    let counted = all.iter().find(|finding| finding.code == "must-support").unwrap();
    assert!(counted.message.contains(" of "), "{}", counted.message);
    for (from, to, finding) in [
        (
            r#""identifier":[{"system":"urn:a","value":"1"}],"#,
            "",
            "error profile-element-missing Patient.identifier",
        ),
        (
            r#""system":"urn:a","value""#,
            r#""value""#,
            "error profile-element-missing Patient.identifier[0].system",
        ),
        (r#""gender":"female","#, "", "error profile-element-missing Patient.gender"),
        (
            r#""code":"2106-3""#,
            r#""code":"9""#,
            "error code-unknown Patient.extension[0].extension[0].value",
        ),
        (
            r#",
        {"url":"text","valueString":"White"}"#,
            "",
            "error profile-element-missing Patient.extension[0].extension",
        ),
        (
            r#""valueString":"White""#,
            r#""valueInteger":1"#,
            "error profile-type Patient.extension[0].extension[1].value",
        ),
        (
            r#""valueCode":"F""#,
            r#""valueCode":"G""#,
            "error code-unknown Patient.extension[1].value",
        ),
        (
            r#""valueCode":"F""#,
            r#""valueString":"F""#,
            "error profile-type Patient.extension[1].value",
        ),
        (
            r#""name":[{"family":"A"}]"#,
            r#""name":[{"family":"A","extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex","valueCode":"F"}]}]"#,
            "warning extension-place Patient.name[0].extension[0]",
        ),
    ] {
        assert!(PATIENT.contains(from), "{from}");
        let all = found(&PATIENT.replace(from, to), "us-core-patient");
        assert!(all.iter().any(|one| one == finding), "{to}: {all:?}");
    }
}

const PRESSURE: &str = r#"{"resourceType":"Observation","status":"final",
    "category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],
    "code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"Patient/1"},
    "effectiveDateTime":"2020-01-01",
    "component":[
        {"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":120,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
        {"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":80,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}"#;

#[test]
fn slices_are_told_apart_by_pattern_value_and_type() {
    assert_eq!(found(PRESSURE, "us-core-blood-pressure"), [""; 0]);
    for (from, to, finding) in [
        ("8462-4", "8480-6", "error profile-element-missing Observation.component"),
        ("8462-4", "8480-6", "error profile-element-too-many Observation.component"),
        ("vital-signs", "exam", "error profile-element-missing Observation.category"),
        ("85354-9", "1-8", "error profile-value Observation.code"),
        (
            "\"value\":120,",
            "",
            "error profile-element-missing Observation.component[0].value.value",
        ),
        (
            "\"code\":\"mm[Hg]\"",
            "\"code\":\"kPa\"",
            "error profile-value Observation.component[0].value.code",
        ),
        ("Patient/1", "Group/1", "error reference-target Observation.subject"),
        (
            "\"effectiveDateTime\":\"2020-01-01\",",
            "",
            "error profile-element-missing Observation.effective",
        ),
        (
            "\"effectiveDateTime\":\"2020-01-01\",",
            "\"effectiveInstant\":\"2020-01-01T00:00:00Z\",",
            "error profile-type Observation.effective",
        ),
    ] {
        assert!(PRESSURE.contains(from), "{from}");
        let all = found(&PRESSURE.replace(from, to), "us-core-blood-pressure");
        assert!(all.iter().any(|one| one == finding), "{to}: {all:?}");
    }
}

#[test]
fn declared_profiles_are_applied_and_unknown_ones_are_said() {
    let with = |profile: &str| {
        let text = format!(
            r#"{{"resourceType":"Patient","meta":{{"profile":["{profile}"]}},"gender":"male"}}"#
        );
        list(&validate(&node(&text), &[], &Context::default()))
    };
    assert!(
        with(&format!("{US_CORE}us-core-patient")).iter().any(|one| one.ends_with("Patient.name"))
    );
    assert_eq!(with("urn:nothing"), ["warning profile-unknown Patient.meta.profile[0]"]);
    assert_eq!(with("http://hl7.org/fhir/StructureDefinition/Patient"), [""; 0]);
    assert_eq!(
        with(&format!("{US_CORE}us-core-practitioner")),
        ["error profile-type Patient.meta.profile[0]"]
    );
    let asked =
        validate(&node(r#"{"resourceType":"Patient"}"#), &["urn:nothing"], &Context::default());
    assert_eq!(list(&asked), ["error profile-unknown Patient"]);
    assert_eq!(
        list(&validate(&node("[]"), &[], &Context::default())),
        ["error object-expected Resource"]
    );
}

#[test]
fn a_stored_profile_slices_by_type_existence_and_profile_and_builds_on_others() {
    let mut profiles = Profiles::default();
    let base = r#"{"resourceType":"StructureDefinition","url":"urn:base","type":"Bundle","derivation":"constraint","kind":"resource",
        "baseDefinition":"http://hl7.org/fhir/StructureDefinition/Bundle","differential":{"element":[
        {"id":"Bundle","path":"Bundle","constraint":[{"key":"x-1","severity":"error","human":"h","expression":"entry.exists()"}]},
        {"id":"Bundle.entry","path":"Bundle.entry","slicing":{"discriminator":[{"type":"type","path":"resource"}],"rules":"closed"}},
        {"id":"Bundle.entry:patient","path":"Bundle.entry","sliceName":"patient","min":1,"max":"1"},
        {"id":"Bundle.entry:patient.resource","path":"Bundle.entry.resource","min":1,"type":[{"code":"Patient"}]},
        {"path":"Bundle.entry","sliceName":"note","max":"1"},
        {"id":"Bundle.entry:note.resource","path":"Bundle.entry.resource","type":[{"code":"Composition"}]}]}}"#;
    let special = r#"{"resourceType":"StructureDefinition","url":"urn:special","type":"Bundle","derivation":"constraint","kind":"resource",
        "baseDefinition":"urn:base","differential":{"element":[
        {"id":"Bundle.type","path":"Bundle.type","fixedCode":"collection"},
        {"id":"Bundle.link","path":"Bundle.link","slicing":{"discriminator":[{"type":"exists","path":"extension"}],"rules":"open"}},
        {"id":"Bundle.link:plain","path":"Bundle.link","sliceName":"plain","max":"1"},
        {"id":"Bundle.link:plain.extension","path":"Bundle.link.extension","max":"0"}]}}"#;
    let part = r#"{"resourceType":"StructureDefinition","url":"urn:list","type":"Bundle","derivation":"constraint","kind":"resource",
        "differential":{"element":[
        {"path":"Bundle.entry","slicing":{"discriminator":[{"type":"profile","path":"resource"}],"rules":"open"}},
        {"id":"Bundle.entry:core","path":"Bundle.entry","sliceName":"core","min":1},
        {"id":"Bundle.entry:core.resource","path":"Bundle.entry.resource","type":[{"code":"Patient","profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"]}]}]}}"#;
    for text in [base, special, part] {
        profiles.add(&node(text)).unwrap();
    }
    let context = Context { profiles: &profiles, ..Context::default() };
    let check = |bundle: &str, profile: &str| list(&validate(&node(bundle), &[profile], &context));
    let bundle = |kind: &str, rest: &str, entries: &str| {
        format!(r#"{{"resourceType":"Bundle","type":"{kind}"{rest},"entry":[{entries}]}}"#)
    };
    let patient = r#"{"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","resource":{"resourceType":"Patient","active":true}}"#;
    let group = r#"{"fullUrl":"urn:uuid:d757873d-ec9a-4326-a141-556f43239520","resource":{"resourceType":"Group","type":"person","actual":true}}"#;
    assert_eq!(check(&bundle("collection", "", patient), "urn:special"), [""; 0]);
    assert_eq!(
        check(&bundle("collection", "", &format!("{patient},{group}")), "urn:special"),
        ["error slice-closed Bundle.entry"]
    );
    assert_eq!(
        check(&bundle("searchset", "", group), "urn:special").as_slice(),
        [
            "error slice-closed Bundle.entry",
            "error profile-element-missing Bundle.entry",
            "error profile-value Bundle.type",
        ]
        .as_slice()
    );
    let links = r#","link":[{"relation":"a","url":"u"},{"relation":"b","url":"u"}]"#;
    assert_eq!(
        check(&bundle("collection", links, patient), "urn:special"),
        ["error profile-element-too-many Bundle.link"]
    );
    assert_eq!(
        check(&bundle("collection", "", patient), "urn:list"),
        ["error profile-element-missing Bundle.entry"]
    );
    let full = format!(
        r#"{{"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","resource":{PATIENT}}}"#
    );
    assert_eq!(check(&bundle("collection", "", &full), "urn:list"), [""; 0]);
    assert_eq!(
        profiles.add(&node(r#"{"resourceType":"Patient"}"#)),
        Err(ProfileRefusal::NotAProfile)
    );
}

#[test]
fn rules_in_fhirpath_are_asked_of_types_elements_and_profiles() {
    let plain = |json: &str| list(&validate(&node(json), &[], &Context::default()));
    assert_eq!(
        plain(r#"{"resourceType":"Patient","contact":[{"gender":"male"}]}"#),
        ["error pat-1 Patient.contact[0]"]
    );
    assert_eq!(
        plain(r#"{"resourceType":"Encounter","status":"planned","class":{"code":"AMB"},"period":{"start":"2020-02","end":"2020-01"}}"#)
            .iter()
            .find(|one| one.contains("per-1"))
            .unwrap(),
        "error per-1 Encounter.period"
    );
    let unused = r#"{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"O"}]}"#;
    assert_eq!(plain(unused), ["error dom-3 Patient"]);
    let bare = PRESSURE.split(",\n    \"component\"").next().unwrap().to_owned() + "}";
    let all = found(&bare, "us-core-vital-signs");
    assert!(all.contains(&"error vs-2 Observation".to_owned()), "{all:?}");
    let role =
        found(r#"{"resourceType":"PractitionerRole","active":true}"#, "us-core-practitionerrole");
    assert_eq!(role, ["error pd-1 PractitionerRole", "error us-core-13 PractitionerRole"]);
    let bundle = r#"{"resourceType":"Bundle","type":"searchset","entry":[{"search":{"mode":"match"},"request":{"method":"GET","url":"a"},"resource":{"resourceType":"Patient"}}]}"#;
    assert_eq!(plain(bundle), ["error bdl-3 Bundle"]);
}

#[test]
fn a_rule_can_ask_what_a_reference_leads_to_and_what_conforms() {
    let mut profiles = Profiles::default();
    let profile = |url: &str, expression: &str| {
        format!(
            r#"{{"resourceType":"StructureDefinition","url":"{url}","type":"Bundle","derivation":"constraint","differential":{{"element":[
            {{"path":"Bundle","constraint":[{{"key":"own-1","severity":"warning","human":"h","expression":"{expression}"}}]}}]}}}}"#
        )
    };
    for (url, expression) in [
        (
            "urn:core",
            "entry.resource.ofType(Patient).all(conformsTo('http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient'))",
        ),
        (
            "urn:follow",
            "entry.resource.ofType(Observation).subject.resolve().ofType(Patient).exists()",
        ),
        ("urn:self", "conformsTo('urn:self')"),
        (
            "urn:code",
            "entry.resource.ofType(Patient).gender.all(memberOf('http://hl7.org/fhir/ValueSet/administrative-gender'))",
        ),
        ("urn:broken", "entry.("),
    ] {
        profiles.add(&node(&profile(url, expression))).unwrap();
    }
    let context = Context { profiles: &profiles, ..Context::default() };
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[
            {{"fullUrl":"http://a/Patient/1","resource":{}}},
            {{"fullUrl":"http://a/Observation/1","resource":{PRESSURE}}}]}}"#,
        PATIENT.replacen(r#""extension""#, r#""id":"1","extension""#, 1)
    );
    let judge = |text: &str, url: &str| {
        let findings = validate(&node(text), &[url], &context);
        let codes: Vec<String> = findings
            .iter()
            .filter(|one| one.place == "Bundle" && one.code != "must-support")
            .map(|one| one.code.to_string())
            .collect();
        codes
    };
    for url in ["urn:core", "urn:follow", "urn:code"] {
        assert_eq!(judge(&bundle, url), [""; 0], "{url}");
    }
    assert_eq!(
        judge(&bundle.replace("\"family\":\"A\"", "\"use\":\"usual\""), "urn:core"),
        ["own-1"]
    );
    assert_eq!(judge(&bundle.replace("Patient/1\"},", "Patient/2\"},"), "urn:follow"), ["own-1"]);
    for undecided in ["urn:self", "urn:broken"] {
        assert!(judge(&bundle, undecided).iter().all(|code| code != "own-1"), "{undecided}");
    }
}

#[test]
fn errors_are_not_crowded_out_by_lesser_findings() {
    let entry = r#"{"resource":{"resourceType":"Basic","code":{"text":"a"},"extension":[{"url":"http://unknown","valueCode":"a"}]}}"#;
    let wrong = r#"{"resource":{"resourceType":"Patient","contact":[{"gender":"male"}]}}"#;
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{},{wrong}]}}"#,
        vec![entry; 300].join(",")
    );
    let findings = validate(&node(&bundle), &[], &Context::default());
    assert_eq!(findings.len(), crate::FINDINGS_MAX);
    assert!(findings.iter().any(|one| one.code == "pat-1"));
}
