//! What values and modifiers of each type find: tokens, texts, references, URIs, composites.

mod shelf;

use autoclave_search::Terms;
use shelf::Shelf;

const PATIENTS: &[&str] = &[
    r#"{"resourceType":"Patient","id":"anna","active":true,"gender":"female",
        "identifier":[{"system":"urn:mrn","value":"A-17","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}],"text":"Medical record"}},
                      {"value":"bare"}],
        "name":[{"family":"Müller-Lüdenscheidt","given":["Anna","Maria"]},{"text":"Änne"}],
        "telecom":[{"system":"phone","value":"(555) 123-4567"},{"system":"email","value":"Anna@Example.org"}],
        "address":[{"line":["Am Alten Markt 5"],"city":"Köln","country":"DE"}],
        "generalPractitioner":[{"reference":"Practitioner/p1"}]}"#,
    r#"{"resourceType":"Patient","id":"bob","active":false,"gender":"male","deceasedBoolean":false,
        "identifier":[{"system":"urn:mrn","value":"B-17"}],
        "name":[{"family":"O'Brien, Jr","given":["Bob"]}],
        "maritalStatus":{"text":"single"},
        "generalPractitioner":[{"identifier":{"system":"urn:npi","value":"N1"}}]}"#,
    r#"{"resourceType":"Patient","id":"carl","deceasedDateTime":"2020-01-01",
        "name":[{"family":"Mull"}],"link":[{"other":{"reference":"Patient/bob"},"type":"seealso"}],
        "extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
          "extension":[{"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"2106-3"}},{"url":"text","valueString":"White"}]}]}"#,
];

#[track_caller]
fn finds(shelf: &Shelf, kind: &str, cases: &[(&str, &[&str])]) {
    for (query, expected) in cases {
        assert_eq!(&shelf.find(kind, query), expected, "{kind}?{query}");
    }
}

#[test]
fn a_text_is_found_by_its_beginning_without_case_accents_and_marks() {
    let shelf = Shelf::of(PATIENTS);
    finds(
        &shelf,
        "Patient",
        &[
            ("family=mull", &["anna", "carl"]),
            ("family=MÜLLER", &["anna"]),
            ("family=Ludenscheidt", &[]),
            ("family=muller-ludensch", &["anna"]),
            ("family=muller ludenscheidt", &["anna"]),
            ("family=Muller Ludenscheidt the elder", &[]),
            ("family=obrien", &["bob"]),
            ("family=O’Brien\\, Jr", &["bob"]),
            ("family=x,obrien,mull", &["anna", "bob", "carl"]),
            ("family=mull&given=maria", &["anna"]),
            ("given=anna&given=maria", &["anna"]),
            ("name=maria", &["anna"]),
            ("name=anne", &["anna"]),
            ("name=bob", &["bob"]),
            ("name=mull", &["anna", "carl"]),
            ("address=koln", &["anna"]),
            ("address=am alten", &["anna"]),
            ("address-city=Koeln", &[]),
            ("address-country=de", &["anna"]),
        ],
    );
}

#[test]
fn modifiers_of_texts_ask_for_the_letters_themselves_or_for_any_part() {
    let shelf = Shelf::of(PATIENTS);
    finds(
        &shelf,
        "Patient",
        &[
            ("family:exact=Mull", &["carl"]),
            ("family:exact=mull", &[]),
            ("family:exact=Müller-Lüdenscheidt", &["anna"]),
            ("name:exact=Anna", &["anna"]),
            ("family:contains=LUDEN", &["anna"]),
            ("name:contains=ull", &["anna", "carl"]),
            ("name:contains=ull&name:contains=rien", &[]),
            ("name:contains=ull,rien", &["anna", "bob", "carl"]),
            ("given:missing=true", &["carl"]),
            ("given:missing=false", &["anna", "bob"]),
        ],
    );
}

#[test]
fn a_text_longer_than_rows_hold_is_still_exact() {
    let long = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch";
    let organization = |id: &str, name: &str| {
        format!(r#"{{"resourceType":"Organization","id":"{id}","name":"{name}"}}"#)
    };
    let (one, other) = (organization("1", long), organization("2", &long[..30]));
    let shelf = Shelf::of(&[&one, &other]);
    finds(
        &shelf,
        "Organization",
        &[
            (&format!("name={}", &long[..24]), &["1", "2"]),
            (&format!("name={}", &long[..25]), &["1", "2"]),
            (&format!("name={}", &long[..31]), &["1"]),
            (&format!("name={long}x"), &[]),
            (&format!("name:exact={long}"), &["1"]),
        ],
    );
    assert!(
        !shelf.understand("Organization", &format!("name={}", &long[..24])).unwrap().needs_check()
    );
}

#[test]
fn names_are_found_by_how_they_sound() {
    let shelf = Shelf::of(PATIENTS);
    finds(
        &shelf,
        "Patient",
        &[
            ("phonetic=Miller", &["anna"]),
            ("phonetic=Ana Miller", &["anna"]),
            ("phonetic=Bob Miller", &[]),
            ("phonetic=Robert", &[]),
        ],
    );
}

#[test]
fn a_token_is_a_code_with_or_without_a_system() {
    let shelf = Shelf::of(PATIENTS);
    finds(
        &shelf,
        "Patient",
        &[
            ("identifier=A-17", &["anna"]),
            ("identifier=a-17", &["anna"]),
            ("identifier=urn:mrn|A-17", &["anna"]),
            ("identifier=urn:other|A-17", &[]),
            ("identifier=urn:mrn|", &["anna", "bob"]),
            ("identifier=|A-17", &[]),
            ("identifier=|bare", &["anna"]),
            ("identifier=urn:mrn|A-17,urn:mrn|B-17", &["anna", "bob"]),
            ("gender=female", &["anna"]),
            ("gender=http://hl7.org/fhir/administrative-gender|female", &["anna"]),
            ("gender=http://example.org/gender|female", &[]),
            ("gender=http://hl7.org/fhir/administrative-gender|", &["anna", "bob"]),
            ("gender=|female", &["anna"]),
            ("gender:not=female", &["bob", "carl"]),
            ("gender:missing=true", &["carl"]),
            ("active=true", &["anna"]),
            ("active=false", &["bob"]),
            ("active=http://terminology.hl7.org/CodeSystem/special-values|false", &["bob"]),
            ("active=http://example.org|false", &[]),
            ("deceased=true", &["carl"]),
            ("deceased=false", &["bob"]),
            ("telecom=555-123-4567", &["anna"]),
            ("phone=5551234567", &["anna"]),
            ("email=anna@example.org", &["anna"]),
            ("email=5551234567", &[]),
            ("phone:missing=true", &["bob", "carl"]),
            ("race=2106-3", &["carl"]),
            ("race=urn:oid:2.16.840.1.113883.6.238|2106-3", &["carl"]),
            ("_id=anna,carl", &["anna", "carl"]),
            ("_id=ANNA", &[]),
            ("_id:not=anna", &["bob", "carl"]),
        ],
    );
}

#[test]
fn identifiers_are_found_with_their_type_and_logical_references_by_theirs() {
    let shelf = Shelf::of(PATIENTS);
    finds(
        &shelf,
        "Patient",
        &[
            ("identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|A-17", &["anna"]),
            ("identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|SS|A-17", &[]),
            ("identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|B-17", &[]),
            ("identifier:text=medical rec", &["anna"]),
            ("general-practitioner:identifier=urn:npi|N1", &["bob"]),
            ("general-practitioner:identifier=N1", &["bob"]),
            ("general-practitioner:identifier=urn:x|N1", &[]),
            ("general-practitioner:missing=true", &["carl"]),
        ],
    );
}

const CONDITIONS: &[&str] = &[
    r#"{"resourceType":"Condition","id":"1","code":{"coding":[{"system":"http://snomed.info/sct","code":"44054006","display":"Diabetes mellitus type 2"}],"text":"Sugar"},"subject":{"reference":"Patient/anna"}}"#,
    r#"{"resourceType":"Condition","id":"2","code":{"text":"diabetic foot"},"subject":{"reference":"Group/g"}}"#,
    r#"{"resourceType":"Condition","id":"3","code":{"coding":[{"system":"http://snomed.info/sct","code":"73211009"},{"system":"urn:icd","code":"E|1,4"}]},"subject":{"reference":"https://here.example/fhir/Patient/bob"}}"#,
    r#"{"resourceType":"Condition","id":"4","subject":{"display":"somebody"}}"#,
    r#"{"resourceType":"Condition","id":"5","subject":{"reference":"https://there.example/Patient/anna"}}"#,
];

struct Diabetes;

impl Terms for Diabetes {
    fn codes_of(&self, value_set: &str) -> Option<Vec<(String, String)>> {
        let code = |code: &str| ("http://snomed.info/sct".to_owned(), code.to_owned());
        match value_set {
            "http://example.org/ValueSet/diabetes" => Some(vec![code("44054006"), code("1")]),
            "http://example.org/ValueSet/many" => {
                Some((0..1001).map(|n| code(&n.to_string())).collect())
            }
            _ => None,
        }
    }

    fn below(&self, _: &str, code: &str) -> Option<Vec<String>> {
        (code == "73211009").then(|| vec!["73211009".to_owned(), "44054006".to_owned()])
    }

    fn above(&self, _: &str, code: &str) -> Option<Vec<String>> {
        (code == "44054006").then(|| vec!["73211009".to_owned(), "44054006".to_owned()])
    }
}

#[test]
fn codes_are_found_by_texts_value_sets_and_hierarchies() {
    let mut shelf = Shelf::new().with_terms(Diabetes);
    for text in CONDITIONS {
        shelf.put(text.as_bytes());
    }
    finds(
        &shelf,
        "Condition",
        &[
            ("code:text=diab", &["1", "2"]),
            ("code:text=SUGAR", &["1"]),
            ("code:text=mellitus", &[]),
            ("code:in=http://example.org/ValueSet/diabetes", &["1"]),
            ("code:not-in=http://example.org/ValueSet/diabetes", &["2", "3", "4", "5"]),
            ("code:below=http://snomed.info/sct|73211009", &["1", "3"]),
            ("code:above=http://snomed.info/sct|44054006", &["1", "3"]),
            (r"code=urn:icd|E\|1\,4", &["3"]),
            ("code:missing=true", &["4", "5"]),
            ("code:missing=false", &["1", "2", "3"]),
        ],
    );
    for (query, code) in [
        ("code:in=http://example.org/ValueSet/other", "search-terms-unknown"),
        ("code:in=http://example.org/ValueSet/many", "search-too-much"),
        ("code:below=http://snomed.info/sct|1", "search-terms-unknown"),
        ("code:below=73211009", "search-value-invalid"),
    ] {
        let refusal = shelf.understand("Condition", query).err().unwrap();
        assert_eq!(refusal.code(), code, "{query}");
    }
}

#[test]
fn a_reference_is_found_however_it_is_asked_for() {
    let shelf = Shelf::of(CONDITIONS);
    finds(
        &shelf,
        "Condition",
        &[
            ("subject=Patient/anna", &["1"]),
            ("subject=anna", &["1"]),
            ("subject:Patient=anna", &["1"]),
            ("subject:Group=anna", &[]),
            ("subject:Patient=Group/g", &[]),
            ("patient=anna", &["1"]),
            ("patient=Patient/anna", &["1"]),
            ("patient=Group/g", &[]),
            ("subject=Group/g", &["2"]),
            ("subject=https://here.example/fhir/Patient/anna", &["1"]),
            ("subject=https://there.example/Patient/anna", &["5"]),
            ("patient=https://there.example/Patient/anna", &["5"]),
            ("patient=https://there.example/Group/anna", &[]),
            ("subject=Patient/anna/_history/3", &["1"]),
            ("subject:missing=true", &[]),
            ("subject:missing=false", &["1", "2", "3", "4", "5"]),
            ("patient:missing=true", &["2", "4"]),
            ("patient:missing=false", &["1", "3", "5"]),
        ],
    );
}

#[test]
fn addresses_are_found_whole_below_and_above() {
    let profile = |id: &str, profile: &str| {
        format!(
            r#"{{"resourceType":"Observation","id":"{id}","meta":{{"profile":["{profile}"]}}}}"#
        )
    };
    let (one, two) = (
        profile("1", "http://example.org/fhir/lab|2.0"),
        profile("2", "http://example.org/fhir/labs/x"),
    );
    let shelf = Shelf::of(&[&one, &two]);
    finds(
        &shelf,
        "Observation",
        &[
            ("_profile=http://example.org/fhir/lab", &["1"]),
            (r"_profile=http://example.org/fhir/lab\|2.0", &["1"]),
            (r"_profile=http://example.org/fhir/lab\|3.0", &[]),
            ("_profile:below=http://example.org/fhir", &["1", "2"]),
            ("_profile:below=http://example.org/fhir/labs", &["2"]),
            ("_profile:above=http://example.org/fhir/labs/x/y", &["2"]),
            ("_profile:missing=true", &[]),
        ],
    );
}

#[test]
fn components_of_a_composite_belong_together() {
    let pressure = r#"{"resourceType":"Observation","id":"bp","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},
      "component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":120,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
                   {"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":80,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}"#;
    let weight = r#"{"resourceType":"Observation","id":"kg","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"valueQuantity":{"value":80,"unit":"kg"}}"#;
    let shelf = Shelf::of(&[pressure, weight]);
    finds(
        &shelf,
        "Observation",
        &[
            ("component-code-value-quantity=8480-6$120", &["bp"]),
            ("component-code-value-quantity=8480-6$80", &[]),
            ("component-code-value-quantity=http://loinc.org|8480-6$gt100", &["bp"]),
            ("component-code-value-quantity=urn:x|8480-6$gt100", &[]),
            ("component-code-value-quantity=8480-6$120||mmHg", &["bp"]),
            ("component-code-value-quantity=8480-6$120||kPa", &[]),
            ("component-code-value-quantity=8462-4$lt100,8480-6$lt100", &["bp"]),
            ("code-value-quantity=29463-7$80", &["kg"]),
            ("code-value-quantity=29463-7$80||kg", &["kg"]),
            ("code-value-quantity=29463-7$gt80", &[]),
            ("code-value-quantity=85354-9$120", &[]),
            ("combo-code-value-quantity=8480-6$120", &["bp"]),
            ("combo-code-value-quantity=29463-7$80", &["kg"]),
            ("combo-code=8480-6", &["bp"]),
            ("combo-code=8480-6,29463-7", &["bp", "kg"]),
            ("combo-value-quantity=80", &["bp", "kg"]),
        ],
    );
}

#[test]
fn composites_of_other_types_are_served_too() {
    let document = r#"{"resourceType":"DocumentReference","id":"d","relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/a"}},{"code":"signs","target":{"reference":"DocumentReference/b"}}]}"#;
    let group = r#"{"resourceType":"Group","id":"g","characteristic":[{"code":{"coding":[{"code":"gender"}]},"valueCodeableConcept":{"coding":[{"code":"female"}]}},{"code":{"coding":[{"code":"pregnant"}]},"valueBoolean":true}]}"#;
    let sequence = r#"{"resourceType":"MolecularSequence","id":"s","referenceSeq":{"chromosome":{"coding":[{"code":"2"}]},"windowStart":10,"windowEnd":20},"variant":[{"start":12,"end":14}]}"#;
    let shelf = Shelf::of(&[document, group, sequence]);
    finds(
        &shelf,
        "DocumentReference",
        &[
            ("relationship=replaces$DocumentReference/a", &["d"]),
            ("relationship=replaces$DocumentReference/b", &[]),
        ],
    );
    finds(
        &shelf,
        "Group",
        &[
            ("characteristic-value=gender$female", &["g"]),
            ("characteristic-value=pregnant$true", &["g"]),
            ("characteristic-value=gender$true", &[]),
        ],
    );
    finds(
        &shelf,
        "MolecularSequence",
        &[
            ("chromosome-window-coordinate=2$ge10$le20", &["s"]),
            ("chromosome-window-coordinate=2$ge10$lt20", &[]),
            ("chromosome-variant-coordinate=2$ge12$le14", &["s"]),
            ("chromosome-variant-coordinate=3$ge12$le14", &[]),
        ],
    );
}
