//! Questions to Synthea's resources, and who meets them: a matcher that knows nothing of rows.

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{Month, OffsetDateTime};

/// How a parameter is read, in the plainest way.
#[derive(Clone, Copy)]
pub(crate) enum How {
    /// Codings below this path.
    Coding,
    /// A code at this path.
    Code,
    Identifier,
    Text,
    Date,
    Period,
    Quantity,
    Reference,
}

/// Type, code, paths and how.
pub(crate) type Row = (&'static str, &'static str, &'static [&'static str], How);

/// Parameters that are asked for, by type, code, path and how.
pub(crate) const ASKED: &[Row] = &[
    ("Observation", "code", &["code.coding"], How::Coding),
    ("Observation", "combo-code", &["code.coding", "component.code.coding"], How::Coding),
    ("Observation", "category", &["category.coding"], How::Coding),
    ("Observation", "status", &["status"], How::Code),
    ("Observation", "date", &["effectiveDateTime"], How::Date),
    ("Observation", "value-quantity", &["valueQuantity"], How::Quantity),
    ("Observation", "component-value-quantity", &["component.valueQuantity"], How::Quantity),
    (
        "Observation",
        "combo-value-quantity",
        &["valueQuantity", "component.valueQuantity"],
        How::Quantity,
    ),
    ("Observation", "value-concept", &["valueCodeableConcept.coding"], How::Coding),
    ("Observation", "subject", &["subject"], How::Reference),
    ("Observation", "patient", &["subject"], How::Reference),
    ("Observation", "encounter", &["encounter"], How::Reference),
    ("Observation", "_tag", &["meta.tag"], How::Coding),
    ("Condition", "code", &["code.coding"], How::Coding),
    ("Condition", "clinical-status", &["clinicalStatus.coding"], How::Coding),
    ("Condition", "onset-date", &["onsetDateTime"], How::Date),
    ("Condition", "abatement-date", &["abatementDateTime"], How::Date),
    ("Condition", "patient", &["subject"], How::Reference),
    ("Encounter", "date", &["period"], How::Period),
    ("Encounter", "class", &["class"], How::Coding),
    ("Encounter", "type", &["type.coding"], How::Coding),
    ("Encounter", "reason-code", &["reasonCode.coding"], How::Coding),
    ("Encounter", "participant", &["participant.individual"], How::Reference),
    ("Encounter", "service-provider", &["serviceProvider"], How::Reference),
    ("Patient", "family", &["name.family"], How::Text),
    ("Patient", "given", &["name.given"], How::Text),
    ("Patient", "name", &["name.family", "name.given", "name.prefix", "name.suffix"], How::Text),
    ("Patient", "address-city", &["address.city"], How::Text),
    (
        "Patient",
        "address",
        &["address.line", "address.city", "address.state", "address.postalCode", "address.country"],
        How::Text,
    ),
    ("Patient", "birthdate", &["birthDate"], How::Date),
    ("Patient", "gender", &["gender"], How::Code),
    ("Patient", "identifier", &["identifier"], How::Identifier),
    ("Claim", "created", &["created"], How::Date),
    ("Claim", "encounter", &["item.encounter"], How::Reference),
    ("Procedure", "code", &["code.coding"], How::Coding),
    ("Procedure", "date", &["performedPeriod"], How::Period),
    ("Immunization", "vaccine-code", &["vaccineCode.coding"], How::Coding),
    ("Immunization", "date", &["occurrenceDateTime"], How::Date),
    ("Organization", "name", &["name"], How::Text),
    ("Practitioner", "name", &["name.family", "name.given", "name.prefix"], How::Text),
    ("DiagnosticReport", "result", &["result"], How::Reference),
    ("MedicationRequest", "intent", &["intent"], How::Code),
];

/// The values at a path, through arrays.
fn at<'v>(value: &'v Value, path: &str) -> Vec<&'v Value> {
    let mut found = vec![value];
    for name in path.split('.') {
        found = found
            .into_iter()
            .filter_map(|value| value.get(name))
            .flat_map(|value| {
                value.as_array().map_or_else(|| vec![value], |all| all.iter().collect())
            })
            .collect();
    }
    found
}

fn plain(text: &str) -> String {
    text.to_lowercase()
}

/// First and last millisecond of a date as Synthea writes it, or cut off by us.
fn interval(text: &str) -> (i128, i128) {
    let at = |text: &str| {
        OffsetDateTime::parse(text, &Rfc3339).unwrap().unix_timestamp_nanos() / 1_000_000
    };
    let end = |low: i128, days: i128| low + days * 86_400_000 - 1;
    match text.len() {
        4 => {
            let next: i32 = text.parse::<i32>().unwrap() + 1;
            (at(&format!("{text}-01-01T00:00:00Z")), at(&format!("{next:04}-01-01T00:00:00Z")) - 1)
        }
        7 => {
            let low = at(&format!("{text}-01T00:00:00Z"));
            let month: Month = text[5..].parse::<u8>().unwrap().try_into().unwrap();
            (low, end(low, month.length(text[..4].parse().unwrap()).into()))
        }
        10 => {
            let low = at(&format!("{text}T00:00:00Z"));
            (low, end(low, 1))
        }
        _ => (at(text), at(text) + if text.contains('.') { 0 } else { 999 }),
    }
}

fn compares(prefix: &str, asked: (f64, f64), low: f64, high: f64) -> bool {
    let (from, to) = asked;
    let within = low >= from && high <= to;
    match prefix {
        "ne" => !within,
        "gt" => high > to,
        "lt" => low < from,
        "ge" => high > to || within,
        "le" => low < from || within,
        "sa" => low > to,
        "eb" => high < from,
        _ => within,
    }
}

/// One question: its text, and who meets it.
pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) meets: Meets,
}

type Meets = Box<dyn Fn(&Value) -> bool>;

fn any(paths: &'static [&'static str], test: impl Fn(&Value) -> bool + 'static) -> Meets {
    Box::new(move |resource| paths.iter().any(|path| at(resource, path).into_iter().any(&test)))
}

/// A question that the resource may well meet; its text is what stands behind the code.
pub(crate) fn ask(row: &Row, from: &Value, random: &mut StdRng) -> Option<Question> {
    let (_, code, paths, how) = *row;
    let values: Vec<&Value> = paths.iter().flat_map(|path| at(from, path)).collect();
    let value = *values.choose(random)?;
    let (text, meets) = match how {
        How::Coding => token(paths, "code", value, random),
        How::Identifier => token(paths, "value", value, random),
        How::Code => {
            let token = value.as_str()?.to_owned();
            (format!("={token}"), any(paths, move |one| one == token.as_str()))
        }
        How::Reference => {
            let target = own(value, "reference");
            let id = target.split('/').nth(1)?;
            let text = if random.random_bool(0.2) { id } else { &target };
            (format!("={text}"), any(paths, move |one| one["reference"] == target.as_str()))
        }
        How::Text => text(paths, value.as_str()?, random)?,
        How::Date | How::Period => date(paths, value, matches!(how, How::Period), random),
        How::Quantity => quantity(paths, value, random)?,
    };
    Some(Question { text: format!("{code}{text}"), meets })
}

fn own(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or("").to_owned()
}

fn prefix(random: &mut StdRng) -> &'static str {
    ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"].choose(random).unwrap()
}

type Paths = &'static [&'static str];

fn token(paths: Paths, name: &'static str, value: &Value, random: &mut StdRng) -> (String, Meets) {
    let (system, token) = (own(value, "system"), own(value, name));
    let is_whole = random.random_bool(0.5);
    let text = if is_whole { format!("{system}|{token}") } else { token.clone() };
    let meets = any(paths, move |one| {
        one[name] == *token && (!is_whole || one["system"].as_str().unwrap_or("") == system)
    });
    if random.random_bool(0.2) {
        return (format!(":not={text}"), Box::new(move |one| !meets(one)));
    }
    (format!("={text}"), meets)
}

fn text(paths: Paths, whole: &str, random: &mut StdRng) -> Option<(String, Meets)> {
    if !whole.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ') {
        return None;
    }
    let length = random.random_range(1..=whole.len());
    let (head, tail) = (plain(&whole[..length]), plain(&whole[whole.len() - length..]));
    if head.ends_with(' ') || tail.starts_with(' ') {
        return None;
    }
    let is = |test: fn(&str, &str) -> bool, asked: String| {
        any(paths, move |one| one.as_str().is_some_and(|one| test(one, &asked)))
    };
    Some(match random.random_range(0..4) {
        0 => (format!(":exact={whole}"), is(|one, asked| one == asked, whole.to_owned())),
        1 => (format!(":contains={tail}"), is(|one, asked| spoken(one).contains(asked), tail)),
        _ => (format!("={head}"), is(|one, asked| spoken(one).starts_with(asked), head)),
    })
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of four-digit years are exact")]
fn date(paths: Paths, value: &Value, is_period: bool, random: &mut StdRng) -> (String, Meets) {
    let full = value.as_str().map_or_else(|| own(value, "start"), str::to_owned);
    let cut = *[4, 7, 10, full.len()].choose(random).unwrap();
    let text = full[..cut].to_owned();
    let asked = interval(&text);
    let asked = (asked.0 as f64, asked.1 as f64);
    let prefix = prefix(random);
    let meets = any(paths, move |one| {
        let bound = |name: &str| one[name].as_str().map(interval);
        let (low, high) = if is_period {
            let (start, end) = (bound("start"), bound("end"));
            (start.map_or(f64::MIN, |low| low.0 as f64), end.map_or(f64::MAX, |end| end.1 as f64))
        } else {
            let (low, high) = interval(one.as_str().unwrap());
            (low as f64, high as f64)
        };
        compares(prefix, asked, low, high)
    });
    (format!("={prefix}{}", text.replace('+', " ")), meets)
}

fn quantity(paths: Paths, value: &Value, random: &mut StdRng) -> Option<(String, Meets)> {
    let number = value["value"].as_f64()?;
    let places = random.random_range(0..3_usize);
    let text = format!("{number:.places$}");
    let middle: f64 = text.parse().unwrap();
    let half = 0.5 / 10_f64.powi(i32::try_from(places).unwrap());
    let prefix = prefix(random);
    let is_range = matches!(prefix, "" | "eq" | "ne");
    // The range does not contain its upper end.
    let range = (middle - half, (middle + half) * (1.0 - f64::EPSILON));
    let asked = if is_range { range } else { (middle, middle) };
    let unit = Some(own(value, "code")).filter(|_| random.random_bool(0.5));
    let behind =
        unit.as_ref().map_or(String::new(), |unit| format!("|http://unitsofmeasure.org|{unit}"));
    let meets = any(paths, move |one| {
        let value = one["value"].as_f64().unwrap_or(f64::NAN);
        let is_unit = unit.as_ref().is_none_or(|unit| one["code"] == unit.as_str());
        compares(prefix, asked, value, value) && is_unit
    });
    Some((format!("={prefix}{text}{behind}"), meets))
}

/// A text as searches compare it, for what Synthea writes.
fn spoken(text: &str) -> String {
    let words = plain(text).replace(['\'', '.'], "");
    let letters: String =
        words.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    letters.split_whitespace().collect::<Vec<_>>().join(" ")
}
