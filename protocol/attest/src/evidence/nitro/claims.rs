//! Nitro evidence in everybody's words. The bytes that the enclave handed in as user data
//! are its report data; a key or a nonce that it handed in are said as they are. Nothing is
//! judged here.

use std::collections::BTreeMap;

use autoclave_base::{Digest, HexBytes, UnixTime};

use super::{Document, NitroBody, NitroVerifier};
use crate::evidence::{
    Claims, Endorsements, Evidence, EvidenceRefusal, Fields, NitroFields, TeeKind, Unbound,
    Verifier,
};
use crate::runtime::ReportData;

/// The register with the digest of the certificate that signed the image.
const PCR_SIGNER: u8 = 8;

impl Verifier for NitroVerifier {
    fn kind(&self) -> TeeKind {
        TeeKind::Nitro
    }

    fn development(&self) -> bool {
        false
    }

    fn verify_unbound(
        &self,
        evidence: &Evidence,
        _endorsements: &Endorsements,
        now: UnixTime,
    ) -> Result<Unbound, EvidenceRefusal> {
        let body: NitroBody =
            serde_json::from_str(&evidence.body).map_err(|_| EvidenceRefusal::Malformed)?;
        let document = self.verify_document(&body.document, now)?;
        Ok(Unbound::new(document.claims(), document.report_data()))
    }
}

impl Document {
    /// User data with zeros after it; nothing but zeros if they are longer than report data
    /// are, so that they are nobody's.
    fn report_data(&self) -> ReportData {
        let mut data = [0; 64];
        if let Some(handed_in) = &self.user_data
            && let Some(place) = data.get_mut(..handed_in.len())
        {
            place.copy_from_slice(handed_in);
        }
        data
    }

    fn claims(&self) -> Claims {
        let named = |(index, value): (&u8, &Vec<u8>)| (format!("pcr{index}"), HexBytes::of(value));
        let measurements: BTreeMap<String, HexBytes> = self.pcrs.iter().map(named).collect();
        let signer = self.pcrs.get(&PCR_SIGNER);
        let signer = signer.filter(|value| value.iter().any(|byte| *byte != 0));
        let handed_in = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(HexBytes::of);
        Claims {
            signer: signer.map(HexBytes::of),
            // The instance's number stands before the enclave's.
            hardware_id: self.module_id.split_once("-enc").map(|(host, _)| Digest::of(host)),
            fields: Some(Fields::Nitro(Box::new(NitroFields {
                module_id: self.module_id.clone(),
                timestamp_ms: self.timestamp_ms,
                public_key: handed_in(&self.public_key),
                user_data: handed_in(&self.user_data),
                nonce: handed_in(&self.nonce),
            }))),
            ..Claims::of_hardware(TeeKind::Nitro, measurements)
        }
    }
}
