use serde_json::json;

use super::*;

const SCHEMA: &str = r"
entity Key = { owner: String, workloads: Set<String>, sealed?: Bool };
action release appliesTo {
  principal: Workload, resource: Key,
  context: { now: datetime, site?: String },
};
action inspect appliesTo { principal: [Workload, Staff], resource: Key, context: Personal };
";

const RULES: &str = r#"
@id("model-to-diagnosis")
permit(principal is Workload, action == Action::"release", resource == Key::"model/brain")
when {
  principal.workload == "diagnosis" &&
  principal.hw_backed &&
  principal.svn >= 2 &&
  ["snp", "tdx"].contains(principal.kind)
}
unless { context.now > datetime("2027-01-01T00:00:00Z") };

@id("records-to-listed")
permit(principal, action == Action::"release", resource == Key::"records/clinic")
when { resource.workloads.contains(principal.workload) };

@id("at-site")
permit(principal, action == Action::"release", resource == Key::"site/key")
when { context has site && context.site like "ward-*" };

@id("never-debug")
forbid(principal is Workload, action, resource) when { principal.debug };

@id("auditors-inspect")
permit(principal is Staff, action == Action::"inspect", resource)
when { principal.role == "auditor" || context.purpose == "HCOMPL" };
"#;

fn schema() -> String {
    [WORKLOAD_SCHEMA, PERSON_SCHEMA, SCHEMA].concat()
}

fn book() -> PolicyBook {
    PolicyBook::load(RULES, &schema()).unwrap()
}

fn good() -> Thing {
    Thing::new("Workload", "sha256:1")
        .with("workload", "diagnosis")
        .with("kind", "snp")
        .with("hw_backed", true)
        .with("debug", false)
        .with("measurement", "sha256:1")
        .with("svn", 2)
        .with("appraisal", "p")
}

fn key(name: &str) -> Thing {
    Thing::new("Key", name).with("owner", "acme").with("workloads", json!(["clinic", "study"]))
}

fn release(principal: Thing, name: &str) -> Ask {
    Ask::new(principal, "release", key(name)).in_context("now", "2026-11-20T10:00:00Z")
}

fn refused(ask: &Ask) -> Vec<Explanation> {
    match book().decide(ask) {
        Decision::Refused(why) => why,
        Decision::Granted(granted) => panic!("granted by {:?}", granted.rules()),
    }
}

fn words(why: &[Explanation]) -> Vec<[&str; 4]> {
    why.iter().map(|one| [&*one.rule, &*one.claim, &*one.expected, &*one.found]).collect()
}

#[test]
fn a_grant_names_its_rules_and_its_book() {
    let book = book();
    let Decision::Granted(granted) = book.decide(&release(good(), "model/brain")) else {
        panic!("refused");
    };
    assert_eq!(granted.rules(), ["model-to-diagnosis"]);
    assert_eq!(granted.policy(), book.digest());
}

#[test]
fn every_failing_claim_is_named() {
    let principal = good()
        .with("workload", "clinic")
        .with("hw_backed", false)
        .with("svn", 1)
        .with("kind", "software");
    let ask = release(principal, "model/brain").in_context("now", "2027-06-01T00:00:00Z");
    let rule = "model-to-diagnosis";
    assert_eq!(
        words(&refused(&ask)),
        [
            [rule, "principal.workload", "diagnosis", "clinic"],
            [rule, "principal.hw_backed", "true", "false"],
            [rule, "principal.svn", "at least 2", "1"],
            [rule, "principal.kind", "one of snp, tdx", "software"],
            [rule, "context.now", "at most 2027-01-01T00:00:00Z", "2027-06-01T00:00:00Z"],
        ]
    );
}

#[test]
fn a_list_at_the_resource_is_shown() {
    let why = refused(&release(good(), "records/clinic"));
    let expected = "one of clinic, study (resource.workloads)";
    assert_eq!(words(&why), [["records-to-listed", "principal.workload", expected, "diagnosis"]]);
}

#[test]
fn an_absent_claim_is_reported_once() {
    let why = refused(&release(good(), "site/key"));
    assert_eq!(words(&why), [["at-site", "context.site", "present", "absent"]]);
    let why = refused(&release(good(), "site/key").in_context("site", "lab-1"));
    assert_eq!(words(&why), [["at-site", "context.site", "like ward-*", "lab-1"]]);
}

#[test]
fn a_forbidding_rule_is_named_and_no_other() {
    let why = refused(&release(good().with("debug", true).with("svn", 0), "model/brain"));
    assert_eq!(words(&why), [["never-debug", "principal.debug", "false", "true"]]);
}

#[test]
fn alternatives_are_one_reason() {
    let clerk = person(
        serde_json::from_value(json!("6f2c1e0a-9d43-4b1e-8f6a-0a1b2c3d4e5f")).unwrap(),
        "clerk",
    );
    let ask = Ask::new(clerk, "inspect", key("model/brain")).in_context("purpose", "TREAT");
    assert_eq!(
        words(&refused(&ask)),
        [[
            "auditors-inspect",
            "principal.role or context.purpose",
            "auditor or HCOMPL",
            "clerk or TREAT"
        ]]
    );
    let audit = ask.in_context("purpose", "HCOMPL");
    assert!(matches!(book().decide(&audit), Decision::Granted(_)));
}

#[test]
fn a_resource_of_no_rule_is_refused_by_its_name() {
    let why = refused(&release(good(), "model/other"));
    assert_eq!(why.len(), 3);
    let found = why.iter().all(|one| one.found == r#"Key::"model/other""#);
    assert!(found && why.iter().all(|one| one.claim == "resource"), "{why:?}");
}

#[test]
fn an_action_of_no_rule_is_refused_by_default() {
    let rules = r#"@id("one") permit(principal, action == Action::"inspect", resource);"#;
    let book = PolicyBook::load(rules, &schema()).unwrap();
    let Decision::Refused(why) = book.decide(&release(good(), "model/brain")) else {
        panic!("granted");
    };
    assert_eq!(
        words(&why),
        [["default-deny", "action", "an action that some rule permits", "release"]]
    );
}

#[test]
fn an_empty_book_refuses_everything() {
    let book = PolicyBook::load("", &schema()).unwrap();
    assert!(matches!(book.decide(&release(good(), "model/brain")), Decision::Refused(_)));
}

#[test]
fn an_ask_outside_the_schema_is_refused_whatever_the_rules() {
    let rules = r#"@id("all") permit(principal, action, resource);"#;
    let book = PolicyBook::load(rules, &schema()).unwrap();
    let strange = [
        release(good().with("svn", "two"), "k"),
        release(good().with("root", true), "k"),
        release(good(), "k").in_context("colour", "red"),
        release(good(), "k").knowing(good().with("svn", 9)),
        Ask::new(good(), "erase", key("k")),
        Ask::new(key("k"), "release", good()).in_context("now", "2026-11-20T10:00:00Z"),
        Ask::new(good(), "release", key("k")),
        Ask::new(Thing::new("no such type", "1"), "release", key("k")),
    ];
    for ask in strange {
        let Decision::Refused(why) = book.decide(&ask) else { panic!("granted {ask:?}") };
        assert_eq!((&*why[0].rule, &*why[0].claim), ("default-deny", "request"));
    }
    assert!(matches!(book.decide(&release(good(), "k")), Decision::Granted(_)));
}

#[test]
fn a_rule_that_fails_to_evaluate_refuses() {
    let rules = r#"@id("all") permit(principal, action, resource);
        @id("overflow") forbid(principal is Workload, action, resource)
        when { principal.svn * 9223372036854775807 == 0 };"#;
    let book = PolicyBook::load(rules, &schema()).unwrap();
    let Decision::Refused(why) = book.decide(&release(good(), "k")) else { panic!("granted") };
    assert_eq!(why[0].expected, "rules that can be evaluated");
}

#[test]
fn a_person_may_ask_about_herself() {
    let schema = "entity Staff = { role: String }; action read appliesTo { principal: Staff, resource: Staff };";
    let rules =
        r#"@id("self") permit(principal, action, resource) when { principal == resource };"#;
    let book = PolicyBook::load(rules, schema).unwrap();
    let staff = |id| Thing::new("Staff", id).with("role", "clerk");
    assert!(matches!(book.decide(&Ask::new(staff("1"), "read", staff("1"))), Decision::Granted(_)));
    let Decision::Refused(why) = book.decide(&Ask::new(staff("1"), "read", staff("2"))) else {
        panic!("granted");
    };
    let expected = r#"Staff::"2" (resource)"#;
    assert_eq!(words(&why), [["self", "principal", expected, r#"Staff::"1""#]]);
}

#[test]
fn what_has_no_words_is_quoted() {
    let rules = r#"@id("sum") permit(principal is Workload, action == Action::"release", resource)
        when { principal.svn + 1 == 9 };"#;
    let book = PolicyBook::load(rules, &schema()).unwrap();
    let Decision::Refused(why) = book.decide(&release(good(), "k")) else { panic!("granted") };
    assert_eq!((&*why[0].claim, &*why[0].found), ("principal.svn", "2"));
    assert!(why[0].expected.contains("svn") && why[0].expected.contains('9'), "{why:?}");
}

#[test]
fn an_unconditional_forbid_is_explained() {
    let rules = r#"@id("all") permit(principal, action, resource);
        @id("frozen") forbid(principal, action == Action::"release", resource);"#;
    let book = PolicyBook::load(rules, &schema()).unwrap();
    let Decision::Refused(why) = book.decide(&release(good(), "k")) else { panic!("granted") };
    assert_eq!((&*why[0].rule, &*why[0].claim), ("frozen", "request"));
}

#[test]
fn the_nearest_rule_comes_first() {
    let rules = r#"
        @id("a-far") permit(principal is Workload, action == Action::"release", resource)
            when { principal.svn > 5 && principal.workload == "clinic" };
        @id("b-near") permit(principal is Workload, action == Action::"release", resource)
            when { principal.svn > 5 && principal.workload == "diagnosis" };"#;
    let book = PolicyBook::load(rules, &schema()).unwrap();
    let Decision::Refused(why) = book.decide(&release(good(), "k")) else { panic!("granted") };
    assert_eq!(words(&why)[0], ["b-near", "principal.svn", "more than 5", "2"]);
    assert_eq!(why.len(), 3);
}

#[test]
fn a_text_that_is_no_policy_has_a_code() {
    let cases = [
        ("permit(principal action resource);", "policy.syntax"),
        ("permit(principal, action, resource);", "policy.rule_unnamed"),
        (r#"@id("No Good") permit(principal, action, resource);"#, "policy.rule_unnamed"),
        (
            r#"@id("a") permit(principal, action, resource);
               @id("a") forbid(principal, action, resource);"#,
            "policy.rule_repeated",
        ),
        (r#"@id("a") permit(principal == ?principal, action, resource);"#, "policy.template"),
        (r#"@id("a") permit(principal is Robot, action, resource);"#, "policy.invalid"),
        (
            r#"@id("a") permit(principal is Workload, action, resource) when { principal.root };"#,
            "policy.invalid",
        ),
        (
            r#"@id("a") permit(principal is Workload, action, resource)
               when { principal.hw_backed == "yes" };"#,
            "policy.invalid",
        ),
        (
            r#"@id("a") permit(principal is Staff, action == Action::"release", resource);"#,
            "policy.invalid",
        ),
    ];
    for (rules, code) in cases {
        assert_eq!(PolicyBook::load(rules, &schema()).unwrap_err().code(), code, "{rules}");
    }
}

#[test]
fn a_text_that_is_no_schema_has_a_code() {
    let code = |schema: &str| PolicyBook::load("", schema).unwrap_err().code();
    assert_eq!(code("entity"), "policy.schema");
    assert_eq!(code("entity A in [B];"), "policy.schema");
    assert_eq!(code(&" ".repeat(300_000)), "policy.too_long");
}

#[test]
fn the_digest_covers_rules_and_schema() {
    let one = book().digest();
    assert_eq!(one, book().digest());
    let commented = format!("{RULES} // .");
    assert_ne!(one, PolicyBook::load(&commented, &schema()).unwrap().digest());
    let schema = format!("{} // .", schema());
    assert_ne!(one, PolicyBook::load(RULES, &schema).unwrap().digest());
}
