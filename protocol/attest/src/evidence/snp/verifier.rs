//! The verifier of SEV-SNP evidence: takes certificates from the evidence or from the store
//! of endorsements, and says in everybody's words what the report says. It judges nothing
//! of its own.

use std::collections::BTreeMap;

use autoclave_base::{Digest, HexBytes, UnixTime, b64};
use serde::{Deserialize, Serialize};

use super::chain::Chain;
use super::verify::{Guest, SnpRoots};
use super::{KeyKind, Product, Report, SnpPolicy, SnpRefusal};
use crate::evidence::{
    Claims, Endorsements, Evidence, EvidenceRefusal, Fields, SnpAuthority, SnpFields, Tcb,
    TcbStatus, TeeKind, Unbound, VekKey, Verifier,
};

/// The body of SEV-SNP evidence: JSON of exactly these members. Certificates and lists are
/// DER.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnpBody {
    /// The report.
    #[serde(with = "b64::serde_bytes")]
    pub report: Vec<u8>,
    /// The certificate of the key that signed it.
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub vek: Option<Vec<u8>>,
    /// The certificate of its authority.
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub ask: Option<Vec<u8>>,
    /// AMD's root certificate.
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub ark: Option<Vec<u8>>,
    /// A list of revoked certificates.
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub crl: Option<Vec<u8>>,
}

impl SnpBody {
    /// The evidence that carries it.
    pub fn into_evidence(self) -> Evidence {
        // Texts always have a JSON form; an empty body would be refused.
        let body = serde_json::to_string(&self).unwrap_or_default();
        Evidence { kind: TeeKind::Snp, body }
    }
}

/// Verifies SEV-SNP evidence under AMD's root keys.
pub struct SnpVerifier {
    roots: SnpRoots,
}

impl SnpVerifier {
    /// Trusts AMD as far as `policy` goes.
    pub fn new(policy: &SnpPolicy) -> Self {
        Self { roots: SnpRoots::amd(policy.clone()) }
    }
}

impl Verifier for SnpVerifier {
    fn kind(&self) -> TeeKind {
        TeeKind::Snp
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
        let body: SnpBody =
            serde_json::from_str(&evidence.body).map_err(|_| EvidenceRefusal::Malformed)?;
        let guest = verify_body(&self.roots, &body, endorsements, now)?;
        let data = guest.report.report_data();
        Ok(Unbound::new(guest.claims(), data))
    }
}

/// Verifies a report with the certificates that are shown, or else those of `endorsements`.
pub(in crate::evidence) fn verify_body(
    roots: &SnpRoots,
    body: &SnpBody,
    endorsements: &Endorsements,
    now: UnixTime,
) -> Result<Guest, SnpRefusal> {
    let report = Report::parse(&body.report)?;
    let known = Known::of(&report, endorsements);
    let chain = Chain {
        vek: body.vek.as_deref().or(known.vek).ok_or(SnpRefusal::CertificateMissing)?,
        ask: body.ask.as_deref().or_else(|| Some(known.authority?.ask.as_slice())),
        ark: body.ark.as_deref(),
        crls: body.crl.as_deref().into_iter().chain(known.crl()).collect(),
    };
    roots.verify(&body.report, &chain, now)
}

/// What a store knows about a report's platform.
#[derive(Default)]
struct Known<'e> {
    vek: Option<&'e [u8]>,
    authority: Option<&'e SnpAuthority>,
}

impl<'e> Known<'e> {
    /// Looks under the processor that the report names; a report of version 2 names none,
    /// so that all are tried.
    fn of(report: &Report, endorsements: &'e Endorsements) -> Self {
        let named = report.processor().map(|(family, model)| Product::of_processor(family, model));
        let products = named.map_or_else(|| Product::ALL.to_vec(), Vec::from_iter);
        let prefix = if report.key_kind() == Some(KeyKind::Vlek) { "VLEK-" } else { "" };
        for product in &products {
            let key = VekKey {
                product: product.as_str().to_owned(),
                chip_id: HexBytes::of(report.chip_id()),
                reported_tcb: HexBytes::of(report.reported_tcb()),
            };
            let vek = endorsements.vek(&key);
            if vek.is_some() || products.len() == 1 {
                let authority = endorsements.snp(&format!("{prefix}{product}"));
                return Self { vek, authority };
            }
        }
        Self::default()
    }

    fn crl(&self) -> Option<&'e [u8]> {
        Some(self.authority?.crl.as_ref()?.0.as_slice())
    }
}

impl Guest {
    /// What the report says, in everybody's words.
    pub(in crate::evidence) fn claims(&self) -> Claims {
        let report = &self.report;
        let measurements = BTreeMap::from([
            ("launch_measurement".to_owned(), HexBytes::of(report.measurement())),
            ("host_data".to_owned(), HexBytes::of(report.host_data())),
        ]);
        let signer =
            if report.has_author() { report.author_key_digest() } else { report.id_key_digest() };
        let chip = report.chip_id();
        Claims {
            debug: report.allows_debug(),
            migratable: report.allows_migration(),
            signer: is_set(&signer).then(|| HexBytes::of(signer)),
            svn: report.guest_svn(),
            hardware_id: is_set(&chip).then(|| Digest::of(chip)),
            tcb: Some(Tcb {
                status: TcbStatus::MinimumMet,
                advisories: Vec::new(),
                evaluation: None,
                date: None,
                raw: HexBytes::of(report.reported_tcb()),
                collateral_expires: Some(self.ends),
            }),
            fields: Some(Fields::Snp(Box::new(self.fields()))),
            ..Claims::of_hardware(TeeKind::Snp, measurements)
        }
    }

    fn fields(&self) -> SnpFields {
        let report = &self.report;
        SnpFields {
            version: report.version(),
            product: self.product.as_str().to_owned(),
            guest_svn: report.guest_svn(),
            policy: report.policy(),
            family_id: report.family_id().into(),
            image_id: report.image_id().into(),
            vmpl: report.vmpl(),
            platform_info: report.platform_info(),
            report_data: report.report_data().into(),
            measurement: report.measurement().into(),
            host_data: report.host_data().into(),
            id_key_digest: report.id_key_digest().into(),
            author_key_digest: report.author_key_digest().into(),
            report_id: report.report_id().into(),
            report_id_ma: report.report_id_ma().into(),
            smt_allowed: report.allows_smt(),
            migration_allowed: report.allows_migration(),
            signed_by: self.kind.as_str().to_owned(),
            bootloader_svn: self.tcb.bootloader,
            tee_svn: self.tcb.tee,
            snpfw_svn: self.tcb.snp,
            microcode_svn: self.tcb.microcode,
            fmc_svn: self.tcb.fmc,
        }
    }
}

fn is_set(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| *byte != 0)
}

/// Bytes that may be absent, in base64url.
pub(in crate::evidence) mod optional {
    use autoclave_base::b64;
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::ref_option, reason = "serde hands it in so")]
    pub(in crate::evidence) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => b64::serde_bytes::serialize(bytes, to),
            None => to.serialize_none(),
        }
    }

    pub(in crate::evidence) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| b64::decode(&text).map_err(de::Error::custom)).transpose()
    }
}
