//! After the storm: what was answered is there with the same ids, once; every line that an
//! answer, a key or a token needs is in its ledger; no ledger was shortened or rewritten.

use std::collections::{BTreeMap, BTreeSet};

use autoclave::deploy::configs::{MODEL_KEY, RECORDS_KEY};
use autoclave::deploy::layout::Layout;
use autoclave::deploy::party::Party;
use autoclave_base::Digest;
use autoclave_client::{Ask, Session};
use autoclave_ledger::audit::Expected;
use autoclave_ledger::{Event, LedgerProof};
use http::Method;
use serde_json::Value;

use super::common::ledgers::{self, Audited};
use super::common::scene::Scene;
use super::common::{Any, told};
use super::work::{Done, Work, report_of};

/// Checks all of it; says what was counted.
pub(crate) async fn check(
    scene: &mut Scene,
    work: &Work,
    seen: &BTreeMap<Party, Vec<String>>,
) -> Any<String> {
    for done in &work.done {
        same_again(&scene.session, done).await?;
    }
    once_each(&work_list(&scene.session).await?, work)?;
    scene.parties.stop().await?;
    no_panic(&scene.layout)?;
    let proofs: Vec<LedgerProof> = work.done.iter().map(|done| done.proof.clone()).collect();
    let audited = |party| {
        let earlier = seen.get(&party).map(Vec::as_slice).unwrap_or_default();
        let proofs = if party == Party::Diagnosis { proofs.as_slice() } else { &[] };
        ledgers::read(&scene.layout, party, &Expected { earlier, proofs })
    };
    let results = results_have_lines(&audited(Party::Diagnosis)?, work)?;
    verdicts_have_lines(&audited(Party::Attestor)?, work)?;
    let keys = releases_have_lines(&audited(Party::Broker)?, &scene.layout)?;
    let admissions = admissions_have_lines(&audited(Party::Clinic)?, work)?;
    let notes: usize = seen.values().map(Vec::len).sum();
    Ok(format!(
        "ledgers hold {results} results, {keys} key releases, {admissions} admissions and extend \
         {notes} checkpoints"
    ))
}

/// The same request under the same key, and the same question, have the same answers.
async fn same_again(session: &Session, done: &Done) -> Any<()> {
    let job = &done.job;
    let admission = session.intake(&job.patient, &job.image, &job.key).await.map_err(told)?;
    let before = &done.admission;
    if (&admission.patient, admission.imaging_study) != (&before.patient, before.imaging_study) {
        return Err(format!("{}: admitted twice", job.patient.family).into());
    }
    let diagnosis = session.diagnosis(admission.imaging_study).await.map_err(told)?;
    let same = diagnosis.bundle.receipt == done.bundle_receipt
        && report_of(&diagnosis).as_ref() == Some(&done.report);
    if same { Ok(()) } else { Err(format!("{}: two reports", job.patient.family).into()) }
}

async fn work_list(session: &Session) -> Any<Vec<Value>> {
    let ask = Ask::new(Method::GET, "/patients").header("purpose-of-use", "TREAT");
    let answer = session.send(ask).await.map_err(told)?;
    let mut list: Value = session.read(&answer).map_err(told)?;
    Ok(list["patients"].as_array_mut().map(std::mem::take).ok_or("no work list")?)
}

/// One patient for each idempotency key, and the report that was answered.
fn once_each(list: &[Value], work: &Work) -> Any<()> {
    let mut reports: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for line in list {
        let family =
            line["patient"]["name"][0]["family"].as_str().ok_or("a line without a name")?;
        reports.entry(family).or_default().push(&line["report"]);
    }
    for Done { job, report, .. } in &work.done {
        match reports.get(job.patient.family.as_str()).map(Vec::as_slice) {
            Some([one]) if one.as_str() == Some(report.as_str()) => {}
            other => return Err(format!("{}: filed as {other:?}", job.patient.family).into()),
        }
    }
    if reports.len() == work.done.len() { Ok(()) } else { Err("patients that nobody sent".into()) }
}

/// Every result that was answered; those that a death kept inside have lines as well.
fn results_have_lines(ledger: &Audited, work: &Work) -> Any<usize> {
    if ledger.report.proven.len() != work.done.len() {
        return Err("a proof is of another ledger".into());
    }
    for done in &work.done {
        let at = usize::try_from(done.receipt.line.index)?;
        let Some(Event::Result { request, response, token, .. }) = ledger.events.get(at) else {
            return Err(format!("line {at} is no result").into());
        };
        let receipt = &done.receipt;
        if (*request, *response, *token) != (receipt.request, receipt.response, receipt.token) {
            return Err(format!("line {at} is another result").into());
        }
    }
    Ok(ledger.count(|event| matches!(event, Event::Result { .. })))
}

/// Every token that signed a result.
fn verdicts_have_lines(ledger: &Audited, work: &Work) -> Any<()> {
    let token = |event: &Event| match event {
        Event::Verdict { token, .. } => Some(*token),
        _ => None,
    };
    let told: BTreeSet<Digest> = ledger.events.iter().filter_map(token).collect();
    let all = work.done.iter().all(|done| told.contains(&done.receipt.token));
    if all { Ok(()) } else { Err("a token without its verdict's line".into()) }
}

/// At least one line for each key that arrived: for each model that was loaded, and for each
/// clinic that opened its records.
fn releases_have_lines(ledger: &Audited, layout: &Layout) -> Any<usize> {
    let released = |name: &str| {
        ledger.count(|event| matches!(event, Event::Release { key, .. } if key.as_str() == name))
    };
    let arrived = |party, code| -> Any<usize> {
        let log = std::fs::read_to_string(layout.log(party))?;
        Ok(log.matches(&format!("\"code\":\"{code}\"")).count())
    };
    let models = (released(MODEL_KEY), arrived(Party::Diagnosis, "model.ready")?);
    let records = (released(RECORDS_KEY), arrived(Party::Clinic, "cell.ready")?);
    if models.0 < models.1 || records.0 < records.1 || models.1 == 0 || records.1 == 0 {
        return Err(format!("keys released and arrived: {models:?}, {records:?}").into());
    }
    Ok(models.0 + records.0)
}

/// At least one line for each admission that was answered.
fn admissions_have_lines(ledger: &Audited, work: &Work) -> Any<usize> {
    let subjects: BTreeSet<String> = ledger
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Access { action, subject: Some(subject), .. } if action.as_str() == "admit" => {
                Some(subject.to_string())
            }
            _ => None,
        })
        .collect();
    if subjects.len() < work.done.len() {
        return Err(format!("{} admissions have lines", subjects.len()).into());
    }
    Ok(subjects.len())
}

fn no_panic(layout: &Layout) -> Any<()> {
    for party in Party::STARTS {
        let log = std::fs::read_to_string(layout.log(party))?;
        if log.contains("\"code\":\"panic\"") || log.contains("panicked at") {
            return Err(format!("{party} panicked").into());
        }
    }
    Ok(())
}
