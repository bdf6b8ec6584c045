use super::*;

fn member(of: Option<Ast>, name: &str) -> Ast {
    Ast::Member { of: of.map(Box::new), name: name.into() }
}

fn binary(left: Ast, operator: Operator, right: Ast) -> Ast {
    Ast::Binary { operator, left: Box::new(left), right: Box::new(right) }
}

fn integer(value: i32) -> Ast {
    Ast::Literal(Literal::Integer(value))
}

fn refused(text: &str) -> Option<ParseRefusal> {
    parse(text).err()
}

#[test]
fn operators_bind_as_the_specification_orders_them() {
    use Operator::{Add, And, Equal, Greater, Implies, Or, Times, Union};
    let same = |short: &str, long: &str| assert!(parse(short).ok() == parse(long).ok(), "{short}");
    let sum = binary(integer(1), Add, binary(integer(2), Times, integer(3)));
    assert!(parse("1+2*3") == Ok(sum));
    let order = binary(integer(1), Greater, binary(integer(2), Union, integer(3)));
    assert!(parse("1 > 2 | 3") == Ok(order));
    same("1 = 2 and 3 > 4 or 5 in 6", "(((1 = 2) and (3 > 4)) or (5 in 6))");
    same("1 implies 2 or 3", "1 implies (2 or 3)");
    same("1 - 2 - 3", "(1 - 2) - 3");
    same("a is B | c as D", "(a is B) | (c as D)");
    same("1 > 2 is Boolean", "1 > (2 is Boolean)");
    same("-1.abs()", "-(1.abs())");
    same("-1 + 2", "(-1) + 2");
    same("a & b + c", "(a & b) + c");
    let tree = binary(integer(1), Implies, binary(integer(2), And, integer(3)));
    assert!(parse("1 implies 2 and 3") == Ok(tree));
    let _ = (Equal, Or);
}

#[test]
fn paths_calls_and_types_are_steps_of_a_tree() {
    let name = member(Some(member(None, "Patient")), "name");
    let first = Ast::At { of: Box::new(name), index: Box::new(integer(0)) };
    assert!(parse("Patient.name[0].`given`") == Ok(member(Some(first), "given")));
    let resolve = Ast::Call { of: None, function: Function::Resolve, arguments: vec![] };
    let what = |name: &str| TypeName { namespace: None, name: name.into() };
    let is = Ast::Is { of: Some(Box::new(resolve)), what: what("Patient") };
    let subject = Box::new(member(None, "subject"));
    let call = Ast::Call { of: Some(subject), function: Function::Where, arguments: vec![is] };
    assert!(parse("subject.where(resolve() is Patient)") == Ok(call));
    let of = || Some(Box::new(member(None, "value")));
    assert!(parse("(value as Quantity)") == Ok(Ast::As { of: of(), what: what("Quantity") }));
    assert!(parse("value.as(Quantity)") == Ok(Ast::As { of: of(), what: what("Quantity") }));
    let system = TypeName { namespace: Some("System".into()), name: "String".into() };
    assert!(parse("value.ofType(System.String)") == Ok(Ast::OfType { of: of(), what: system }));
    assert!(parse("$this.contains.as.is.div").is_ok(), "keywords that are names too");
    assert!(
        parse("%`vs-administrative-gender`")
            == Ok(Ast::Variable("vs-administrative-gender".into()))
    );
}

#[test]
fn literals_keep_their_precision() {
    let literal = |text: &str| match parse(text) {
        Ok(Ast::Literal(literal)) => literal,
        _ => panic!("{text} is no literal"),
    };
    assert!(literal(r"'\\\/\f\r\n\t\`\'\u002a'") == Literal::String("\\/\u{c}\r\n\t`'*".into()));
    assert!(literal("1.50") == Literal::Decimal(Decimal::new(150, 2)));
    let Literal::Decimal(exact) = literal("1.50") else { panic!("no decimal") };
    assert_eq!(exact.scale(), 2);
    assert!(literal("2147483648") == Literal::Decimal(Decimal::from(2_147_483_648_u32)));
    let days = Literal::Quantity { value: 4.into(), unit: "day".into(), calendar: true };
    assert!(literal("4 days") == days);
    let mass = Literal::Quantity { value: 10.into(), unit: "mg".into(), calendar: false };
    assert!(literal("10 'mg'") == mass);
    for text in ["2015", "2015-02", "2015-02-28"] {
        assert!(matches!(literal(&format!("@{text}")), Literal::Date(date) if date.text() == text));
    }
    for text in [
        "2015-02-04T14",
        "2015-02-04T14:34:28.120",
        "2015-02-04T14:34:28Z",
        "2015-02-04T14:34-05:30",
    ] {
        let read = literal(&format!("@{text}"));
        assert!(matches!(read, Literal::DateTime(moment) if moment.text() == text), "{text}");
    }
    assert!(matches!(literal("@2015T"), Literal::DateTime(_)));
    assert!(matches!(literal("@T14:34"), Literal::Time(time) if time.text() == "14:34"));
}

#[test]
fn comments_and_spaces_are_nothing() {
    assert!(parse("/* a */ 2 // b\n + /* $@% */ 2").ok() == parse("2+2").ok());
}

#[test]
fn what_is_no_expression_is_refused_with_its_place() {
    for text in [
        "",
        "2 +",
        "2 + 2 /* open",
        "a..b",
        "a.",
        "(a",
        "a)",
        "a[1",
        "'open",
        "a b",
        "@@",
        "@2015-13",
        "@2015-02-30",
        "@T25",
        "@T14:34:28Z",
        "$that",
        "a.$this",
        "{1}",
        "true and",
        "1 2",
        "a,b",
        "count(",
        "'\\q'",
        "'\\ud800'",
    ] {
        assert!(matches!(refused(text), Some(ParseRefusal::Syntax(_))), "{text}");
    }
    assert_eq!(refused("a.nothing()"), Some(ParseRefusal::UnknownFunction(2)));
    assert_eq!(refused("a.where()"), Some(ParseRefusal::Arguments(2)));
    assert_eq!(refused("a.count(1)"), Some(ParseRefusal::Arguments(2)));
    assert_eq!(refused(&"9".repeat(40)), Some(ParseRefusal::Number(0)));
}

#[test]
fn an_expression_is_bounded() {
    assert_eq!(refused(&"(".repeat(10_000)), Some(ParseRefusal::Size));
    assert_eq!(refused(&"-".repeat(1000)), Some(ParseRefusal::Size));
    assert_eq!(refused(&"a|".repeat(5000)), Some(ParseRefusal::Size));
    assert_eq!(refused(&" ".repeat(TEXT_BYTES_MAX + 1)), Some(ParseRefusal::Size));
    assert!(parse(&format!("a{}", ".b".repeat(2000))).is_ok(), "dropped without recursion trouble");
}
