//! The verifier of SEV-SNP reports, stage by stage: form, chain, signature, binding of the
//! key to chip and versions, policy. The first stage that fails names the refusal. A vTPM's
//! evidence is verified through here as well.

use autoclave_base::UnixTime;

use super::chain::{self, Ark, Chain};
use super::{KeyKind, Product, Report, SnpPolicy, SnpRefusal, TcbParts};

/// Whom to trust: root keys, and what is asked for under them.
pub(in crate::evidence) struct SnpRoots {
    arks: Vec<Ark>,
    policy: SnpPolicy,
}

/// A guest whose report is verified.
pub(in crate::evidence) struct Guest {
    /// The report.
    pub(in crate::evidence) report: Report,
    /// The processor that made it.
    pub(in crate::evidence) product: Product,
    /// Which kind of key signed it.
    pub(in crate::evidence) kind: KeyKind,
    /// The security versions that the key stands for.
    pub(in crate::evidence) tcb: TcbParts,
    /// When the first of the certificates or lists ends.
    pub(in crate::evidence) ends: UnixTime,
}

impl SnpRoots {
    /// AMD's root keys.
    pub(in crate::evidence) fn amd(policy: SnpPolicy) -> Self {
        Self { arks: Ark::amd(), policy }
    }

    /// Root keys of tests. No configuration names any.
    #[cfg(test)]
    pub(super) const fn of(arks: Vec<Ark>, policy: SnpPolicy) -> Self {
        Self { arks, policy }
    }

    /// Verifies `report` under `chain` at `now`.
    pub(in crate::evidence) fn verify(
        &self,
        report: &[u8],
        chain: &Chain<'_>,
        now: UnixTime,
    ) -> Result<Guest, SnpRefusal> {
        let report = Report::parse(report)?;
        let kind = report.key_kind().ok_or(SnpRefusal::Unsigned)?;
        let endorsed = chain::verify(chain, &self.arks, &self.policy, now)?;
        let (product, vek) = (endorsed.product, endorsed.vek);
        if vek.kind != kind {
            return Err(SnpRefusal::KeyKind);
        }
        let point = vek.certificate.p384_key().ok_or(SnpRefusal::Certificate)?;
        if !report.is_signed_by(point) {
            return Err(SnpRefusal::Signature);
        }
        let made_by =
            report.processor().map(|(family, model)| Product::of_processor(family, model));
        if made_by.is_some_and(|line| line != Some(product)) {
            return Err(SnpRefusal::Product);
        }
        vek.is_for(&report, product)?;
        let tcb = vek.tcb();
        self.policy.accepts(&report, product, tcb)?;
        Ok(Guest { report, product, kind, tcb, ends: endorsed.ends })
    }
}
