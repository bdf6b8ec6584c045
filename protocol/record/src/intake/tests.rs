use super::*;

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000); // 2026-11-18

fn parse(json: &str) -> Result<PatientIntake, IntakeRefusal> {
    PatientIntake::parse(json.as_bytes(), NOW)
}

fn refusal(json: &str) -> IntakeRefusal {
    parse(json).err().unwrap_or_else(|| panic!("accepted: {json}"))
}

#[test]
fn a_name_is_enough() {
    let patient = parse(r#"{"family":" Okafor "}"#).ok().unwrap();
    assert_eq!(patient.family().expose(), "Okafor");
    assert!(patient.given().expose().is_empty());
    assert_eq!(patient.gender().expose(), &Gender::Unknown);
    assert!(patient.birth_date().expose().is_none() && patient.identifier().expose().is_none());
}

#[test]
fn the_whole_card_is_read() {
    let patient = parse(
        r#"{"family":"Okafor","given":["Ada","Ngozi"],"birthDate":"1984-03-02","gender":"female",
            "identifier":{"system":"urn:oid:2.999","value":"MRN-7"}}"#,
    )
    .ok()
    .unwrap();
    assert_eq!(patient.given().expose(), &["Ada", "Ngozi"]);
    assert_eq!(patient.birth_date().expose().as_deref(), Some("1984-03-02"));
    let identifier = patient.identifier().expose().clone().unwrap();
    assert_eq!((identifier.system(), identifier.value()), (Some("urn:oid:2.999"), "MRN-7"));
}

#[test]
fn short_forms_are_read() {
    let patient = parse(r#"{"family":"Li","given":"Wei","identifier":"7"}"#).ok().unwrap();
    assert_eq!(patient.given().expose(), &["Wei"]);
    assert_eq!(patient.identifier().expose().as_ref().unwrap().value(), "7");
}

#[test]
fn what_is_not_the_known_object_is_refused() {
    let long = format!(r#"{{"family":"{}"}}"#, "a".repeat(INTAKE_BYTES_MAX));
    for bad in [
        "",
        "null",
        "[]",
        r#"{"given":["Ada"]}"#,
        r#"{"family":7}"#,
        r#"{"family":"a","ssn":"1"}"#,
        r#"{"family":"a","family":"b"}"#,
        r#"{"family":"a"} x"#,
        r#"{"family":"a","identifier":{"value":"1","use":"x"}}"#,
        long.as_str(),
    ] {
        assert_eq!(refusal(bad), IntakeRefusal::Malformed, "{bad:.60}");
    }
}

#[test]
fn each_member_has_its_own_refusal() {
    let long = format!(r#"{{"family":"{}"}}"#, "a".repeat(NAME_CHARS_MAX + 1));
    let cases = [
        (r#"{"family":" "}"#, IntakeRefusal::Family),
        (r#"{"family":"a\u0000b"}"#, IntakeRefusal::Family),
        (long.as_str(), IntakeRefusal::Family),
        (r#"{"family":"a","given":[""]}"#, IntakeRefusal::Given),
        (r#"{"family":"a","given":["1","2","3","4","5","6","7","8","9"]}"#, IntakeRefusal::Given),
        (r#"{"family":"a","birthDate":"1984-02-30"}"#, IntakeRefusal::BirthDate),
        (r#"{"family":"a","birthDate":"2030-01-01"}"#, IntakeRefusal::BirthDate),
        (r#"{"family":"a","birthDate":"1789"}"#, IntakeRefusal::BirthDate),
        (r#"{"family":"a","gender":"alien"}"#, IntakeRefusal::Gender),
        (r#"{"family":"a","identifier":""}"#, IntakeRefusal::Identifier),
        (r#"{"family":"a","identifier":{"system":"a b","value":"1"}}"#, IntakeRefusal::Identifier),
    ];
    for (json, expected) in cases {
        assert_eq!(refusal(json), expected, "{json:.60}");
        assert!(expected.code().starts_with("intake."));
    }
}

#[test]
fn a_refusal_repeats_nothing_that_was_typed() {
    for json in [r#"{"family":"Okafor","gender":"Okafor"}"#, r#"{"family":["Okafor"]}"#] {
        let refused = refusal(json);
        assert!(!format!("{refused} {refused:?}").contains("Okafor"));
    }
}
