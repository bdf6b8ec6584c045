//! What the protocols of others have in common here: evidence is verified as our own
//! protocol's is, appraised by the same manifest, and a verdict or refusal is a line before
//! anybody hears of it. The attestor's. No protocol brings a root or a shortcut of its own.

use autoclave_attest::appraise::Appraisal;
use autoclave_attest::evidence::{Evidence, Unbound, Verified};
use autoclave_base::Digest;
use autoclave_cell::Refusal;
use autoclave_ledger::{Event, Label};

use crate::governed;
use crate::refusal;
use crate::service::{Attestor, unknown};

/// Largest request of another protocol: evidence, wrapped in base64 up to three times, and
/// certificates as lists of numbers.
pub(crate) const FOREIGN_BYTES_MAX: usize = 1024 * 1024;

/// What evidence said, and what our policy says of it.
pub(crate) struct Judged {
    pub(crate) verified: Verified,
    pub(crate) appraisal: Appraisal,
    ruled: governed::Judged,
}

impl Attestor {
    /// Verifies evidence under the roots of the configuration. Whom it vouches for is the
    /// protocol's to check.
    pub(crate) fn verify_foreign(&self, evidence: &Evidence) -> Result<Unbound, Refusal> {
        let verifiers = self.cell().trust().verifiers();
        let endorsements = self.endorsements();
        verifiers
            .verify_unbound(evidence, &endorsements, self.cell().now())
            .map_err(refusal::of_evidence)
    }

    /// Appraises what was verified, by the manifest and the rules in force.
    pub(crate) fn judge(&self, verified: Verified) -> Result<Judged, Refusal> {
        let (manifest, now) = (self.policy.in_force(), self.cell().now());
        if now >= manifest.expires() {
            return Err(refusal::MANIFEST_EXPIRED);
        }
        let own = self.cell().measurement();
        let ruled = governed::judge(&verified, &manifest, &self.governance, own, now);
        let ruled = ruled.ok_or(refusal::NO_RULES)?;
        Ok(Judged { verified, appraisal: ruled.appraisal.clone(), ruled })
    }

    /// Writes the line of a verdict; only then may `token` leave.
    pub(crate) async fn record(&self, judged: &Judged, token: &str) -> Result<(), Refusal> {
        let claims = judged.verified.claims();
        let line = self.append(Event::Verdict {
            workload: judged.appraisal.workload.clone().unwrap_or_else(unknown),
            measurement: claims.measurement,
            kind: Label::of(&claims.kind),
            status: Label::of(&judged.appraisal.status),
            token: Digest::of(token),
            policy: judged.appraisal.policy,
        });
        self.governance.note(judged.ruled.past(line.await?, self.cell().now()));
        Ok(())
    }

    /// Counts the end of an operation, and writes the line of a refusal before it is told.
    pub(crate) async fn conclude<T>(
        &self,
        operation: &'static str,
        outcome: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let metrics = self.cell().metrics();
        match &outcome {
            Ok(_) => metrics.count(operation, "verdict"),
            Err(refusal) => {
                self.cell().tell_refusal(operation, refusal.code()).await?;
                metrics.count(operation, "refused");
            }
        }
        outcome
    }
}
