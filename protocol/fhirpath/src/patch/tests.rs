use super::*;

fn node(text: &str) -> Node<'static> {
    Node::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{text}: {why}")).into_owned()
}

fn text(node: &Node<'_>) -> String {
    String::from_utf8(node.to_bytes()).unwrap()
}

fn json(before: &str, patch: &str) -> Result<String, PatchRefusal> {
    json_patch(&node(before), &node(patch)).map(|after| text(&after))
}

/// A FHIRPath Patch of one operation.
fn fhirpath(before: &str, parts: &[(&str, &str)]) -> Result<String, PatchRefusal> {
    let parts: Vec<String> =
        parts.iter().map(|(name, value)| format!(r#"{{"name":"{name}",{value}}}"#)).collect();
    let operation = format!(
        r#"{{"resourceType":"Parameters","parameter":[{{"name":"operation","part":[{}]}}]}}"#,
        parts.join(",")
    );
    fhirpath_patch(&node(before), &node(&operation)).map(|after| text(&after))
}

const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"o","valueQuantity":{"value":1.50},"note":[{"text":"a"}]}"#;

/// RFC 6902, appendix A: document, patch, and the result where there is one.
const APPENDIX: [(&str, &str, Option<&str>); 19] = [
    (
        r#"{"foo":"bar"}"#,
        r#"[{"op":"add","path":"/baz","value":"qux"}]"#,
        Some(r#"{"foo":"bar","baz":"qux"}"#),
    ),
    (
        r#"{"foo":["bar","baz"]}"#,
        r#"[{"op":"add","path":"/foo/1","value":"qux"}]"#,
        Some(r#"{"foo":["bar","qux","baz"]}"#),
    ),
    (
        r#"{"baz":"qux","foo":"bar"}"#,
        r#"[{"op":"remove","path":"/baz"}]"#,
        Some(r#"{"foo":"bar"}"#),
    ),
    (
        r#"{"foo":["bar","qux","baz"]}"#,
        r#"[{"op":"remove","path":"/foo/1"}]"#,
        Some(r#"{"foo":["bar","baz"]}"#),
    ),
    (
        r#"{"baz":"qux","foo":"bar"}"#,
        r#"[{"op":"replace","path":"/baz","value":"boo"}]"#,
        Some(r#"{"baz":"boo","foo":"bar"}"#),
    ),
    (
        r#"{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}"#,
        r#"[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]"#,
        Some(r#"{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}"#),
    ),
    (
        r#"{"foo":["all","grass","cows","eat"]}"#,
        r#"[{"op":"move","from":"/foo/1","path":"/foo/3"}]"#,
        Some(r#"{"foo":["all","cows","eat","grass"]}"#),
    ),
    (
        r#"{"baz":"qux","foo":["a",2,"c"]}"#,
        r#"[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2.0}]"#,
        Some(r#"{"baz":"qux","foo":["a",2,"c"]}"#),
    ),
    (r#"{"baz":"qux"}"#, r#"[{"op":"test","path":"/baz","value":"bar"}]"#, None),
    (
        r#"{"foo":"bar"}"#,
        r#"[{"op":"add","path":"/child","value":{"grandchild":{}}}]"#,
        Some(r#"{"foo":"bar","child":{"grandchild":{}}}"#),
    ),
    (
        r#"{"foo":"bar"}"#,
        r#"[{"op":"add","path":"/baz","value":"qux","xyz":123}]"#,
        Some(r#"{"foo":"bar","baz":"qux"}"#),
    ),
    (r#"{"foo":"bar"}"#, r#"[{"op":"add","path":"/baz/bat","value":"qux"}]"#, None),
    (
        r#"{"/":9,"~1":10}"#,
        r#"[{"op":"test","path":"/~01","value":10}]"#,
        Some(r#"{"/":9,"~1":10}"#),
    ),
    (r#"{"/":9,"~1":10}"#, r#"[{"op":"test","path":"/~01","value":"10"}]"#, None),
    (
        r#"{"foo":["bar"]}"#,
        r#"[{"op":"add","path":"/foo/-","value":["abc","def"]}]"#,
        Some(r#"{"foo":["bar",["abc","def"]]}"#),
    ),
    (r#"{"foo":[]}"#, r#"[{"op":"add","path":"/foo/1","value":1}]"#, None),
    (r#"{"foo":[1,2]}"#, r#"[{"op":"remove","path":"/foo/01"}]"#, None),
    (r#"{"a":{"b":1}}"#, r#"[{"op":"move","from":"/a","path":"/a/b"}]"#, None),
    (
        r#"{"a":{"b":1}}"#,
        r#"[{"op":"copy","from":"/a","path":"/c"}]"#,
        Some(r#"{"a":{"b":1},"c":{"b":1}}"#),
    ),
];

#[test]
fn json_patch_does_what_its_rfc_shows() {
    for (before, patch, after) in APPENDIX {
        assert_eq!(json(before, patch).ok().as_deref(), after, "{patch}");
    }
}

#[test]
fn a_patch_keeps_digits_and_every_other_member() {
    let patched = json(OBSERVATION, r#"[{"op":"add","path":"/status","value":"final"}]"#).unwrap();
    assert_eq!(patched, OBSERVATION.replace("}]}", r#"}],"status":"final"}"#));
    let grown =
        json(OBSERVATION, r#"[{"op":"replace","path":"/valueQuantity/value","value":0.10}]"#);
    assert!(grown.unwrap().contains(r#""value":0.10"#));
}

#[test]
fn no_patch_makes_another_resource() {
    for patch in [
        r#"[{"op":"replace","path":"/id","value":"other"}]"#,
        r#"[{"op":"remove","path":"/id"}]"#,
        r#"[{"op":"replace","path":"/resourceType","value":"Patient"}]"#,
        r#"[{"op":"replace","path":"","value":{}}]"#,
        r#"[{"op":"replace","path":"","value":[]}]"#,
        r#"[{"op":"move","from":"/id","path":"/x"}]"#,
    ] {
        assert_eq!(json(OBSERVATION, patch), Err(PatchRefusal::Identity), "{patch}");
    }
    let id = [
        ("type", r#""valueCode":"replace""#),
        ("path", r#""valueString":"Observation.id""#),
        ("value", r#""valueId":"x""#),
    ];
    assert_eq!(fhirpath(OBSERVATION, &id), Err(PatchRefusal::Identity));
    let whole = [("type", r#""valueCode":"delete""#), ("path", r#""valueString":"Observation""#)];
    assert_eq!(fhirpath(OBSERVATION, &whole), Err(PatchRefusal::Identity));
}

#[test]
fn what_is_no_patch_is_refused() {
    for (patch, why) in [
        ("{}", PatchRefusal::Shape),
        ("[{}]", PatchRefusal::Operation(0)),
        (r#"[{"op":"add","path":"status","value":1}]"#, PatchRefusal::Operation(0)),
        (r#"[{"op":"add","path":"/status"}]"#, PatchRefusal::Operation(0)),
        (r#"[{"op":"add","path":"/a~2","value":1}]"#, PatchRefusal::Operation(0)),
        (r#"[{"op":"grow","path":"/a","value":1}]"#, PatchRefusal::Operation(0)),
        (
            r#"[{"op":"test","path":"/id","value":"o"},{"op":"test","path":"/id","value":"p"}]"#,
            PatchRefusal::Test(1),
        ),
        (r#"[{"op":"replace","path":"/none","value":1}]"#, PatchRefusal::Place(0)),
    ] {
        assert_eq!(json(OBSERVATION, patch), Err(why), "{patch}");
    }
    let deep =
        format!(r#"[{{"op":"add","path":"/x","value":{}1{}}}]"#, "[".repeat(60), "]".repeat(60));
    assert!(json(OBSERVATION, &deep).is_ok());
    let deeper = format!(r#"{deep},{{"op":"add","path":"/y/z","value":1}}"#);
    assert!(deeper.len() > deep.len());
    let doubling = r#"{"op":"copy","from":"/x","path":"/x/-"}"#;
    let start = r#"{"op":"add","path":"/x","value":[1]}"#;
    let grown = format!("[{start},{}]", vec![doubling; 40].join(","));
    assert_eq!(json(OBSERVATION, &grown), Err(PatchRefusal::Size), "copies do not double for ever");
    let many = format!("[{}]", vec![r#"{"op":"test","path":"/id","value":"o"}"#; 1001].join(","));
    assert_eq!(json(OBSERVATION, &many), Err(PatchRefusal::Size));
}

#[test]
fn fhirpath_patch_finds_choices_by_their_type() {
    let replace = [
        ("type", r#""valueCode":"replace""#),
        ("path", r#""valueString":"Observation.value""#),
        ("value", r#""valueString":"high""#),
    ];
    let after = fhirpath(OBSERVATION, &replace).unwrap();
    assert_eq!(
        after,
        OBSERVATION.replace(r#""valueQuantity":{"value":1.50}"#, r#""valueString":"high""#)
    );
    let wrong = [
        ("type", r#""valueCode":"replace""#),
        ("path", r#""valueString":"Observation.value""#),
        ("value", r#""valueAddress":{}"#),
    ];
    assert_eq!(fhirpath(OBSERVATION, &wrong), Err(PatchRefusal::Operation(0)));
    let add = |name: &str, value: &'static str| {
        let name = format!(r#""valueString":"{name}""#);
        let parts = [
            ("type", r#""valueCode":"add""#),
            ("path", r#""valueString":"Observation""#),
            ("name", name.as_str()),
            ("value", value),
        ];
        fhirpath(OBSERVATION, &parts)
    };
    assert!(
        add("effective", r#""valueDateTime":"2020""#)
            .unwrap()
            .contains(r#""effectiveDateTime":"2020""#)
    );
    assert!(
        add("note", r#""valueAnnotation":{"text":"b"}"#)
            .unwrap()
            .contains(r#"[{"text":"a"},{"text":"b"}]"#)
    );
    assert_eq!(add("value", r#""valueString":"x""#), Err(PatchRefusal::Place(0)), "there is one");
    assert_eq!(add("nothing", r#""valueString":"x""#), Err(PatchRefusal::Place(0)));
}

#[test]
fn what_is_taken_out_leaves_no_empty_shell_and_no_companion() {
    let before = r#"{"resourceType":"Patient","name":[{"given":["a","b"],"_given":[null,{"id":"x"}]}],"birthDate":"2020","_birthDate":{"id":"y"},"contact":[{"name":{"text":"c"}}]}"#;
    let delete = |path: &str| {
        let path = format!(r#""valueString":"{path}""#);
        fhirpath(before, &[("type", r#""valueCode":"delete""#), ("path", &path)])
    };
    assert!(!delete("Patient.birthDate").unwrap().contains("birthDate"));
    assert!(!delete("Patient.contact.name.text").unwrap().contains("contact"));
    let second = delete("Patient.name.given[1]").unwrap();
    assert!(second.contains(r#""given":["a"]"#) && !second.contains("_given"));
    assert!(
        delete("Patient.name.given[0]").unwrap().contains(r#""given":["b"],"_given":[{"id":"x"}]"#)
    );
    assert_eq!(delete("Patient.name.given"), Err(PatchRefusal::Place(0)), "two");
    assert_eq!(delete("Patient.photo").as_deref(), Ok(before), "none");
    assert_eq!(delete("Patient.name.("), Err(PatchRefusal::Path(0)));
}

#[test]
fn extensions_of_primitives_are_added_beside_them() {
    let before = r#"{"resourceType":"Patient","birthDate":"2020"}"#;
    let parts = [
        ("type", r#""valueCode":"add""#),
        ("path", r#""valueString":"Patient.birthDate""#),
        ("name", r#""valueString":"extension""#),
        ("value", r#""valueExtension":{"url":"u","valueBoolean":true}"#),
    ];
    let after = fhirpath(before, &parts).unwrap();
    assert!(
        after.contains(r#""_birthDate":{"extension":[{"url":"u","valueBoolean":true}]}"#),
        "{after}"
    );
    let insert = [
        ("type", r#""valueCode":"insert""#),
        ("path", r#""valueString":"Patient.name""#),
        ("index", r#""valueInteger":0"#),
        ("value", r#""valueHumanName":{"text":"n"}"#),
    ];
    assert!(fhirpath(before, &insert).unwrap().contains(r#""name":[{"text":"n"}]"#));
}
