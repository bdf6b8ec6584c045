//! A hospital that is made up: the same bundles each time, names that stand nowhere else.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::Any;

/// Bundles, and patients.
pub(crate) const PATIENTS: usize = 40;
/// Observations of each.
pub(crate) const OBSERVATIONS: usize = 200;
/// The beginning of every family name.
pub(crate) const MARKER: &str = "Quuxelbrandt";
/// The system of identifiers.
pub(crate) const SYSTEM: &str = "urn:example:quuxel";
pub(crate) const LOINC: &str = "http://loinc.org";
/// The code of every observation; no such code of LOINC's.
pub(crate) const CODE: &str = "99817-4";

/// The family name of a patient, in letters only.
pub(crate) fn family(at: usize) -> String {
    let letter = |at: usize| char::from(b'a' + u8::try_from(at % 26).unwrap_or_default());
    format!("{MARKER}{}{}", letter(at / 26), letter(at))
}

/// The id of a patient.
pub(crate) fn id(at: usize) -> String {
    format!("quux-{at:03}")
}

/// Writes a transaction for each patient.
pub(crate) fn write(folder: &Path) -> Any<()> {
    fs::create_dir_all(folder)?;
    for at in 0..PATIENTS {
        let mut entries = vec![patient(at)];
        entries.extend((0..OBSERVATIONS).map(|day| observation(at, day)));
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        fs::write(folder.join(format!("{at:03}.json")), bundle.to_string())?;
    }
    Ok(())
}

fn patient(at: usize) -> Value {
    let resource = json!({"resourceType": "Patient", "id": id(at),
        "identifier": [{"system": SYSTEM, "value": at.to_string()}],
        "name": [{"family": family(at), "given": ["Ada"]}],
        "gender": "female", "birthDate": "1950-02-03"});
    json!({"resource": resource, "request": {"method": "POST", "url": "Patient"}})
}

/// One on each day of 2020; its value is the number of the day, from 0.
fn observation(at: usize, day: usize) -> Value {
    const DAYS: [usize; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let (mut month, mut rest) = (0, day);
    while rest >= DAYS[month] {
        rest -= DAYS[month];
        month += 1;
    }
    let when = format!("2020-{:02}-{:02}", month + 1, rest + 1);
    let resource = json!({"resourceType": "Observation", "status": "final",
        "code": {"coding": [{"system": LOINC, "code": CODE}]},
        "subject": {"reference": format!("Patient/{}", id(at))},
        "effectiveDateTime": when, "valueQuantity": {"value": day, "unit": "d"}});
    json!({"resource": resource, "request": {"method": "POST", "url": "Observation"}})
}
