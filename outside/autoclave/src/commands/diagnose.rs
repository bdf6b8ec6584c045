//! `diagnose`: verifies the clinic, seals images, sends them, writes masks and receipts.
//! It belongs to the clerk, or to a script that does the clerk's work.
//! If verification fails, nothing is sent; if a receipt does not hold, no mask is written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use autoclave_client::{
    Admission, Diagnosis, DiagnosisError, Image, Patient, Session, idempotency_key,
};
use serde_json::{Value, json};

use super::desk::Desk;
use super::receipt::{SavedReceipt, summary};
use crate::cli::Diagnose;
use crate::failure::{Failure, Outcome};
use crate::terminal::Step;
use crate::{files, terminal};

/// An image that was diagnosed, and how.
pub struct Diagnosed {
    /// What intake made.
    pub admission: Admission,
    /// The result.
    pub diagnosis: Diagnosis,
    /// How long admission and diagnosis took, in milliseconds.
    pub millis: (u64, u64),
}

/// Runs the command.
pub async fn run(command: Diagnose) -> Outcome {
    let images = load(&command.images)?;
    let stems = stems(&command.images)?;
    files::folder(&command.out)?;
    let mut desk = Desk::open(&command.connection).await?;
    let patient = patient(&command);
    let mut results = Vec::new();
    for (image, stem) in images.iter().zip(&stems) {
        let step = Step::begin(stem.as_str());
        let diagnosed = diagnose_at(&mut desk, &patient, image).await?;
        let written = write(&command.out, stem, &diagnosed.diagnosis)?;
        step.done();
        results.push(report(stem, &diagnosed, &written, command.json));
    }
    if command.json {
        terminal::out(json!({ "verified": true, "results": results }));
    }
    Ok(())
}

/// Where the clinic no longer takes the session, signs in and asks once more, under the same
/// idempotency key: what was admitted is not admitted twice.
async fn diagnose_at(desk: &mut Desk, patient: &Patient, image: &Image) -> Outcome<Diagnosed> {
    let key = idempotency_key();
    let outcome = match diagnose(desk.session(), patient, image, &key).await {
        Err(DiagnosisError::Client(error)) if error.is_unauthenticated() => {
            desk.sign_in_again().await?;
            diagnose(desk.session(), patient, image, &key).await
        }
        outcome => outcome,
    };
    outcome.map_err(|error| refused(&error))
}

/// Admits a patient with an image and asks for the diagnosis.
pub async fn diagnose(
    session: &Session,
    patient: &Patient,
    image: &Image,
    key: &str,
) -> Result<Diagnosed, DiagnosisError> {
    let begun = Instant::now();
    let admission = session.intake(patient, image, key).await?;
    let admitted = begun.elapsed();
    let diagnosis = session.diagnosis(admission.imaging_study).await?;
    let millis = (whole_millis(admitted), whole_millis(begun.elapsed().saturating_sub(admitted)));
    Ok(Diagnosed { admission, diagnosis, millis })
}

/// A duration in whole milliseconds.
pub fn whole_millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A diagnosis that did not come about, as a command's failure.
pub fn refused(error: &DiagnosisError) -> Failure {
    Failure::new(error.code().into_owned(), error)
}

fn patient(command: &Diagnose) -> Patient {
    Patient {
        family: command.family.clone(),
        given: command.given.clone().into_iter().collect(),
        birth_date: None,
    }
}

/// All images are looked at before the first is sent.
fn load(paths: &[PathBuf]) -> Outcome<Vec<Image>> {
    paths.iter().map(|path| load_one(path)).collect()
}

/// Reads an image, by what its bytes say and not by its name.
pub fn load_one(path: &Path) -> Outcome<Image> {
    let bytes = files::read(path)?;
    Image::of(bytes).ok_or_else(|| {
        let what = format!("{} is not a PNG, WebP, TIFF or DICOM image", path.display());
        Failure::new("image.type_unsupported", what)
    })
}

/// What each output is named after; two of the same name would overwrite each other.
fn stems(paths: &[PathBuf]) -> Outcome<Vec<String>> {
    let stem = |path: &PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stems: Vec<String> = paths.iter().map(|path| stem(path).unwrap_or_default()).collect();
    if stems.iter().collect::<BTreeSet<_>>().len() == stems.len() {
        return Ok(stems);
    }
    Err(Failure::new("diagnose.same_name", "two images have the same name"))
}

/// Where the results of one image are.
pub struct Written {
    /// The mask.
    pub mask: PathBuf,
    /// The receipt.
    pub receipt: PathBuf,
}

/// Writes mask and receipt.
pub fn write(out: &Path, stem: &str, diagnosis: &Diagnosis) -> Outcome<Written> {
    let mask = out.join(format!("{stem}_mask.png"));
    let receipt = out.join(format!("{stem}_receipt.json"));
    let saved = SavedReceipt {
        bundle: diagnosis.bundle.clone(),
        result: diagnosis.answer["result"].clone(),
    };
    files::write(&mask, &diagnosis.mask)?;
    saved.write(&receipt)?;
    Ok(Written { mask, receipt })
}

fn report(stem: &str, diagnosed: &Diagnosed, written: &Written, as_json: bool) -> Value {
    let findings = &diagnosed.diagnosis.findings;
    if !as_json {
        terminal::out(format_args!("{stem}: {}", words(findings)));
        terminal::out(format_args!("  mask     {}", written.mask.display()));
        terminal::out(format_args!("  receipt  {}", written.receipt.display()));
    }
    json!({
        "image": stem,
        "findings": findings,
        "mask": written.mask,
        "receipt": written.receipt,
        "checked": summary(&diagnosed.diagnosis.checked),
        "patient": diagnosed.admission.patient,
        "imaging_study": diagnosed.admission.imaging_study,
        "millis": { "intake": diagnosed.millis.0, "diagnosis": diagnosed.millis.1 },
    })
}

fn words(findings: &Value) -> String {
    let pixels = findings["pixels"].as_u64().unwrap_or_default();
    let probability = findings["probability_max"].as_f64().unwrap_or_default();
    match pixels {
        0 => format!("no abnormality marked (highest probability {probability:.2})"),
        _ => format!("{pixels} pixels marked (highest probability {probability:.2})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_judged_by_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scan.png");
        std::fs::write(&path, "not an image").unwrap();
        assert_eq!(load_one(&path).err().unwrap().code(), "image.type_unsupported");
        std::fs::write(&path, "").unwrap();
        assert_eq!(load_one(&path).err().unwrap().code(), "image.type_unsupported");
        assert_eq!(load_one(&folder.path().join("none")).err().unwrap().code(), "file.unusable");
    }

    #[test]
    fn two_images_of_one_name_are_refused_before_anything_is_sent() {
        let paths = [PathBuf::from("a/scan.png"), PathBuf::from("b/scan.png")];
        assert_eq!(stems(&paths).unwrap_err().code(), "diagnose.same_name");
        assert_eq!(stems(&paths[..1]).unwrap(), ["scan"]);
    }

    #[test]
    fn findings_are_told_in_words() {
        assert!(words(&json!({"pixels": 0, "probability_max": 0.1})).starts_with("no abnormality"));
        assert!(words(&json!({"pixels": 7, "probability_max": 0.9})).contains("7 pixels"));
    }
}
