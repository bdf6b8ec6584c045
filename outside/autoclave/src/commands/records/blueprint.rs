//! Admissions as the hospital blueprint exports them: 31 columns of CSV, a row for each stay.
//! It belongs to `records import`. A row becomes Patient, Encounter, Conditions and
//! Observations, all or none; a column that cannot be read refuses its row by number.

use autoclave_base::Digest;
use autoclave_fhir::json::Node;

use super::parcel::{Parcel, Unusable};
use super::source::{Cut, Unfit};

/// What the first line must name, in this order, after a byte order mark if there is one.
const COLUMNS: [&str; 31] = [
    "First",
    "Middle",
    "Last",
    "eid",
    "vdate",
    "rcount",
    "gender",
    "dialysisrenalendstage",
    "asthma",
    "irondef",
    "pneum",
    "substancedependence",
    "psychologicaldisordermajor",
    "depress",
    "psychother",
    "fibrosisandother",
    "malnutrition",
    "hemo",
    "hematocrit",
    "neutrophils",
    "sodium",
    "glucose",
    "bloodureanitro",
    "creatinine",
    "bmi",
    "pulse",
    "respiration",
    "secondarydiagnosisnonicd9",
    "discharged",
    "facid",
    "lengthofstay",
];
/// Flags: column, and what a 1 in it means.
const FLAGS: [(usize, &str); 11] = [
    (7, "End-stage renal disease on dialysis"),
    (8, "Asthma"),
    (9, "Iron deficiency"),
    (10, "Pneumonia"),
    (11, "Substance dependence"),
    (12, "Major psychological disorder"),
    (13, "Depression"),
    (14, "Other psychological disorder"),
    (15, "Fibrosis and other"),
    (16, "Malnutrition"),
    (17, "Disorder of blood"),
];
/// Measurements: column, LOINC code, display, UCUM unit.
const MEASURED: [(usize, &str, &str, &str); 9] = [
    (18, "4544-3", "Hematocrit", "%"),
    (19, "26499-4", "Neutrophils", "10*3/uL"),
    (20, "2951-2", "Sodium", "mmol/L"),
    (21, "2345-7", "Glucose", "mg/dL"),
    (22, "3094-0", "Urea nitrogen", "mg/dL"),
    (23, "2160-0", "Creatinine", "mg/dL"),
    (24, "39156-5", "Body mass index", "kg/m2"),
    (25, "8867-4", "Heart rate", "/min"),
    (26, "9279-1", "Respiratory rate", "/min"),
];
/// Counts: column, what is counted.
const COUNTED: [(usize, &str); 2] = [(5, "Readmissions"), (27, "Secondary diagnoses")];
const PATIENT_SYSTEM: &str = "urn:autoclave:blueprint:eid";
const FACILITY_SYSTEM: &str = "urn:autoclave:blueprint:facility";

/// Cuts a file into parcels, one for each row: a stay is taken whole or not at all.
pub(super) fn read(bytes: &[u8], _rows: usize) -> Vec<Cut> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let named = reader.headers().is_ok_and(|names| names.iter().map(str::trim).eq(COLUMNS));
    if !named {
        return vec![Err(Unfit { first: 1, count: 1, why: Unusable::Row })];
    }
    let row = |(at, record): (usize, csv::Result<csv::StringRecord>)| {
        // The first line has the names, and people count from 1.
        let first = at + 2;
        let unfit = |why| Unfit { first, count: 1, why };
        let record = record.map_err(|_| unfit(Unusable::Row))?;
        let body = stay(&record).ok_or(unfit(Unusable::Row))?;
        Ok(Parcel { first, count: 1, atomic: true, body })
    };
    reader.records().enumerate().map(row).collect()
}

/// One stay as a transaction; `None` where a column is missing or malformed.
fn stay(row: &csv::StringRecord) -> Option<Vec<u8>> {
    let column = |at: usize| row.get(at).map(str::trim).filter(|text| !text.is_empty());
    if row.len() != COLUMNS.len() {
        return None;
    }
    let eid = column(3)?;
    let (from, to) = (date(column(4)?)?, date(column(28)?)?);
    let id = |part: &str| {
        let digest =
            Digest::of_parts(&[b"autoclave blueprint v1", eid.as_bytes(), part.as_bytes()]);
        digest.hex()[..32].to_owned()
    };
    let patient = id("Patient");
    let encounter = id("Encounter");
    let mut entries = vec![
        entry("Patient", &patient, person(column, eid)?),
        entry("Encounter", &encounter, visit(&patient, &from, &to, column(29)?, column(30)?)?),
    ];
    for (at, meaning) in FLAGS {
        match column(at)? {
            "0" => {}
            "1" => entries.push(entry(
                "Condition",
                &id(COLUMNS[at]),
                condition(&patient, &encounter, meaning),
            )),
            _ => return None,
        }
    }
    let about = |members: Vec<(&'static str, Node<'static>)>| {
        observation(&patient, &encounter, &from, members)
    };
    for (at, code, display, unit) in MEASURED {
        let value = quantity(column(at)?, unit)?;
        let members =
            vec![("code", coded("http://loinc.org", code, display)), ("valueQuantity", value)];
        entries.push(entry("Observation", &id(COLUMNS[at]), about(members)));
    }
    for (at, what) in COUNTED {
        let count = column(at)?;
        let value = if count == "5+" {
            Node::object([("value", digits("5")?), ("comparator", Node::from_text(">="))])
        } else {
            Node::object([("value", digits(count)?)])
        };
        let code = Node::object([("text", Node::from_text(what))]);
        entries.push(entry(
            "Observation",
            &id(COLUMNS[at]),
            about(vec![("code", code), ("valueQuantity", value)]),
        ));
    }
    let bundle = Node::object([
        ("resourceType", Node::from_text("Bundle")),
        ("type", Node::from_text("transaction")),
        ("entry", Node::List(entries)),
    ]);
    Some(bundle.to_bytes())
}

fn person<'a>(column: impl Fn(usize) -> Option<&'a str>, eid: &'a str) -> Option<Node<'static>> {
    let gender = match column(6)? {
        "F" => "female",
        "M" => "male",
        _ => return None,
    };
    let text = |text: &str| Node::from_text(text.to_owned());
    let given = Node::List(vec![text(column(0)?), text(column(1)?)]);
    Some(Node::object([
        ("identifier", identifier(PATIENT_SYSTEM, eid)),
        ("name", Node::List(vec![Node::object([("family", text(column(2)?)), ("given", given)])])),
        ("gender", Node::from_text(gender)),
    ]))
}

fn visit(patient: &str, from: &str, to: &str, facility: &str, days: &str) -> Option<Node<'static>> {
    let facility_known =
        facility.len() == 1 && facility.bytes().all(|it| (b'A'..=b'E').contains(&it));
    let text = |text: &str| Node::from_text(text.to_owned());
    facility_known.then_some(())?;
    let class = [
        ("system", Node::from_text("http://terminology.hl7.org/CodeSystem/v3-ActCode")),
        ("code", Node::from_text("IMP")),
    ];
    let length = [
        ("value", digits(days)?),
        ("unit", Node::from_text("d")),
        ("system", Node::from_text("http://unitsofmeasure.org")),
        ("code", Node::from_text("d")),
    ];
    let provider = Node::object([("system", text(FACILITY_SYSTEM)), ("value", text(facility))]);
    Some(Node::object([
        ("status", Node::from_text("finished")),
        ("class", Node::object(class)),
        ("subject", reference("Patient", patient)),
        ("period", Node::object([("start", text(from)), ("end", text(to))])),
        ("length", Node::object(length)),
        ("serviceProvider", Node::object([("identifier", provider)])),
    ]))
}

fn condition(patient: &str, encounter: &str, meaning: &'static str) -> Node<'static> {
    Node::object([
        ("code", Node::object([("text", Node::from_text(meaning))])),
        ("subject", reference("Patient", patient)),
        ("encounter", reference("Encounter", encounter)),
    ])
}

fn observation(
    patient: &str,
    encounter: &str,
    when: &str,
    members: Vec<(&'static str, Node<'static>)>,
) -> Node<'static> {
    let head = [
        ("status", Node::from_text("final")),
        ("subject", reference("Patient", patient)),
        ("encounter", reference("Encounter", encounter)),
        ("effectiveDateTime", Node::from_text(when.to_owned())),
    ];
    Node::object(head.into_iter().chain(members))
}

fn entry(kind: &'static str, id: &str, resource: Node<'static>) -> Node<'static> {
    let mut members = vec![
        ("resourceType".into(), Node::from_text(kind)),
        ("id".into(), Node::from_text(id.to_owned())),
    ];
    if let Node::Object(rest) = resource {
        members.extend(rest);
    }
    let request =
        [("method", Node::from_text("PUT")), ("url", Node::from_text(format!("{kind}/{id}")))];
    Node::object([("resource", Node::Object(members)), ("request", Node::object(request))])
}

fn reference(kind: &str, id: &str) -> Node<'static> {
    Node::object([("reference", Node::from_text(format!("{kind}/{id}")))])
}

fn identifier(system: &'static str, value: &str) -> Node<'static> {
    let one = [("system", Node::from_text(system)), ("value", Node::from_text(value.to_owned()))];
    Node::List(vec![Node::object(one)])
}

fn coded(system: &'static str, code: &'static str, display: &'static str) -> Node<'static> {
    let coding = [
        ("system", Node::from_text(system)),
        ("code", Node::from_text(code)),
        ("display", Node::from_text(display)),
    ];
    Node::object([("coding", Node::List(vec![Node::object(coding)]))])
}

fn quantity(value: &str, unit: &'static str) -> Option<Node<'static>> {
    Some(Node::object([
        ("value", digits(value)?),
        ("unit", Node::from_text(unit)),
        ("system", Node::from_text("http://unitsofmeasure.org")),
        ("code", Node::from_text(unit)),
    ]))
}

/// A number digit by digit, where it is one of JSON.
fn digits(text: &str) -> Option<Node<'static>> {
    match Node::parse(text.as_bytes()) {
        Ok(Node::Number(_)) => Some(Node::Number(text.to_owned().into())),
        _ => None,
    }
}

/// `M/D/YYYY` or `MM/DD/YY` as an ISO date; two digits of a year are of this century.
fn date(text: &str) -> Option<String> {
    let mut parts = text.split('/');
    let mut next = || parts.next()?.parse::<u16>().ok();
    let (month, day, year) = (next()?, next()?, next()?);
    let year = if year < 100 { year + 2000 } else { year };
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = time::Date::from_calendar_date(year.into(), month, u8::try_from(day).ok()?).ok()?;
    parts.next().is_none().then(|| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "FirstA,Amiddle,LASTX,101000,9/21/2012,5+,F,0,1,0,0,0,0,0,0,0,0,0,9.6,16,139.001601,97.91131015,6,1.808904737,31.44864037,91,6.2,1,9/25/2012,B,4";

    fn file(row: &str) -> Vec<u8> {
        format!("\u{feff}{}\n{row}\n", COLUMNS.join(",")).into_bytes()
    }

    fn bundle(row: &str) -> Option<String> {
        let parcel = read(&file(row), 1).pop()?.ok()?;
        String::from_utf8(parcel.body).ok()
    }

    #[test]
    fn a_stay_becomes_resources_with_its_digits_and_the_same_ids_each_time() {
        let text = bundle(ROW).unwrap();
        assert_eq!(text, bundle(ROW).unwrap());
        assert_eq!(text.matches("\"PUT\"").count(), 2 + 1 + 9 + 2);
        for part in [
            "\"value\":1.808904737",
            "\"comparator\":\">=\"",
            "\"start\":\"2012-09-21\"",
            "\"Asthma\"",
            "\"family\":\"LASTX\"",
            "\"female\"",
        ] {
            assert!(text.contains(part), "{part}");
        }
    }

    #[test]
    fn what_is_malformed_refuses_its_row_only() {
        for (from, to) in [
            ("9/21/2012", "21/9/2012"),
            (",F,", ",X,"),
            ("139.001601", "a"),
            (",B,", ",Z,"),
            (",4", ""),
            ("101000", ""),
        ] {
            assert!(bundle(&ROW.replacen(from, to, 1)).is_none(), "{to}");
        }
        let both = [file(&ROW.replacen(",F,", ",X,", 1)), ROW.as_bytes().to_vec()].concat();
        let cuts = read(&both, 1);
        assert_eq!(cuts.len(), 2);
        assert!(cuts[0].as_ref().is_err_and(|unfit| unfit.first == 2) && cuts[1].is_ok());
        assert!(read(b"a,b\n1,2\n", 1)[0].is_err());
    }
}
