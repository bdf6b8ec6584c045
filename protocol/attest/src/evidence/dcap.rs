//! Evidence by Intel's DCAP quotes: SGX enclaves (version 3) and TDX domains (versions 4 and
//! 5). Signatures, revocation and levels are judged by `dcap-qvl` under Intel's root, which
//! is pinned there; form, times, attributes and the policy are judged here. A quote's hash
//! is no name for it: bits of it can change without harm.

mod attributes;
mod claims;
mod collateral;
mod mapping;
mod policy;
mod quote;
mod refusal;
mod times;

#[cfg(test)]
mod tests;

use autoclave_base::UnixTime;
use autoclave_base::b64;
use dcap_qvl::verify::QuoteVerifier;
use dcap_qvl::{QuoteCollateralV3, QuotePolicy};
use serde::{Deserialize, Serialize};

use super::{
    DcapCollateral, DcapTee, Endorsements, EventLog, Evidence, EvidenceRefusal, TeeKind, Unbound,
    Verifier,
};

pub use collateral::verify_collateral;
pub use policy::DcapPolicy;
pub use quote::{QUOTE_BYTES_MAX, collateral_key};
pub use refusal::DcapRefusal;
pub use times::Window;

/// The body of SGX and TDX evidence: JSON of exactly these members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// The quote, as the quoting enclave gave it.
    #[serde(with = "b64::serde_bytes")]
    pub quote: Vec<u8>,
    /// Intel's collateral for it, unless the verifier keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collateral: Option<DcapCollateral>,
    /// The domain's event log (CCEL), which must then explain its RTMRs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_log: Option<b64::Bytes>,
}

impl Body {
    /// The evidence that carries it.
    pub fn into_evidence(self, tee: DcapTee) -> Evidence {
        // Texts always have a JSON form; an empty body would be refused.
        let body = serde_json::to_string(&self).unwrap_or_default();
        Evidence { kind: kind(tee), body }
    }
}

const fn kind(tee: DcapTee) -> TeeKind {
    match tee {
        DcapTee::Sgx => TeeKind::Sgx,
        DcapTee::Tdx => TeeKind::Tdx,
    }
}

/// Verifies quotes of SGX or of TDX under one root.
pub struct DcapVerifier {
    tee: DcapTee,
    policy: DcapPolicy,
    verifier: QuoteVerifier,
    development: bool,
}

impl DcapVerifier {
    /// Trusts Intel, as far as `policy` goes.
    pub fn intel(tee: DcapTee, policy: DcapPolicy) -> Self {
        let verifier = dcap(QuoteVerifier::new_prod());
        Self { tee, policy, verifier, development: false }
    }

    /// Trusts another root (DER) in Intel's place: of test chains, never hardware.
    #[cfg(test)]
    fn stranger(tee: DcapTee, policy: DcapPolicy, root: Vec<u8>) -> Self {
        let verifier = dcap(QuoteVerifier::new(root));
        Self { tee, policy, verifier, development: true }
    }

    /// Verifies a quote with its collateral at `now`: signatures, revocation, levels,
    /// attributes, policy. The first stage that fails names the refusal.
    pub fn verify_quote(
        &self,
        raw: &[u8],
        collateral: Option<&DcapCollateral>,
        endorsements: &Endorsements,
        now: UnixTime,
    ) -> Result<Unbound, DcapRefusal> {
        let quote = quote::read(raw, self.tee)?;
        let kept = || endorsements.dcap(&collateral_key(raw)?);
        let collateral = collateral.or_else(kept).ok_or(DcapRefusal::CollateralMissing)?;
        quote::certified(&quote, collateral)?;
        let window = Window::of(collateral)?;
        window.contains(now)?;
        let judged = self
            .verifier
            .verify_with_policy(
                raw,
                for_library(collateral),
                now.seconds(),
                &QuotePolicy::claims_only(now.seconds()),
            )
            .map_err(|error| mapping::refusal(&error))?;
        let closed = attributes::judge(&judged.report, &self.policy)?;
        self.policy.judge(&judged, now)?;
        let mut said = claims::claims(&judged, raw, collateral);
        said.debug = closed.debug;
        said.hw_backed = !self.development;
        Ok(Unbound::new(said, claims::report_data(&judged.report)))
    }
}

/// What is asked here, rather than by the library: debug and service domains are judged by
/// the policy once everything else holds.
fn dcap(verifier: QuoteVerifier) -> QuoteVerifier {
    verifier.allow_debug(true).allow_service_td(true)
}

fn for_library(ours: &DcapCollateral) -> QuoteCollateralV3 {
    QuoteCollateralV3 {
        pck_crl_issuer_chain: ours.pck_crl_issuer_chain.clone(),
        root_ca_crl: ours.root_ca_crl.clone(),
        pck_crl: ours.pck_crl.clone(),
        tcb_info_issuer_chain: ours.tcb_info_issuer_chain.clone(),
        tcb_info: ours.tcb_info.clone(),
        tcb_info_signature: ours.tcb_info_signature.clone(),
        qe_identity_issuer_chain: ours.qe_identity_issuer_chain.clone(),
        qe_identity: ours.qe_identity.clone(),
        qe_identity_signature: ours.qe_identity_signature.clone(),
        pck_certificate_chain: ours.pck_certificate_chain.clone(),
    }
}

impl Verifier for DcapVerifier {
    fn kind(&self) -> TeeKind {
        kind(self.tee)
    }

    fn development(&self) -> bool {
        self.development
    }

    fn verify_unbound(
        &self,
        evidence: &Evidence,
        endorsements: &Endorsements,
        now: UnixTime,
    ) -> Result<Unbound, EvidenceRefusal> {
        if evidence.kind != kind(self.tee) {
            return Err(EvidenceRefusal::Kind);
        }
        let body: Body =
            serde_json::from_str(&evidence.body).map_err(|_| EvidenceRefusal::Malformed)?;
        let unbound =
            self.verify_quote(&body.quote, body.collateral.as_ref(), endorsements, now)?;
        if let Some(log) = &body.event_log {
            explained(&unbound, &log.0)?;
        }
        Ok(unbound)
    }
}

/// Whether the log makes the domain's registers; an enclave has none to explain.
pub fn explained(unbound: &Unbound, log: &[u8]) -> Result<EventLog, EvidenceRefusal> {
    let Some(super::Fields::Tdx(fields)) = &unbound.claims().fields else {
        return Err(EvidenceRefusal::Malformed);
    };
    let log = EventLog::parse(log)?;
    log.explains_rtmrs(&fields.rtmrs.each_ref().map(autoclave_base::HexBytes::bytes))?;
    Ok(log)
}
