//! The table of units beside UCUM's own.

use autoclave_fhirpath::{Context, Expression, Item};
use rust_decimal::Decimal;

use crate::archive;
use crate::xml::Xml;

/// Units that stand for themselves here, although UCUM makes plain numbers of them; and with
/// them what UCUM defines by them.
const OWN: [&str; 7] = ["mol", "eq", "[iU]", "[IU]", "U", "kat", "rad"];

fn asked(text: &str) -> Option<bool> {
    let expression = Expression::parse(text).ok()?;
    let context = Context::default();
    let found = expression.evaluate(Item::from(true), &context).ok()?;
    found.first()?.truth()
}

#[test]
fn every_unit_that_is_known_is_as_large_as_ucum_says() {
    let Some(text) = archive::text("ucum/ucum-essence.xml") else { return };
    let essence = Xml::parse(&text);
    let (mut agree, mut unknown, mut differ) = (Vec::new(), 0, Vec::new());
    for unit in essence.all("unit") {
        let code = unit.get("Code").unwrap();
        let value = unit.child("value").unwrap();
        let number = value.get("value").unwrap_or_default().replace(' ', "");
        let of = value.get("Unit").unwrap();
        let number = number.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&number));
        let Ok(number) = number else { continue };
        match asked(&format!("1 '{code}' = {number} '{of}'")) {
            Some(true) => agree.push(code),
            None => unknown += 1,
            Some(false) => differ.push(code),
        }
    }
    differ.retain(|code| !OWN.contains(code));
    eprintln!("UCUM: {} units agree, {unknown} are not known: {agree:?}", agree.len());
    assert!(differ.is_empty(), "{differ:?}");
    assert!(agree.len() > 30);
}
