//! Azure confidential VMs on TDX: what the vTPM signed, under the attestation key that the
//! paravisor's report names, on a quote of the domain that vouches for that report. The
//! relying party's; the layer below is judged by Intel's own verifier first.

use autoclave_base::UnixTime;
use serde::{Deserialize, Serialize};

use super::verify::claims;
use super::{AzureQuote, AzureRefusal, Hardware, Hcl};
use crate::evidence::{
    DcapCollateral, DcapPolicy, DcapTee, DcapVerifier, Endorsements, Evidence, EvidenceRefusal,
    Fields, TdxFields, TeeKind, Unbound, Verifier,
};

/// The body of an Azure VM's evidence on TDX: JSON of exactly these members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureTdxBody {
    /// The paravisor's report.
    #[serde(with = "autoclave_base::b64::serde_bytes")]
    pub hcl_report: Vec<u8>,
    /// What the vTPM signed.
    pub quote: AzureQuote,
    /// The domain's quote.
    #[serde(with = "autoclave_base::b64::serde_bytes")]
    pub td_quote: Vec<u8>,
    /// Intel's collateral for it, unless the verifier keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collateral: Option<DcapCollateral>,
}

/// Verifies Azure VMs on TDX under Intel's root key.
pub struct AzureTdxVerifier {
    below: DcapVerifier,
}

impl AzureTdxVerifier {
    /// Trusts Intel as far as `policy` goes.
    pub fn new(policy: DcapPolicy) -> Self {
        Self { below: DcapVerifier::intel(DcapTee::Tdx, policy) }
    }
}

impl Verifier for AzureTdxVerifier {
    fn kind(&self) -> TeeKind {
        TeeKind::AzureTdx
    }

    fn development(&self) -> bool {
        false
    }

    fn verify_unbound(
        &self,
        evidence: &Evidence,
        endorsements: &Endorsements,
        now: UnixTime,
    ) -> Result<Unbound, EvidenceRefusal> {
        let body: AzureTdxBody =
            serde_json::from_str(&evidence.body).map_err(|_| EvidenceRefusal::Malformed)?;
        let hcl = Hcl::parse(&body.hcl_report)?;
        if hcl.hardware != Hardware::Tdx {
            return Err(AzureRefusal::Hardware.into());
        }
        let domain =
            self.below.verify_quote(&body.td_quote, body.collateral.as_ref(), endorsements, now)?;
        let Some(Fields::Tdx(fields)) = &domain.claims().fields else {
            return Err(AzureRefusal::Hardware.into());
        };
        if !hcl.is_vouched_for_by(domain.report_data()) {
            return Err(AzureRefusal::RuntimeData.into());
        }
        if hcl.tdx_domain() != Some(repeated(fields).as_slice()) {
            return Err(AzureRefusal::Layer.into());
        }
        let data = body.quote.verify(&hcl.key)?;
        let below = domain.claims().clone();
        Ok(Unbound::new(claims(TeeKind::AzureTdx, &hcl, &body.quote, below), data))
    }
}

/// What report and quote of one domain have in common, in the report's order.
fn repeated(fields: &TdxFields) -> Vec<u8> {
    let parts = [
        &fields.td_attributes,
        &fields.xfam,
        &fields.mr_td,
        &fields.mr_config_id,
        &fields.mr_owner,
        &fields.mr_owner_config,
    ];
    parts.into_iter().chain(&fields.rtmrs).flat_map(|part| part.bytes().to_vec()).collect()
}
