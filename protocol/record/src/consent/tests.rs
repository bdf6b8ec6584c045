use autoclave_fhir::Kind;

use super::*;

const TODAY: i64 = 1_795_000_000_000;

/// A consent with this provision, dated so many days ago.
fn dated(days: i64, provision: &str) -> String {
    let day = ["2026-11-17", "2026-11-16", "2026-11-15"][usize::try_from(days).unwrap()];
    format!(
        r#"{{"resourceType":"Consent","status":"active","dateTime":"{day}","scope":{{"coding":[{{
        "system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}}]}},
        "patient":{{"reference":"Patient/1"}},"provision":{provision}}}"#
    )
}

fn rules_of(texts: &[String], fallback: Effect) -> Rules {
    let nodes: Vec<Node<'_>> =
        texts.iter().map(|text| Node::parse(text.as_bytes()).unwrap()).collect();
    Rules::compile("1", &nodes, fallback)
}

fn rules(provisions: &[&str]) -> Rules {
    let texts: Vec<String> = provisions.iter().map(|text| dated(0, text)).collect();
    rules_of(&texts, Effect::Permit)
}

fn asker(purpose: Purpose) -> Asker {
    Asker {
        references: vec!["Practitioner/7".into(), "Organization/2".into()],
        role: "clinician".into(),
        purpose,
        act: Act::Access,
        now: TODAY,
    }
}

fn decide(rules: &Rules, asker: &Asker, text: &str) -> Decision {
    let node = Node::parse(text.as_bytes()).unwrap();
    let kind: Kind = node.text_of("resourceType").unwrap().parse().unwrap();
    let decision =
        rules.decide(asker, &About { kind, id: node.text_of("id").unwrap_or("x"), node: &node });
    // Whatever is known beforehand holds for each resource.
    match rules.overall(asker) {
        Overall::Everything => assert_eq!(decision, Decision::Permit),
        Overall::Nothing => assert_eq!(decision, Decision::Deny),
        Overall::Partly => {}
    }
    decision
}

const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"o","effectiveDateTime":"2020-05-01",
    "code":{"coding":[{"system":"http://loinc.org","code":"1-1"}]},"performer":[{"reference":"Practitioner/9"}]}"#;

#[test]
fn without_a_consent_the_institution_decides() {
    let treatment = asker(Purpose::Treatment);
    assert_eq!(rules_of(&[], Effect::Permit).overall(&treatment), Overall::Everything);
    assert_eq!(rules_of(&[], Effect::Deny).overall(&treatment), Overall::Nothing);
}

#[test]
fn a_denial_of_everything_hides_everything_but_from_the_patient() {
    let rules = rules(&[r#"{"type":"deny"}"#]);
    assert_eq!(rules.overall(&asker(Purpose::Treatment)), Overall::Nothing);
    assert_eq!(decide(&rules, &asker(Purpose::Treatment), OBSERVATION), Decision::Deny);
    let own = Asker { references: vec!["Patient/1".into()], ..asker(Purpose::PatientRequest) };
    assert_eq!(rules.overall(&own), Overall::Everything);
}

#[test]
fn a_broken_glass_permits_and_is_marked() {
    let rules = rules(&[r#"{"type":"deny"}"#]);
    let breaking = asker(Purpose::BreakTheGlass);
    assert_eq!(rules.overall(&breaking), Overall::Partly);
    assert_eq!(decide(&rules, &breaking, OBSERVATION), Decision::Broken);
    assert_eq!(decide(&self::rules(&[]), &breaking, OBSERVATION), Decision::Permit);
}

#[test]
fn only_active_consents_about_privacy_speak() {
    for (from, to) in
        [("active", "inactive"), ("active", "entered-in-error"), ("patient-privacy", "adr")]
    {
        let text = dated(0, r#"{"type":"deny"}"#).replace(from, to);
        let rules = rules_of(&[text], Effect::Permit);
        assert_eq!(rules.overall(&asker(Purpose::Treatment)), Overall::Everything, "{to}");
    }
}

#[test]
fn a_consent_to_research_is_about_research_alone() {
    let text = dated(0, r#"{"type":"deny"}"#).replace("patient-privacy", "research");
    let rules = rules_of(&[text], Effect::Permit);
    assert_eq!(rules.overall(&asker(Purpose::Treatment)), Overall::Everything);
    assert_eq!(rules.overall(&asker(Purpose::Research)), Overall::Nothing);
}

#[test]
fn the_newest_that_speaks_decides_and_at_one_time_a_denial() {
    let (permit, deny) = (r#"{"type":"permit"}"#, r#"{"type":"deny"}"#);
    let treatment = asker(Purpose::Treatment);
    let newer = |new: &str, old: &str| rules_of(&[dated(1, old), dated(0, new)], Effect::Permit);
    assert_eq!(newer(permit, deny).overall(&treatment), Overall::Everything);
    assert_eq!(newer(deny, permit).overall(&treatment), Overall::Nothing);
    assert_eq!(rules(&[permit, deny]).overall(&treatment), Overall::Nothing);
    // The newer one is about another purpose: the older one speaks.
    let other = r#"{"type":"permit","purpose":[{"code":"HRESCH"}]}"#;
    assert_eq!(newer(other, deny).overall(&treatment), Overall::Nothing);
}

#[test]
fn exceptions_turn_their_rule_around() {
    let rules = rules(&[r#"{"type":"deny","provision":[
        {"type":"permit","actor":[{"reference":{"reference":"https://h.example/fhir/Practitioner/7"}}],
         "provision":[{"type":"deny","class":[{"system":"http://hl7.org/fhir/resource-types","code":"Condition"}]}]}]}"#]);
    let treatment = asker(Purpose::Treatment);
    assert_eq!(rules.overall(&treatment), Overall::Partly);
    assert_eq!(decide(&rules, &treatment, OBSERVATION), Decision::Permit);
    assert_eq!(decide(&rules, &treatment, r#"{"resourceType":"Condition"}"#), Decision::Deny);
    let stranger = Asker { references: vec!["Practitioner/8".into()], ..treatment };
    assert_eq!(rules.overall(&stranger), Overall::Nothing);
}

#[test]
fn opt_in_and_opt_out_are_read_from_the_policy_rule() {
    let treatment = asker(Purpose::Treatment);
    for (code, overall) in [("OPTIN", Overall::Everything), ("OPTOUT", Overall::Nothing)] {
        let text = dated(0, "{}").replace(
            "\"provision\"",
            &format!(r#""policyRule":{{"coding":[{{"code":"{code}"}}]}},"provision""#),
        );
        assert_eq!(rules_of(&[text], Effect::Deny).overall(&treatment), overall);
    }
}

#[test]
fn periods_roles_purposes_and_actions_are_conditions() {
    let treatment = asker(Purpose::Treatment);
    for (provision, overall) in [
        (r#"{"type":"deny","period":{"start":"2026-01-01"}}"#, Overall::Nothing),
        (r#"{"type":"deny","period":{"end":"2026-01-01"}}"#, Overall::Everything),
        (r#"{"type":"deny","period":{"end":"soon"}}"#, Overall::Nothing),
        (
            r#"{"type":"deny","actor":[{"role":{"coding":[{"code":"clinician"}]}}]}"#,
            Overall::Nothing,
        ),
        (
            r#"{"type":"deny","actor":[{"role":{"coding":[{"code":"clerk"}]}}]}"#,
            Overall::Everything,
        ),
        (r#"{"type":"deny","actor":[{"role":{"coding":[{"code":"unheard"}]}}]}"#, Overall::Nothing),
        (r#"{"type":"deny","purpose":[{"code":"TREAT"}]}"#, Overall::Nothing),
        (r#"{"type":"deny","purpose":[{"code":"ETREAT"}]}"#, Overall::Everything),
        (r#"{"type":"deny","action":[{"coding":[{"code":"access"}]}]}"#, Overall::Nothing),
        (r#"{"type":"deny","action":[{"coding":[{"code":"disclose"}]}]}"#, Overall::Everything),
        (r#"{"type":"deny","action":[{"text":"reading"}]}"#, Overall::Nothing),
    ] {
        assert_eq!(rules(&[provision]).overall(&treatment), overall, "{provision}");
    }
    let leaving = Asker { act: Act::Disclose, ..treatment };
    let rules = rules(&[r#"{"type":"deny","action":[{"coding":[{"code":"disclose"}]}]}"#]);
    assert_eq!(rules.overall(&leaving), Overall::Nothing);
}

#[test]
fn classes_codes_dates_labels_and_data_are_conditions() {
    let treatment = asker(Purpose::Treatment);
    for (condition, denied) in [
        (r#""class":[{"system":"http://hl7.org/fhir/resource-types","code":"Observation"}]"#, true),
        (r#""class":[{"system":"http://hl7.org/fhir/resource-types","code":"Condition"}]"#, false),
        (r#""class":[{"system":"urn:unheard","code":"x"}]"#, true),
        (r#""code":[{"coding":[{"system":"http://loinc.org","code":"1-1"}]}]"#, true),
        (r#""code":[{"coding":[{"system":"http://loinc.org","code":"2-2"}]}]"#, false),
        (r#""code":[{"text":"all that is bad"}]"#, true),
        (r#""dataPeriod":{"start":"2020-01-01","end":"2020-12-31"}"#, true),
        (r#""dataPeriod":{"start":"2021-01-01"}"#, false),
        (r#""data":[{"meaning":"instance","reference":{"reference":"Observation/o"}}]"#, true),
        (r#""data":[{"meaning":"instance","reference":{"reference":"Observation/p"}}]"#, false),
        (r#""data":[{"meaning":"authoredby","reference":{"reference":"Practitioner/9"}}]"#, true),
        (r#""data":[{"meaning":"related","reference":{"reference":"Practitioner/9"}}]"#, true),
        (
            r#""securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]"#,
            false,
        ),
        (
            r#""securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}]"#,
            false,
        ),
    ] {
        let rules = rules(&[&format!(r#"{{"type":"deny",{condition}}}"#)]);
        assert_eq!(rules.overall(&treatment), Overall::Partly, "{condition}");
        let decision = decide(&rules, &treatment, OBSERVATION);
        assert_eq!(decision == Decision::Deny, denied, "{condition}");
    }
}

#[test]
fn labels_are_read_upwards_by_denials_and_downwards_by_permissions() {
    let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    let labelled = |code: &str| {
        format!(
            r#"{{"resourceType":"Condition","meta":{{"security":[{{"system":"{system}","code":"{code}"}}]}}}}"#
        )
    };
    let rule = |effect: &str| {
        rules_of(
            &[dated(
                0,
                &format!(
                    r#"{{"type":"{effect}","securityLabel":[{{"system":"{system}","code":"R"}}]}}"#
                ),
            )],
            if effect == "deny" { Effect::Permit } else { Effect::Deny },
        )
    };
    let treatment = asker(Purpose::Treatment);
    for (level, under_denial, under_permission) in [
        ("N", Decision::Permit, Decision::Permit),
        ("R", Decision::Deny, Decision::Permit),
        ("V", Decision::Deny, Decision::Deny),
    ] {
        assert_eq!(decide(&rule("deny"), &treatment, &labelled(level)), under_denial, "{level}");
        assert_eq!(
            decide(&rule("permit"), &treatment, &labelled(level)),
            under_permission,
            "{level}"
        );
    }
}

#[test]
fn what_cannot_be_decided_widens_denials_and_narrows_permissions() {
    let undated = r#"{"resourceType":"Patient","id":"1"}"#;
    let period = r#""dataPeriod":{"start":"2021-01-01"}"#;
    let treatment = asker(Purpose::Treatment);
    let denial = rules(&[&format!(r#"{{"type":"deny",{period}}}"#)]);
    assert_eq!(decide(&denial, &treatment, undated), Decision::Deny);
    let permission =
        rules_of(&[dated(0, &format!(r#"{{"type":"permit",{period}}}"#))], Effect::Deny);
    assert_eq!(decide(&permission, &treatment, undated), Decision::Deny);
}

#[test]
fn provisions_without_end_deny() {
    let mut text = r#"{"type":"permit"}"#.to_owned();
    for _ in 0..20 {
        text = format!(r#"{{"type":"permit","provision":[{text}]}}"#);
    }
    assert_eq!(rules(&[&text]).overall(&asker(Purpose::Treatment)), Overall::Nothing);
}
