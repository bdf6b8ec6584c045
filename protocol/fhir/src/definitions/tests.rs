use super::*;

fn of(name: &str) -> &'static Type {
    Definitions::r4().of(name).unwrap()
}

#[test]
fn every_kind_and_every_type_named_by_an_element_is_defined() {
    for kind in Kind::all() {
        let found = Definitions::r4().of_kind(kind);
        assert_eq!(found.name(), kind.name());
        assert!(found.is_a("Resource") && !found.is_abstract());
    }
    assert_eq!(Definitions::r4().types().filter(|one| one.is_primitive()).count(), 20);
    for kind in Definitions::r4().types() {
        let whole = matches!(kind.name(), "Element" | "Resource") || kind.base().is_some();
        assert!(whole, "{} has no base", kind.name());
        for element in kind.elements() {
            assert!(element.types().next().is_some(), "{}.{}", kind.name(), element.name());
        }
    }
}

#[test]
fn elements_are_found_by_path_choice_and_base() {
    let element = |path: &str| Definitions::r4().element(path);
    assert_eq!(element("Patient.contact.name.family").unwrap().name(), "family");
    assert_eq!(element("Patient.id").unwrap().types().next().unwrap().name(), "id");
    assert_eq!(element("HumanName.id").unwrap().types().next().unwrap().name(), "string");
    for path in ["Observation.value", "Observation.value[x]", "Observation.valueQuantity"] {
        assert_eq!(element(path).unwrap().uses().len(), 11, "{path}");
    }
    assert!(element("Observation.valueQuantity.code").is_some());
    assert!(element("Questionnaire.item.item.item.linkId").is_some());
    assert!(element("Patient.nothing").is_none());
    assert!(element("Nobody").is_none());
}

#[test]
fn json_names_say_the_type_of_a_choice_and_the_companion_of_a_primitive() {
    let value = of("Observation").child("valueDateTime").unwrap();
    assert_eq!((value.element.name(), value.kind.name()), ("value", "dateTime"));
    assert!(of("Observation").child("value").is_none());
    assert!(of("Observation").child("valueAddress").is_none());
    assert!(of("Patient").child("resourceType").is_none());
    let born = of("Patient").child("_birthDate").unwrap();
    assert!(born.is_companion && born.kind.is_primitive());
    assert!(of("Patient").child("_name").is_none(), "only primitives have companions");
    let names: Vec<String> =
        of("Patient").element("deceased").unwrap().json_names().map(|(name, _)| name).collect();
    assert_eq!(names, ["deceasedBoolean", "deceasedDateTime"]);
}

#[test]
fn cardinalities_flags_targets_bindings_and_rules_are_those_of_hl7() {
    let status = Definitions::r4().element("Observation.status").unwrap();
    assert!(status.min() == 1 && status.max() == Some(1) && !status.is_list());
    assert!(status.is_summary() && status.is_modifier());
    let binding = status.binding().unwrap();
    assert_eq!(binding.strength, Strength::Required);
    assert_eq!(binding.url(), "http://hl7.org/fhir/ValueSet/observation-status");
    let subject = Definitions::r4().element("Observation.subject").unwrap();
    let targets: Vec<&str> = subject.uses()[0].targets().iter().map(|kind| kind.name()).collect();
    assert_eq!(targets, ["Patient", "Group", "Device", "Location"]);
    assert!(Definitions::r4().element("Observation.focus").unwrap().uses()[0].targets().is_empty());
    let contact = Definitions::r4().element("Patient.contact").unwrap();
    assert_eq!(contact.invariants().next().unwrap().key, "pat-1");
    let rules: Vec<&str> = of("Patient").invariants().map(|rule| rule.key).collect();
    assert!(rules.contains(&"dom-2"), "{rules:?}");
    let rules: Vec<&str> = of("Period").invariants().map(|rule| rule.key).collect();
    assert_eq!(rules, ["ele-1", "per-1"]);
    assert_eq!(
        Definitions::r4().element("Dosage.doseAndRate.dose").unwrap().uses()[1].profile(),
        Some("SimpleQuantity")
    );
}

#[test]
fn special_types_have_what_their_bases_have_and_their_own_limits() {
    assert!(of("Age").is_a("Quantity") && of("Age").child("unit").is_some());
    assert!(of("code").is_a("string") && of("positiveInt").is_a("integer"));
    assert_eq!(of("SimpleQuantity").element("comparator").unwrap().max(), Some(0));
    assert_eq!(of("Quantity").element("comparator").unwrap().max(), Some(1));
    let contact = of("Patient.contact");
    assert_eq!(contact.class(), Class::Nested);
    assert!(contact.is_a("BackboneElement") && contact.child("modifierExtension").is_some());
}
