//! What people were told in one run. What was told once must stay so, and must have had its
//! ledger line on the disk at the moment when it was told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use autoclave_client::{Admission, Diagnosis};
use autoclave_ledger::LedgerProof;
use serde_json::Value;
use tokio::time::Instant;

use crate::desk::{Case, Deadline};
use crate::party::Party;
use crate::shared::Shared;

/// The line of an admission that was permitted, in part.
const ADMIT: &str = r#""action":"admit""#;

/// What was told.
#[derive(Default)]
pub(crate) struct Story {
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    storm_ended: Option<Instant>,
    admitted: BTreeMap<String, Admission>,
    answers: BTreeMap<String, Value>,
    proofs: Vec<LedgerProof>,
    checkpoints: Vec<(Party, String)>,
}

impl Story {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on everything must succeed before long.
    pub(crate) fn storm_ended(&self) {
        self.told().storm_ended = Some(Instant::now());
    }

    /// Whether whatever is not done by now will never be.
    pub(crate) fn is_overdue(&self) -> bool {
        Deadline(self.told().storm_ended).is_past()
    }

    /// Somebody was told of an admission.
    pub(crate) fn admitted(&self, shared: &Shared, case: &Case, admission: &Admission) {
        let mut told = self.told();
        if let Some(before) = told.admitted.get(&case.name) {
            let same = before.patient == admission.patient
                && before.imaging_study == admission.imaging_study;
            shared.trace.holds(same, || format!("{} was admitted twice", case.name));
        }
        told.admitted.insert(case.name.clone(), admission.clone());
        let lines = shared.media[Party::Clinic.index()].durable_count(ADMIT);
        shared.trace.holds(lines >= told.admitted.len(), || {
            format!("{} was admitted before the line was durable", case.name)
        });
    }

    /// Somebody was given a diagnosis, whose receipt the client has checked.
    pub(crate) fn diagnosed(&self, shared: &Shared, case: &Case, diagnosis: &Diagnosis) {
        let proof = diagnosis.checked.proof();
        let lines = shared.media[Party::Diagnosis.index()].durable_count(&proof.entry);
        // Two, where the first answer was lost, or where two asked the same in one second.
        shared
            .trace
            .holds(lines >= 1, || format!("the answer about {} has no durable line", case.name));
        let mut told = self.told();
        if let Some(before) = told.answers.get(&case.name) {
            shared.trace.holds(*before == diagnosis.answer, || {
                format!("{} was diagnosed twice", case.name)
            });
        }
        told.answers.insert(case.name.clone(), diagnosis.answer.clone());
        told.proofs.push(proof.clone());
        told.checkpoints.push((Party::Diagnosis, proof.checkpoint.clone()));
    }

    /// A client was shown a token; its verdict must be durable.
    pub(crate) fn saw_token(shared: &Shared, digest: &str) {
        let lines = shared.media[Party::Attestor.index()].durable_count(digest);
        shared.trace.holds(lines == 1, || format!("a token has {lines} durable verdicts"));
    }

    /// Somebody kept a checkpoint.
    pub(crate) fn saw_checkpoint(&self, of: Party, note: String) {
        self.told().checkpoints.push((of, note));
    }

    /// The checkpoints that anybody saw of one party.
    pub(crate) fn checkpoints(&self, of: Party) -> Vec<String> {
        let told = self.told();
        let its = told.checkpoints.iter().filter(|(party, _)| *party == of);
        its.map(|(_, note)| note.clone()).collect()
    }

    /// All proofs that anybody was given.
    pub(crate) fn proofs(&self) -> Vec<LedgerProof> {
        self.told().proofs.clone()
    }

    /// All that were admitted, by name.
    pub(crate) fn all_admitted(&self) -> BTreeMap<String, Admission> {
        self.told().admitted.clone()
    }
}
