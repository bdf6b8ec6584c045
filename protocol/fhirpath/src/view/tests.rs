use super::*;

fn node(text: &str) -> Node<'static> {
    Node::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{text}: {why}")).into_owned()
}

const PATIENT: &str = r#"{"resourceType":"Patient","id":"7","active":true,"multipleBirthInteger":2,
  "name":[{"family":"O,\"x\"","given":["a","b"]},{"family":""}],
  "contact":[{"telecom":[{"value":"1"},{"value":"2"}]}],
  "extension":[{"url":"u","valueDecimal":1.50}]}"#;

/// The view of a select and what is beside it.
fn parsed(select: &str, beside: &str) -> Result<View, ViewRefusal> {
    View::parse(&node(&format!(r#"{{"resource":"Patient","select":{select}{beside}}}"#)))
}

fn lines(select: &str, beside: &str) -> Result<String, ViewRefusal> {
    let view = parsed(select, beside)?;
    let mut out = Vec::new();
    for row in view.rows(&node(PATIENT))? {
        write_json(view.columns(), &row, &mut out);
    }
    Ok(String::from_utf8(out).unwrap())
}

fn column(name: &str, path: &str) -> String {
    format!(r#"{{"column":[{{"name":"{name}","path":"{path}"}}]}}"#)
}

#[test]
fn cells_keep_their_types_and_digits() {
    let select = format!(
        "[{},{},{},{}]",
        column("a", "active"),
        column("n", "multipleBirth"),
        column("d", "extension('u').value.ofType(decimal)"),
        column("k", "getResourceKey()")
    );
    assert_eq!(lines(&select, "").unwrap(), r#"{"a":true,"n":2,"d":1.50,"k":"Patient/7"}"#);
}

#[test]
fn parts_side_by_side_multiply_and_unions_add() {
    let each = r#"{"forEach":"name","column":[{"name":"f","path":"family"}]}"#;
    let tel = r#"{"forEach":"contact.telecom","column":[{"name":"t","path":"value"}]}"#;
    let both = lines(&format!("[{each},{tel}]"), "").unwrap();
    assert_eq!(both.matches('{').count(), 4);
    let none = r#"{"forEach":"photo","column":[{"name":"p","path":"title"}]}"#;
    assert_eq!(lines(&format!("[{each},{none}]"), "").unwrap(), "");
    let or_null = none.replace("forEach", "forEachOrNull");
    assert_eq!(lines(&format!("[{or_null}]"), "").unwrap(), r#"{"p":null}"#);
    let union = format!(r#"[{{"unionAll":[{tel},{tel}]}}]"#);
    assert_eq!(lines(&union, "").unwrap().matches('{').count(), 4);
}

#[test]
fn repeat_follows_paths_as_deep_as_they_lead() {
    let view = node(
        r#"{"resource":"Questionnaire","select":[{"repeat":["item"],"column":[{"name":"l","path":"linkId"}]}]}"#,
    );
    let view = View::parse(&view).unwrap();
    let form = node(
        r#"{"resourceType":"Questionnaire","item":[{"linkId":"1","item":[{"linkId":"1.1","item":[{"linkId":"1.1.1"}]}]},{"linkId":"2"}]}"#,
    );
    let rows = view.rows(&form).unwrap();
    let ids: Vec<_> = rows.iter().filter_map(|row| row[0].text()).collect();
    assert_eq!(ids, ["1", "1.1", "1.1.1", "2"]);
}

#[test]
fn rows_know_their_number_within_their_selection() {
    let each = r#"[{"forEach":"name","column":[{"name":"n","path":"%rowIndex"}],"select":[{"forEach":"given","column":[{"name":"g","path":"%rowIndex"}]}]}]"#;
    assert_eq!(lines(each, "").unwrap(), r#"{"n":0,"g":0}{"n":0,"g":1}"#);
}

#[test]
fn csv_quotes_what_would_be_read_otherwise() {
    let select = r#"[{"forEach":"name","column":[{"name":"f","path":"family"},{"name":"g","path":"given","collection":true},{"name":"x","path":"period.start"}]}]"#;
    let view = parsed(select, "").unwrap();
    let mut out = Vec::new();
    csv_head(view.columns(), &mut out);
    for row in view.rows(&node(PATIENT)).unwrap() {
        write_csv(&row, &mut out);
    }
    let expected = "f,g,x\r\n\"O,\"\"x\"\"\",\"[\"\"a\"\",\"\"b\"\"]\",\r\n\"\",[],\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn what_is_no_view_is_refused_when_it_is_read() {
    let ok = column("a", "id");
    for (select, beside, why) in [
        ("[]".to_owned(), "", ViewRefusal::Shape("select")),
        ("{}".to_owned(), "", ViewRefusal::Shape("select")),
        (r#"[{"forEach":"name"}]"#.to_owned(), "", ViewRefusal::Shape("column")),
        (r#"[{"column":[{"name":"a"}]}]"#.to_owned(), "", ViewRefusal::Shape("column.path")),
        (format!("[{}]", column("a; drop", "id")), "", ViewRefusal::Name),
        (format!("[{ok},{ok}]"), "", ViewRefusal::Name),
        (format!("[{}]", column("a", "%x")), "", ViewRefusal::Constant),
        (format!("[{}]", column("a", "name.where(use = %x)")), "", ViewRefusal::Constant),
        (format!("[{ok}]"), r#","constant":[{"name":"c"}]"#, ViewRefusal::Shape("constant")),
        (format!("[{ok}]"), r#","where":[{}]"#, ViewRefusal::Shape("where.path")),
        (format!(r#"[{{"unionAll":[{ok},{}]}}]"#, column("b", "id")), "", ViewRefusal::Union),
        (
            r#"[{"forEach":"name","forEachOrNull":"name","column":[{"name":"a","path":"id"}]}]"#
                .to_owned(),
            "",
            ViewRefusal::Shape("forEach"),
        ),
    ] {
        assert_eq!(parsed(&select, beside).err(), Some(why), "{select}{beside}");
    }
    assert!(matches!(
        parsed(&format!("[{}]", column("a", "id(")), "").err(),
        Some(ViewRefusal::Path(_))
    ));
    let nobody = node(r#"{"resource":"Nobody","select":[]}"#);
    assert_eq!(View::parse(&nobody).err(), Some(ViewRefusal::Resource));
    let deep = format!("[{}{ok}{}]", r#"{"select":["#.repeat(20), "]}".repeat(20));
    assert_eq!(parsed(&deep, "").err(), Some(ViewRefusal::Size));
}

#[test]
fn what_a_table_cannot_hold_is_refused() {
    let of = |path: &str| lines(&format!("[{}]", column("a", path)), "");
    assert_eq!(of("name.given"), Err(ViewRefusal::Many));
    assert_eq!(of("name.first()"), Err(ViewRefusal::Complex));
    assert_eq!(of("name + 1"), Err(ViewRefusal::Evaluation(EvaluationRefusal::Many)));
    let ok = format!("[{}]", column("a", "id"));
    assert_eq!(lines(&ok, r#","where":[{"path":"name.family"}]"#), Err(ViewRefusal::Condition));
    let each = |name: &str| {
        format!(
            r#"{{"forEach":"%resource.descendants()","column":[{{"name":"{name}","path":"1"}}]}}"#
        )
    };
    let many: Vec<_> = ["a", "b", "c", "d"].iter().map(|name| each(name)).collect();
    assert_eq!(lines(&format!("[{}]", many.join(",")), ""), Err(ViewRefusal::Rows));
}
