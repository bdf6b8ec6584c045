//! The published examples, and what is not the language.

use super::*;

fn text(kind: &str, value: &str) -> Claim {
    Claim { kind: kind.to_owned(), value: Value::Text(value.to_owned()), issuer: Issuer::Service }
}

fn yes(kind: &str, value: bool) -> Claim {
    Claim { kind: kind.to_owned(), value: Value::Boolean(value), issuer: Issuer::Service }
}

fn number(kind: &str, value: i64) -> Claim {
    Claim { kind: kind.to_owned(), value: Value::Integer(value), issuer: Issuer::Service }
}

fn issued(evaluated: &Evaluated) -> Vec<(&str, Json)> {
    evaluated.issued.iter().map(|claim| (claim.kind.as_str(), claim.value.to_json())).collect()
}

/// From "examples of an attestation policy": the default policy for SGX enclaves.
const SGX: &str = r#"
Version= 1.0;
authorizationrules
{
	c:[type=="$is-debuggable"] => permit();
};
issuancerules
{
	c:[type=="$is-debuggable"] => issue(type="is-debuggable", value=c.value);
	c:[type=="$sgx-mrsigner"] => issue(type="sgx-mrsigner", value=c.value);
	c:[type=="$product-id"] => issue(type="product-id", value=c.value);
};
"#;

#[test]
fn the_published_default_policy_of_sgx_renames_claims() {
    let policy = Policy::parse(SGX).unwrap();
    let incoming = vec![yes("$is-debuggable", false), number("$product-id", 7)];
    let evaluated = policy.evaluate(incoming).unwrap();
    let expected = [("is-debuggable", Json::from(false)), ("product-id", Json::from(7))];
    assert_eq!(issued(&evaluated), expected);
    let denied = policy.evaluate(vec![number("$product-id", 7)]).unwrap_err();
    assert_eq!(denied, EvaluationRefusal::Denied, "no claim permits");
}

/// From "attestation policy version 1.1".
const TPM: &str = r#"
version=1.1;

configurationrules{
=> issueproperty(type = "required_pcr_mask", value = 15);
=> issueproperty(type = "require_valid_aik_cert", value = false);
};

authorizationrules {
    => permit();
};


issuancerules
{
[type=="aikValidated", value==true]&&
[type=="secureBootEnabled", value==true] &&
[type=="bootDebuggingDisabled", value==true] &&
[type=="notSafeMode", value==true] => issue(type="PlatformAttested", value=true);

[type=="aikValidated", value==false]&&
[type=="secureBootEnabled", value==true] &&
[type=="bootDebuggingDisabled", value==true] &&
[type=="notSafeMode", value==true] => issue(type="PlatformAttested", value=false);
};
"#;

#[test]
fn the_published_tpm_policy_issues_by_all_its_conditions() {
    let policy = Policy::parse(TPM).unwrap();
    let machine = |aik| {
        let others = ["secureBootEnabled", "bootDebuggingDisabled", "notSafeMode"];
        let others = others.into_iter().map(|kind| yes(kind, true));
        others.chain([yes("aikValidated", aik)]).collect::<Vec<_>>()
    };
    for aik in [true, false] {
        let evaluated = policy.evaluate(machine(aik)).unwrap();
        assert_eq!(issued(&evaluated), [("PlatformAttested", Json::from(aik))]);
        assert_eq!(evaluated.properties[0].kind, "required_pcr_mask");
        assert_eq!(evaluated.properties[0].value, Value::Integer(15));
    }
    assert!(policy.evaluate(vec![]).unwrap().issued.is_empty());
}

/// From "claim rule grammar": a claim by the caller is compared with the service's.
#[test]
fn a_name_speaks_of_the_claim_that_passed() {
    let rules = r#"version=1.0;
authorizationrules { => permit(); };
issuancerules {
F1:[type=="OSName" , issuer=="CustomClaim"] &&
[type=="OSName" , issuer=="AttestationService", value== F1.value ]
=> issueproperty(type="report_validity_in_minutes", value=1440);

F1:[type=="OSName" , issuer=="CustomClaim"] &&
C2:[type=="OSName" , issuer=="AttestationService", value== F1.value ]
=> issue(claim = C2);
};"#;
    let policy = Policy::parse(rules).unwrap();
    let custom = |value| Claim { issuer: Issuer::Custom, ..text("OSName", value) };
    let same = policy.evaluate(vec![custom("a"), text("OSName", "a")]).unwrap();
    assert_eq!(same.issued, [text("OSName", "a")]);
    assert_eq!(same.properties[0].value, Value::Integer(1440));
    let other = policy.evaluate(vec![custom("b"), text("OSName", "a")]).unwrap();
    assert_eq!(other, Evaluated::default());
}

/// From "policy samples": conditions of all types, the last one a property.
#[test]
fn conditions_compare_texts_numbers_and_truths() {
    let rules = r#"version=1.0;
authorizationrules
{
[type == "aikValidated", value == true, issuer=="AttestationService"] &&
[type == "tpmVersion", value >= 2, issuer=="AttestationService"] &&
[type == "enclaveOwnerId", value == "ECAwQEExIREAAAAA", issuer == "AttestationService"] &&
[type == "enclaveFlags", value == 0, issuer == "AttestationService"]
=> permit();
};
issuancerules
{
c:[type == "aas-ehd", issuer == "CustomClaim"] => issue(claim = c);
=> issueproperty(type = "omit_x5c", value = true);
};"#;
    let policy = Policy::parse(rules).unwrap();
    let good = || {
        let owner = text("enclaveOwnerId", "ECAwQEExIREAAAAA");
        vec![yes("aikValidated", true), number("tpmVersion", 2), owner, number("enclaveFlags", 0)]
    };
    assert!(policy.evaluate(good()).is_ok());
    for (at, wrong) in [
        (0, yes("aikValidated", false)),
        (1, number("tpmVersion", 1)),
        (1, text("tpmVersion", "2")),
        (2, text("enclaveOwnerId", "ecawqeexireaaaaa")),
        (3, Claim { issuer: Issuer::Custom, ..number("enclaveFlags", 0) }),
    ] {
        let mut claims = good();
        claims[at] = wrong;
        assert_eq!(policy.evaluate(claims).unwrap_err(), EvaluationRefusal::Denied);
    }
}

#[test]
fn a_denial_wins_over_every_permission() {
    for rules in ["=> permit(); => deny();", "=> deny(); => permit();"] {
        let policy = format!("version=1.0; authorizationrules {{ {rules} }};");
        let refused = Policy::parse(&policy).unwrap().evaluate(vec![]).unwrap_err();
        assert_eq!(refused, EvaluationRefusal::Denied);
    }
    let none = Policy::parse("version=1.0; authorizationrules { };").unwrap();
    assert_eq!(none.evaluate(vec![]).unwrap_err(), EvaluationRefusal::Denied);
}

/// From "claim rule functions".
#[test]
fn version_1_2_has_absence_and_functions_of_one_value() {
    let rules = r#"version=1.2;
authorizationrules { => permit(); };
issuancerules {
// What is not there yet.
![type=="Claim3"] => add(type="Claim3", value=300);
c:[type=="Claim3"] => issue(claim=c);
c1:[type=="String1"] && c2:[type=="String2"] => issue(type="Result", value=AppendString(c1.value, c2.value));
c:[type=="Input"] => issue(type="Negated", value=NegateBool(c.value));
c:[type=="JsonIntegerData"] => issue(type="IntegerResult", value=JsonToClaimValue(c.value));
c:[type=="JsonNull"] => issue(type="Nothing", value=JsonToClaimValue(c.value));
};"#;
    let incoming = vec![
        text("String1", "abc"),
        text("String2", "xyz"),
        yes("Input", true),
        text("JsonIntegerData", "100"),
        text("JsonNull", "null"),
    ];
    let evaluated = Policy::parse(rules).unwrap().evaluate(incoming).unwrap();
    let expected = [
        ("Claim3", Json::from(300)),
        ("Result", Json::from("abcxyz")),
        ("Negated", Json::from(false)),
        ("IntegerResult", Json::from(100)),
    ];
    assert_eq!(issued(&evaluated), expected);
}

#[test]
fn what_is_not_the_language_is_refused_where_it_stands() {
    let in_issuance = |rules: &str| {
        format!(
            "version=1.2;\nauthorizationrules {{ => permit(); }};\nissuancerules {{\n{rules}\n}};"
        )
    };
    for (policy, code) in [
        (String::new(), "policy.grammar"),
        ("version=1.3; authorizationrules{};".to_owned(), "policy.version"),
        ("version=1.0;".to_owned(), "policy.empty"),
        ("version=1.0; configurationrules{}; authorizationrules{};".to_owned(), "policy.grammar"),
        ("version=1.0; authorizationrules{}; authorizationrules{};".to_owned(), "policy.grammar"),
        (
            "version=1.0; authorizationrules{ ![type==\"a\"] => deny(); };".to_owned(),
            "policy.grammar",
        ),
        (
            "version=1.0; authorizationrules{ => issue(type=\"a\", value=1); };".to_owned(),
            "policy.action",
        ),
        (in_issuance("=> permit();"), "policy.action"),
        (in_issuance("=> issue(type=\"a\");"), "policy.grammar"),
        (in_issuance("=> issue(claim=c);"), "policy.name"),
        (
            in_issuance("[type==\"a\", value==c.value] => issue(type=\"a\", value=1);"),
            "policy.name",
        ),
        (in_issuance("[type<\"a\"] => issue(type=\"a\", value=1);"), "policy.grammar"),
        (in_issuance("=> issue(type=\"a\", value=JmesPath(\"{}\", \"a\"));"), "policy.function"),
        (in_issuance("[type==“a”] => issue(type=\"a\", value=1);"), "policy.word"),
        (in_issuance("=> issue(type=\"a, value=1);"), "policy.word"),
        (in_issuance("=> issue(type=\"a\", value=99999999999999999999);"), "policy.word"),
        (
            in_issuance("=> issue(type=\"a\", value=1) => issue(type=\"b\", value=1);"),
            "policy.grammar",
        ),
        ("x".repeat(POLICY_BYTES_MAX + 1), "policy.too_large"),
    ] {
        assert_eq!(Policy::parse(&policy).unwrap_err().code(), code, "{policy:.200}");
    }
    let refusal = Policy::parse(&in_issuance("\n=> nothing();")).unwrap_err();
    assert_eq!(refusal, PolicyRefusal::Action { line: 5 });
}

#[test]
fn nesting_rules_and_work_have_bounds() {
    let deep = format!("{}true{}", "NegateBool(".repeat(9), ")".repeat(9));
    let deep = format!("version=1.2; authorizationrules {{ => add(type=\"a\", value={deep}); }};");
    assert_eq!(Policy::parse(&deep).unwrap_err(), PolicyRefusal::TooLarge);
    let many = format!("version=1.0; authorizationrules {{ {} }};", "=> permit();".repeat(257));
    assert_eq!(Policy::parse(&many).unwrap_err(), PolicyRefusal::TooLarge);
    let product: Vec<_> = (0..6).map(|at| format!("c{at}:[type!=\"\"]")).collect();
    let product =
        format!("version=1.0; authorizationrules {{ {} => permit(); }};", product.join("&&"));
    let claims = (0..100).map(|at| number(&format!("c{at}"), at)).collect();
    let refused = Policy::parse(&product).unwrap().evaluate(claims).unwrap_err();
    assert_eq!(refused, EvaluationRefusal::TooMuch);
}

/// BASE64URL(SHA256(UTF8(BASE64URL(UTF8(policy text))))).
#[test]
fn the_hash_is_that_of_the_encoded_text() {
    let policy = Policy::parse("version=1.0;authorizationrules{=>permit();};").unwrap();
    let expected = Sha256::digest(b64::encode("version=1.0;authorizationrules{=>permit();};"));
    assert_eq!(policy.hash(), <[u8; 32]>::from(expected));
}
