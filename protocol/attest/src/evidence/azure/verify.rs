//! The verifiers of Azure confidential VMs: the hardware's report first, then what it
//! vouches for, then what the vTPM signed under that. The report data are those that the
//! vTPM was asked with; the hardware's own only bind the layers.

use std::collections::BTreeMap;

use autoclave_base::{HexBytes, UnixTime, b64};
use serde::{Deserialize, Serialize};

use super::{AzureQuote, AzureRefusal, Hardware, Hcl};
use crate::evidence::snp::{SnpBody, SnpPolicy, SnpRoots, optional, verify_body};
use crate::evidence::{
    AzureFields, Claims, Endorsements, Evidence, EvidenceRefusal, Fields, TeeKind, Unbound,
    Verifier,
};

/// The body of an Azure VM's evidence on SEV-SNP: JSON of exactly these members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureSnpBody {
    /// The paravisor's report.
    #[serde(with = "b64::serde_bytes")]
    pub hcl_report: Vec<u8>,
    /// What the vTPM signed.
    pub quote: AzureQuote,
    /// The certificate of the key that signed the hardware's report (DER).
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub vek: Option<Vec<u8>>,
    /// The certificate of its authority (DER).
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub ask: Option<Vec<u8>>,
    /// AMD's root certificate (DER).
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub ark: Option<Vec<u8>>,
}

/// Verifies Azure VMs on SEV-SNP under AMD's root keys.
pub struct AzureSnpVerifier {
    roots: SnpRoots,
}

impl AzureSnpVerifier {
    /// Trusts AMD as far as `policy` goes.
    pub fn new(policy: &SnpPolicy) -> Self {
        Self { roots: SnpRoots::amd(policy.clone()) }
    }

    #[cfg(test)]
    pub(super) const fn under(roots: SnpRoots) -> Self {
        Self { roots }
    }

    fn unbound(
        &self,
        body: AzureSnpBody,
        endorsements: &Endorsements,
        now: UnixTime,
    ) -> Result<Unbound, EvidenceRefusal> {
        let hcl = Hcl::parse(&body.hcl_report)?;
        if hcl.hardware != Hardware::Snp {
            return Err(AzureRefusal::Hardware.into());
        }
        let (report, crl) = (hcl.report.clone(), None);
        let below = SnpBody { report, vek: body.vek, ask: body.ask, ark: body.ark, crl };
        let guest = verify_body(&self.roots, &below, endorsements, now)?;
        if !hcl.is_vouched_for_by(&guest.report.report_data()) {
            return Err(AzureRefusal::RuntimeData.into());
        }
        let data = body.quote.verify(&hcl.key)?;
        Ok(Unbound::new(claims(TeeKind::AzureSnp, &hcl, &body.quote, guest.claims()), data))
    }
}

impl Verifier for AzureSnpVerifier {
    fn kind(&self) -> TeeKind {
        TeeKind::AzureSnp
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
        let body = serde_json::from_str(&evidence.body).map_err(|_| EvidenceRefusal::Malformed)?;
        self.unbound(body, endorsements, now)
    }
}

/// The outer layer's claims: its registers, on what the layer below says of the machine.
pub(super) fn claims(kind: TeeKind, hcl: &Hcl, quote: &AzureQuote, below: Claims) -> Claims {
    let pcrs = quote.pcrs.iter().enumerate();
    let named = pcrs.map(|(at, pcr)| (format!("pcr{at}"), HexBytes::of(pcr.bytes())));
    let measurements: BTreeMap<String, HexBytes> = named.collect();
    Claims {
        hw_backed: below.hw_backed,
        debug: below.debug,
        migratable: below.migratable,
        svn: below.svn,
        hardware_id: below.hardware_id,
        tcb: below.tcb.clone(),
        fields: Some(Fields::Azure(Box::new(AzureFields {
            hcl_version: hcl.version,
            runtime_data: hcl.runtime_data,
            user_data: hcl.user_data.clone(),
            vm_configuration: hcl.vm_configuration.clone(),
        }))),
        layers: vec![below],
        ..Claims::of_hardware(kind, measurements)
    }
}
