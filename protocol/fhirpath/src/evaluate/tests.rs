use autoclave_fhir::Definitions;

use super::*;
use crate::item::Value;
use crate::value::DateTime;
use crate::{Profiles, Resolver, Terminology};

const PATIENT: &str = r##"{"resourceType":"Patient","id":"7","active":true,
  "name":[{"use":"official","family":"Chalmers","given":["Peter","James"]},{"given":["Jim",null],"_given":[null,{"extension":[{"url":"u","valueCode":"x"}]}]}],
  "birthDate":"1974-12","_birthDate":{"extension":[{"url":"http://x/time","valueDateTime":"1974-12-25T14:35:45-05:00"}]},
  "multipleBirthInteger":2,"contained":[{"resourceType":"Organization","id":"o","name":"Ward"}],
  "managingOrganization":{"reference":"#o"},"generalPractitioner":[{"reference":"Practitioner/3"}],
  "extension":[{"url":"u","valueQuantity":{"value":1.50,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}}]}"##;

fn on(json: &str, text: &str, context: Context<'static>) -> Result<Vec<String>, EvaluationRefusal> {
    let node = Node::parse(json.as_bytes()).unwrap().into_owned();
    let context: Context<'_> = context;
    let expression = Expression::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
    let found = expression.evaluate(&node, &context)?;
    found
        .iter()
        .map(|item| Ok(item.value()?.map_or_else(|| "{…}".to_owned(), |value| value.text())))
        .collect()
}

fn found(text: &str) -> Result<Vec<String>, EvaluationRefusal> {
    on(PATIENT, text, Context::default())
}

fn is(text: &str, expected: &[&str]) {
    assert_eq!(
        found(text).as_deref(),
        Ok(&expected.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()[..]),
        "{text}"
    );
}

#[test]
fn choices_companions_and_contained_resources_are_elements() {
    is("Patient.multipleBirth", &["2"]);
    is("multipleBirth is integer", &["true"]);
    is("multipleBirthInteger", &[]);
    is("birthDate.extension('http://x/time').value", &["1974-12-25T14:35:45-05:00"]);
    is("name.given", &["Peter", "James", "Jim", "{…}"]);
    is("name.given.where($this.hasValue()).count()", &["3"]);
    is("name[1].given.extension('u').value", &["x"]);
    is("contained.name", &["Ward"]);
    is("contained.ofType(Organization).id", &["o"]);
    is("contained.ofType(Patient)", &[]);
    is("extension('u').value.value", &["1.50"]);
    is("extension('u').value = 0.0015 'g'", &["true"]);
    is("Patient.children().count()", &["10"]);
    is("descendants().ofType(HumanName).count()", &["2"]);
    is("resourceType", &[]);
    is("name.family.type().name", &["string"]);
    is("Organization.name", &[]);
}

#[test]
fn references_resolve_where_they_can() {
    struct One(Node<'static>);
    impl Resolver for One {
        fn resolve<'a>(&'a self, reference: &str) -> Option<&'a Node<'a>> {
            (reference == "Practitioner/3").then_some(&self.0)
        }
    }
    is("managingOrganization.resolve().name", &["Ward"]);
    is("generalPractitioner.where(resolve() is Practitioner).reference", &["Practitioner/3"]);
    is("generalPractitioner.where(resolve() is Patient).exists()", &["false"]);
    is("getResourceKey()", &["Patient/7"]);
    is("generalPractitioner.getReferenceKey(Practitioner)", &["Practitioner/3"]);
    is("generalPractitioner.getReferenceKey(Patient)", &[]);
    let text = r#"{"resourceType":"Practitioner","gender":"other"}"#;
    let one: &'static One = Box::leak(Box::new(One(Node::parse(text.as_bytes()).unwrap())));
    let context = Context::default().resolver(one);
    let resolved = on(PATIENT, "generalPractitioner.resolve().gender", context);
    assert_eq!(resolved, Ok(vec!["other".to_owned()]));
    let bundle = r#"{"resourceType":"Bundle","entry":[
        {"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"a","gender":"male"}},
        {"fullUrl":"http://h/Encounter/e","resource":{"resourceType":"Encounter","id":"e","subject":{"reference":"urn:uuid:1"},"partOf":{"reference":"Encounter/e"}}}]}"#;
    let texts = |text: &str| on(bundle, text, Context::default()).unwrap();
    assert_eq!(texts("entry.resource.ofType(Encounter).subject.resolve().gender"), ["male"]);
    assert_eq!(texts("entry.resource.partOf.resolve().id"), ["e"]);
}

#[test]
fn dates_of_different_precision_are_neither_equal_nor_ordered() {
    is("birthDate = @1974-12", &["true"]);
    is("birthDate = @1974-12-25", &[]);
    is("birthDate < @1974-12-25", &[]);
    is("birthDate < @1975-01", &["true"]);
    is("@2020-02-29 + 1 year", &["2021-02-28"]);
    is("@2020-01-31 + 1 month", &["2020-02-29"]);
    is("@2020-03-01 - 1 day", &["2020-02-29"]);
    is("@2020 + 24 months", &["2022"]);
    is("@T23:30 + 1 hour", &["00:30"]);
    is("@9999-12-31 + 1 day", &[]);
    is("@2020-01-01T23:30:00-05:00 = @2020-01-02T04:30:00Z", &["true"]);
    is("@2020-01-01T00:00:00Z < @2020-01-05T00:00:00", &["true"]);
    assert_eq!(found("today()"), Err(EvaluationRefusal::Unknown), "there is no clock here");
    let now = Context::default().now(DateTime::from_unix_milliseconds(1_582_934_400_123).unwrap());
    assert_eq!(on(PATIENT, "now()", now).unwrap(), ["2020-02-29T00:00:00.123Z"]);
}

#[test]
fn numbers_are_exact_or_refused() {
    is("0.1 + 0.2", &["0.3"]);
    is("1.10 = 1.1", &["true"]);
    is("2147483647 + 1", &[]);
    is("-7 div 2", &["-3"]);
    is("1 / 0", &[]);
    is("2.power(0.5)", &["1.4142135623731"]);
    is("(1 | 2 | 3 | 4).avg()", &["2.5"]);
    is("('b' | 'a').min()", &["a"]);
    let long = r#"{"resourceType":"Observation","valueQuantity":{"value":123456789012345678901234567890.5}}"#;
    let refused = on(long, "value.value > 1", Context::default());
    assert_eq!(refused, Err(EvaluationRefusal::Number));
}

#[test]
fn what_has_the_wrong_shape_is_refused() {
    for (text, why) in [
        ("true and (1 | 2)", EvaluationRefusal::Many),
        ("(1 | 2) + 1", EvaluationRefusal::Many),
        ("'a' + 1", EvaluationRefusal::Type),
        ("'a' < 1", EvaluationRefusal::Type),
        ("-'a'", EvaluationRefusal::Type),
        ("name.first().startsWith('x')", EvaluationRefusal::Type),
        ("%nobody", EvaluationRefusal::Variable),
        ("active is Nothing", EvaluationRefusal::UnknownType),
        ("'a'.matches('(')", EvaluationRefusal::Pattern),
        ("'a'.matches('(?=a)')", EvaluationRefusal::Pattern),
        ("@2020 + 1 'cm'", EvaluationRefusal::Shift),
        ("memberOf('http://x')", EvaluationRefusal::Unknown),
        ("conformsTo('http://x')", EvaluationRefusal::Unknown),
        ("name.skip('a')", EvaluationRefusal::Type),
    ] {
        assert_eq!(found(text), Err(why), "{text}");
    }
    let strict = |text: &str| on(PATIENT, text, Context::default().strict());
    assert_eq!(strict("name.nothing"), Err(EvaluationRefusal::UnknownElement));
    assert_eq!(strict("multipleBirthInteger"), Err(EvaluationRefusal::UnknownElement));
    assert_eq!(strict("Encounter.name"), Err(EvaluationRefusal::UnknownElement));
    assert!(strict("Patient.name.period").is_ok());
}

#[test]
fn an_evaluation_is_bounded() {
    let long = format!("'{}'", "x".repeat(1000));
    let grown =
        |times: usize| format!("{long}{}", ".replace('x', 'xxxxxxxxxxxxxxxx')".repeat(times));
    assert_eq!(found(&format!("{}.length()", grown(8))), Err(EvaluationRefusal::Size));
    let power = r"'aaaaaaaaaaaaaaaa'.replaceMatches('.*', '$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0')";
    let again =
        format!("{power}{}", ".replaceMatches('.*', '$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0')".repeat(6));
    assert_eq!(found(&again), Err(EvaluationRefusal::Size));
    let endless = found("1.repeat($this + 1)");
    assert!(matches!(endless, Err(EvaluationRefusal::Steps | EvaluationRefusal::Size)));
    assert_eq!(
        found(&format!("name{}", ".select($this)".repeat(500))),
        Err(EvaluationRefusal::Depth)
    );
    let pairs = "descendants().select(%resource.descendants().select(%resource.descendants().select(%resource.descendants())))";
    assert!(matches!(found(pairs), Err(EvaluationRefusal::Steps | EvaluationRefusal::Size)));
    let made = "(1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10)".to_owned();
    let made =
        format!("{made}.select({made}.combine({made})).select('a'.matches($this.toString()))");
    assert_eq!(found(&made), Err(EvaluationRefusal::Steps), "patterns are not compiled for ever");
    let kept = "(1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10)".to_owned();
    let kept =
        format!("{kept}.select({kept}.combine({kept})).select('A'.matches('a', 'i')).allTrue()");
    is(&kept, &["true"]);
    let pattern = "'a'.matches('((((a{99}){99}){99}){99})')";
    assert_eq!(found(pattern), Err(EvaluationRefusal::Pattern));
}

#[test]
fn rules_of_inner_elements_see_their_resource() {
    let text = r#"{"resourceType":"Observation","status":"final","component":[{"code":{"text":"c"},"valueString":"v"}]}"#;
    let node = Node::parse(text.as_bytes()).unwrap();
    let component = &node.get("component").unwrap().items()[0];
    let kind = Definitions::r4().of("Observation.component").unwrap();
    let rule = Expression::parse("value.exists() and %resource.status = 'final'").unwrap();
    let context = Context::default().resource(&node);
    assert_eq!(rule.evaluate_bool(Item::element(component, None, kind), &context), Ok(true));
    let rule = Expression::parse("dataAbsentReason.empty() or value.empty()").unwrap();
    assert_eq!(evaluate_bool(&rule, &node), Ok(true));
    let empty = Expression::parse("subject.reference.startsWith('#')").unwrap();
    assert_eq!(empty.evaluate_bool(&node, &context), Ok(false));
}

#[test]
fn codes_and_profiles_are_the_contexts_to_know() {
    struct Knows;
    impl Terminology for Knows {
        fn member_of(&self, _: Option<&str>, code: &str, set: &str) -> Option<bool> {
            (set == "s").then_some(code == "a")
        }
        fn subsumes(&self, _: &str, broad: &str, narrow: &str) -> Option<bool> {
            Some(narrow.starts_with(broad))
        }
    }
    impl Profiles for Knows {
        fn conforms(&self, node: &Node<'_>, profile: &str) -> Option<bool> {
            (profile == "p").then_some(node.get("code").is_some())
        }
    }
    let text = r#"{"resourceType":"Observation","code":{"coding":[{"system":"x","code":"b"},{"system":"x","code":"a"}]},"valueCodeableConcept":{"coding":[{"system":"x","code":"ab"}]}}"#;
    let asked = |expression: &str| {
        on(text, expression, Context::default().terminology(&Knows).profiles(&Knows))
    };
    assert_eq!(asked("code.memberOf('s')").unwrap(), ["true"]);
    assert_eq!(asked("code.memberOf('other')"), Err(EvaluationRefusal::Unknown));
    assert_eq!(asked("code.subsumes(value)").unwrap(), ["true"]);
    assert_eq!(asked("code.subsumedBy(value)").unwrap(), ["false"]);
    assert_eq!(asked("conformsTo('p')").unwrap(), ["true"]);
}

#[test]
fn a_narrative_is_safe_only_if_every_part_is_allowed() {
    let safe = |div: &str| {
        let context = Context::default();
        let expression = Expression::parse("%html.htmlChecks()").unwrap();
        let context = context.variable("html", vec![Item::string(div)]);
        let found = expression.evaluate(true, &context).unwrap();
        found[0].truth().unwrap()
    };
    for good in [
        r#"<div xmlns="http://www.w3.org/1999/xhtml"><p class="a">x &lt; y<br/><a href="http://x">z</a></p></div>"#,
        "<div><!-- <script> --><b>x</b></div>",
    ] {
        assert!(safe(good), "{good}");
    }
    for bad in [
        "text",
        "<div></div>",
        "<div> <p/> </div>",
        "<p>x</p>",
        "<div>x",
        "<div>x</p></div>",
        "<div>x</div><div>y</div>",
        "<div>x<script>y</script></div>",
        r#"<div onclick="x">y</div>"#,
        r#"<div><a href="java
script:x">y</a></div>"#,
        r#"<div style="width: expression(x)">y</div>"#,
        "<div class=x>y</div>",
        "<div><iframe/>y</div>",
        "<div><\u{a0}p>x</p></div>",
        r#"<div><a href="&#106;avascript:x">y</a></div>"#,
    ] {
        assert!(!safe(bad), "{bad}");
    }
}

#[test]
fn variables_are_given_and_defined() {
    let given = Context::default().variable("x", vec![Item::Value(Value::Integer(5))]);
    assert_eq!(on(PATIENT, "%x + 1", given).unwrap(), ["6"]);
    is("defineVariable('n', name.first()).select(%n.family)", &["Chalmers"]);
    is("%resource.id | %rootResource.id | name.select(%context.id)", &["7"]);
    assert_eq!(found("%rowIndex"), Err(EvaluationRefusal::Variable), "only views have rows");
    is("%`ext-x`", &["http://hl7.org/fhir/StructureDefinition/x"]);
    is("defineVariable('a', 1).select(defineVariable('b', 2).select(%a + %b))", &["3"]);
    for text in [
        "select(defineVariable('n', 1)).select(%n)",
        "defineVariable('n', 1).id | id.select(%n)",
        "id.combine(defineVariable('n', 1)).select(%n)",
        "defineVariable('n', 1).defineVariable('n', 2)",
        "defineVariable('resource', 1)",
    ] {
        assert_eq!(found(text), Err(EvaluationRefusal::Variable), "{text}");
    }
}

#[test]
fn sorting_survives_what_has_no_order() {
    let years = (1..40).map(|at| format!("@20{:02}-0{}", at % 7, at % 9 + 1));
    let days = (1..40).map(|at| format!("@20{:02}-0{}-1{}", at % 5, at % 8 + 1, at % 9));
    let alone = (1..20).map(|at| format!("@20{:02}", at % 6));
    let all: Vec<String> = years.chain(days).chain(alone).collect();
    let combined =
        all[1..].iter().fold(all[0].clone(), |text, next| format!("{text}.combine({next})"));
    assert_eq!(found(&format!("{combined}.sort().count()")).unwrap(), ["97"]);
    is("(3 | 1 | 2).sort(-$this)", &["3", "2", "1"]);
    is("name.sort(family).given.first()", &["Jim"]);
    assert_eq!(found("(1).combine('a').sort()"), Err(EvaluationRefusal::Type));
}

#[test]
fn no_text_makes_the_reader_or_the_evaluator_panic() {
    let seeds = [
        "Patient.name.where(use = 'official').given.first() | @2015-02-04T14:34:28+10:00 + 4 days",
        "iif(%resource.id.exists(), 10 'mg' * 2.5, '\\u00e9'.substring(1, 2)) ~ {}",
        "descendants().ofType(FHIR.string).select($this & 'x').distinct().count() div 3 >= -1",
        "birthDate.lowBoundary(6) in ('a'.replaceMatches('(a)', '$1$1').toChars() | @T10:30)",
    ];
    let letters = b"()[]{}.,'\"`@%$|&=~!<>+-*/0129TZ:aeis \n\\u\xc3\xa9";
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let node = node_of(PATIENT);
    let context = Context::default();
    let mut evaluated = 0;
    for round in 0..20_000 {
        let mut text = seeds[round % seeds.len()].as_bytes().to_vec();
        for _ in 0..=random(4) {
            let (at, letter) = (random(text.len()), letters[random(letters.len())]);
            match random(3) {
                0 => text[at] = letter,
                1 => text.insert(at, letter),
                _ => _ = text.remove(at),
            }
        }
        let Ok(text) = String::from_utf8(text) else { continue };
        if let Ok(expression) = Expression::parse(&text) {
            evaluated += 1;
            for item in expression.evaluate(&node, &context).unwrap_or_default() {
                let _ = item.value().map(|value| value.map(|value| value.text()));
            }
        }
    }
    assert!(evaluated > 500, "{evaluated}");
}

fn node_of(text: &str) -> Node<'_> {
    Node::parse(text.as_bytes()).unwrap()
}

#[test]
fn thousands_of_strings_are_told_apart_quickly() {
    let entries: Vec<String> =
        (0..20_000).map(|at| format!(r#"{{"fullUrl":"urn:uuid:{}"}}"#, at % 15_000)).collect();
    let bundle = format!(r#"{{"resourceType":"Bundle","entry":[{}]}}"#, entries.join(","));
    let of = |text: &str| on(&bundle, text, Context::default()).unwrap();
    assert_eq!(of("entry.fullUrl.distinct().count()"), ["15000"]);
    assert_eq!(of("entry.fullUrl.isDistinct()"), ["false"]);
    assert_eq!(of("entry.fullUrl.exclude(entry.first().fullUrl).count()"), ["19998"]);
    assert_eq!(of("entry.fullUrl.subsetOf(entry.fullUrl)"), ["true"]);
}
