//! The clinic killed within an admission and the diagnosis after it: what it answered is in
//! its records and has its line, and what it did not answer can be asked for again without
//! making a second patient.

use autoclave::deploy::party::Party;
use autoclave_client::{Admission, Image, Patient, Session, idempotency_key};

use super::common::scene::{self, Scene};
use super::common::{Any, told};
use super::{REQUESTS_MAX, accepted_is_kept, figures, kills};

/// An admission writes its line and several pages of its records.
const OCCURRENCES: [u32; 5] = [1, 2, 3, 5, 8];

/// What a client sent, and what the clinic answered before it died.
struct Answered {
    key: String,
    patient: Patient,
    admission: Option<Admission>,
    receipt: Option<String>,
}

/// Admits and diagnoses while the clinic dies.
pub(crate) async fn admissions(scene: &mut Scene) -> Any<String> {
    let image = scene::image(scene::picture()?)?;
    let (kills, session) = (kills(&OCCURRENCES), scene.session.clone());
    let (mut died, mut left) = (0, 0);
    for kill in &kills {
        let (before, mut answered) = (lines(scene)?, Vec::new());
        let trap = scene.parties.trap(Party::Clinic, *kill).await?;
        for _ in 0..REQUESTS_MAX {
            answered.push(Answered::by(&session, &image).await);
            if scene.parties.is_dead(Party::Clinic) {
                died += 1;
                break;
            }
        }
        drop(trap);
        scene.parties.kill(Party::Clinic).await?;
        scene.parties.restart(Party::Clinic).await?;
        have_lines(&answered, before, lines(scene)?).map_err(|what| format!("{kill:?}: {what}"))?;
        for one in answered {
            left += u32::from(one.admission.is_some()) + u32::from(one.receipt.is_some());
            one.is_kept(&session, &image).await.map_err(|what| format!("{kill:?}: {what}"))?;
        }
    }
    Ok(figures("admissions and diagnoses", "clinic", kills.len(), died, left))
}

/// Lines about admissions and about diagnoses.
fn lines(scene: &Scene) -> Any<(usize, usize)> {
    let of = |action: &str| {
        scene.parties.lines(Party::Clinic, "access", &format!("\"action\":\"{action}\""))
    };
    Ok((of("admit")?, of("diagnose")?))
}

/// At least one line for each answer.
fn have_lines(answered: &[Answered], before: (usize, usize), after: (usize, usize)) -> Any<()> {
    let admitted = answered.iter().filter(|one| one.admission.is_some()).count();
    let diagnosed = answered.iter().filter(|one| one.receipt.is_some()).count();
    if after.0 < before.0 + admitted || after.1 < before.1 + diagnosed {
        return Err("answered without its line".into());
    }
    Ok(())
}

impl Answered {
    async fn by(session: &Session, image: &Image) -> Self {
        let key = idempotency_key();
        let patient = Patient { family: key.clone(), given: Vec::new(), birth_date: None };
        let admission = session.intake(&patient, image, &key).await.ok();
        let receipt = match &admission {
            Some(one) => session.diagnosis(one.imaging_study).await.ok(),
            None => None,
        };
        let receipt = receipt.map(|diagnosis| diagnosis.bundle.receipt);
        Self { key, patient, admission, receipt }
    }

    /// The same again gives the same, and whatever was not answered is answered now.
    async fn is_kept(&self, session: &Session, image: &Image) -> Any<()> {
        let again = session.intake(&self.patient, image, &self.key).await.map_err(told)?;
        if self.admission.as_ref().is_some_and(|one| one.patient != again.patient) {
            return Err("a second patient".into());
        }
        accepted_is_kept(session, again.imaging_study).await?;
        let kept = session.diagnosis(again.imaging_study).await.map_err(told)?;
        match &self.receipt {
            Some(receipt) if *receipt != kept.bundle.receipt => Err("a second report".into()),
            _ => Ok(()),
        }
    }
}
