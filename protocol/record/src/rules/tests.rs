use serde_json::{Value, json};

use super::ResourceRefusal::{Code, KindUnknown, Missing, NotAnObject, Shape, Unknown};
use super::*;
use crate::Resource;

const ID: &str = "6f2c1e0a-9d43-4b1e-8f6a-0a1b2c3d4e5f";

fn encounter() -> Value {
    json!({
        "resourceType": "Encounter", "id": ID,
        "meta": {"versionId": "1", "lastUpdated": "2026-11-20T10:00:00Z"},
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": format!("Patient/{ID}")},
    })
}

fn refusal(change: impl FnOnce(&mut Value)) -> ResourceRefusal {
    let mut body = encounter();
    change(&mut body);
    Resource::parse(body).err().expect("accepted")
}

fn without(element: &str) -> ResourceRefusal {
    refusal(|body| drop(body.as_object_mut().unwrap().remove(element)))
}

#[test]
fn a_resource_survives_storage() {
    let resource = Resource::parse(encounter()).unwrap();
    assert_eq!(resource.reference(), format!("Encounter/{ID}"));
    let again = Resource::from_slice(resource.to_bytes().expose()).unwrap();
    assert!(again == resource);
}

#[test]
fn required_elements_are_required() {
    for element in ["id", "meta", "status", "class", "subject"] {
        assert_eq!(without(element), Missing(elements_name(element)), "{element}");
    }
    assert_eq!(without("resourceType"), Missing("resourceType"));
    assert_eq!(refusal(|body| body["class"] = json!({"code": "AMB"})), Missing("system"));
    assert_eq!(refusal(|body| body["meta"] = json!({"versionId": "1"})), Missing("lastUpdated"));
}

fn elements_name(element: &str) -> &'static str {
    ["id", "meta", "status", "class", "subject"].into_iter().find(|name| *name == element).unwrap()
}

#[test]
fn shapes_are_checked_to_the_leaf() {
    assert_eq!(refusal(|body| *body = json!([])), NotAnObject);
    assert_eq!(refusal(|body| body["resourceType"] = json!("Account")), KindUnknown);
    assert_eq!(refusal(|body| body["id"] = json!("1")), Shape("id"));
    assert_eq!(refusal(|body| body["meta"]["versionId"] = json!("0")), Shape("meta.versionId"));
    assert_eq!(refusal(|body| body["meta"]["lastUpdated"] = json!("today")), Shape("lastUpdated"));
    assert_eq!(refusal(|body| body["status"] = json!("over")), Code("status"));
    assert_eq!(refusal(|body| body["status"] = json!(1)), Shape("status"));
    assert_eq!(refusal(|body| body["period"] = json!({})), Shape("period"));
    assert_eq!(refusal(|body| body["period"] = json!({"start": "2026-02-30"})), Shape("start"));
    assert_eq!(refusal(|body| body["reasonCode"] = json!([])), Shape("reasonCode"));
    assert_eq!(refusal(|body| body["reasonCode"] = json!({"text": "x"})), Shape("reasonCode"));
    let long: Vec<Value> = vec![json!({"text": "x"}); ITEMS_MAX + 1];
    assert_eq!(refusal(|body| body["reasonCode"] = json!(long)), Shape("reasonCode"));
}

#[test]
fn references_name_a_kept_type_or_an_identifier() {
    let with = |subject: Value| refusal(|body| body["subject"] = subject);
    for bad in ["https://elsewhere.example/Patient/1", "Patient/1", "Account/x", "Patient"] {
        assert_eq!(with(json!({"reference": bad})), Shape("subject"), "{bad}");
    }
    assert_eq!(with(json!({"display": "somebody"})), Shape("subject"));
    let mut body = encounter();
    body["subject"] = json!({"identifier": {"system": "urn:x", "value": "7"}});
    assert!(Resource::parse(body).is_ok());
}

#[test]
fn unknown_elements_are_refused_and_not_repeated() {
    let refused = refusal(|body| body["Okafor"] = json!("x"));
    assert_eq!(refused, Unknown("Encounter"));
    assert!(!refused.to_string().contains("Okafor"));
    assert_eq!(refusal(|body| body["class"]["x"] = json!(1)), Unknown("class"));
}

#[test]
fn an_extension_has_a_url_and_one_value() {
    let rule =
        Element { name: "extension", required: false, list: false, shape: super::Shape::Extension };
    let check = |value: Value| element(&rule, &value);
    assert_eq!(check(json!({"url": "https://x", "valueString": "a"})), Ok(()));
    assert_eq!(check(json!({"url": "https://x"})), Err(Shape("extension")));
    let two = json!({"url": "https://x", "valueString": "a", "valueCode": "b"});
    assert_eq!(check(two), Err(Shape("extension")));
    assert_eq!(check(json!({"valueString": "a"})), Err(Missing("url")));
}

#[test]
fn codes_of_refusals_are_stable() {
    let all = [NotAnObject, KindUnknown, Unknown("a"), Missing("a"), Shape("a"), Code("a")];
    let codes: Vec<_> = all.iter().map(ResourceRefusal::code).collect();
    assert_eq!(
        codes,
        [
            "resource.malformed",
            "resource.type_unknown",
            "resource.element_unknown",
            "resource.element_missing",
            "resource.element_shape",
            "resource.code_unknown",
        ]
    );
}
